package crm_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/crm"
)

var at = time.Date(2026, 1, 1, 1, 0, 0, 123456789, time.FixedZone("CET", 3600))

func TestDocument(t *testing.T) {
	t.Parallel()
	contact := map[string]any{"phone": nil, "name": "Ada <&> Lovelace", "fields": map[string]any{"b": 1, "a": 20.0}}
	got, err := crm.Document(crm.LeadCreated, at, "lead_1", "evt_1", contact, []string{"name", "email", "name"},
		crm.Conversation{Channel: "whatsapp/acme", Flow: "welcome", TranscriptURL: "https://x/t", Transcript: "Visitor: hi"})
	require.NoError(t, err)
	require.Equal(t, `{"type":"lead.created","timestamp":"2026-01-01T00:00:00.123Z","data":{`+
		`"lead_key":"lead_1","event_id":"evt_1","contact":{"fields":{"a":20,"b":1},"name":"Ada <&> Lovelace","phone":null},`+
		`"changed":["email","name"],"conversation":{"channel":"whatsapp/acme","flow":"welcome","transcript_url":"https://x/t","transcript":"Visitor: hi"}}}`,
		string(got))

	got, err = crm.Document(crm.ContactUpdated, at, "lead_1", "", contact, nil, crm.Conversation{Channel: "bot/site"})
	require.NoError(t, err)
	require.Contains(t, string(got), `"event_id":null`)
	require.Contains(t, string(got), `"changed":[],"conversation":{"channel":"bot/site","flow":null,"transcript_url":null,"transcript":null}`)

	got, err = crm.Document(crm.ContactUpdated, at, "lead_1", "", contact, nil, crm.Conversation{})
	require.NoError(t, err)
	require.Contains(t, string(got), `"conversation":null`)

	_, err = crm.Document(crm.LeadCreated, at, "lead_1", "", map[string]any{"f": func() {}}, nil, crm.Conversation{})
	require.Error(t, err)
}

func TestDocumentIsBounded(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"plain": "Visitor: a line of the talk\n", "escapes": "\"\\\t\x01\n", "wide": "你好 👋\n", "no lines": "x",
		"broken": "\xff\xfe\n", "separators": "\u2028\u2029",
	} {
		transcript := strings.Repeat(line, 40_000/len(line)) + "the end"
		got, err := crm.Document(crm.LeadCreated, at, "k", "e", map[string]any{"name": "Ada"}, nil, crm.Conversation{Channel: "c", Transcript: transcript})
		require.NoError(t, err, name)
		require.LessOrEqual(t, len(got), crm.MaxDocument, name)
		require.Greater(t, len(got), crm.MaxDocument-200, name)
		var doc struct {
			Data struct{ Conversation struct{ Transcript string } }
		}
		require.NoError(t, json.Unmarshal(got, &doc))
		cut := doc.Data.Conversation.Transcript
		require.True(t, strings.HasPrefix(cut, "…\n"), name)
		require.True(t, strings.HasSuffix(cut, "the end"), name)
		if name == "plain" {
			require.True(t, strings.HasPrefix(cut, "…\nVisitor:"), "cut where a line begins")
		}
	}
	big := map[string]any{"notes": strings.Repeat("x", 2*crm.MaxDocument)}
	got, err := crm.Document(crm.LeadCreated, at, "k", "e", big, nil, crm.Conversation{Transcript: strings.Repeat("y", 9000) + "the end"})
	require.NoError(t, err)
	require.Contains(t, string(got), "the end", "the contact is never cut, the newest lines are kept")
}

func FuzzDocument(f *testing.F) {
	f.Add("Visitor: hi\n", 1, "Ada")
	f.Add("é\n", 9_000, "\x00\xff")
	f.Add("\u2028\"", 9_000, "")
	f.Fuzz(func(t *testing.T, line string, lines int, name string) {
		const most = 50_000 // bytes of transcript: more only takes time
		transcript := strings.Repeat(line, min(max(lines, 0), most/max(len(line), 1)))
		got, err := crm.Document(crm.LeadCreated, at, "k", "e", map[string]any{"name": name}, nil, crm.Conversation{Channel: "c", Transcript: transcript})
		if err != nil || !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("%v: %q", err, got)
		}
		if len(name) < 1000 && len(got) > crm.MaxDocument {
			t.Fatalf("%d bytes", len(got))
		}
	})
}

func TestSplitRetry(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		set  any
		want crm.Retry
	}{
		{"all", map[string]any{"first": "100ms", "max": "2s", "attempts": 5}, crm.Retry{First: 100 * time.Millisecond, Max: 2 * time.Second, Attempts: 5}},
		{"first alone", map[string]any{"first": "2h"}, crm.Retry{First: 2 * time.Hour, Max: 2 * time.Hour}},
		{"attempts alone", map[string]any{"attempts": 1}, crm.Retry{First: time.Second, Max: time.Hour, Attempts: 1}},
		{"empty", map[string]any{}, crm.Retry{First: time.Second, Max: time.Hour}},
	} {
		settings := config.Settings{"url": "x", "retry": c.set}
		got, own, err := crm.SplitRetry(settings)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, got, c.name)
		require.Equal(t, config.Settings{"url": "x"}, own)
		require.Contains(t, settings, "retry", "the caller's settings are left alone")
	}
	got, _, err := crm.SplitRetry(nil)
	require.NoError(t, err)
	require.Equal(t, crm.Retry{First: time.Second, Max: time.Hour}, got)
	for name, bad := range map[string]any{
		"text": "often", "unknown": map[string]any{"frist": "1s"}, "wrong type": map[string]any{"first": true},
		"none": map[string]any{"attempts": 0}, "negative": map[string]any{"first": "-1s"}, "upside down": map[string]any{"first": "1h", "max": "1s"},
	} {
		_, _, err := crm.SplitRetry(config.Settings{"retry": bad})
		require.ErrorContains(t, err, "retry", name)
	}
}

func TestAmend(t *testing.T) {
	t.Parallel()
	doc, err := crm.Document(crm.StatusChanged, time.Unix(0, 0), "k", "", map[string]any{"name": "Ada"}, []string{"status"}, crm.Conversation{})
	require.NoError(t, err)
	amended, err := crm.Amend(doc, json.RawMessage(` {"new":"qualified","old":null} `))
	require.NoError(t, err)
	require.Equal(t, `{"type":"contact.status_changed","timestamp":"1970-01-01T00:00:00Z","data":{"lead_key":"k","event_id":null,`+
		`"contact":{"name":"Ada"},"changed":["status"],"conversation":null,"new":"qualified","old":null}}`, string(amended))
	same, err := crm.Amend(doc, json.RawMessage(`{}`))
	require.NoError(t, err)
	require.Equal(t, doc, same)
	for _, wrong := range []string{"", "null", "[1]", "{", `{"a"}`} {
		_, err = crm.Amend(doc, json.RawMessage(wrong))
		require.Error(t, err, wrong)
	}
}
