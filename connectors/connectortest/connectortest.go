// Package connectortest is the suite that every channel passes: each request of
// its testdata means what the file beside it says, what is not signed as it
// should be is refused, and nothing that a stranger sends makes it panic or
// tell a secret. It knows no channel.
package connectortest

import (
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

// Secret is the one secret of all fixtures, whatever a channel calls it.
const Secret = "usher-test-secret"

// Case says how to run the suite for one channel.
type Case struct {
	Factory  connectors.Factory
	Dir      string          // the fixtures, usually "testdata"
	Settings config.Settings // all that the fixtures need, with Secret in it
	Country  string          // of the business; empty: GB

	// Proof is where a request carries its signature or token: a header, or
	// "?name" for a query parameter. Empty: the channel has none, or another
	// way that its own tests cover.
	Proof string
	// SignsBody says that the proof covers the body, so that an altered one is
	// refused.
	SignsBody bool
	// SettingsOf changes the settings for one fixture, nil leaves them. The
	// mapping of an expectation is already in there, as setting "mapping".
	SettingsOf func(fixture string, s config.Settings) config.Settings
}

// Run runs the whole suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	all := Load(t, c.Dir)
	require.NotEmpty(t, all, "no fixtures in %s", c.Dir)
	for _, f := range all {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			connector := c.build(t, f)
			c.checkMeaning(t, connector, f)
			c.checkProof(t, connector, f)
			c.checkParse(t, connector, f)
			c.checkTruncated(t, connector, f)
			c.checkSilence(t, connector, f)
		})
	}
	t.Run("settings", func(t *testing.T) {
		t.Parallel()
		c.checkSettings(t)
	})
}

func (c Case) build(t *testing.T, f Fixture) connectors.Connector {
	t.Helper()
	connector, err := c.Factory(c.setup(c.settings(f)))
	require.NoError(t, err)
	return connector
}

// settings are copied, so that no fixture sees another's.
func (c Case) settings(f Fixture) config.Settings {
	s := maps.Clone(c.Settings)
	if f.Expect.Mapping != nil {
		s["mapping"] = f.Expect.Mapping
	}
	if c.SettingsOf != nil {
		if own := c.SettingsOf(f.Name, s); own != nil {
			s = own
		}
	}
	return s
}

func (c Case) setup(s config.Settings) connectors.Setup {
	country := c.Country
	if country == "" {
		country = "GB"
	}
	return connectors.Setup{
		ID: "test/acme", Country: country, Settings: s,
		HTTP: &http.Client{Transport: noNetwork{}},
		Key:  []byte("connectortest-key-of-32-bytes..."),
	}
}

// noNetwork fails what nothing in this suite should do.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) { return nil, http.ErrNotSupported }
