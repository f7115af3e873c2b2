package gateway

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// asked is what a bot platform wants done about something that a person said.
func asked(session, id, action, text string, parameters map[string]any) connectors.Event {
	return connectors.Event{Kind: connectors.KindFulfilment, ExternalID: session, MessageID: id, DedupeKey: id,
		Action: action, Text: text, Parameters: parameters}
}

// A platform that runs the conversation itself gets what it asks for: what is
// known, a turn of the flow, or nothing but that its values are kept.
func TestFulfilment(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		turn := w.turn(asked("s-1", "m-1", connectors.ActionKnown, "hello", map[string]any{"plan": "gold"}))
		require.Empty(t, turn.Values, "nothing is captured")
		require.Empty(t, turn.Replies)
		require.False(t, turn.Known["plan"])
		require.Zero(t, w.guestsAt("s-1"), "who only asks leaves no trace")

		turn = w.turn(asked("s-1", "m-1", "collect", "gold, for 20", map[string]any{"plan": "gold", "company_size": "many", "date": "x", "email": ""}))
		require.Equal(t, map[string]any{"plan": "gold"}, turn.Values, "what cannot be used is left out, the rest is kept")
		require.Empty(t, turn.Replies, "no flow runs")
		require.Equal(t, []string{"< gold, for 20"}, w.transcript("bot/site", "s-1"))

		w.turn(asked("s-1", "m-1", "collect_more", "gold, for 20", map[string]any{"company_size": ""}))
		require.Equal(t, []string{"< gold, for 20"}, w.transcript("bot/site", "s-1"), "it was said once")

		turn = w.turn(asked("s-1", "m-1", connectors.ActionKnown, "", nil))
		require.True(t, turn.Known["plan"], "one id asks several things")

		turn = w.turn(asked("s-1", "m-2", connectors.ActionFlow, "Hi", nil))
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, texts(turn))
		again := w.turn(asked("s-1", "m-2", connectors.ActionFlow, "Hi", nil))
		require.Equal(t, turn, again, "a repeated request gets the same answer")
		turn = w.turn(asked("s-1", "m-3", connectors.ActionFlow, "20", nil))
		require.Equal(t, 20.0, turn.Values["company_size"])

		ev := asked("s-1", "m-4", connectors.ActionFlow, "Hi", nil)
		ev.Phone = "+447700900123"
		turn = w.turn(ev)
		require.Nil(t, turn.ContactID, "a number that a platform tells is a claim")
	})
}

// guestsAt counts the guests and contacts that a person of the bot has left.
func (w *world) guestsAt(person string) int {
	w.t.Helper()
	_, _, seen, err := w.g.seek(context.Background(), w.b.Channels["bot/site"], person)
	require.NoError(w.t, err)
	if seen {
		return 1
	}
	return 0
}

// What somebody else answers is written down and not answered.
func TestStandby(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	ev := message("447700900123", "Hi")
	ev.Standby = true
	require.NoError(t, w.post("phone/acme", ev))
	w.idle()
	require.Equal(t, []string{"< Hi"}, w.transcript("phone/acme", "447700900123"))
}

// What a bot platform says by itself is written down with its buttons, and what
// says nothing leaves no empty line.
func TestBotMessageIsRecorded(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	ev := connectors.Event{Kind: connectors.KindBotMessage, Direction: connectors.DirectionOut, ExternalID: "p", Text: "Which?",
		Buttons: []connectors.Offer{{Title: "Yes", Payload: "/yes"}}}
	require.NoError(t, w.post("phone/acme", ev, connectors.Event{Kind: connectors.KindFollow, ExternalID: "p"}))
	w.idle()
	require.Equal(t, []string{"> Which?"}, w.transcript("phone/acme", "p"))
	require.Empty(t, w.phone.all())
}
