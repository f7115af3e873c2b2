package rasa_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	"usher/connectors/rasa"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory: rasa.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"token":    connectortest.Secret,
			"person":   "/no/such/member",
			"fields":   map[string]any{"mail": "email"},
			"deadline": "4s",
		},
		Proof: "?token",
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkRequest(b *testing.B) { connectortest.Benchmark(b, suite(), "action_server_call") }
