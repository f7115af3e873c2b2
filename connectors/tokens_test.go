package connectors_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	_, err := connectors.NewTokens(config.Secrets{"a", ""})
	require.ErrorContains(t, err, "token: ")
	tokens, err := connectors.NewTokens(config.Secrets{"older", "s3cret"})
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", tokens, tokens, tokens, tokens), "s3cret")
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for authorization, ok := range map[string]bool{
		"Bearer s3cret": true, "bearer older": true, "Bearer ": false, "Bearer s3cre": false, "Bearer s3cret2": false, "s3cret": false,
		basic("usher:s3cret"): true, basic(":older"): true, "basic " + basic("x:s3cret")[6:]: true, basic("s3cret"): false, basic("s3cret:"): false,
		basic("a:b:s3cret"): false, "Basic s3cret": false, "Basic": false, "": false,
	} {
		r := &connectors.Request{Header: http.Header{"Authorization": {authorization}}}
		require.Equal(t, ok, tokens.Verify(r) == nil, authorization)
		require.ErrorIs(t, connectors.Tokens{}.Verify(r), connectors.ErrUnverified, "without a token nobody comes in")
		r.Authorized = true
		require.NoError(t, tokens.Verify(r), "an API key")
	}
	require.NoError(t, tokens.Verify(&connectors.Request{Query: map[string]string{"token": "s3cret"}}))
	require.Error(t, tokens.Verify(&connectors.Request{Query: map[string]string{"token": ""}}))
	require.False(t, connectors.Tokens{}.Match(""))
}

func TestRecent(t *testing.T) {
	t.Parallel()
	now := time.Unix(1788256800, 0)
	for sent, ok := range map[string]bool{"1788256800": true, "1788256501": true, "1788256500": false, "1788257099": true, "1788257100": false,
		"": false, "now": false, "1788256800.5": false, "-1": false, "9223372036854775807": false} {
		require.Equal(t, ok, connectors.Recent(sent, now, connectors.DefaultTolerance), sent)
	}
	require.True(t, connectors.Recent("1", now, 0), "0 switches it off")
	require.False(t, connectors.Recent("x", now, 0))
}
