package whatsapp_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	"usher/connectors/whatsapp"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, connectortest.Case{
		Factory: whatsapp.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"app_secret":      connectortest.Secret,
			"verify_token":    connectortest.Secret,
			"access_token":    connectortest.Secret,
			"phone_number_id": "109871234560001",
		},
		Proof:     "X-Hub-Signature-256",
		SignsBody: true,
	})
}
