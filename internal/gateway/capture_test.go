package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

func TestCapture(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		ch := w.b.Channels["web/site"]
		w.say("web/site", "v1", "Hi", "20")
		turn, err := w.g.Capture(t.Context(), ch, CaptureRequest{ExternalID: "v1", Via: "api", Values: map[string]any{"phone": "07700 900123", "plan": "gold", "name": " "}})
		require.NoError(t, err)
		require.Equal(t, "+447700900123", turn.Values["phone"])
		require.Nil(t, turn.ContactID, "it was not vouched for")
		c := w.onlyContact()
		require.Equal(t, "api", c.Source.Via)
		require.Equal(t, "web/site", c.Source.Channel)
		require.Equal(t, 20.0, c.Values["company_size"])
		require.Nil(t, c.Values["name"], "blank leaves a value as it is")
		require.Equal(t, "> Your e-mail?", last(w.transcript("web/site", "v1")), "it is no answer to the question")
		w.say("web/site", "v1", "ada@example.com", "Ada Lovelace")
		require.Equal(t, "> Thank you!", last(w.transcript("web/site", "v1")), "what was captured is not asked")

		for name, values := range map[string]map[string]any{
			"a wrong type": {"company_size": "many", "plan": "tin"}, "an unknown field": {"no_such": 1}, "not theirs to say": {"customer_id": "c-1"},
		} {
			_, err := w.g.Capture(t.Context(), ch, CaptureRequest{ExternalID: "v1", Values: values})
			var fault *connectors.FieldError
			require.ErrorAs(t, err, &fault, name)
		}
		require.Equal(t, "gold", w.onlyContact().Values.Text("plan"), "nothing of a refused one is kept")
		_, err = w.g.Capture(t.Context(), ch, CaptureRequest{Values: map[string]any{"plan": "tin"}})
		require.Error(t, err)

		// Vouched for, it attaches to whom it belongs.
		bob := w.create(map[string]any{"email": "bob@example.com", "name": "Bob Bobson"})
		turn, err = w.g.Capture(t.Context(), ch, CaptureRequest{ExternalID: "v2", Verified: true, Values: map[string]any{"email": "bob@example.com", "customer_id": "c-9"}})
		require.NoError(t, err)
		require.Equal(t, bob.ID, *turn.ContactID)
		require.Equal(t, "customer", turn.Type)
	})
}

func last(lines []string) string { return lines[len(lines)-1] }

// TestTwoSessionsOfOnePerson: each has its run, both have what is known.
func TestTwoSessionsOfOnePerson(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		in := func(session, text string) connectors.Turn {
			ev := message("u-7", text)
			ev.Session = session
			return w.turn(ev)
		}
		require.Equal(t, "company_size", *in("s-1", "Hi").WaitingFor)
		require.Equal(t, "company_size", *in("s-2", "Hi").WaitingFor)
		require.Equal(t, "email", *in("s-1", "20").WaitingFor)
		second := in("s-2", "30")
		require.Equal(t, "email", *second.WaitingFor)
		require.Equal(t, 30.0, second.Values["company_size"])
		for _, name := range []string{"u-7", "s-1", "s-2"} {
			require.Equal(t, 30.0, w.known("bot/site", name).Values["company_size"], name)
		}
		require.Empty(t, w.known("bot/site", "nobody").Values)
		require.Empty(t, w.people())
	})
}
