package meta

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

func channel() *Channel {
	s := Defaults()
	s.AppSecret, s.VerifyToken, s.AccessToken = config.Secrets{"s"}, "v", "t"
	return NewChannel("messenger", "page", "", s, http.DefaultClient)
}

func parse(t *testing.T, body string) []connectors.Item {
	t.Helper()
	items, err := channel().Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	return items
}

// from is an item that Ada sent to page 9.
func from(content string) string {
	return `{"sender":{"id":"5"},"recipient":{"id":"9"},"timestamp":1788359611137,` + content + `}`
}

func in(items ...string) string {
	return `{"object":"page","entry":[{"id":"9","time":1788359611387,"messaging":[` + strings.Join(items, ",") + `]}]}`
}

func TestMessages(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]connectors.Event{
		`"text":"a\u0000\ud800b"`: {Kind: connectors.KindMessage, Text: "a\uFFFDb"},
		`"attachments":[{"type":"fallback","title":"Kettle","url":"https://a.example"}]`:                                                 {Kind: connectors.KindMessage, Text: "https://a.example"},
		`"attachments":[{"type":"fallback","payload":null,"title":"Kettle"}]`:                                                            {Kind: connectors.KindMessage, Text: "Kettle"},
		`"attachments":[{"type":"template","payload":{"url":"x"}}]`:                                                                      {Kind: connectors.KindUnsupported, RawType: "template"},
		`"attachments":[{"type":"hologram","payload":{}}]`:                                                                               {Kind: connectors.KindUnsupported, RawType: "hologram"},
		`"attachments":[{"type":"ig_reel","payload":{"url":"https://r","title":"Reel"}}]`:                                                {Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "ig_reel", URL: "https://r"}}},
		`"attachments":[{"type":"like_heart"}]`:                                                                                          {Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "like_heart"}}},
		`"attachments":[{"type":"image","payload":{"url":"https://s","sticker_id":369239263222822}}]`:                                    {Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "sticker", ID: "369239263222822", URL: "https://s"}}},
		`"attachments":[{"type":"sticker","payload":{"url":"https://s","sticker_id":1}},{"type":"image","payload":{"url":"https://i"}}]`: {Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "sticker", ID: "1", URL: "https://s"}, {Type: "image", URL: "https://i"}}},
		`"quick_reply":{"payload":"YES"},"text":"Yes"`:                                                                                   {Kind: connectors.KindPostback, Text: "Yes", Reply: &connectors.Choice{Type: "quick_reply", ID: "YES", Title: "Yes"}},
		`"is_unsupported":true`: {Kind: connectors.KindUnsupported, RawType: "is_unsupported"},
		`"nothing":true`:        {Kind: connectors.KindUnsupported, RawType: "message"},
	} {
		items := parse(t, in(from(`"message":{"mid":"m_1",`+content+`}`)))
		require.Len(t, items, 1)
		require.Empty(t, items[0].Problem, content)
		e := items[0].Event
		require.Equal(t, []any{want.Kind, want.Text, want.RawType, want.Media, want.Reply}, []any{e.Kind, e.Text, e.RawType, e.Media, e.Reply}, content)
		require.Equal(t, []string{"9", "5", "m_1"}, []string{e.Account, e.ExternalID, e.DedupeKey})
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]connectors.Event{
		`"pass_thread_control":{"new_owner_app_id":"1"}`:             {Kind: connectors.KindSystem, RawType: "pass_thread_control"},
		`"hologram":{"id":"1"}`:                                      {Kind: connectors.KindUnsupported, RawType: "hologram"},
		`"message":{"mid":"m_1","text":"x"},"hologram":{}`:           {Kind: connectors.KindMessage, DedupeKey: "m_1"},
		`"message_edit":{"mid":"m_1","text":"y","num_edit":"2"}`:     {Kind: connectors.KindEdit, TargetID: "m_1", DedupeKey: "m_1#edit2"},
		`"reaction":{"mid":"m_1","action":"react","reaction":"wow"}`: {Kind: connectors.KindReaction, DedupeKey: "5#reaction1788359611137"},
		`"optin":{"type":"notification_messages","payload":"news"}`:  {Kind: connectors.KindOptin, RawType: "notification_messages", DedupeKey: "5#optin1788359611137"},
		`"delivery":{"watermark":1788359611000}`:                     {Kind: connectors.KindStatus, Status: "delivered", DedupeKey: "5#delivered1788359611000"},
		`"read":{"watermark":"1788359611000"}`:                       {Kind: connectors.KindStatus, Status: "read", DedupeKey: "5#read1788359611000"},
	} {
		items := parse(t, in(from(content)))
		require.Len(t, items, 1)
		require.Empty(t, items[0].Problem, content)
		e := items[0].Event
		require.Equal(t, []any{want.Kind, want.RawType, want.TargetID, want.Status}, []any{e.Kind, e.RawType, e.TargetID, e.Status}, content)
		if want.DedupeKey != "" {
			require.Equal(t, want.DedupeKey, e.DedupeKey)
		}
		require.Empty(t, e.Direction)
	}
}

// The page's own messages are recorded; those that usher sent itself are known,
// and their echo says only that they were taken.
func TestEchoes(t *testing.T) {
	t.Parallel()
	echo := func(more string) connectors.Event {
		items := parse(t, in(`{"sender":{"id":"9"},"recipient":{"id":"5"},"timestamp":1788359611137,"message":{"mid":"m_1","text":"Hi","is_echo":true`+more+`}}`))
		require.Len(t, items, 1)
		require.Empty(t, items[0].Problem)
		require.Equal(t, "5", items[0].Event.ExternalID)
		return items[0].Event
	}
	e := echo(`,"metadata":"crm-7"`)
	require.Equal(t, []any{connectors.KindMessage, connectors.DirectionOut, "crm-7", "Hi"}, []any{e.Kind, e.Direction, e.CallbackData, e.Text})
	e = echo(`,"metadata":"usher/msg_1"`)
	require.Equal(t, []string{"status", "sent", "m_1", "m_1#sent", "msg_1", "", ""},
		[]string{string(e.Kind), e.Status, e.MessageID, e.DedupeKey, e.CallbackData, e.Direction, e.Text})

	items := parse(t, in(`{"sender":{"id":"9"},"recipient":{"id":"5"},"timestamp":1,"reaction":{"mid":"m_1","action":"react","emoji":"x"}}`))
	require.Equal(t, []string{connectors.DirectionOut, "5"}, []string{items[0].Event.Direction, items[0].Event.ExternalID})
}

func TestMetadataIsNoPersons(t *testing.T) {
	t.Parallel()
	items := parse(t, in(from(`"message":{"mid":"m_1","text":"x","metadata":"usher/msg_1"}`)))
	require.Equal(t, connectors.KindMessage, items[0].Event.Kind)
	require.Empty(t, items[0].Event.CallbackData)
}

// What stands by another app's conversation is marked; the dashboard's tests
// wrap items otherwise; comments are nobody's conversation.
func TestEntries(t *testing.T) {
	t.Parallel()
	text := from(`"message":{"mid":"m_1","text":"x"}`)
	items := parse(t, `{"object":"page","entry":[{"id":"9","standby":[`+text+`]}]}`)
	require.True(t, items[0].Event.Standby)
	items = parse(t, `{"object":"page","entry":[{"id":"9","changes":[{"field":"messages","value":`+text+`},{"field":"comments","value":{"id":"1"}}]}]}`)
	require.Len(t, items, 1)
	require.Equal(t, "m_1", items[0].Event.MessageID)
	require.Empty(t, parse(t, `{"object":"page","entry":[]}`))
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for body, why := range map[string]string{
		`{}`:                                                 "no webhook about a page",
		`{"object":"page"}`:                                  "no webhook about a page",
		`{"object":"user","entry":[]}`:                       "no webhook about a page",
		`{"object":"page","entry":[7]}`:                      "without messaging",
		`{"object":"page","entry":[{}]}`:                     "without messaging",
		in(`7`):                                              "no object",
		in(`{}`):                                             "about nothing",
		in(from(`"message":7`)):                              "about nothing",
		in(from(`"message":{}`)):                             "mid",
		in(from(`"postback":{}`)):                            "payload",
		in(from(`"message_edit":{}`)):                        "mid",
		in(from(`"message_edit":{"mid":"m"}`)):               "num_edit",
		in(from(`"read":{}`)):                                "watermark",
		in(from(`"delivery":{}`)):                            "watermark",
		in(from(`"delivery":{"mids":[{}]}`)):                 "without id",
		in(from(`"reaction":{"action":"react"}`)):            "mid",
		in(from(`"reaction":{"mid":"m","action":"shrug"}`)):  "action",
		in(from(`"message":{"mid":"m","attachments":[{}]}`)): "type",
		in(from(`"message":{"mid":"m","attachments":[{"type":"location"}]}`)):           "coordinates",
		in(`{"recipient":{"id":"9"},"optin":{}}`):                                       "person",
		in(`{"recipient":{"id":"9"},"message":{"mid":"m","text":"x"}}`):                 "person",
		in(`{"sender":{"id":"5"},"timestamp":"soon","message":{"mid":"m","text":"x"}}`): "timestamp",
	} {
		items := parse(t, body)
		require.Len(t, items, 1, body)
		require.Contains(t, items[0].Problem, why, body)
		require.NotEmpty(t, items[0].Event.Kind)
		require.NotEmpty(t, items[0].Raw)
	}
	for _, body := range []string{"", "[]", "7", "{"} {
		_, err := channel().Parse(&connectors.Request{Body: []byte(body)})
		require.ErrorIs(t, err, connectors.ErrUnreadable)
	}
}

// Peers 3: one POST with three entries, two pages, an unknown type and a
// malformed item.
func TestBadItemsDoNotBlockTheirNeighbours(t *testing.T) {
	t.Parallel()
	var entries []string
	for e, page := range []string{"9", "8", "9"} {
		var items []string
		for i := range 334 {
			items = append(items, from(fmt.Sprintf(`"message":{"mid":"m_%d_%d","text":"x"}`, e, i)))
		}
		items[7] = []string{`7`, from(`"message":{"text":"no id"}`), from(`"hologram":{}`)}[e]
		entries = append(entries, fmt.Sprintf(`{"id":"%s","time":1,"messaging":[%s]}`, page, strings.Join(items, ",")))
	}
	items := parse(t, `{"object":"page","entry":[`+strings.Join(entries, ",")+`]}`)
	require.Len(t, items, 1002)
	problems, pages := 0, map[string]int{}
	for _, it := range items {
		pages[it.Event.Account]++
		if it.Problem != "" {
			problems++
		}
	}
	require.Equal(t, 2, problems)
	require.Equal(t, map[string]int{"": 1, "9": 667, "8": 334}, pages)
}

func TestRawIsTheItemsOwn(t *testing.T) {
	t.Parallel()
	items := parse(t, in(from(`"delivery":{"mids":["m_1", "m_2"],"watermark":1}`)))
	require.Len(t, items, 2)
	require.Equal(t, from(`"delivery":{"mids":["m_2"],"watermark":1}`), string(items[1].Raw))
	require.False(t, bytes.Equal(items[0].Raw, items[1].Raw))
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	ask := func(method string, query map[string]string) (connectors.Response, bool) {
		return channel().Challenge(&connectors.Request{Method: method, Query: query})
	}
	response, ok := ask(http.MethodGet, map[string]string{"hub.mode": "subscribe", "hub.verify_token": "v", "hub.challenge": "<b>1"})
	require.True(t, ok)
	require.Equal(t, connectors.Response{Status: 200, ContentType: "text/plain; charset=utf-8", Body: []byte("<b>1")}, response)
	for _, query := range []map[string]string{
		{"hub.mode": "subscribe", "hub.verify_token": "wrong", "hub.challenge": "1"},
		{"hub.mode": "subscribe", "hub.challenge": "1"},
		{"hub.mode": "unsubscribe", "hub.verify_token": "v", "hub.challenge": "1"},
		{"hub.mode": ""},
	} {
		response, ok = ask(http.MethodGet, query)
		require.True(t, ok)
		require.Equal(t, http.StatusForbidden, response.Status)
	}
	_, ok = ask(http.MethodGet, nil)
	require.False(t, ok)
	_, ok = ask(http.MethodPost, map[string]string{"hub.mode": "subscribe", "hub.verify_token": "v"})
	require.False(t, ok)
}
