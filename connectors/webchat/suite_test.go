package webchat_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	"usher/connectors/webchat"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, connectortest.Case{
		Factory: webchat.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"identity_secret": connectortest.Secret,
			"visitor_tokens":  "optional",
			"origins":         []any{"https://shop.example.test"},
		},
	})
}
