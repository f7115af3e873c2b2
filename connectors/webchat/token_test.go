package webchat

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

func TestToken(t *testing.T) {
	t.Parallel()
	c := setup(t, nil)
	id, token, expires := c.NewSession(now)
	require.Equal(t, now.Add(tokenTTL), expires)

	got, ok := c.Authenticate(token, now)
	require.True(t, ok)
	require.Equal(t, id, got)

	_, ok = c.Authenticate(token, expires.Add(-time.Second))
	require.True(t, ok)
	_, ok = c.Authenticate(token, expires)
	require.False(t, ok, "expired")
	_, ok = c.Authenticate(token, time.Time{})
	require.False(t, ok, "no clock")

	other, err := New(connectors.Setup{ID: "webchat/other", Key: []byte("0123456789abcdef0123456789abcdef")})
	require.NoError(t, err)
	_, ok = other.(*channel).Authenticate(token, now)
	require.False(t, ok, "another channel's token")

	second, _, _ := c.NewSession(now)
	require.NotEqual(t, id, second)
	require.Len(t, id, len(idPrefix)+26)
}

func TestRenew(t *testing.T) {
	t.Parallel()
	c := setup(t, nil)
	id, old, _ := c.NewSession(now)
	later := now.Add(80 * 24 * time.Hour)
	token, expires := c.Renew(id, later)
	require.NotEqual(t, old, token)
	require.Equal(t, later.Add(tokenTTL), expires)
	got, ok := c.Authenticate(token, now.Add(tokenTTL))
	require.True(t, ok)
	require.Equal(t, id, got)
}

// No single changed, cut or added character leaves a token valid.
func TestTokenAltered(t *testing.T) {
	t.Parallel()
	c := setup(t, nil)
	_, token, _ := c.NewSession(now)
	for i := range token {
		for _, b := range []byte{'A', 'b', '0', '9', '.', '=', ' '} {
			if token[i] == b {
				continue
			}
			_, ok := c.Authenticate(token[:i]+string(b)+token[i+1:], now)
			require.False(t, ok, "byte %d to %q", i, b)
		}
		_, ok := c.Authenticate(token[:i], now)
		require.False(t, ok, "first %d bytes", i)
	}
	for _, s := range []string{token + "=", token + "\n", " " + token, "v_x" + token, "", ".", "..", "...", strings.Repeat("a.", 400)} {
		_, ok := c.Authenticate(s, now)
		require.False(t, ok, s)
	}
}

func FuzzAuthenticate(f *testing.F) {
	c := setup(f, nil)
	token, _ := c.Renew("v_fuzz", now)
	f.Add(token)
	f.Add("v_fuzz.9999999999.AAAA")
	f.Add("..")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := c.Authenticate(s, now); ok {
			require.Equal(t, token, s)
			require.Equal(t, "v_fuzz", id)
		}
	})
}
