package connectors

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBearer(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"":               "",
		"Bearer abc":     "abc",
		"bearer  abc ":   "abc",
		"Basic YTpi":     "",
		"Bearer":         "",
		"Bearerabc":      "",
		"Bearer a b":     "a b",
		"NotBearer abcd": "",
	} {
		r := &Request{Header: http.Header{"Authorization": {header}}}
		require.Equal(t, want, r.Bearer(), header)
	}
	require.Empty(t, (&Request{}).Bearer())
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for body, ok := range map[string]bool{
		`{"a":[1,{"b":"c"}]}`:                       true,
		nested(MaxDepth):                            true,
		nested(MaxDepth + 1):                        false,
		`"` + strings.Repeat("[", 100) + `"`:        true, // inside a string
		`"\"` + strings.Repeat("{", 100) + `"`:      true, // after an escaped quote
		`"\\"` + strings.Repeat("{", MaxDepth+1):    false,
		strings.Repeat(`{"a":`, MaxDepth+1):         false,
		strings.Repeat(`[],`, 1000):                 true,
		"{\"a\":\"\xff\"}":                          false,
		"":                                          true,
		strings.Repeat(`{"a":1}`, MaxDepth+1) + `]`: true,
	} {
		err := CheckJSON([]byte(body))
		if ok {
			require.NoError(t, err, body)
		} else {
			require.ErrorIs(t, err, ErrUnreadable, body)
		}
	}
}
