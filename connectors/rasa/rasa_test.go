package rasa_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/rasa"
)

func newConnector(t testing.TB) connectors.Connector {
	t.Helper()
	c, err := rasa.New(connectors.Setup{Settings: config.Settings{"token": "s3cret", "person": "/metadata/user", "fields": map[string]any{"mail": "email"}}})
	require.NoError(t, err)
	return c
}

func parse(t *testing.T, body string) []connectors.Item {
	t.Helper()
	items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	return items
}

func TestParse(t *testing.T) {
	t.Parallel()
	require.Equal(t, connectors.Event{Kind: connectors.KindMessage, ExternalID: "u-7", Session: "default", Text: "Hi", Source: "rest", Metadata: map[string]any{"user": "u-7"}},
		parse(t, `{"message":"Hi","input_channel":"rest","metadata":{"user":"u-7"}}`)[0].Event, "without a sender, as Rasa has it")

	items := parse(t, `[{"recipient_id":"s","text":"one"},7,{"recipient_id":"s","attachment":{"type":"video","payload":{"src":"https://a.example/v.mp4"}}},{"recipient_id":"s","attachment":"https://a.example/f.pdf"},{"recipient_id":"s"}]`)
	require.Len(t, items, 5, "a list of messages")
	require.Equal(t, "one", items[0].Event.Text)
	require.Equal(t, `{"recipient_id":"s","text":"one"}`, string(items[0].Raw))
	require.NotEmpty(t, items[1].Problem)
	require.Equal(t, []connectors.Media{{Type: "video", URL: "https://a.example/v.mp4"}}, items[2].Event.Media)
	require.Equal(t, []connectors.Media{{Type: "file", URL: "https://a.example/f.pdf"}}, items[3].Event.Media)
	require.NotEmpty(t, items[4].Problem)
	for _, bad := range []string{`{}`, `{"sender":"s"}`, `{"message":7}`} {
		require.NotEmpty(t, parse(t, bad)[0].Problem, bad)
	}
}

// Slots keep what an earlier answer told: only what was set since the user spoke
// counts.
func TestWhatWasTold(t *testing.T) {
	t.Parallel()
	kept := func(rest string) map[string]any {
		t.Helper()
		return parse(t, `{"next_action":"action_save","sender_id":"s","tracker":{"slots":{"mail":"a@b.example","plan":null,"usher":{"known":{"email":true}}}`+rest+`}}`)[0].Event.Parameters
	}
	told := map[string]any{"email": "a@b.example"}
	require.Equal(t, told, kept(""), "without events nobody can tell")
	require.Nil(t, kept(`,"events":[{"event":"slot","name":"mail"},{"event":"user"}]`))
	require.Equal(t, told, kept(`,"events":[{"event":"user"},{"event":"slot","name":"mail"}]`))
	require.Equal(t, told, kept(`,"events":[{"event":"user"}],"latest_message":{"entities":[{"entity":"mail"}]}`))
}

func TestRespond(t *testing.T) {
	t.Parallel()
	c := newConnector(t).(connectors.Picker)
	turn := connectors.Turn{Type: "guest", Replies: []connectors.TurnReply{{Text: "Which?", Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}},
		Buttons: []connectors.Button{{Title: "A", Value: "a"}}}}}
	require.Equal(t, `[{"recipient_id":"s","image":"https://a.example/p.png"},{"recipient_id":"s","text":"Which?","buttons":[{"title":"A","payload":"a"}]}]`,
		string(c.Respond(&connectors.Request{Body: []byte(`{"sender":"s","message":"x"}`)}, turn).Body))
	require.Equal(t, `{"events":[],"responses":[{"image":"https://a.example/p.png"},{"text":"Which?","buttons":[{"title":"A","payload":"a"}]}]}`,
		string(c.Respond(&connectors.Request{Body: []byte(`{"next_action":"a","sender_id":"s"}`)}, turn).Body))
	require.Equal(t, `[]`, string(c.Respond(&connectors.Request{Body: []byte(`{"sender":"s","message":"x"}`)}, connectors.Turn{}).Body))
	require.False(t, c.Answers(&connectors.Event{Direction: connectors.DirectionOut}))
}
