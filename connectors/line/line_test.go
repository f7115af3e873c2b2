package line_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/line"
	"usher/internal/outbound"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory:   line.New,
		Dir:       "testdata",
		Settings:  config.Settings{"channel_secret": connectortest.Secret, "access_token": connectortest.Secret},
		Proof:     "X-Line-Signature",
		SignsBody: true,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "text") }

const token = "access-token-of-the-tests"

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"channel_secret": connectortest.Secret, "access_token": token}
	for key, value := range change {
		s[key] = value
	}
	c, err := line.New(connectors.Setup{ID: "line/acme", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]config.Settings{
		"channel_secret": {"access_token": "t", "channel_secret": []any{"a", ""}},
		"access_token":   {"channel_secret": "s", "access_token": "t\n"},
		"base_url":       {"channel_secret": "s", "access_token": "t", "base_url": "api.line.me"},
	} {
		_, err := line.New(connectors.Setup{Settings: s})
		require.ErrorContains(t, err, want)
	}
	rotated := newConnector(t, config.Settings{"channel_secret": []any{"new", connectortest.Secret}})
	for _, f := range connectortest.Load(t, "testdata") {
		require.Equal(t, f.Expect.Signature != "invalid", rotated.Verify(f.Copy()) == nil, f.Name)
	}
}

const at = `,"timestamp":1788509449377,"source":{"type":"user","userId":"U1"},"webhookEventId":"01","mode":"active"}`

// event reads one event.
func event(t *testing.T, element string) connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(`{"destination":"U0","events":[` + element + `]}`)})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, element, string(items[0].Raw))
	return items[0]
}

func TestParse(t *testing.T) {
	t.Parallel()
	for element, want := range map[string]connectors.Event{
		`{"type":"message","message":{"type":"video","id":"7","contentProvider":{"type":"external","originalContentUrl":"https://a.example/v.mp4"}}` + at: {
			Kind: connectors.KindMedia, MessageID: "7", Media: []connectors.Media{{Type: "video", ID: "7", URL: "https://a.example/v.mp4"}}},
		`{"type":"message","message":{"type":"hologram","id":"7"}` + at: {Kind: connectors.KindUnsupported, MessageID: "7", RawType: "hologram"},
		`{"type":"memberJoined","joined":{"members":[]}` + at:           {Kind: connectors.KindUnsupported, RawType: "memberJoined"},
		`{"type":"postback","postback":{"data":"yes"}` + at:             {Kind: connectors.KindPostback, Reply: &connectors.Choice{Type: "postback", ID: "yes"}},
	} {
		it := event(t, element)
		require.Empty(t, it.Problem, element)
		want.Account, want.ExternalID, want.DedupeKey, want.Timestamp = "U0", "U1", "01", time.UnixMilli(1788509449377).UTC()
		require.Equal(t, want, it.Event)
	}
	room := event(t, strings.Replace(`{"type":"message","message":{"type":"text","id":"7","text":"Hi"}`+at, `"type":"user","userId":"U1"`, `"type":"room","roomId":"R1"`, 1))
	require.Equal(t, "R1", room.Event.ExternalID, "without a user the room")
	require.Equal(t, "R1", room.Event.GroupID)
	standby := event(t, strings.Replace(`{"type":"follow"`+at, "active", "standby", 1))
	require.True(t, standby.Event.Standby, "somebody else answers")
	botSuspended := event(t, `{"type":"botSuspended","timestamp":1788509449377,"webhookEventId":"02"}`)
	require.Empty(t, botSuspended.Problem)
}

// One event at fault does not keep the next from being read.
func TestBadNeighbours(t *testing.T) {
	t.Parallel()
	good := `{"type":"message","message":{"type":"text","id":"7","text":"Hi"}` + at
	for i, bad := range []string{
		`7`, `null`, `"x"`, `[]`, `{}`, `{"type":"message"` + strings.ReplaceAll(at, `"01"`, `"0"`), `{"type":7` + strings.ReplaceAll(at, `"01"`, `"0"`),
		`{"type":"message","message":{"type":"text","id":"7"}` + strings.ReplaceAll(at, `"01"`, `"0"`),
		`{"type":"message","message":{"type":"location","id":"7","latitude":"x"}` + strings.ReplaceAll(at, `"01"`, `"0"`),
		`{"type":"unsend"` + strings.ReplaceAll(at, `"01"`, `"0"`),
		`{"type":"follow","timestamp":-1,"source":{"userId":"U1"}}`,
		`{"type":"follow","timestamp":1,"source":7}`,
	} {
		items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(`{"events":[` + bad + `,` + good + `]}`)})
		require.NoError(t, err, "%d", i)
		require.Len(t, items, 2, bad)
		require.NotEmpty(t, items[0].Problem, bad)
		require.NotEmpty(t, items[0].Event.Kind, bad)
		require.Empty(t, items[1].Problem, bad)
		require.Equal(t, "Hi", items[1].Event.Text)
	}
}

func sender(t *testing.T, p *connectortest.Platform) connectors.Sender {
	t.Helper()
	return newConnector(t, config.Settings{"base_url": p.URL + "/"}).(connectors.Sender)
}

func taken(w http.ResponseWriter, n int) { fmt.Fprintf(w, `{"sentMessages":[{"id":"m-%d"}]}`, n) }

// said sends m and returns the calls as METHOD BODY.
func said(t *testing.T, to connectors.Address, m connectors.Message) (calls []string) {
	t.Helper()
	p := connectortest.NewPlatform(t, taken)
	m.ID = "msg_1"
	id, err := sender(t, p).Send(t.Context(), to, m)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("m-%d", len(p.Calls())), id, "the last call's id")
	for i, call := range p.Calls() {
		method, ok := strings.CutPrefix(call.Path, "/v2/bot/message/")
		require.True(t, ok, call.Path)
		require.Equal(t, "Bearer "+token, call.Header.Get("Authorization"))
		if method == "push" {
			require.Equal(t, connectors.RetryKey("msg_1", i), call.Header.Get("X-Line-Retry-Key"))
		} else {
			require.Empty(t, call.Header.Get("X-Line-Retry-Key"))
		}
		call.JSON(t)
		calls = append(calls, method+" "+string(call.Body))
	}
	return calls
}

var ada = connectors.Address{ExternalID: "U1"}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to   connectors.Address
		m    connectors.Message
		want []string
	}{
		{ada, connectors.Message{Text: " Hi é "}, []string{`push {"to":"U1","messages":[{"type":"text","text":"Hi é"}]}`}},
		{connectors.Address{ExternalID: "U1", ReplyToken: "r"}, connectors.Message{Text: "Hi"}, []string{`reply {"replyToken":"r","messages":[{"type":"text","text":"Hi"}]}`}},
		{connectors.Address{ExternalID: "U1", GroupID: "C1"}, connectors.Message{Text: "Hi"}, []string{`push {"to":"C1","messages":[{"type":"text","text":"Hi"}]}`}},
		{ada, connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}}, []string{
			`push {"to":"U1","messages":[{"type":"text","text":"Well?","quickReply":{"items":[{"type":"action","action":{"type":"postback","label":"Yes","data":"y","displayText":"Yes"}},` +
				`{"type":"action","action":{"type":"postback","label":"No","data":"No","displayText":"No"}}]}}]}`}},
		{ada, connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: strings.Repeat("x", 21)}}}, []string{
			`push {"to":"U1","messages":[{"type":"text","text":"Well?\n1. xxxxxxxxxxxxxxxxxxxxx"}]}`}},
		{ada, connectors.Message{Text: "Look", Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}, {Type: "image", URL: "http://a.example/q.png"}}}, []string{
			`push {"to":"U1","messages":[{"type":"image","originalContentUrl":"https://a.example/p.png","previewImageUrl":"https://a.example/p.png"},` +
				`{"type":"text","text":"Look\nhttp://a.example/q.png"}]}`}},
	} {
		require.Equal(t, c.want, said(t, c.to, c.m))
	}
}

// Five bubbles go in one call; the first call uses the reply token, the others
// are pushed, each under its own key.
func TestSendLong(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, taken)
	_, err := sender(t, p).Send(t.Context(), connectors.Address{ExternalID: "U1", ReplyToken: "r"}, connectors.Message{ID: "msg_1", Text: strings.Repeat("😀", 15_001)})
	require.NoError(t, err)
	calls := p.Calls()
	require.Len(t, calls, 2, "2500 of them in one bubble")
	require.Len(t, calls[0].JSON(t)["messages"], 5)
	require.Equal(t, "/v2/bot/message/push", calls[1].Path)
	require.Len(t, calls[1].JSON(t)["messages"], 2)
}

// A reply token that does not work any more costs a push, not the message.
func TestSendSpentToken(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"message":"Invalid reply token"}`)
			return
		}
		taken(w, n)
	})
	id, err := sender(t, p).Send(t.Context(), connectors.Address{ExternalID: "U1", ReplyToken: "r"}, connectors.Message{ID: "msg_1", Text: "Hi"})
	require.NoError(t, err)
	require.Equal(t, "m-2", id)
	require.Equal(t, `{"to":"U1","messages":[{"type":"text","text":"Hi"}]}`, string(p.Calls()[1].Body))
}

// What was taken before under the same key is sent.
func TestSendAgain(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, _ int) {
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"message":"The retry key is already accepted","sentMessages":[{"id":"m-7"}]}`)
	})
	id, err := sender(t, p).Send(t.Context(), ada, connectors.Message{ID: "msg_1", Text: "Hi"})
	require.NoError(t, err)
	require.Equal(t, "m-7", id)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, p.Calls()[0].Header.Get("X-Line-Retry-Key"))
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	connectortest.Refusals(t, sender, ada, token, []connectortest.Refusal{
		{Name: "rate", Status: 429, RetryAfter: "7", Body: `{"message":"The API rate limit has been exceeded. Try again later."}`, Class: outbound.Retry, Wait: 7 * time.Second},
		{Name: "quota", Status: 429, Body: `{"message":"You have reached your monthly limit."}`, Class: outbound.Retry, Wait: time.Hour},
		{Name: "bad request", Status: 400, Body: `{"message":"The property, 'to', in the request body is invalid"}`, Class: outbound.Permanent},
		{Name: "token", Status: 401, Body: `{"message":"Authentication failed ` + token + `"}`, Class: outbound.Auth},
		{Name: "plan", Status: 403, Body: `{"message":"Access to this API is not available for your account"}`, Class: outbound.Auth},
		{Name: "trouble", Status: 500, Body: `{"message":"Internal Server Error"}`, Class: outbound.Retry, Unknown: true},
		{Name: "gateway", Status: 502, Body: "<html>" + token, Class: outbound.Retry, Unknown: true},
	})
}
