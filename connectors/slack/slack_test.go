package slack_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/slack"
	"usher/internal/outbound"
)

const token = "xoxb-token-of-the-tests"

var now = time.Unix(1788595323, 0)

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"signing_secret": "s3cret", "token": token}
	for key, value := range change {
		s[key] = value
	}
	c, err := slack.New(connectors.Setup{ID: "slack/acme", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]config.Settings{
		"signing_secret": {"token": "t", "signing_secret": []any{"a", ""}},
		"token":          {"signing_secret": "s", "token": "t t"},
		"base_url":       {"signing_secret": "s", "token": "t", "base_url": "slack.com"},
		"tolerance":      {"signing_secret": "s", "token": "t", "tolerance": "-5m"},
	} {
		_, err := slack.New(connectors.Setup{Settings: s})
		require.ErrorContains(t, err, want)
	}
}

// request is signed by secret at a time.
func request(body, contentType, secret string, at time.Time) *connectors.Request {
	sent := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + sent + ":" + body))
	r := &connectors.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), At: now}
	r.Header.Set("X-Slack-Request-Timestamp", sent)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c := newConnector(t, config.Settings{"signing_secret": []any{"older", "s3cret"}})
	require.NoError(t, c.Verify(request("{}", "", "s3cret", now)))
	require.NoError(t, c.Verify(request("{}", "", "older", now)), "while it is regenerated")
	require.Error(t, c.Verify(request("{}", "", "guess", now)))
	require.NoError(t, c.Verify(request("{}", "", "s3cret", now.Add(-299*time.Second))))
	require.Error(t, c.Verify(request("{}", "", "s3cret", now.Add(-300*time.Second))), "replayed")
	require.Error(t, c.Verify(request("{}", "", "s3cret", now.Add(300*time.Second))))
	require.NoError(t, newConnector(t, config.Settings{"tolerance": 0}).Verify(request("{}", "", "s3cret", now.AddDate(-1, 0, 0))))
	later := request("{}", "", "s3cret", now)
	later.Header.Set("X-Slack-Request-Timestamp", strconv.FormatInt(now.Unix()+1, 10))
	require.Error(t, c.Verify(later), "the time is signed")

	// The vector of facts about all platforms.
	r := &connectors.Request{Body: []byte(`{"object":"page","entry":[]}`), At: time.Unix(1788249600, 0), Header: http.Header{}}
	r.Header.Set("X-Slack-Request-Timestamp", "1788249600")
	r.Header.Set("X-Slack-Signature", "v0=2a093e4ed9b4457ef1ae418ad5d31d6671a0b614b27df50363eef8883b5ef9a2")
	require.NoError(t, newConnector(t, config.Settings{"signing_secret": connectortest.Secret}).Verify(r))
}

// Nobody but Slack gets an answer to the handshake.
func TestChallenge(t *testing.T) {
	t.Parallel()
	c := newConnector(t, nil).(connectors.Challenger)
	const body = `{"type":"url_verification","challenge":"abc"}`
	answer, ok := c.Challenge(request(body, "application/json", "s3cret", now))
	require.True(t, ok)
	require.Equal(t, "abc", string(answer.Body))
	_, ok = c.Challenge(request(body, "application/json", "guess", now))
	require.False(t, ok)
	_, ok = c.Challenge(request(`{"type":"event_callback","event":{"type":"message","text":"url_verification"}}`, "application/json", "s3cret", now))
	require.False(t, ok)
}

// event reads the event of a callback.
func event(t *testing.T, inner string) []connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(request(`{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":`+inner+
		`,"authorizations":[{"user_id":"UBOT","is_bot":true}]}`, "application/json", "s3cret", now))
	require.NoError(t, err)
	return items
}

const rest = `"channel":"D1","user":"U1","ts":"1788595322.000120"}`

func TestEvents(t *testing.T) {
	t.Parallel()
	for inner, want := range map[string]connectors.Event{
		`{"type":"message","text":"mail <mailto:a@b.example|a@b.example> or <tel:+441|+44 1>, <https:\/\/b.example|b.example> &amp;lt; <https:\/\/c.example\/x|here> <https:\/\/d.example> <@U2>",` + rest: {
			Kind: connectors.KindMessage, MessageID: "1788595322.000120", Text: "mail a@b.example or +44 1, b.example &lt; here https://c.example/x https://d.example <@U2>"},
		`{"type":"app_mention","text":"hours?","thread_ts":"1788595300.000100",` + rest: {
			Kind: connectors.KindMessage, MessageID: "1788595322.000120", Text: "hours?", ReplyTo: "1788595300.000100"},
		`{"type":"message","subtype":"message_deleted","deleted_ts":"5.1","previous_message":{"user":"U1"},` + rest: {
			Kind: connectors.KindDelete, TargetID: "5.1"},
		`{"type":"message","subtype":"channel_join",` + rest: {Kind: connectors.KindUnsupported, RawType: "channel_join"},
		`{"type":"reaction_added","reaction":"thumbsup","item":{"channel":"D1","ts":"5.1"},` + rest: {
			Kind: connectors.KindReaction, Reaction: &connectors.Reaction{Emoji: "thumbsup", Action: "react", TargetID: "5.1"}},
		`{"type":"reaction_removed","reaction":"thumbsup","item":{"channel":"D1","ts":"5.1"},` + rest: {
			Kind: connectors.KindReaction, Reaction: &connectors.Reaction{Emoji: "thumbsup", Action: "unreact", TargetID: "5.1"}},
		`{"type":"app_home_opened",` + rest: {Kind: connectors.KindUnsupported, RawType: "app_home_opened"},
		`{"type":"message","text":"","files":[{"id":"F1","mimetype":"image\/png"},{"id":"F2"}],` + rest: {
			Kind: connectors.KindMedia, MessageID: "1788595322.000120", Media: []connectors.Media{{Type: "image", ID: "F1", MimeType: "image/png"}, {Type: "file", ID: "F2"}}},
	} {
		items := event(t, inner)
		require.Len(t, items, 1, inner)
		require.Empty(t, items[0].Problem, inner)
		want.Account, want.ExternalID, want.ChannelID, want.DedupeKey, want.Timestamp = "T1", "U1", "D1", "Ev1", time.UnixMilli(1788595322000).UTC()
		require.Equal(t, want, items[0].Event)
	}
	for _, own := range []string{
		`{"type":"message","text":"x","bot_id":"B1",` + rest,
		`{"type":"message","text":"x","user":"UBOT","ts":"1.1"}`,
		`{"type":"message","subtype":"message_changed","message":{"bot_id":"B1"},` + rest,
		`{"type":"message","subtype":"message_deleted","previous_message":{"bot_id":"B1"},` + rest,
		`{"type":"reaction_added","user":"UBOT","item":{}}`,
	} {
		require.Empty(t, event(t, own), own)
	}
	for _, bad := range []string{`{}`, `7`, `null`, `{"type":"message"}`, `{"type":"message","user":"U1"}`, `{"type":"message","user":"U1","ts":"soon"}`,
		`{"type":"message","subtype":"message_changed","user":"U1"}`} {
		items := event(t, bad)
		require.Len(t, items, 1)
		require.NotEmpty(t, items[0].Problem, bad)
		require.NotEmpty(t, items[0].Event.Kind, bad)
	}
	retried := request(`{"type":"event_callback","event_id":"Ev1","event":{"type":"message","text":"x",`+rest+`}`, "application/json", "s3cret", now)
	retried.Header.Set("X-Slack-Retry-Num", "1")
	items, err := newConnector(t, nil).Parse(retried)
	require.NoError(t, err)
	require.True(t, items[0].Event.Redelivery)
}

// form reads what Slack posts as a form.
func form(t *testing.T, fields url.Values) []connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(request(fields.Encode(), "application/x-www-form-urlencoded", "s3cret", now))
	require.NoError(t, err)
	return items
}

func TestInteractions(t *testing.T) {
	t.Parallel()
	payload := func(s string) url.Values { return url.Values{"payload": {s}} }
	const who = `"user":{"id":"U1","username":"teddy","team_id":"T1"},"trigger_id":"13.7","channel":{"id":"D1"},"message":{"ts":"5.1","thread_ts":"4.1"}`
	items := form(t, payload(`{"type":"block_actions",`+who+`,"actions":[
		{"type":"button","action_id":"choice_0","value":"y","text":{"type":"plain_text","text":"Yes"},"action_ts":"1788595322.000120"},
		{"type":"static_select","action_id":"size","selected_option":{"value":"l","text":{"text":"Large"}},"action_ts":"1788595322.000120"}]}`))
	require.Len(t, items, 2)
	want := connectors.Event{Kind: connectors.KindPostback, Account: "T1", ExternalID: "U1", ChannelID: "D1", IDs: &connectors.IDs{Username: "teddy"},
		DedupeKey: "13.7#choice_0", TargetID: "5.1", ReplyTo: "4.1", Text: "Yes", Timestamp: time.UnixMilli(1788595322000).UTC(),
		Reply: &connectors.Choice{Type: "button", ID: "y", Title: "Yes", Name: "choice_0"}}
	require.Equal(t, want, items[0].Event)
	require.Equal(t, &connectors.Choice{Type: "list", ID: "l", Title: "Large", Name: "size"}, items[1].Event.Reply)

	items = form(t, payload(`{"type":"view_submission",`+who+`}`))
	require.Equal(t, "view_submission", items[0].Event.RawType)
	require.Empty(t, items[0].Problem)
	require.NotEmpty(t, form(t, payload(`{"type":"block_actions",`+who+`}`))[0].Problem)
	_, err := newConnector(t, nil).Parse(request("payload=%7B", "application/x-www-form-urlencoded", "s3cret", now))
	require.ErrorIs(t, err, connectors.ErrUnreadable)
	_, err = newConnector(t, nil).Parse(request("a=b", "application/x-www-form-urlencoded", "s3cret", now))
	require.ErrorIs(t, err, connectors.ErrUnreadable)
	require.Empty(t, form(t, url.Values{"ssl_check": {"1"}}))

	items = form(t, url.Values{"command": {"/hours"}, "text": {"on A & B day"}, "user_id": {"U1"}, "user_name": {"teddy"}, "team_id": {"T1"}, "channel_id": {"C1"}, "trigger_id": {"13.8"}})
	require.Equal(t, connectors.Event{Kind: connectors.KindMessage, Account: "T1", ExternalID: "U1", ChannelID: "C1", DedupeKey: "13.8",
		IDs: &connectors.IDs{Username: "teddy"}, Text: "/hours on A & B day"}, items[0].Event)
}

func FuzzForm(f *testing.F) {
	f.Add([]byte("payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B%7B%7D%2C%7B%7D%5D%7D"))
	f.Add([]byte("command=%2Fx&text=%00%ff&user_id=U1"))
	c := newConnector(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := c.Parse(request(string(body), "application/x-www-form-urlencoded; charset=utf-8", "s3cret", now))
		if err != nil {
			require.ErrorIs(t, err, connectors.ErrUnreadable)
		}
		for _, it := range items {
			require.NotEmpty(t, it.Event.Kind)
		}
	})
}

func sender(t *testing.T, p *connectortest.Platform) connectors.Sender {
	t.Helper()
	return newConnector(t, config.Settings{"base_url": p.URL + "/api/"}).(connectors.Sender)
}

func taken(w http.ResponseWriter, n int) { fmt.Fprintf(w, `{"ok":true,"channel":"D1","ts":"%d.1"}`, n) }

// said sends m and returns the bodies without what all have.
func said(t *testing.T, to connectors.Address, m connectors.Message) (bodies []string) {
	t.Helper()
	p := connectortest.NewPlatform(t, taken)
	m.ID = "msg_1"
	id, err := sender(t, p).Send(t.Context(), to, m)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%d.1", len(p.Calls())), id, "the last call's id")
	for i, call := range p.Calls() {
		require.Equal(t, "/api/chat.postMessage", call.Path)
		require.Equal(t, "Bearer "+token, call.Header.Get("Authorization"))
		require.Equal(t, "application/json; charset=utf-8", call.Header.Get("Content-Type"))
		body, own, ok := strings.Cut(string(call.Body), `,"client_msg_id":"`)
		require.True(t, ok)
		require.Equal(t, connectors.RetryKey("msg_1", i)+`"}`, own, "sent again, it is taken once")
		bodies = append(bodies, body+"}")
	}
	return bodies
}

var teddy = connectors.Address{ExternalID: "U1", ChannelID: "D1"}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to   connectors.Address
		m    connectors.Message
		want []string
	}{
		{teddy, connectors.Message{Text: " A & B <b> é "}, []string{`{"channel":"D1","text":"A \u0026amp; B \u0026lt;b\u0026gt; é"}`}},
		{connectors.Address{ExternalID: "U1"}, connectors.Message{Text: "Hi", NoPreview: true}, []string{`{"channel":"U1","text":"Hi","unfurl_links":false,"unfurl_media":false}`}},
		{connectors.Address{ExternalID: "U1", ChannelID: "C1", ReplyTo: "4.1"}, connectors.Message{Text: "Hi"}, []string{`{"channel":"C1","thread_ts":"4.1","text":"Hi"}`}},
		{teddy, connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}}, []string{
			`{"channel":"D1","text":"Well?","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"Well?"}},{"type":"actions","elements":[` +
				`{"type":"button","action_id":"choice_0","text":{"type":"plain_text","text":"Yes"},"value":"y"},` +
				`{"type":"button","action_id":"choice_1","text":{"type":"plain_text","text":"No"},"value":"No"}]}]}`}},
		{teddy, connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: strings.Repeat("x", 76)}}}, []string{
			`{"channel":"D1","text":"Well?\n1. ` + strings.Repeat("x", 76) + `"}`}},
		{teddy, connectors.Message{Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}, {Type: "file", URL: "https://a.example/q.pdf"}}}, []string{
			`{"channel":"D1","text":"https://a.example/q.pdf","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"https://a.example/q.pdf"}},` +
				`{"type":"image","image_url":"https://a.example/p.png","alt_text":"image"}]}`}},
		{teddy, connectors.Message{Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png", Filename: "p.png"}}}, []string{
			`{"channel":"D1","text":"p.png","blocks":[{"type":"image","image_url":"https://a.example/p.png","alt_text":"p.png"}]}`}},
	} {
		require.Equal(t, c.want, said(t, c.to, c.m))
	}
	long := said(t, teddy, connectors.Message{Text: strings.TrimSpace(strings.Repeat("word ", 1000))})
	require.Len(t, long, 2)
	require.True(t, strings.HasSuffix(long[0], `word"}`))
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	refused := func(code string) string { return `{"ok":false,"error":"` + code + `","needed":"` + token + `"}` }
	connectortest.Refusals(t, sender, teddy, token, []connectortest.Refusal{
		{Name: "rate", Status: 429, RetryAfter: "30", Body: refused("ratelimited"), Class: outbound.Retry, Code: "ratelimited", Wait: 30 * time.Second},
		{Name: "rate, with 200", Status: 200, Body: refused("rate_limited"), Class: outbound.Retry, Code: "rate_limited", Wait: time.Second},
		{Name: "rate, no JSON", Status: 429, RetryAfter: "2", Body: "slow down", Class: outbound.Retry, Wait: 2 * time.Second},
		{Name: "gone channel", Status: 200, Body: refused("channel_not_found"), Class: outbound.Permanent, Code: "channel_not_found"},
		{Name: "archived", Status: 200, Body: refused("is_archived"), Class: outbound.Permanent, Code: "is_archived"},
		{Name: "token", Status: 200, Body: refused("invalid_auth"), Class: outbound.Auth, Code: "invalid_auth"},
		{Name: "scope", Status: 200, Body: refused("missing_scope"), Class: outbound.Auth, Code: "missing_scope"},
		{Name: "trouble", Status: 200, Body: refused("internal_error"), Class: outbound.Retry, Code: "internal_error", Unknown: true},
		{Name: "new code", Status: 200, Body: refused("something_new"), Class: outbound.Retry, Code: "something_new"},
		{Name: "gateway", Status: 502, Body: "<html>" + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no JSON", Status: 200, Body: "OK " + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, nothing said", Status: 200, Body: `{}`, Class: outbound.Retry, Unknown: true},
	})
}
