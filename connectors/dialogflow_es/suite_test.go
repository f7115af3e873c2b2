package dialogflowes_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	dialogflowes "usher/connectors/dialogflow_es"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory: dialogflowes.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"token":    connectortest.Secret,
			"person":   "/no/such/member",
			"fields":   map[string]any{"given-name": "first_name"},
			"deadline": "4s",
		},
		Proof: "Authorization",
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkRequest(b *testing.B) { connectortest.Benchmark(b, suite(), "intent_with_parameters") }
