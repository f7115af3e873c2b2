package whatsapp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/whatsapp"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings config.Settings
		names    []string // of the settings at fault; none: taken
	}{
		{config.Settings{}, nil},
		{config.Settings{"app_secret": []string{"one", "two"}}, nil},
		{config.Settings{"phone_number_id": "106540352242922", "base_url": "http://127.0.0.1:9000/", "api_version": "v24.0"}, nil},
		{config.Settings{"app_secret": "", "verify_token": "", "access_token": ""}, []string{"app_secret", "verify_token", "access_token"}},
		{config.Settings{"app_secret": []string{"one", ""}}, []string{"app_secret"}},
		{config.Settings{"app_secret": []string{"one", "two", "three"}}, []string{"two are the most"}},
		{config.Settings{"access_token": "line\nbreak"}, []string{"access_token"}},
		{config.Settings{"phone_number_id": "+44 20 7946 0123"}, []string{"phone_number_id"}},
		{config.Settings{"base_url": "graph.facebook.com"}, []string{"base_url"}},
		{config.Settings{"base_url": "ftp://graph.facebook.com", "api_version": "25"}, []string{"base_url", "api_version"}},
		{config.Settings{"base_url": "https://u:p@graph.facebook.com"}, []string{"base_url"}},
		{config.Settings{"list_button": strings.Repeat("x", 21)}, []string{"list_button"}},
		{config.Settings{"phone_number": "1"}, []string{"phone_number"}},
	} {
		s := config.Settings{"app_secret": "s", "verify_token": "v", "access_token": "t"}
		for key, value := range c.settings {
			s[key] = value
		}
		_, err := whatsapp.New(connectors.Setup{Settings: s})
		if c.names == nil {
			require.NoError(t, err)
		}
		for _, name := range c.names {
			require.ErrorContains(t, err, name)
		}
	}
	_, err := whatsapp.New(connectors.Setup{})
	require.ErrorContains(t, err, "app_secret")
}

func TestRotatedSecret(t *testing.T) {
	t.Parallel()
	f := fixture(t, "text_plain")
	for _, c := range []struct {
		secret any
		want   error
	}{
		{[]string{"usher-test-secret", "new"}, nil},
		{[]string{"new", "usher-test-secret"}, nil},
		{[]string{"new", "newer"}, connectors.ErrUnverified},
	} {
		require.ErrorIs(t, newConnector(t, config.Settings{"app_secret": c.secret}).Verify(f.Copy()), c.want)
	}
}

func TestVerifyHeader(t *testing.T) {
	t.Parallel()
	f := fixture(t, "text_plain")
	c := newConnector(t, nil)
	right := f.Request.Header.Get("X-Hub-Signature-256")
	_, hex, _ := strings.Cut(right, "=")
	for header, want := range map[string]error{
		right:                               nil,
		"sha256=" + strings.ToUpper(hex):    nil,
		hex:                                 connectors.ErrUnverified,
		"sha1=" + hex:                       connectors.ErrUnverified,
		"sha256=" + hex + hex:               connectors.ErrUnverified,
		"sha256=":                           connectors.ErrUnverified,
		"sha256=" + strings.Repeat("0", 64): connectors.ErrUnverified,
		"sha256=" + strings.Repeat("z", 64): connectors.ErrUnverified,
		" " + right:                         connectors.ErrUnverified,
	} {
		r := f.Copy()
		r.Header.Set("X-Hub-Signature-256", header)
		require.ErrorIs(t, c.Verify(r), want, header)
	}
	require.ErrorIs(t, c.Verify(&connectors.Request{}), connectors.ErrUnverified)
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	c := newConnector(t, nil).(connectors.Challenger)
	ask := func(method string, query map[string]string) (connectors.Response, bool) {
		return c.Challenge(&connectors.Request{Method: method, Query: query})
	}
	const right = "usher-test-secret"
	response, ok := ask(http.MethodGet, map[string]string{"hub.mode": "subscribe", "hub.verify_token": right, "hub.challenge": "<b>1"})
	require.True(t, ok)
	require.Equal(t, connectors.Response{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("<b>1")}, response)
	for _, query := range []map[string]string{
		{"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1"},
		{"hub.mode": "subscribe", "hub.challenge": "1"},
		{"hub.mode": "unsubscribe", "hub.verify_token": right, "hub.challenge": "1"},
		{"hub.mode": ""},
	} {
		response, ok = ask(http.MethodGet, query)
		require.True(t, ok)
		require.Equal(t, 403, response.Status)
		require.NotContains(t, string(response.Body), right)
	}
	_, ok = ask(http.MethodGet, nil)
	require.False(t, ok)
	_, ok = ask(http.MethodPost, map[string]string{"hub.mode": "subscribe", "hub.verify_token": right})
	require.False(t, ok)
}

func TestDescription(t *testing.T) {
	t.Parallel()
	c := newConnector(t, config.Settings{"phone_number_id": "109"})
	require.Equal(t, "109", c.(connectors.Accounter).Account())
	require.Empty(t, newConnector(t, nil).(connectors.Accounter).Account())
	require.Equal(t, connectors.CapabilitiesOf("whatsapp"), c.(connectors.Describer).Capabilities())
}
