package connectors

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSON(t *testing.T) {
	t.Parallel()
	j, err := ReadJSON([]byte(` {"a" : [1, {"b":"x"} ,null, []], "a\u0062":"\u00e9\ud83d\ude00\ud800\u0000 a\/b",
		"big":5741311806171721361, "n":"-1.5", "no":null, "t":true, "f":false, "o":{"x":{"y":"}\"{"}}, "a":[2], "inf":1e999}`))
	require.NoError(t, err)
	require.Equal(t, JSON("[2]"), j.Get("a"), "the last counts")
	require.Equal(t, "é😀\uFFFD a/b", j.Get("ab").Text())
	require.Equal(t, "5741311806171721361", j.Get("big").ID())
	require.Empty(t, j.Get("big").Text())
	n, ok := j.Get("n").Number()
	require.True(t, ok)
	require.InEpsilon(t, -1.5, n, 0)
	for _, none := range []JSON{j.Get("no"), j.Get("inf"), j.Get("t"), j.Get("nothing", "at", "all"), ""} {
		_, ok = none.Number()
		require.False(t, ok, none)
	}
	require.True(t, j.Get("t").True())
	require.False(t, j.Get("f").True())
	require.False(t, *j.Get("f").Flag())
	require.Nil(t, j.Get("n").Flag())
	require.Equal(t, `}"{`, j.Get("o", "x", "y").Text())
	require.Equal(t, map[string]any{"x": map[string]any{"y": `}"{`}}, j.Get("o").Object())
	require.Nil(t, j.Get("a").Object())
	_, err = json.Marshal(j.Object())
	require.NoError(t, err)
	require.Equal(t, "1e999", j.Object()["inf"])

	var all []JSON
	for e := range JSON(`[1, {"b":"x"} ,null, []]`).Elements() {
		all = append(all, e)
	}
	require.Equal(t, []JSON{"1", `{"b":"x"}`, "null", "[]"}, all)
	for range JSON("[ ]").Elements() {
		t.Error("no elements")
	}
	for range JSON("{ }").Members() {
		t.Error("no members")
	}
	for _, none := range []string{"", "{", `{"a":1,}`, "nul", "1 2", "\x00", strings.Repeat("[", 65) + strings.Repeat("]", 65)} {
		_, err := ReadJSON([]byte(none))
		require.ErrorIs(t, err, ErrUnreadable, none)
	}
	j, err = ReadJSON([]byte(" null "))
	require.NoError(t, err)
	require.Empty(t, j)
}

// FuzzJSON compares with encoding/json.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"x",null,{"b":true}],"a":"\ud800"}`, `[]`, `"\u0000\\\""`, `{"":{"":[[]]}}`, ` 1e5 `, "\"\xff\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := ReadJSON(body)
		if err != nil {
			require.ErrorIs(t, err, ErrUnreadable)
			return
		}
		var want any
		if json.Unmarshal(body, &want) != nil {
			return // a number beyond float64
		}
		require.Equal(t, withoutNUL(want), j.Value())
	})
}

func withoutNUL(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "\x00", "")
	case []any:
		for i := range v {
			v[i] = withoutNUL(v[i])
		}
	case map[string]any:
		clean := map[string]any{}
		for key, value := range v {
			clean[strings.ReplaceAll(key, "\x00", "")] = withoutNUL(value)
		}
		return clean
	}
	return v
}
