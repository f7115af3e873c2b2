package telegram_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/telegram"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory:  telegram.New,
		Dir:      "testdata",
		Settings: config.Settings{"token": connectortest.Secret, "secret_token": connectortest.Secret},
		Proof:    "X-Telegram-Bot-Api-Secret-Token",
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "text") }

const token = "7012345678:AAH-token_of_the_tests"

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"token": token, "secret_token": connectortest.Secret}
	for key, value := range change {
		s[key] = value
	}
	c, err := telegram.New(connectors.Setup{ID: "telegram/acme", Country: "GB", Settings: s, HTTP: http.DefaultClient})
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
		{config.Settings{"secret_token": []string{"one", "two"}, "base_url": "http://127.0.0.1:8081/"}, nil},
		{config.Settings{"token": "", "secret_token": ""}, []string{"token", "secret_token"}},
		{config.Settings{"token": "12:a/../b"}, []string{"token"}},
		{config.Settings{"secret_token": []string{"one", ""}}, []string{"secret_token"}},
		{config.Settings{"secret_token": "with blank"}, []string{"secret_token"}},
		{config.Settings{"base_url": "api.telegram.org"}, []string{"base_url"}},
	} {
		s := config.Settings{"token": "12:a", "secret_token": "s"}
		for key, value := range c.settings {
			s[key] = value
		}
		_, err := telegram.New(connectors.Setup{Settings: s})
		if c.names == nil {
			require.NoError(t, err)
		}
		for _, name := range c.names {
			require.ErrorContains(t, err, name)
		}
	}
}

func TestRotatedSecretToken(t *testing.T) {
	t.Parallel()
	c := newConnector(t, config.Settings{"secret_token": []string{"old", "new"}})
	for shown, want := range map[string]error{"old": nil, "new": nil, "": connectors.ErrUnverified, "older": connectors.ErrUnverified} {
		require.ErrorIs(t, c.Verify(&connectors.Request{Header: http.Header{"X-Telegram-Bot-Api-Secret-Token": {shown}}}), want, shown)
	}
}

// A press is told that it was noticed, in the answer to its webhook.
func TestAcknowledge(t *testing.T) {
	t.Parallel()
	c := newConnector(t, nil).(connectors.Acknowledger)
	require.Equal(t, connectors.Response{}, c.Acknowledge(nil))
	got := c.Acknowledge([]connectors.Item{{Event: connectors.Event{CallbackID: "22"}}})
	require.JSONEq(t, `{"method":"answerCallbackQuery","callback_query_id":"22"}`, string(got.Body))
	require.Equal(t, "application/json", got.ContentType)
}

func parse(t *testing.T, body string) connectors.Item {
	t.Helper()
	items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	require.Len(t, items, 1)
	return items[0]
}

// message wraps the content of a message from Ada in her own chat.
func message(content string) string {
	return `{"update_id":7,"message":{"message_id":3,"from":{"id":4503599627370497,"first_name":"Ada"},
		"chat":{"id":4503599627370497,"type":"private"},"date":1788336041,` + content + `}}`
}

func TestContents(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]connectors.Event{
		`"dice":{"emoji":"🎲","value":3}`:                              {Kind: connectors.KindUnsupported, RawType: "dice"},
		`"entities":[],"poll":{"id":"1"}`:                             {Kind: connectors.KindUnsupported, RawType: "poll"},
		`"hologram":{"id":"1"},"caption":"look"`:                      {Kind: connectors.KindUnsupported, RawType: "hologram", Text: "look"},
		`"pinned_message":{"message_id":1}`:                           {Kind: connectors.KindSystem, RawType: "pinned_message"},
		`"group_chat_created":true`:                                   {Kind: connectors.KindSystem, RawType: "group_chat_created"},
		`"text":"/start"`:                                             {Kind: connectors.KindMessage, Text: "/start"},
		`"text":"/started x"`:                                         {Kind: connectors.KindMessage, Text: "/started x"},
		`"text":"/start@acme_bot x"`:                                  {Kind: connectors.KindMessage, Text: "/start@acme_bot x", Referral: &connectors.Referral{Source: "deep_link", Ref: "x"}},
		`"text":"a\u0000\ud800b","forward_origin":{"type":"user"}`:    {Kind: connectors.KindMessage, Text: "a\uFFFDb", Forwarded: true},
		`"web_app_data":{"button_text":"Go","data":"[1]"}`:            {Kind: connectors.KindForm, Text: "[1]", Reply: &connectors.Choice{Type: "web_app", Title: "Go"}},
		`"video_note":{"file_id":"v"}`:                                {Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "video", ID: "v"}}},
		`"contact":{"phone_number":"2025550143","first_name":"Amal"}`: {Kind: connectors.KindCards, Contacts: []connectors.Card{{Name: "Amal", Phones: []string{"2025550143"}}}},
	} {
		it := parse(t, message(content))
		require.Empty(t, it.Problem, content)
		e := it.Event
		require.Equal(t, []any{want.Kind, want.RawType, want.Text, want.Forwarded, want.Media, want.Referral, want.Contacts, want.Reply},
			[]any{e.Kind, e.RawType, e.Text, e.Forwarded, e.Media, e.Referral, e.Contacts, e.Reply}, content)
		require.Equal(t, "4503599627370497", e.ExternalID, "beyond what a float32 or int32 holds")
		require.Empty(t, e.Phone)
	}
	animated := parse(t, message(`"document":{"file_id":"d"},"animation":{"file_id":"a","mime_type":"video/mp4"}`)).Event
	require.Len(t, animated.Media, 1, "an animation comes as a document too")
	require.True(t, *animated.Media[0].Animated)
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	const ada = `{"id":5,"first_name":"Ada"}`
	for body, want := range map[string]connectors.Event{
		`{"update_id":1,"channel_post":{"message_id":1,"chat":{"id":-100,"type":"channel"},"date":1788336041,"text":"News"}}`: {Kind: connectors.KindUnsupported, RawType: "channel_post", GroupID: "-100", Text: "News"},
		`{"update_id":1,"poll":{"id":"9"}}`:               {Kind: connectors.KindUnsupported, RawType: "poll"},
		`{"update_id":1,"hologram":{"from":` + ada + `}}`: {Kind: connectors.KindUnsupported, RawType: "hologram"},
		`{"update_id":1,"callback_query":{"id":"2","from":` + ada + `,"message":{"message_id":3,"date":0,"chat":{"id":-7,"type":"group"}},"data":"x"}}`:                                                             {Kind: connectors.KindPostback, ExternalID: "5", GroupID: "-7", ReplyTo: "3"},
		`{"update_id":1,"callback_query":{"id":"2","from":` + ada + `,"inline_message_id":"i","data":"x"}}`:                                                                                                         {Kind: connectors.KindPostback, ExternalID: "5"},
		`{"update_id":1,"callback_query":{"id":"2","from":` + ada + `,"game_short_name":"chess"}}`:                                                                                                                  {Kind: connectors.KindUnsupported, ExternalID: "5", RawType: "callback_query/game"},
		`{"update_id":1,"business_message":{"business_connection_id":"c","message_id":3,"from":{"id":9,"first_name":"Shop"},"chat":{"id":5,"first_name":"Ada","type":"private"},"date":1788336041,"text":"We do"}}`: {Kind: connectors.KindMessage, ExternalID: "5", Direction: connectors.DirectionOut, Text: "We do"},
		`{"update_id":1,"message":{"message_id":3,"from":{"id":7012345678,"is_bot":true},"chat":{"id":5,"type":"private"},"date":1788336041,"text":"Hi"}}`:                                                          {Kind: connectors.KindMessage, ExternalID: "5", Direction: connectors.DirectionOut, Text: "Hi"},
		`{"update_id":1,"message":{"message_id":3,"sender_chat":{"id":-8,"title":"Acme"},"chat":{"id":-7,"type":"supergroup"},"date":1788336041,"text":"Hi"}}`:                                                      {Kind: connectors.KindMessage, ExternalID: "-8", GroupID: "-7", Text: "Hi"},
		`{"update_id":1,"my_chat_member":{"from":` + ada + `,"chat":{"id":-7,"type":"group"},"new_chat_member":{"status":"member"}}}`:                                                                               {Kind: connectors.KindSystem, ExternalID: "5", GroupID: "-7", RawType: "my_chat_member/member"},
		`{"update_id":1,"edited_business_message":{"business_connection_id":"c","message_id":3,"from":` + ada + `,"chat":{"id":5,"type":"private"},"date":1,"edit_date":1788336041,"caption":"now"}}`:               {Kind: connectors.KindEdit, ExternalID: "5", TargetID: "3", RawType: "", Text: "now"},
	} {
		it := parse(t, body)
		require.Empty(t, it.Problem, body)
		e := it.Event
		require.Equal(t, []any{want.Kind, want.RawType, want.ExternalID, want.GroupID, want.Direction, want.Text, want.ReplyTo, want.TargetID},
			[]any{e.Kind, e.RawType, e.ExternalID, e.GroupID, e.Direction, e.Text, e.ReplyTo, e.TargetID}, body)
		require.Equal(t, "1", e.DedupeKey)
	}
	items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(`{"update_id":1,"deleted_business_messages":
		{"business_connection_id":"c","chat":{"id":5,"type":"private"},"message_ids":[3,4,3]}}`)})
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, []string{"3", "1#3", "4", "1#4"}, []string{items[0].Event.TargetID, items[0].Event.DedupeKey, items[1].Event.TargetID, items[1].Event.DedupeKey})
}

func TestReplacedReaction(t *testing.T) {
	t.Parallel()
	e := parse(t, `{"update_id":1,"message_reaction":{"chat":{"id":5,"type":"private"},"message_id":3,"user":{"id":5},"date":1,
		"old_reaction":[{"type":"emoji","emoji":"a"},{"type":"emoji","emoji":"b"}],"new_reaction":[{"type":"emoji","emoji":"a"},{"type":"custom_emoji","custom_emoji_id":"99"}]}}`).Event
	require.Equal(t, &connectors.Reaction{Emoji: "99", Action: "react", TargetID: "3"}, e.Reaction)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for body, why := range map[string]string{
		`{}`:                           "about nothing",
		`[]`:                           "about nothing",
		`{"update_id":1}`:              "about nothing",
		`{"update_id":1,"message":7}`:  "about nothing",
		`{"update_id":1,"message":{}}`: "message_id",
		`{"update_id":1,"message":{"message_id":1,"text":"x"}}`:                            "sender",
		`{"message":{"message_id":1,"from":{"id":1},"text":"x"}}`:                          "update_id",
		`{"update_id":1,"message":{"message_id":1,"from":{"id":1},"date":"soon"}}`:         "date",
		`{"update_id":1,"message":{"message_id":1,"from":{"id":1},"photo":[]}}`:            "file_id",
		`{"update_id":1,"message":{"message_id":1,"from":{"id":1},"location":{}}}`:         "latitude",
		`{"update_id":1,"message":{"message_id":1,"from":{"id":1},"contact":{}}}`:          "phone_number",
		`{"update_id":1,"callback_query":{"data":"x"}}`:                                    "sender",
		`{"update_id":1,"callback_query":{"from":{"id":1},"data":"x"}}`:                    "id",
		`{"update_id":1,"my_chat_member":{}}`:                                              "status",
		`{"update_id":1,"message_reaction":{"message_id":1,"user":{"id":1}}}`:              "change",
		`{"update_id":1,"deleted_business_messages":{"chat":{"id":1}}}`:                    "message_ids",
		`{"update_id":1,"deleted_business_messages":{"chat":{"id":1},"message_ids":[{}]}}`: "ids",
	} {
		it := parse(t, body)
		require.Contains(t, it.Problem, why, body)
		require.NotEmpty(t, it.Event.Kind)
		require.Equal(t, body, string(it.Raw))
	}
	_, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(strings.Repeat("[", 100) + strings.Repeat("]", 100))})
	require.ErrorIs(t, err, connectors.ErrUnreadable)
}
