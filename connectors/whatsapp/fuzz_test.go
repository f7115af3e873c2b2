package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/connectors/connectortest"
)

// FuzzParse reads anything, and compares what is only text messages with the
// reference.
func FuzzParse(f *testing.F) {
	for _, fixture := range connectortest.Load(f, "testdata") {
		f.Add(fixture.Request.Body)
	}
	f.Add([]byte(messages(hello("a"), `{}`, hello("a"), `7`)))
	f.Add([]byte(in(`"contacts":[{"wa_id":"447700900417","profile":{"name":"\ud800\u0000"}}],"messages":[` + hello("a") + `]`)))
	c := newConnector(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := &connectors.Request{Body: bytes.Clone(body)}
		items, err := c.Parse(r)
		require.Equal(t, body, r.Body)
		if err != nil {
			require.ErrorIs(t, err, connectors.ErrUnreadable)
			if json.Valid(body) && bytes.TrimSpace(body)[0] == '{' {
				require.ErrorIs(t, connectors.CheckJSON(bytes.ToValidUTF8(body, nil)), connectors.ErrUnreadable, "only what is too deep")
			}
			return
		}
		require.True(t, json.Valid(body), "no JSON was taken for JSON")
		for _, it := range items {
			require.True(t, json.Valid(it.Raw), "%s", it.Raw)
			require.True(t, bytes.Contains(body, it.Raw))
			require.NotEmpty(t, it.Event.Kind)
			written, err := json.Marshal(it.Event)
			require.NoError(t, err)
			require.NotContains(t, string(written), `\u0000"`)
		}
		again, err := c.Parse(r)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(items, again))
		compare(t, body, items)
	})
}

func compare(t *testing.T, body []byte, items []connectors.Item) {
	t.Helper()
	want, ok := readReference(body)
	if !ok {
		return
	}
	var got []reference
	for _, it := range items {
		require.Empty(t, it.Problem)
		e := it.Event
		require.Equal(t, connectors.KindMessage, e.Kind)
		require.Equal(t, "+"+e.ExternalID, e.Phone)
		got = append(got, reference{e.Account, e.ExternalID, e.Name, e.MessageID, e.Text, e.Timestamp})
	}
	seen := map[string]bool{}
	var once []reference
	for _, one := range want {
		if !seen[one.ID] {
			once = append(once, one)
		}
		seen[one.ID] = true
	}
	require.Equal(t, once, got)
}

// FuzzText writes a message with encoding/json and reads it back.
func FuzzText(f *testing.F) {
	f.Add("447700900417", "Ada", "wamid.1", "hi", int64(1788249637))
	f.Add("1", "\x00\xff", "\u2028", "\"\\/\b<>&é😀", int64(1))
	c := newConnector(f, nil)
	f.Fuzz(func(t *testing.T, from, name, id, text string, at int64) {
		type object = map[string]any
		body, err := json.Marshal(object{"object": "whatsapp_business_account", "entry": []any{object{"changes": []any{object{
			"field": "messages", "value": object{
				"metadata": object{"phone_number_id": "109"},
				"contacts": []any{object{"wa_id": from, "profile": object{"name": name}}},
				"messages": []any{object{"from": from, "id": id, "timestamp": at, "type": "text", "text": object{"body": text}}},
			},
		}}}}})
		require.NoError(t, err)
		items, err := c.Parse(&connectors.Request{Body: body})
		require.NoError(t, err)
		require.Len(t, items, 1)
		if want, ok := readReference(body); ok {
			require.Len(t, want, 1)
		}
		if items[0].Problem != "" {
			return
		}
		e := items[0].Event
		require.Equal(t, []string{clean(name), clean(text), clean(id)}, []string{e.Name, e.Text, e.MessageID})
		if at < 1e12 && at != 0 {
			require.Equal(t, time.Unix(at, 0).UTC(), e.Timestamp)
		}
	})
}

// clean is what a trip through JSON and the parser leaves of a text.
func clean(s string) string {
	var out []rune
	for _, r := range s { // bytes that are no UTF-8 become U+FFFD, one each
		if r != 0 {
			out = append(out, r)
		}
	}
	return string(out)
}

// FuzzVerify: no header but the right one is taken.
func FuzzVerify(f *testing.F) {
	good := fixture(f, "text_plain")
	right := good.Request.Header.Get("X-Hub-Signature-256")
	f.Add(right)
	f.Add("sha256=")
	f.Add("sha1=" + right)
	c := newConnector(f, nil)
	f.Fuzz(func(t *testing.T, header string) {
		r := good.Copy()
		r.Header["X-Hub-Signature-256"] = []string{header}
		if err := c.Verify(r); err == nil {
			require.EqualValues(t, bytes.ToLower([]byte(right)), bytes.ToLower([]byte(header)))
		} else if !errors.Is(err, connectors.ErrUnverified) {
			t.Fatal(err)
		}
	})
}
