package rasa_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	"usher/connectors/rasa"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, connectortest.Case{
		Factory: rasa.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"token":    connectortest.Secret,
			"person":   "/no/such/member",
			"fields":   map[string]any{"mail": "email"},
			"deadline": "4s",
		},
		Proof: "?token",
	})
}
