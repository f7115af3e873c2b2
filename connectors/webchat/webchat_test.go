package webchat

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

var now = time.Date(2026, 9, 1, 8, 8, 30, 0, time.UTC)

// setup builds webchat/site with a key, as the installation would.
func setup(t testing.TB, s config.Settings) *channel {
	t.Helper()
	c, err := New(connectors.Setup{ID: "webchat/site", Country: "GB", Settings: s, Key: []byte("0123456789abcdef0123456789abcdef")})
	require.NoError(t, err)
	return c.(*channel)
}

// post is a message as it comes in; an empty token or origin is not sent.
func post(body, token, origin string) *connectors.Request {
	r := &connectors.Request{
		Method: http.MethodPost, URL: "https://chat.example.com/hooks/webchat/site",
		Header: http.Header{}, Body: []byte(body), IP: "203.0.113.9", At: now,
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	return r
}

func TestSettings(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef")
	for name, c := range map[string]struct {
		settings config.Settings
		key      []byte
		wrong    string // begins the error; empty: fine
	}{
		"nothing set":        {nil, key, ""},
		"all set":            {config.Settings{"origins": []any{"https://shop.example.com", "https://*.example.org/", "http://localhost:3000"}, "identity_secret": []any{"a", "b"}, "visitor_tokens": "optional", "track": "consent"}, key, ""},
		"unknown key":        {config.Settings{"origin": "x"}, key, "origin\""},
		"tokens":             {config.Settings{"visitor_tokens": "never"}, key, "visitor_tokens:"},
		"track":              {config.Settings{"track": "sometimes"}, key, "track:"},
		"origin is a name":   {config.Settings{"origins": []any{"shop.example.com"}}, key, "origins:"},
		"origin with path":   {config.Settings{"origins": []any{"https://shop.example.com/x"}}, key, "origins:"},
		"asterisk in a name": {config.Settings{"origins": []any{"https://*shop.example.com"}}, key, "origins:"},
		"origins no list":    {config.Settings{"origins": "https://shop.example.com"}, key, "origins:"},
		"empty secret":       {config.Settings{"identity_secret": []any{""}}, key, "identity_secret:"},
		"no key":             {nil, nil, "no key"},
		"short key":          {nil, key[:15], "no key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(connectors.Setup{ID: "webchat/site", Settings: c.settings, Key: c.key})
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
		})
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	required, optional := setup(t, nil), setup(t, config.Settings{"visitor_tokens": "optional"})
	id, token, _ := required.NewSession(now)
	_, expired, _ := required.NewSession(now.Add(-tokenTTL))
	const text = `{"type":"text","data":{"text":"hi"},"mid":"m-1"}`
	for name, c := range map[string]struct {
		body, token    string
		required, free bool // verified where tokens are required, optional
	}{
		"own token":             {text, token, true, true},
		"own author":            {`{"type":"text","author":"` + id + `"}`, token, true, true},
		"somebody else":         {`{"type":"text","author":"v_other"}`, token, false, false},
		"no token":              {text, "", false, true},
		"expired":               {text, expired, false, false},
		"altered":               {text, token + "A", false, false},
		"invented":              {text, id + ".9999999999.AAAA", false, false},
		"unreadable, own token": {`{`, token, true, true}, // Parse refuses it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for ch, want := range map[*channel]bool{required: c.required, optional: c.free} {
				err := ch.Verify(post(c.body, c.token, ""))
				if want {
					require.NoError(t, err)
				} else {
					require.Equal(t, connectors.ErrUnverified, err)
				}
			}
		})
	}
	t.Run("other scheme is a bad token, not none", func(t *testing.T) {
		t.Parallel()
		r := post(text, "", "")
		r.Header.Set("Authorization", "Basic YTpi")
		require.ErrorIs(t, optional.Verify(r), connectors.ErrUnverified)
	})
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	open := setup(t, nil)
	listed := setup(t, config.Settings{"origins": []any{"https://Shop.example.com", "https://*.example.org", "http://localhost:3000"}})
	for origin, want := range map[string]bool{
		"":                               true, // no page of others
		"https://shop.example.com":       true,
		"https://SHOP.example.com":       true,
		"http://shop.example.com":        false,
		"https://shop.example.com:8443":  false,
		"https://shop.example.com.evil":  false,
		"https://evil-shop.example.com":  false,
		"https://a.example.org":          true,
		"https://a.b.example.org":        true,
		"https://example.org":            false,
		"https://evilexample.org":        false,
		"http://localhost:3000":          true,
		"http://localhost:3001":          false,
		"https://chat.example.com":       true, // usher's own pages
		"http://chat.example.com":        true, // … behind a proxy that ends TLS
		"null":                           false,
		"https://":                       false,
		"https://shop.example.com@evil/": false,
	} {
		t.Run(origin, func(t *testing.T) {
			t.Parallel()
			allow, ok := listed.Origin(post("", "", origin))
			require.Equal(t, want, ok)
			if ok {
				require.Equal(t, origin, allow)
			} else {
				require.Empty(t, allow)
				require.ErrorIs(t, listed.Verify(post(`{}`, "", origin)), connectors.ErrUnverified)
			}
			allow, ok = open.Origin(post("", "", origin))
			require.True(t, ok)
			require.Equal(t, "*", allow)
		})
	}
}
