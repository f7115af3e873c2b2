package whatsapp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// in wraps the members of a value of field messages.
func in(value string) string {
	return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{` +
		`"metadata":{"phone_number_id":"109"},` + value + `}}]}]}`
}

// messages wraps messages.
func messages(list ...string) string { return in(`"messages":[` + strings.Join(list, ",") + `]`) }

// hello is a good message; the id tells several apart.
func hello(id string) string {
	return `{"from":"447700900417","id":"` + id + `","timestamp":"1788249637","type":"text","text":{"body":"hi"}}`
}

// of is a message of a type with its content.
func of(kind, content string) string {
	return `{"from":"447700900417","id":"w","timestamp":"1788249637","type":"` + kind + `","` + kind + `":` + content + `}`
}

func parseAll(t testing.TB, body string) []connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(&connectors.Request{Method: "POST", Body: []byte(body)})
	require.NoError(t, err, body)
	return items
}

func parseOne(t testing.TB, body string) connectors.Item {
	t.Helper()
	items := parseAll(t, body)
	require.Len(t, items, 1, body)
	return items[0]
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	good := messages(hello("a"))
	for name, body := range map[string]string{
		"nothing":          "",
		"blank":            " \n",
		"text":             "hello",
		"list":             "[" + good + "]",
		"string":           `"x"`,
		"null":             "null",
		"two documents":    good + good,
		"rest":             good + "x",
		"NUL at the end":   good + "\x00",
		"mark in front":    "\ufeff" + good,
		"comma at the end": strings.Replace(good, `"id":"1",`, `"id":"1",,`, 1),
		"single quotes":    strings.ReplaceAll(good, `"`, `'`),
		"bare name":        `{object:1}`,
		"line break":       strings.Replace(good, "hi", "h\ni", 1),
		"bad escape":       strings.Replace(good, "hi", `h\xi`, 1),
		"bad hex":          strings.Replace(good, "hi", `\u00g0`, 1),
		"short hex":        `{"a":"\u00"}`,
		"leading zero":     `{"a":01}`,
		"plus":             `{"a":+1}`,
		"bare point":       `{"a":1.}`,
		"bare exponent":    `{"a":1e}`,
		"word":             `{"a":nul}`,
		"NaN":              `{"a":NaN}`,
		"too deep":         `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
		"far too deep":     strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		"never closed":     strings.Repeat(`{"entry":[`, 100_000),
	} {
		_, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(body)})
		require.ErrorIs(t, err, connectors.ErrUnreadable, name)
	}
}

// What cannot be understood is kept, says why, and spoils nothing beside it.
func TestBadItems(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct{ message, problem string }{
		{`42`, "message is no object"},
		{`null`, "message is no object"},
		{`"x"`, "message is no object"},
		{`[]`, "message is no object"},
		{`{}`, "message without id"},
		{`{"from":"447700900417","timestamp":"1","type":"text","text":{"body":"x"}}`, "message without id"},
		{`{"id":"w","timestamp":"1","type":"text","text":{"body":"x"}}`, "message without sender"},
		{`{"id":"w","from":null,"timestamp":"1","type":"text","text":{"body":"x"}}`, "message without sender"},
		{`{"id":"w","from":"447700900417","timestamp":"1"}`, "message without type"},
		{`{"id":"w","from":"447700900417","timestamp":"1","type":7}`, "message without type"},
		{`{"id":"w","from":{"x":1},"from_user_id":"GB.1","type":"text","text":{"body":"x"}}`, `message: "from" is of the wrong type`},
		{`{"id":["w"],"from":"447700900417","type":"text","text":{"body":"x"}}`, "message without id"},
		{`{"id":"w","from":"447700900417","timestamp":"soon","type":"text","text":{"body":"x"}}`, "message with an unreadable timestamp"},
		{`{"id":"w","from":"447700900417","timestamp":"-5","type":"text","text":{"body":"x"}}`, "message with an unreadable timestamp"},
		{`{"id":"w","from":"447700900417","timestamp":"999999999999999999","type":"text","text":{"body":"x"}}`, "message with an unreadable timestamp"},
		{`{"id":"w","from":"447700900417","timestamp":{},"type":"text","text":{"body":"x"}}`, `message: "timestamp" is of the wrong type`},
		{of("text", `"hi"`), "message without text.body"},
		{of("text", `{}`), "message without text.body"},
		{of("text", `{"body":5}`), "message without text.body"},
		{of("text", `null`), "message without text"},
		{of("image", `{}`), "message without id of its media"},
		{of("image", `[]`), "message without id of its media"},
		{of("location", `{"latitude":"north"}`), "message without latitude and longitude"},
		{of("location", `{"latitude":1e999,"longitude":1}`), "message without latitude and longitude"},
		{of("contacts", `{}`), "message without list of contacts"},
		{of("contacts", `[]`), "message without contacts"},
		{of("contacts", `[3]`), `message: "contacts" is of the wrong type`},
		{of("button", `{}`), "message without the button chosen"},
		{of("interactive", `{}`), "message without type of interactive"},
		{of("interactive", `{"type":"button_reply"}`), "message without button_reply"},
		{of("reaction", `{"emoji":"x"}`), "message without message_id of the reaction"},
		{of("order", `{"product_items":[{"quantity":"many"}]}`), "message with an unreadable quantity or price"},
		{of("order", `{"product_items":7}`), `message: "product_items" is of the wrong type`},
		{of("edit", `{}`), "message edit without original_message_id"},
		{of("revoke", `{}`), "message revoke without original_message_id"},
		{of("revoke", `null`), "message without revoke"},
		{of("system", `{"type":"user_changed_number"}`), "message without the new id"},
	} {
		items := parseAll(t, messages(hello("a"), bad.message, hello("b")))
		require.Len(t, items, 3, bad.message)
		require.Equal(t, bad.problem, items[1].Problem, bad.message)
		require.Equal(t, bad.message, string(items[1].Raw))
		require.Equal(t, "109", items[1].Event.Account)
		require.NotEmpty(t, items[1].Event.Kind)
		for _, good := range []connectors.Item{items[0], items[2]} {
			require.Empty(t, good.Problem)
			require.Equal(t, "hi", good.Event.Text)
		}
		require.Equal(t, hello("b"), string(items[2].Raw))
	}
}

// A fault above the items is one item; what it does not touch goes on.
func TestBadEnvelope(t *testing.T) {
	t.Parallel()
	const top = `{"object":"whatsapp_business_account","entry":[`
	good := strings.TrimSuffix(strings.TrimPrefix(messages(hello("a")), top), "]}")
	for _, bad := range []struct{ entry, raw, problem string }{
		{`7`, `7`, "entry without changes"},
		{`null`, `null`, "entry without changes"},
		{`{"id":"1"}`, `{"id":"1"}`, "entry without changes"},
		{`{"changes":{}}`, `{"changes":{}}`, "entry without changes"},
		{`{"changes":["x"]}`, `"x"`, "change is no object"},
		{`{"changes":[{"field":"messages"}]}`, `{"field":"messages"}`, "change without value"},
		{`{"changes":[{"field":"messages","value":[]}]}`, `{"field":"messages","value":[]}`, "change without value"},
		{`{"changes":[{"field":"messages","value":{"metadata":{}}}]}`, `{"metadata":{}}`, "value holds nothing known"},
		{`{"changes":[{"field":"messages","value":{"messages":{}}}]}`, `{}`, "message: not a list"},
		{`{"changes":[{"field":"messages","value":{"errors":{}}}]}`, `{}`, "errors of unknown shape"},
		{`{"changes":[{"value":{"messages":[` + hello("b") + `]}}]}`, hello("b"), "message without phone_number_id"},
	} {
		items := parseAll(t, top+bad.entry+","+good+"]}")
		require.Len(t, items, 2, bad.entry)
		require.Equal(t, bad.problem, items[0].Problem)
		require.Equal(t, bad.raw, string(items[0].Raw))
		require.Empty(t, items[1].Problem)
	}
	for _, body := range []string{`{}`, `{"object":"page","entry":[]}`, `{"object":"whatsapp_business_account","entry":{}}`, ` {"a":[]} `} {
		it := parseOne(t, body)
		require.Equal(t, "no webhook of a WhatsApp business account", it.Problem)
		require.Equal(t, body, string(it.Raw))
	}
	require.Empty(t, parseAll(t, top+"]}"))
}

// What is not a conversation's business gives no item, whatever its shape.
func TestIgnored(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"account_update", "message_template_status_update", "history", "standby", "calls", "a field of next year"} {
		body := strings.Replace(messages(hello("a")), `"field":"messages"`, fmt.Sprintf(`"field":%q`, field), 1)
		require.Empty(t, parseAll(t, body), field)
	}
	require.Empty(t, parseAll(t, in(`"messages":[]`)))
}

func TestUnsupported(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		of("hologram", `{"x":1}`):                                       "hologram",
		of("hologram", `7`):                                             "hologram",
		of("unsupported", `{"type":"pin"}`):                             "unsupported/pin",
		of("unsupported", `{}`):                                         "unsupported",
		of("interactive", `{"type":"call_permission_reply"}`):           "interactive/call_permission_reply",
		`{"from":"447700900417","id":"w","timestamp":"1","type":"gif"}`: "gif",
	} {
		it := parseOne(t, messages(message))
		require.Empty(t, it.Problem)
		require.Equal(t, connectors.KindUnsupported, it.Event.Kind)
		require.Equal(t, want, it.Event.RawType)
		require.Equal(t, "447700900417", it.Event.ExternalID)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for escaped, want := range map[string]string{
		`a\/b\\\"\b\f\n\r\t`:            "a/b\\\"\b\f\n\r\t",
		`\u00e9\ud83d\ude00`:            "é😀",
		`\uD83D\uDE00`:                  "😀",
		`\ud83d`:                        "\uFFFD",
		`\ud83d x`:                      "\uFFFD x",
		`\ud83d\u0041`:                  "\uFFFDA",
		`\ude00\ud83d\ude00`:            "\uFFFD😀",
		`a\u0000b`:                      "ab",
		"\xff\xc3(é":                    "\uFFFD\uFFFD(é",
		`e\u0301`:                       "e\u0301", // not composed
		strings.Repeat("x", 5000) + `é`: strings.Repeat("x", 5000) + "é",
		"":                              "",
	} {
		it := parseOne(t, in(`"contacts":[{"wa_id":"447700900417","profile":{"name":"`+escaped+`"}}],"messages":[`+of("text", `{"body":"`+escaped+`"}`)+`]`))
		require.Empty(t, it.Problem)
		require.Equal(t, want, it.Event.Text)
		require.Equal(t, want, it.Event.Name)
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 1, 8, 0, 37, 0, time.UTC)
	for written, want := range map[string]time.Time{
		`"1788249637"`: at, `1788249637`: at, `1788249637.9`: at.Add(900 * time.Millisecond), `1.788249637e9`: at,
		`"1788249637250"`: at.Add(250 * time.Millisecond), `1788249637250`: at.Add(250 * time.Millisecond),
		`null`: {}, `""`: {}, `0`: {},
	} {
		it := parseOne(t, messages(strings.Replace(hello("a"), `"1788249637"`, written, 1)))
		require.Empty(t, it.Problem, written)
		require.Equal(t, want, it.Event.Timestamp, written)
	}
}

// The last of several members with one name counts, at every level.
func TestRepeatedMembers(t *testing.T) {
	t.Parallel()
	good := messages(hello("b"))
	for _, body := range []string{
		strings.Replace(good, `"entry":`, `"entry":[{"changes":[7]}],"entry":`, 1),
		strings.Replace(good, `"changes":`, `"changes":[7],"changes":`, 1),
		strings.Replace(good, `"value":`, `"value":{"messages":[7]},"value":`, 1),
		strings.Replace(good, `"messages":[`, `"messages":[`+hello("a")+`],"messages":[`, 1),
		strings.Replace(good, `"id":"b"`, `"id":"a","id":"b"`, 1),
		strings.Replace(good, `"id":"b"`, `"id":"a","\u0069d":"b"`, 1),
		strings.Replace(good, `"text":{`, `"text":{"body":"no"},"text":{`, 1),
		strings.Replace(good, `{"body":"hi"}`, `{"body":"no","body":"hi"}`, 1),
		strings.Replace(good, `"type":"text"`, `"type":"image","type":"text"`, 1),
		strings.Replace(good, `"phone_number_id":"109"`, `"phone_number_id":"108","phone_number_id":"109"`, 1),
	} {
		it := parseOne(t, body)
		require.Empty(t, it.Problem, body)
		require.Equal(t, []string{"b", "hi", "109"}, []string{it.Event.MessageID, it.Event.Text, it.Event.Account}, body)
	}
}

func TestOrderInsideValue(t *testing.T) {
	t.Parallel()
	items := parseAll(t, in(`"errors":[{"code":"130429","message":"slow"}],
		"user_preferences":[{"wa_id":"447700900417","category":"marketing_messages","value":"stop"}],
		"statuses":[{"id":"s","status":"read","timestamp":"1","recipient_id":"447700900417"}],
		"message_echoes":[{"from":"1","to":"447700900417","id":"e","timestamp":"1","type":"text","text":{"body":"x"}}],
		"messages":[`+hello("m")+`]`))
	var kinds []connectors.Kind
	for _, it := range items {
		require.Empty(t, it.Problem)
		kinds = append(kinds, it.Event.Kind)
	}
	require.Equal(t, []connectors.Kind{"message", "message", "status", "preference", "account_error"}, kinds)
	require.Equal(t, connectors.DirectionOut, items[1].Event.Direction)
	require.Equal(t, []connectors.PlatformErr{{Code: 130429, Title: "slow"}}, items[4].Event.Errors)
}

func TestSameKeyTwice(t *testing.T) {
	t.Parallel()
	items := parseAll(t, messages(hello("a"), hello("b"), strings.Replace(hello("a"), "hi", "again", 1)))
	require.Len(t, items, 2)
	require.Equal(t, "hi", items[0].Event.Text)
	broken := strings.Replace(hello("a"), `"text":{"body":"hi"}`, `"text":7`, 1)
	for _, body := range []string{messages(broken, hello("a")), messages(hello("a"), broken)} {
		require.Empty(t, parseOne(t, body).Problem, "a broken twin does not hide the good one")
	}
	require.Len(t, parseAll(t, messages(`{}`, `{}`)), 2, "without id nothing is the same")
}

func TestThousandMessages(t *testing.T) {
	t.Parallel()
	var people, list []string
	for i := range 1000 {
		people = append(people, fmt.Sprintf(`{"profile":{"name":"P%d"},"wa_id":"44770%07d","user_id":"GB.%d"}`, i, i, i))
		list = append(list, strings.Replace(hello(fmt.Sprintf("m%d", i)), "447700900417", fmt.Sprintf("44770%07d", 999-i), 1))
	}
	items := parseAll(t, in(`"contacts":[`+strings.Join(people, ",")+`],"messages":[`+strings.Join(list, ",")+`]`))
	require.Len(t, items, 1000)
	for i, it := range items {
		require.Empty(t, it.Problem)
		require.Equal(t, fmt.Sprintf("m%d", i), it.Event.MessageID)
		require.Equal(t, fmt.Sprintf("P%d", 999-i), it.Event.Name)
		require.Equal(t, fmt.Sprintf("GB.%d", 999-i), it.Event.ExternalID)
		require.Equal(t, list[i], string(it.Raw))
		require.True(t, json.Valid(it.Raw))
	}
}
