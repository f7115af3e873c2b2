package gateway

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// greeter is a platform that shows the answer to whoever opens a chat, is sent
// everything else, and wants a word in the answer to every webhook.
type greeter struct{ phone }

func (*greeter) Answers(ev *connectors.Event) bool { return ev.Kind == connectors.KindStarted }
func (*greeter) Deadline() time.Duration           { return 10 * time.Second }
func (*greeter) Acknowledge(items []connectors.Item) connectors.Response {
	return connectors.Response{Body: []byte(items[0].Event.CallbackID + " taken")}
}
func (*greeter) Respond(r *connectors.Request, t connectors.Turn) connectors.Response {
	return (*bot)(nil).Respond(r, t)
}

var (
	_ connectors.Picker       = (*greeter)(nil)
	_ connectors.Acknowledger = (*greeter)(nil)
)

func TestOneKindOfEventIsAnsweredInItsRequest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		chat := &greeter{}
		w := setup(t, be, func(w *world) { w.b.Channels["phone/acme"].Connector = chat })
		opened := connectors.Event{Kind: connectors.KindStarted, ExternalID: "p", DedupeKey: "1"}
		response, err := w.hook("phone/acme", opened)
		require.NoError(t, err)
		require.Contains(t, string(response.Body), "Hello stranger!")
		again, err := w.hook("phone/acme", opened)
		require.NoError(t, err)
		require.Equal(t, response, again)
		require.Empty(t, chat.all(), "what was answered is not sent")

		ev := fromPhone("+447700900123", "Ada", "20")
		ev.ExternalID, ev.CallbackID = "p", "c-1"
		response, err = w.hook("phone/acme", ev)
		require.NoError(t, err)
		require.Equal(t, "c-1 taken", string(response.Body))
		w.idle()
		require.Eventually(t, func() bool { return len(chat.texts("p")) == 1 }, soon, look)
		_, contact := w.conv("phone/acme", "p")
		require.NotNil(t, contact, "its platform vouches for numbers")
	})
}

// Peers 14: a status that comes before its message is known is kept.
func TestStatusBeforeItsMessage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		told := false
		w.phone.fail = func(s sent) error {
			if s.M.Text != "Hello stranger!" {
				return nil
			}
			// The platform has not answered the call yet.
			told = true
			return w.post("phone/acme", connectors.Event{Kind: connectors.KindStatus, ExternalID: "p", MessageID: "wamid." + s.M.ID, Status: "delivered"})
		}
		w.say("phone/acme", "p", "Hi")
		conversation := w.g.ConversationOf(w.b.Channels["phone/acme"], "p")
		require.Eventually(t, func() bool {
			lines, err := w.g.Messages(t.Context(), w.b, conversation, 0, 10)
			require.NoError(t, err)
			return len(lines) > 1 && lines[1].State == "delivered"
		}, soon, look)
		require.True(t, told)
	})
}

// Some platforms say up to when everything was read.
func TestStatusUntilATime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("phone/acme", "p", "Hi")
		conversation := w.g.ConversationOf(w.b.Channels["phone/acme"], "p")
		states := func() (all []string) {
			lines, err := w.g.Messages(t.Context(), w.b, conversation, 0, 10)
			require.NoError(t, err)
			for _, line := range lines {
				if line.Out {
					all = append(all, line.State)
				}
			}
			return all
		}
		require.Eventually(t, func() bool { return slices.Equal(states(), []string{"sent", "sent"}) && len(w.phone.texts("p")) == 2 }, soon, look)
		read := func(person string, at time.Time) {
			require.NoError(t, w.post("phone/acme", connectors.Event{Kind: connectors.KindStatus, ExternalID: person, Status: "read", Watermark: at}))
			w.idle()
		}
		read("p", time.Now().Add(-time.Hour))
		read("stranger", time.Now())
		require.Equal(t, []string{"sent", "sent"}, states())
		read("p", time.Now())
		require.Equal(t, []string{"read", "read"}, states())
		require.Empty(t, w.events(quarantined))
	})
}

// What usher sent itself is told back by some platforms: it is known. What our
// side wrote elsewhere is not.
func TestOwnEcho(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("phone/acme", "p", "Hi")
		require.Eventually(t, func() bool { return len(w.phone.texts("p")) == 2 }, soon, look)
		before := w.transcript("phone/acme", "p")
		lines, err := w.g.Messages(t.Context(), w.b, w.g.ConversationOf(w.b.Channels["phone/acme"], "p"), 0, 10)
		require.NoError(t, err)
		own := "wamid." + lines[1].ID
		require.Eventually(t, func() bool {
			sent, err := outbox.SentAs(w.g.DB.Read(t.Context()), []string{own})
			require.NoError(t, err)
			return len(sent) == 1
		}, soon, look)
		require.NoError(t, w.post("phone/acme", connectors.Event{Kind: connectors.KindMessage, Direction: connectors.DirectionOut,
			ExternalID: "p", MessageID: own, Text: "Hello stranger!"}))
		w.idle()
		require.Equal(t, before, w.transcript("phone/acme", "p"))
		require.Len(t, w.events(inbox.Ignored), 1)
		elsewhere := connectors.Event{Kind: connectors.KindMessage, Direction: connectors.DirectionOut, ExternalID: "p", MessageID: "wamid.x", Text: "Dana here"}
		require.NoError(t, w.post("phone/acme", elsewhere))
		w.idle()
		require.Equal(t, append(before, "> Dana here"), w.transcript("phone/acme", "p"))
	})
}
