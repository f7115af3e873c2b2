package viber_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/viber"
	"usher/internal/outbound"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory:   viber.New,
		Dir:       "testdata",
		Settings:  config.Settings{"auth_token": connectortest.Secret},
		Proof:     "X-Viber-Content-Signature",
		SignsBody: true,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "text") }

const token = "4453b6ac12345678-token-of-the-tests"

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"auth_token": token}
	for key, value := range change {
		s[key] = value
	}
	c, err := viber.New(connectors.Setup{ID: "viber/acme", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings config.Settings
		names    []string // of the settings at fault; none: taken
	}{
		{config.Settings{}, nil},
		{config.Settings{"auth_token": []string{"one", "two"}, "sender_name": "Acme", "base_url": "http://127.0.0.1:1"}, nil},
		{config.Settings{"auth_token": ""}, []string{"auth_token"}},
		{config.Settings{"auth_token": []string{"one", ""}}, []string{"auth_token"}},
		{config.Settings{"auth_token": "line\nbreak", "sender_name": strings.Repeat("x", 29)}, []string{"auth_token", "sender_name"}},
		{config.Settings{"base_url": "viber"}, []string{"base_url"}},
	} {
		s := config.Settings{"auth_token": "t"}
		for key, value := range c.settings {
			s[key] = value
		}
		_, err := viber.New(connectors.Setup{ID: "viber/acme", Settings: s})
		if c.names == nil {
			require.NoError(t, err)
		}
		for _, name := range c.names {
			require.ErrorContains(t, err, name)
		}
	}
}

func TestRotatedToken(t *testing.T) {
	t.Parallel()
	for _, f := range connectortest.Load(t, "testdata") {
		if f.Name != "text" {
			continue
		}
		require.NoError(t, newConnector(t, config.Settings{"auth_token": []string{"new", connectortest.Secret}}).Verify(f.Copy()))
		require.ErrorIs(t, newConnector(t, nil).Verify(f.Copy()), connectors.ErrUnverified)
	}
}

func parse(t *testing.T, body string) connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	require.Len(t, items, 1)
	return items[0]
}

func TestContents(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]connectors.Event{
		`{"type":"url","media":"https://a.example"}`:                               {Kind: connectors.KindMessage, Text: "https://a.example"},
		`{"type":"rich_media","text":"x"}`:                                         {Kind: connectors.KindUnsupported, RawType: "rich_media", Text: "x"},
		`{"type":"text","text":"","tracking_data":7}`:                              {Kind: connectors.KindMessage, TrackingData: "7"},
		`{"type":"contact","contact":{"name":"Amal","phone_number":"2025550143"}}`: {Kind: connectors.KindCards, Contacts: []connectors.Card{{Name: "Amal", Phones: []string{"2025550143"}}}},
	} {
		it := parse(t, `{"event":"message","timestamp":1788422506422,"message_token":5741311806171721361,"sender":{"id":"a+/=="},"message":`+message+`}`)
		e := it.Event
		require.Empty(t, it.Problem, message)
		require.Equal(t, []any{want.Kind, want.Text, want.RawType, want.TrackingData, want.Contacts}, []any{e.Kind, e.Text, e.RawType, e.TrackingData, e.Contacts})
		require.Equal(t, "5741311806171721361", e.MessageID, "beyond what a float64 holds")
		require.Empty(t, e.Phone, "a card proves nothing")
	}
	unknown := parse(t, `{"event":"client_status","timestamp":1,"message_token":2,"user":{"id":"a"}}`)
	require.Empty(t, unknown.Problem)
	require.Equal(t, []any{connectors.KindUnsupported, "client_status"}, []any{unknown.Event.Kind, unknown.Event.RawType})
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for body, why := range map[string]string{
		`{}`:                  "event",
		`7`:                   "event",
		`{"event":"message"}`: "type",
		`{"event":"message","message_token":1,"message":{"type":"text","text":"x"}}`:                                     "person",
		`{"event":"message","message_token":1,"sender":{"id":"a"},"message":{"type":"text","text":7}}`:                   "",
		`{"event":"message","message_token":1,"sender":{"id":"a"},"message":{"type":"text"}}`:                            "text",
		`{"event":"message","message_token":1,"sender":{"id":"a"},"message":{"type":"picture"}}`:                         "image",
		`{"event":"message","message_token":1,"sender":{"id":"a"},"message":{"type":"location","location":{"lat":"x"}}}`: "latitude",
		`{"event":"message","message_token":1,"sender":{"id":"a"},"message":{"type":"contact"}}`:                         "phone_number",
		`{"event":"subscribed","user":{"id":"a"}}`:                                                                       "message_token",
		`{"event":"delivered","user_id":"a"}`:                                                                            "message_token",
		`{"event":"unsubscribed","message_token":1}`:                                                                     "person",
		`{"event":"subscribed","message_token":1,"timestamp":"soon","user":{"id":"a"}}`:                                  "timestamp",
	} {
		it := parse(t, body)
		if why == "" {
			require.Empty(t, it.Problem, body)
			continue
		}
		require.Contains(t, it.Problem, why, body)
		require.NotEmpty(t, it.Event.Kind)
	}
}

// Who has not subscribed is greeted in the answer to the callback: nothing else
// reaches them.
func TestWelcome(t *testing.T) {
	t.Parallel()
	c := newConnector(t, config.Settings{"sender_name": "Acme"}).(connectors.Picker)
	yes, no := true, false
	require.True(t, c.Answers(&connectors.Event{Kind: connectors.KindStarted}))
	require.True(t, c.Answers(&connectors.Event{Kind: connectors.KindStarted, Subscribed: &no}))
	require.False(t, c.Answers(&connectors.Event{Kind: connectors.KindStarted, Subscribed: &yes}))
	require.False(t, c.Answers(&connectors.Event{Kind: connectors.KindMessage}))
	got := c.Respond(nil, connectors.Turn{Replies: []connectors.TurnReply{
		{Text: "Hello!", Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}}},
		{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes <3", Value: "y"}}},
	}})
	require.Equal(t, "application/json", got.ContentType)
	require.JSONEq(t, `{"sender":{"name":"Acme"},"type":"text","text":"Hello!\n\nWell?\nhttps://a.example/p.png","keyboard":{"Type":"keyboard",
		"Buttons":[{"Columns":6,"Rows":1,"ActionType":"reply","ActionBody":"y","Text":"Yes &lt;3"}]}}`, string(got.Body))
	require.Equal(t, connectors.Response{}, c.Respond(nil, connectors.Turn{}), "nothing is said")
}

func sender(t *testing.T, p *connectortest.Platform) connectors.Sender {
	t.Helper()
	c, err := viber.New(connectors.Setup{ID: "viber/acme", HTTP: p.Client(), Settings: config.Settings{"auth_token": []string{token, "old"}, "base_url": p.URL}})
	require.NoError(t, err)
	return c.(connectors.Sender)
}

var ada = connectors.Address{ExternalID: "Mq7/9yT+bWHpLhA=="}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	picture := connectors.Media{Type: "image", URL: "https://a.example/p.png"}
	const all = `"receiver":"Mq7/9yT+bWHpLhA==","sender":{"name":"acme"},"tracking_data":"msg_1"`
	for _, c := range []struct {
		m    connectors.Message
		want []string
	}{
		{connectors.Message{Text: " Hi <b> é "}, []string{`{` + all + `,"type":"text","text":"Hi <b> é"}`}},
		{connectors.Message{Text: "Look", Media: []connectors.Media{picture}}, []string{`{` + all + `,"type":"picture","text":"","media":"https://a.example/p.png"}`, `{` + all + `,"type":"text","text":"Look"}`}},
		{connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}}, []string{`{` + all + `,"type":"text","text":"Well?","keyboard":{"Type":"keyboard","Buttons":[
			{"Columns":6,"Rows":1,"ActionType":"reply","ActionBody":"y","Text":"Yes"},{"Columns":6,"Rows":1,"ActionType":"reply","ActionBody":"No","Text":"No"}]}}`}},
		{connectors.Message{Text: "Read", Media: []connectors.Media{{Type: "file", URL: "https://a.example/f.pdf"}}}, []string{`{` + all + `,"type":"text","text":"Read\nhttps://a.example/f.pdf"}`}},
	} {
		p := connectortest.NewPlatform(t, func(w http.ResponseWriter, n int) {
			fmt.Fprintf(w, `{"status":0,"status_message":"ok","message_token":574131180617172136%d}`, n)
		})
		c.m.ID = "msg_1"
		id, err := sender(t, p).Send(t.Context(), ada, c.m)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("574131180617172136", len(c.want)), id)
		require.Len(t, p.Calls(), len(c.want))
		for i, call := range p.Calls() {
			require.Equal(t, []string{http.MethodPost, "/pa/send_message", token}, []string{call.Method, call.Path, call.Header.Get("X-Viber-Auth-Token")})
			got, err := json.Marshal(call.JSON(t))
			require.NoError(t, err)
			require.JSONEq(t, c.want[i], string(got))
		}
	}
}

// 200 is an error as well, if the status in the body says so.
func TestSendErrors(t *testing.T) {
	t.Parallel()
	refused := func(status int, text string) string {
		return fmt.Sprintf(`{"status":%d,"status_message":"%s %s"}`, status, text, token)
	}
	all := []connectortest.Refusal{
		{Name: "gateway", Status: 503, RetryAfter: "7", Body: token, Class: outbound.Retry, Wait: 7e9, Unknown: true},
		{Name: "too many", Status: 429, Class: outbound.Retry},
		{Name: "taken, no JSON", Status: 200, Body: "OK " + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no token", Status: 200, Body: `{"status":0}`, Class: outbound.Retry, Unknown: true},
	}
	for status, class := range map[int]outbound.Class{
		12: outbound.Retry,
		2:  outbound.Auth, 7: outbound.Auth, 9: outbound.Auth, 10: outbound.Auth, 23: outbound.Auth, 24: outbound.Auth,
		3: outbound.Permanent, 4: outbound.Permanent, 5: outbound.Permanent, 6: outbound.Permanent, 11: outbound.Permanent,
		13: outbound.Permanent, 14: outbound.Permanent, 21: outbound.Permanent, 99: outbound.Permanent,
	} {
		all = append(all, connectortest.Refusal{Name: fmt.Sprint("status ", status), Status: 200, Body: refused(status, "no"), Class: class, Code: fmt.Sprint(status)})
	}
	connectortest.Refusals(t, sender, ada, token, all)
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, refused(6, "notSubscribed")) })
	_, err := sender(t, p).Send(t.Context(), ada, connectors.Message{Text: "x"})
	require.ErrorContains(t, err, "6 notSubscribed", "the operator is told why")
}
