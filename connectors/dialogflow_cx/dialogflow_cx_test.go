package dialogflowcx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	dialogflowcx "usher/connectors/dialogflow_cx"
)

func newConnector(t testing.TB) connectors.Connector {
	t.Helper()
	c, err := dialogflowcx.New(connectors.Setup{Country: "GB", Settings: config.Settings{"token": "s3cret", "fields": map[string]any{"mail": "email"}}})
	require.NoError(t, err)
	return c
}

func TestParse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]connectors.Event{
		`"dtmfDigits":"42"`:                       {Text: "42"},
		`"triggerIntent":"projects/p/intents/i"`:  {Trigger: "projects/p/intents/i"},
		`"fulfillmentInfo":{"tag":"usher.known"}`: {Action: connectors.ActionKnown},
		`"intentInfo":{"displayName":"order","parameters":{"size":{"originalValue":"ten","resolvedValue":10}}}`: {
			Intent: "order", Parameters: map[string]any{"size": 10.0}},
		`"payload":{"telephony":{"caller_id":"anonymous"}}`: {},
		`"text":7,"pageInfo":[],"intentInfo":"x"`:           {},
	} {
		items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(`{"sessionInfo":{"session":"a/b/sessions/s-1"},` + body + `}`)})
		require.NoError(t, err)
		require.Empty(t, items[0].Problem)
		want.Kind, want.ExternalID = connectors.KindFulfilment, "s-1"
		require.Equal(t, want, items[0].Event, body)
	}
	_, err := newConnector(t).Parse(&connectors.Request{Body: []byte(`[]`)})
	require.ErrorIs(t, err, connectors.ErrUnreadable)
}

// An agent sends back what it was told: only what was said just now counts.
func TestWhatWasTold(t *testing.T) {
	t.Parallel()
	kept := func(known, rest string) map[string]any {
		t.Helper()
		items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(`{"sessionInfo":{"session":"s-1","parameters":{"mail":"a@b.example","plan":"gold",` +
			`"usher":{"type":"guest","known":` + known + `}}}` + rest + `}`)})
		require.NoError(t, err)
		return items[0].Event.Parameters
	}
	require.Equal(t, map[string]any{"plan": "gold"}, kept(`{"email":true,"plan":false}`, ""))
	require.Equal(t, map[string]any{"plan": "gold", "email": "a@b.example"}, kept(`{"email":false}`, ""))
	require.Equal(t, map[string]any{"email": "a@b.example"}, kept(`{"email":true,"plan":true}`,
		`,"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"mail","justCollected":true},{"displayName":"plan","justCollected":false}]}}`))
	require.Equal(t, map[string]any{"plan": "gold"}, kept(`{"email":true,"plan":true}`, `,"intentInfo":{"parameters":{"plan":{"resolvedValue":"gold"}}}`))
	require.Len(t, kept(`7`, ""), 2)
}

func TestRespond(t *testing.T) {
	t.Parallel()
	contact, status := "con_1", "qualified"
	answer := newConnector(t).(connectors.Responder).Respond(nil, connectors.Turn{
		ContactID: &contact, Type: "lead", Status: &status, Known: map[string]bool{"email": true, "phone": false}, Values: map[string]any{"email": "a@b.example"},
		Replies: []connectors.TurnReply{
			{Text: "Which one?", Buttons: []connectors.Button{{Title: "A & B", Value: "a"}, {Title: "C", Value: "c"}}},
			{Text: "Look", Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}}},
		},
	})
	require.Equal(t, "application/json", answer.ContentType)
	require.Equal(t, `{"fulfillmentResponse":{"messages":[{"text":{"text":["Which one?\n1. A & B\n2. C"]}},{"text":{"text":["Look\nhttps://a.example/p.png"]}}]},`+
		`"sessionInfo":{"parameters":{"email":"a@b.example","mail":"a@b.example","usher":{"contact_id":"con_1","known":{"email":true,"phone":false},"status":"qualified","type":"lead"}}}}`,
		string(answer.Body))
}
