package dialogflowcx_test

import (
	"testing"

	"usher/config"
	"usher/connectors/connectortest"
	dialogflowcx "usher/connectors/dialogflow_cx"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory: dialogflowcx.New,
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

func BenchmarkRequest(b *testing.B) {
	connectortest.Benchmark(b, suite(), "text_with_session_parameters")
}
