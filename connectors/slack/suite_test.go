package slack_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	"usher/connectors/slack"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory:   slack.New,
		Dir:       "testdata",
		Settings:  config.Settings{"signing_secret": connectortest.Secret, "token": connectortest.Secret, "team_id": "T0USHER0001", "tolerance": "5m"},
		Proof:     "X-Slack-Signature",
		SignsBody: true,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkMessage(b *testing.B) { connectortest.Benchmark(b, suite(), "message_im") }
