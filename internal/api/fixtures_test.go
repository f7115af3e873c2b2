package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/botpress"
	"usher/connectors/connectortest"
	dialogflowcx "usher/connectors/dialogflow_cx"
	dialogflowes "usher/connectors/dialogflow_es"
	"usher/connectors/generic"
	"usher/connectors/line"
	"usher/connectors/rasa"
	"usher/connectors/slack"
	"usher/connectors/typebot"
	"usher/internal/gateway"
)

// fixtureChannels are channels whose recorded requests go through the server.
func fixtureChannels() map[string]struct {
	make     connectors.Factory
	settings config.Settings
	signed   bool // the body is
} {
	const secret = connectortest.Secret
	return map[string]struct {
		make     connectors.Factory
		settings config.Settings
		signed   bool
	}{
		"botpress":      {botpress.New, config.Settings{"token": secret}, false},
		"dialogflow_cx": {dialogflowcx.New, config.Settings{"token": secret}, false},
		"dialogflow_es": {dialogflowes.New, config.Settings{"token": secret}, false},
		"generic":       {generic.New, config.Settings{"secret": secret, "tolerance": 0}, true},
		"line":          {line.New, config.Settings{"channel_secret": secret, "access_token": secret}, true},
		"rasa":          {rasa.New, config.Settings{"token": secret}, false},
		"slack":         {slack.New, config.Settings{"signing_secret": secret, "token": secret, "tolerance": 0}, true},
		"typebot":       {typebot.New, config.Settings{"token": secret}, false},
	}
}

// Every recorded request means over HTTP what the file beside it says; an altered
// one that is signed is refused, one that comes twice counts once, and what is
// refused leaves nothing behind.
func TestFixturesOverHTTP(t *testing.T) {
	t.Parallel()
	w := setup(t, withFixtureChannels(t))
	for kind, c := range fixtureChannels() {
		t.Run(kind, func(t *testing.T) {
			for _, f := range fixturesOf(t, kind) {
				w.replay(t, fixtureChannel(kind, f), f, c.signed)
			}
		})
	}
}

func fixturesOf(t *testing.T, kind string) []connectortest.Fixture {
	t.Helper()
	return connectortest.Load(t, "../../connectors/"+kind+"/testdata")
}

// fixtureChannel is the channel that a fixture is sent to: one each, so that none
// sees another's people.
func fixtureChannel(kind string, f connectortest.Fixture) string {
	return kind + "/" + strings.ReplaceAll(f.Name, "_", "-")
}

func withFixtureChannels(t *testing.T) func(*Deps) {
	return func(d *Deps) {
		business := d.Gateway.Businesses[0]
		for kind, c := range fixtureChannels() {
			for _, f := range fixturesOf(t, kind) {
				settings := maps.Clone(c.settings)
				if f.Expect.Mapping != nil {
					settings["mapping"] = f.Expect.Mapping
				}
				id := fixtureChannel(kind, f)
				connector, err := c.make(connectors.Setup{ID: id, Country: "GB", Settings: settings, HTTP: http.DefaultClient})
				require.NoError(t, err, f.Name)
				business.Channels[id] = &gateway.Channel{ID: id, Business: business, Connector: connector}
			}
		}
	}
}

func (w *world) replay(t *testing.T, channel string, f connectortest.Fixture, signed bool) {
	t.Helper()
	post := func(body []byte) answer {
		t.Helper()
		_, query, _ := strings.Cut(f.Request.URL, "?")
		r := httptest.NewRequest(f.Request.Method, "/hooks/"+channel+f.Request.Path+"?"+query, bytes.NewReader(body))
		maps.Copy(r.Header, f.Request.Header)
		r.Header.Del("Content-Length")
		res, err := w.server.Test(r)
		require.NoError(t, err)
		defer res.Body.Close()
		var got bytes.Buffer
		_, err = got.ReadFrom(res.Body)
		require.NoError(t, err)
		return answer{t, res.StatusCode, res.Header, got.Bytes()}
	}
	kept := func() (items []connectors.Item) {
		t.Helper()
		list := w.call("GET", "/v1/events?sort=received_at&channel="+channel, readKey, nil)
		for _, row := range list.at("data").([]any) {
			raw, err := json.Marshal(row.(map[string]any)["event"])
			require.NoError(t, err)
			var e connectors.Event
			require.NoError(t, json.Unmarshal(raw, &e))
			require.NotEqual(t, "quarantined", row.(map[string]any)["state"], f.Name)
			items = append(items, connectors.Item{Event: e})
		}
		return items
	}
	if f.Expect.Signature == "invalid" {
		require.Equal(t, http.StatusUnauthorized, post(f.Request.Body).status, f.Name)
		require.Empty(t, kept(), f.Name)
		return
	}
	if signed {
		flipped := bytes.Clone(f.Request.Body)
		flipped[len(flipped)/2] ^= 1
		require.Equal(t, http.StatusUnauthorized, post(flipped).status, f.Name)
		require.Equal(t, http.StatusUnauthorized, post(append([]byte{' '}, f.Request.Body...)).status, f.Name)
		require.Empty(t, kept(), f.Name)
	}
	first := post(f.Request.Body)
	require.Equal(t, http.StatusOK, first.status, "%s: %s", f.Name, first.body)
	if f.Expect.Respond != nil && f.Expect.Respond.Body != nil {
		require.Equal(t, *f.Expect.Respond.Body, string(first.body), f.Name)
	}
	want := f.Expect.Events
	for _, e := range want { // receipt stands in for a time that is not said
		if keys, ok := e["absent"].([]any); ok {
			e["absent"] = slices.DeleteFunc(keys, func(key any) bool { return key == "timestamp" })
		}
	}
	require.Empty(t, connectortest.Differences(want, kept()), f.Name)
	again := post(f.Request.Body)
	require.Equal(t, http.StatusOK, again.status, f.Name)
	for _, e := range want {
		if e["dedupe_key"] == nil {
			return // nothing tells that it is the same
		}
	}
	require.Equal(t, string(first.body), string(again.body), f.Name)
	require.Empty(t, connectortest.Differences(want, kept()), "%s, twice", f.Name)
}
