package bot_test

import (
	"testing"

	"usher/config"
	"usher/connectors/bot"
	"usher/connectors/connectortest"
)

func TestSuite(t *testing.T) {
	t.Parallel()
	settings := func() config.Settings {
		return config.Settings{
			"token":        connectortest.Secret,
			"secret":       "whsec_dXNoZXItdGVzdC1zZWNyZXQ=",
			"callback_url": "https://bot.example.test/in",
		}
	}
	t.Run("bearer", func(t *testing.T) {
		t.Parallel()
		connectortest.Run(t, connectortest.Case{Factory: bot.New, Dir: "testdata", Settings: settings(), Proof: "Authorization"})
	})
	t.Run("signature", func(t *testing.T) {
		t.Parallel()
		connectortest.Run(t, connectortest.Case{Factory: bot.New, Dir: "testdata", Settings: settings(), Proof: "Webhook-Signature", SignsBody: true})
	})
}
