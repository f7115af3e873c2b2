package messenger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/messenger"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory: messenger.New,
		Dir:     "testdata",
		Settings: config.Settings{
			"app_secret":   connectortest.Secret,
			"verify_token": connectortest.Secret,
			"access_token": connectortest.Secret,
			"page_id":      "102938475610293",
		},
		Proof:     "X-Hub-Signature-256",
		SignsBody: true,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "text") }

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings config.Settings
		account  string
		names    []string // of the settings at fault; none: taken
	}{
		{config.Settings{}, "", nil},
		{config.Settings{"app_secret": []string{"one", "two"}, "page_id": "123", "base_url": "http://127.0.0.1:1/", "api_version": "v24.0"}, "123", nil},
		{config.Settings{"app_secret": "", "verify_token": "", "access_token": ""}, "", []string{"app_secret", "verify_token", "access_token"}},
		{config.Settings{"app_secret": []string{"one", ""}, "page_id": "acme"}, "", []string{"app_secret", "page_id"}},
		{config.Settings{"base_url": "facebook", "api_version": "25"}, "", []string{"base_url", "api_version"}},
		{config.Settings{"phone_number_id": "1"}, "", []string{"phone_number_id"}},
	} {
		s := config.Settings{"app_secret": "s", "verify_token": "v", "access_token": "t"}
		for key, value := range c.settings {
			s[key] = value
		}
		built, err := messenger.New(connectors.Setup{Settings: s})
		if c.names == nil {
			require.NoError(t, err)
			require.Equal(t, c.account, built.(connectors.Accounter).Account())
		}
		for _, name := range c.names {
			require.ErrorContains(t, err, name)
		}
	}
}
