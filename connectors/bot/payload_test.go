package bot

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

func parse(t testing.TB, body string, header ...string) (connectors.Item, error) {
	t.Helper()
	items, err := setup(t, nil).Parse(post(body, header...))
	if err != nil {
		require.Empty(t, items)
		return connectors.Item{}, err
	}
	require.Len(t, items, 1)
	require.Equal(t, body, string(items[0].Raw))
	return items[0], nil
}

func TestParse(t *testing.T) {
	t.Parallel()
	no := false
	for name, c := range map[string]struct {
		body string
		want connectors.Event
	}{
		"least": {
			`{"session":"s-1"}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"nulls are as good as nothing": {
			`{"session":"s-1","message_id":null,"kind":null,"text":null,"user":null,"parameters":null,"form":null,"page":null,"client_ip":null,"system":null}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"blanks leave a person as it is": {
			`{"session":"s-1","user":{"id":null,"name":" ","email":"","phone":"  ","customer_id":"","verified":null}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"the person is the session": {
			`{"session":"s-1","user":{"id":"s-1"}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"phone of the business's country, not vouched for": {
			`{"session":"s-1","text":"hi","user":{"id":"u-1","phone":"07700 900123","language":"en"}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "u-1", Session: "s-1", Text: "hi", Phone: "+447700900123", Language: "en"},
		},
		"what a user has beside is a parameter": {
			`{"session":"s-1","user":{"company":"Acme","plan":"gold","city":null},"parameters":{"plan":"silver"}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1", Parameters: map[string]any{"company": "Acme", "plan": "silver"}},
		},
		"parameters and system stay as they are": {
			`{"session":"s-1","parameters":{"size":20.5,"vip":true,"note":"a\u0000b","gone":null,"list":[1]},"system":{"city":"London"}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1", Parameters: map[string]any{"size": 20.5, "vip": true, "note": "ab", "gone": nil, "list": []any{1.0}}, System: map[string]any{"city": "London"}},
		},
		"form without kind": {
			`{"session":"s-1","form":{"email":"a@example.com"}}`,
			connectors.Event{Kind: connectors.KindForm, ExternalID: "s-1", Form: map[string]any{"email": "a@example.com"}},
		},
		"button by value": {
			`{"session":"s-1","kind":"postback","value":"yes"}`,
			connectors.Event{Kind: connectors.KindPostback, ExternalID: "s-1", Text: "yes", Reply: &connectors.Choice{Type: "postback", ID: "yes", Title: "yes"}},
		},
		"button by title": {
			`{"session":"s-1","kind":"postback","text":"Yes"}`,
			connectors.Event{Kind: connectors.KindPostback, ExternalID: "s-1", Text: "Yes", Reply: &connectors.Choice{Type: "postback", ID: "Yes", Title: "Yes"}},
		},
		"button by payload": {
			`{"session":"s-1","kind":"postback","text":"Yes","payload":"YES"}`,
			connectors.Event{Kind: connectors.KindPostback, ExternalID: "s-1", Text: "Yes", Reply: &connectors.Choice{Type: "postback", ID: "YES", Title: "Yes"}},
		},
		"consent": {
			`{"session":"s-1","kind":"consent","given":false}`,
			connectors.Event{Kind: connectors.KindConsent, ExternalID: "s-1", Given: &no},
		},
		"address that is none": {
			`{"session":"s-1","client_ip":"unknown"}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"mapped address": {
			`{"session":"s-1","client_ip":"::ffff:203.0.113.9"}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1", ClientIP: "203.0.113.9"},
		},
		"the last of two members counts": {
			`{"session":"s-1","parameters":{"a":1},"parameters":{"b":2}}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1", Parameters: map[string]any{"b": 2.0}},
		},
		"names are exact": {
			`{"session":"s-1","Text":"no","TEXT":"no"}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1"},
		},
		"half a surrogate": {
			`{"session":"s-1","text":"\ud83d!"}`,
			connectors.Event{Kind: connectors.KindMessage, ExternalID: "s-1", Text: "\uFFFD!"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item, err := parse(t, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, item.Event)
			require.Empty(t, item.Problem)
		})
	}
	t.Run("unknown kind is a problem", func(t *testing.T) {
		t.Parallel()
		item, err := parse(t, `{"session":"s-1","message_id":"m-1","kind":"telepathy"}`)
		require.NoError(t, err)
		require.NotEmpty(t, item.Problem)
		require.Equal(t, connectors.Event{Kind: connectors.KindUnsupported, RawType: "telepathy", ExternalID: "s-1", MessageID: "m-1", DedupeKey: "s-1#m-1"}, item.Event)
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing":   ``,
		"cut":       `{"session":"s-1"`,
		"null":      `null`,
		"list":      `[{"session":"s-1"}]`,
		"not UTF-8": "{\"session\":\"\xff\"}",
		"too deep":  `{"session":"s-1","system":` + strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 101),
	} {
		_, err := parse(t, body)
		require.ErrorIs(t, err, connectors.ErrUnreadable, name)
	}
	long := func(n int) string { return `"` + strings.Repeat("é", n) + `"` }
	for name, c := range map[string]struct{ body, field, code string }{
		"no session":           {`{}`, "session", "required"},
		"blank session":        {`{"session":""}`, "session", "required"},
		"no session, but user": {`{"user":{"id":"u-1"}}`, "session", "required"},
		"session of blanks":    {`{"session":"  "}`, "session", "required"},
		"user's company long":  {`{"session":"s","user":{"company":` + long(maxText+1) + `}}`, "user.company", "too_long"},
		"session a number":     {`{"session":5}`, "session", "type"},
		"session long":         {`{"session":` + long(maxID+1) + `}`, "session", "too_long"},
		"session of control":   {`{"session":"a\nb"}`, "session", "invalid"},
		"message id a number":  {`{"session":"s","message_id":9}`, "message_id", "type"},
		"text a list":          {`{"session":"s","text":["a"]}`, "text", "type"},
		"text long":            {`{"session":"s","text":` + long(maxText+1) + `}`, "text", "too_long"},
		"user a text":          {`{"session":"s","user":"Ada"}`, "user", "type"},
		"user id long":         {`{"session":"s","user":{"id":` + long(maxID+1) + `}}`, "user.id", "too_long"},
		"user email a number":  {`{"session":"s","user":{"email":5}}`, "user.email", "type"},
		"user email none":      {`{"session":"s","user":{"email":"nobody"}}`, "user.email", "invalid"},
		"user phone short":     {`{"session":"s","user":{"phone":"12"}}`, "user.phone", "invalid"},
		"user phone mangled":   {`{"session":"s","user":{"phone":"5.5E+11"}}`, "user.phone", "mangled"},
		"verified a text":      {`{"session":"s","user":{"verified":"true"}}`, "user.verified", "type"},
		"parameters a list":    {`{"session":"s","parameters":[1]}`, "parameters", "type"},
		"parameter long":       {`{"session":"s","parameters":{"a":` + long(maxText+1) + `}}`, "parameters.a", "too_long"},
		"form a text":          {`{"session":"s","form":"x"}`, "form", "type"},
		"form missing":         {`{"session":"s","kind":"form_response"}`, "form", "required"},
		"given missing":        {`{"session":"s","kind":"consent"}`, "given", "required"},
		"given a text":         {`{"session":"s","kind":"consent","given":"yes"}`, "given", "type"},
		"postback of nothing":  {`{"session":"s","kind":"postback"}`, "text", "required"},
		"page a text":          {`{"session":"s","page":"https://a.example"}`, "page", "type"},
		"page url a number":    {`{"session":"s","page":{"url":1}}`, "page.url", "type"},
		"system a list":        {`{"session":"s","system":[]}`, "system", "type"},
		"kind a number":        {`{"session":"s","kind":1}`, "kind", "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, c.body)
			var fault *connectors.FieldError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, c.field, fault.Field)
			require.Equal(t, c.code, fault.Code)
		})
	}
}

// Two sessions never swallow each other's messages, however they count them.
func TestDedupeKey(t *testing.T) {
	t.Parallel()
	key := func(body string, header ...string) string {
		item, err := parse(t, body, header...)
		require.NoError(t, err)
		return item.Event.DedupeKey
	}
	require.Equal(t, "s-1#m-1", key(`{"session":"s-1","message_id":"m-1"}`))
	require.NotEqual(t, key(`{"session":"s-1","message_id":"m-1"}`), key(`{"session":"s-2","message_id":"m-1"}`))
	require.NotEqual(t, key(`{"session":"a#b","message_id":"c"}`), key(`{"session":"a","message_id":"b#c"}`))
	require.Equal(t, key(`{"session":"s-1","message_id":"m-1","text":"a"}`), key(`{"session":"s-1","message_id":"m-1","text":"b"}`))
	require.Empty(t, key(`{"session":"s-1","text":"hi"}`))
	require.Equal(t, "#msg_1", key(`{"session":"s-1","text":"hi"}`, headerID, "msg_1"))
	require.Equal(t, "s-1#m-1", key(`{"session":"s-1","message_id":"m-1"}`, headerID, "msg_1"))
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		if strings.HasSuffix(file, ".expect.json") {
			continue
		}
		raw, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(`{"session":"s","parameters":{"a":1e308,"b":[[[{}]]]},"client_ip":"fe80::1%eth0","user":{"x":{"y":"\u0000"}}}`))
	c := setup(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := c.Parse(post(string(body)))
		if err != nil {
			var fault *connectors.FieldError
			require.True(t, errors.Is(err, connectors.ErrUnreadable) || errors.As(err, &fault), err)
			return
		}
		require.Len(t, items, 1)
		e := items[0].Event
		require.NotEmpty(t, e.ExternalID)
		_, err = json.Marshal(e)
		require.NoError(t, err, "the inbox can keep it")
		again, err := c.Parse(post(string(body)))
		require.NoError(t, err)
		require.Equal(t, items, again)
	})
}

func FuzzVerify(f *testing.F) {
	c := setup(f, config.Settings{"token": token, "secret": whsec})
	f.Add("Bearer x", "msg_1", "1788256800", "v1,AAAA", []byte(`{}`))
	f.Fuzz(func(t *testing.T, authorization, id, sent, signature string, body []byte) {
		r := post(string(body), "Authorization", authorization, headerID, id, headerTimestamp, sent, headerSignature, signature)
		if r.Bearer() != token {
			require.Equal(t, connectors.ErrUnverified, c.Verify(r))
		}
	})
}

const turn = `{"session":"s-1","message_id":"m-9","kind":"message","text":"20 people","user":{"id":"u-7","name":"Ada","email":"ada@example.com","verified":false},"parameters":{"company_size":20},"form":null,"page":{"url":"https://shop.example.test/pricing"},"client_ip":"203.0.113.9","system":{}}`

func BenchmarkParse(b *testing.B) {
	c, r := setup(b, nil), post(turn)
	b.SetBytes(int64(len(turn)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Parse(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	c := setup(b, config.Settings{"secret": whsec})
	r := post(turn, signature(token, now, turn)...)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}
