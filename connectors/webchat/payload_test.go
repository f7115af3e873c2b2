package webchat

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

// parse reads a body that the visitor v_1 sent with a token.
func parse(t testing.TB, c *channel, body string) (connectors.Item, error) {
	t.Helper()
	token, _ := c.Renew("v_1", now)
	items, err := c.Parse(post(body, token, ""))
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
	c := setup(t, nil)
	yes := true
	for name, tc := range map[string]struct {
		body string
		want connectors.Event // beside ExternalID and ClientIP
	}{
		"text": {
			`{"type":"text","data":{"text":" 20\u0000 people "},"mid":"m-1","language":"en-GB","page":{"url":"https://a.example/pricing","title":"Pricing"}}`,
			connectors.Event{Kind: connectors.KindMessage, Text: " 20 people ", MessageID: "m-1", DedupeKey: "v_1#m-1", Language: "en-GB", Page: &connectors.Page{URL: "https://a.example/pricing", Title: "Pricing"}},
		},
		"what led here": {
			`{"type":"text","data":{"text":"hi"},"referrer":"https://search.example/?q=usher"}`,
			connectors.Event{Kind: connectors.KindMessage, Text: "hi", System: map[string]any{"referrer": "https://search.example/?q=usher"}},
		},
		"text without mid": {
			`{"type":"text","data":{"text":"hi"}}`,
			connectors.Event{Kind: connectors.KindMessage, Text: "hi"},
		},
		"time in milliseconds, mid random": {
			`{"type":"text","data":{"text":"hi"},"mid":"b277b6a9-704c-4fcc-ae5a-a4e50978555e","createdAt":1788250101000}`,
			connectors.Event{Kind: connectors.KindMessage, Text: "hi", MessageID: "b277b6a9-704c-4fcc-ae5a-a4e50978555e", DedupeKey: "b277b6a9-704c-4fcc-ae5a-a4e50978555e", Timestamp: time.Date(2026, 9, 1, 8, 8, 21, 0, time.UTC)},
		},
		"oddities that mean nothing": {
			`{"type":"text","data":{"text":"hi","payload":"x"},"createdAt":"99999-01-01","language":"<b>","page":{"url":"javascript:alert(1)"},"referrer":"javascript:alert(1)","more":[]}`,
			connectors.Event{Kind: connectors.KindMessage, Text: "hi"},
		},
		"button": {
			`{"type":"quick_reply","data":{"text":"Yes","payload":"yes"}}`,
			connectors.Event{Kind: connectors.KindPostback, Text: "Yes", Reply: &connectors.Choice{Type: "quick_reply", ID: "yes", Title: "Yes"}},
		},
		"button without title": {
			`{"type":"postback","data":{"payload":"SALES"}}`,
			connectors.Event{Kind: connectors.KindPostback, Text: "SALES", Reply: &connectors.Choice{Type: "postback", ID: "SALES", Title: "SALES"}},
		},
		"button without value": {
			`{"type":"postback","data":{"text":"Sales"}}`,
			connectors.Event{Kind: connectors.KindPostback, Text: "Sales", Reply: &connectors.Choice{Type: "postback", ID: "Sales", Title: "Sales"}},
		},
		"location on the equator": {
			`{"type":"location","data":{"coordinates":{"lat":0,"lng":-180}}}`,
			connectors.Event{Kind: connectors.KindLocation, Location: &connectors.Location{Longitude: -180}},
		},
		"file": {
			`{"type":"file","data":{"type":"image","url":"https://files.example/1.png","name":"1.png"}}`,
			connectors.Event{Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "image", URL: "https://files.example/1.png", Filename: "1.png"}}},
		},
		"form": {
			`{"type":"form","data":{"fields":{"name":"Ada","email":"  ","company_size":20,"newsletter":true,"phone":null}}}`,
			connectors.Event{Kind: connectors.KindForm, Form: map[string]any{"name": "Ada", "company_size": 20.0, "newsletter": true}},
		},
		"start": {
			`{"type":"start","mid":"start"}`,
			connectors.Event{Kind: connectors.KindStarted, MessageID: "start", DedupeKey: "v_1#start"},
		},
		"the last of two members counts": {
			`{"type":"form","data":{"fields":{"name":"Eve"}},"data":{"fields":{"email":"a@example.com"}}}`,
			connectors.Event{Kind: connectors.KindForm, Form: map[string]any{"email": "a@example.com"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			item, err := parse(t, c, tc.body)
			require.NoError(t, err)
			tc.want.ExternalID, tc.want.ClientIP = "v_1", "203.0.113.9"
			require.Equal(t, tc.want, item.Event)
			require.Empty(t, item.Problem)
		})
	}
	t.Run("consent", func(t *testing.T) {
		t.Parallel()
		token, _ := c.Renew("v_1", now)
		r := post(`{"given":true}`, token, "")
		r.Path = "/consent"
		items, err := c.Parse(r)
		require.NoError(t, err)
		require.Equal(t, connectors.Event{Kind: connectors.KindConsent, ExternalID: "v_1", Given: &yes, ClientIP: "203.0.113.9"}, items[0].Event)

		r.Body = []byte(`{}`)
		_, err = c.Parse(r)
		require.ErrorIs(t, err, connectors.ErrUnreadable)

		r.Path, r.Body = "/elsewhere", []byte(`{"type":"text","data":{"text":"hi"}}`)
		_, err = c.Parse(r)
		require.ErrorIs(t, err, connectors.ErrUnreadable)
	})
	t.Run("unknown type is a problem", func(t *testing.T) {
		t.Parallel()
		item, err := parse(t, c, `{"type":"sticker`+strings.Repeat("r", 100)+`","data":{"x":1}}`)
		require.NoError(t, err)
		require.NotEmpty(t, item.Problem)
		require.Equal(t, connectors.KindUnsupported, item.Event.Kind)
		require.Len(t, item.Event.RawType, maxName)
		require.Equal(t, "v_1", item.Event.ExternalID)
	})
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	c := setup(t, nil)
	for name, body := range map[string]string{
		"nothing":          "",
		"cut":              `{"type":"text","data":{"text":"hi"}`,
		"no object":        `["text"]`,
		"null":             `null`,
		"no type":          `{"data":{"text":"hi"}}`,
		"type a number":    `{"type":5}`,
		"not UTF-8":        "{\"type\":\"text\",\"data\":{\"text\":\"\xff\"}}",
		"too deep":         `{"type":"text","data":{"text":"hi","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`,
		"too large":        `{"type":"text","data":{"text":"hi","x":"` + strings.Repeat("x", maxBody) + `"}}`,
		"no data":          `{"type":"text"}`,
		"data a text":      `{"type":"text","data":"hi"}`,
		"blank":            `{"type":"text","data":{"text":" \n "}}`,
		"only NUL":         `{"type":"text","data":{"text":"\u0000"}}`,
		"text a number":    `{"type":"text","data":{"text":5}}`,
		"text too long":    `{"type":"text","data":{"text":"` + strings.Repeat("é", maxText+1) + `"}}`,
		"payload too long": `{"type":"postback","data":{"payload":"` + strings.Repeat("x", maxPayload+1) + `"}}`,
		"button of none":   `{"type":"quick_reply","data":{}}`,
		"mid too long":     `{"type":"text","data":{"text":"hi"},"mid":"` + strings.Repeat("x", maxID+1) + `"}`,
		"mid of control":   `{"type":"text","data":{"text":"hi"},"mid":"a\u0007"}`,
		"author too long":  `{"type":"text","data":{"text":"hi"},"author":"` + strings.Repeat("x", maxID+1) + `"}`,
		"no coordinates":   `{"type":"location","data":{}}`,
		"half a place":     `{"type":"location","data":{"coordinates":{"lat":1}}}`,
		"off the globe":    `{"type":"location","data":{"coordinates":{"lat":91,"lng":0}}}`,
		"file of script":   `{"type":"file","data":{"url":"javascript:alert(1)"}}`,
		"file inline":      `{"type":"file","data":{"url":"data:text/html,x"}}`,
		"no fields":        `{"type":"form","data":{}}`,
		"field a list":     `{"type":"form","data":{"fields":{"name":["Ada"]}}}`,
		"field unnamed":    `{"type":"form","data":{"fields":{"":"Ada"}}}`,
		"field too long":   `{"type":"form","data":{"fields":{"name":"` + strings.Repeat("x", maxText+1) + `"}}}`,
		"many fields":      `{"type":"form","data":{"fields":` + manyFields(maxFields+1) + `}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, c, body)
			require.ErrorIs(t, err, connectors.ErrUnreadable)
		})
	}
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		_, err := c.Parse(post(`{"type":"text","data":{"text":"hi"}}`, "", ""))
		require.ErrorIs(t, err, connectors.ErrUnreadable)
	})
	t.Run("longest text", func(t *testing.T) {
		t.Parallel()
		_, err := parse(t, c, `{"type":"text","data":{"text":"`+strings.Repeat("é", maxText)+`"}}`)
		require.NoError(t, err)
	})
}

func manyFields(n int) string {
	fields := map[string]int{}
	for i := range n {
		fields["f"+strings.Repeat("x", i)] = i
	}
	raw, _ := json.Marshal(fields)
	return string(raw)
}

// Who names an author without proof can neither be taken for the visitor nor
// use up the visitor's message ids.
func TestParseAnonymous(t *testing.T) {
	t.Parallel()
	c := setup(t, config.Settings{"visitor_tokens": "optional"})
	const body = `{"type":"text","data":{"text":"hi"},"mid":"1","author":"v_1"}`
	proven, err := parse(t, c, body)
	require.NoError(t, err)
	claimed, err := c.Parse(post(body, "", ""))
	require.NoError(t, err)
	require.False(t, proven.Event.Anonymous)
	require.True(t, claimed[0].Event.Anonymous)
	require.Equal(t, "v_1", claimed[0].Event.ExternalID)
	require.NotEqual(t, proven.Event.DedupeKey, claimed[0].Event.DedupeKey)
}

func TestDedupeKey(t *testing.T) {
	t.Parallel()
	const random, byTime = "b277b6a9-704c-4fcc-ae5a-a4e50978555e", "b277b6a9-704c-1fcc-ae5a-a4e50978555e"
	require.Empty(t, dedupeKey("v_1", "", false))
	require.Equal(t, random, dedupeKey("v_1", random, false))
	require.Equal(t, "v_1#"+byTime, dedupeKey("v_1", byTime, false))
	require.NotEqual(t, dedupeKey("a", "b#c", false), dedupeKey("a#b", "c", false))
	require.NotEqual(t, dedupeKey("?a", "1", false), dedupeKey("a", "1", true))
	require.False(t, randomUUID(strings.Replace(random, "-", "0", 1)))
	require.False(t, randomUUID(strings.Replace(random, "c", "g", 1)))
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
	f.Add([]byte(`{"type":"form","data":{"fields":{"name":"Ada","n":1e308}},"createdAt":1e14,"author":"a"}`))
	c := setup(f, config.Settings{"visitor_tokens": "optional"})
	f.Fuzz(func(t *testing.T, body []byte) {
		r := post(string(body), "", "")
		if c.Verify(r) != nil {
			t.Fatal("a message without token is taken")
		}
		items, err := c.Parse(r)
		if err != nil {
			require.ErrorIs(t, err, connectors.ErrUnreadable)
			return
		}
		require.Len(t, items, 1)
		require.NotEmpty(t, items[0].Event.ExternalID)
		_, err = json.Marshal(items[0].Event)
		require.NoError(t, err, "the inbox can keep it")
		require.NotContains(t, items[0].Event.Text, "\x00")
		again, err := c.Parse(r)
		require.NoError(t, err)
		require.Equal(t, items, again)
	})
}

func BenchmarkVerify(b *testing.B) {
	c := setup(b, nil)
	token, _ := c.Renew("v_1", now)
	r := post(`{"type":"text","data":{"text":"hola, ¿tienen envío gratis?"},"mid":"b277b6a9-704c-4fcc-ae5a-a4e50978555e"}`, token, "https://shop.example.com")
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Verify(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	c := setup(b, nil)
	token, _ := c.Renew("v_1", now)
	r := post(`{"type":"text","data":{"text":"hola, ¿tienen envío gratis?"},"mid":"b277b6a9-704c-4fcc-ae5a-a4e50978555e","createdAt":"2026-09-01T08:08:21Z"}`, token, "https://shop.example.com")
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Parse(r); err != nil {
			b.Fatal(err)
		}
	}
}
