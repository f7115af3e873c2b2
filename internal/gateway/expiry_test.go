package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/internal/inbox"
	"usher/internal/timers"
)

func TestGuestsExpire(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		w.deps.GuestTTL, w.deps.NoConsent = time.Hour, 200*time.Millisecond
		w.start()
		w.say("web/site", "v1", "a secret")
		first := w.guest("web/site", "v1")
		require.WithinDuration(t, time.Now().Add(time.Hour), first.ExpiresAt, time.Minute)
		no := false
		require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindConsent, ExternalID: "v1", Given: &no}))
		w.idle()
		require.WithinDuration(t, time.Now(), w.guest("web/site", "v1").ExpiresAt, time.Second)
		require.Eventually(t, func() bool {
			_, err := w.g.GuestAt(t.Context(), w.b, "web/site", "v1")
			return err != nil
		}, soon, look, "its life has ended")
		w.say("web/site", "v1", "Hi")
		again := w.guest("web/site", "v1")
		require.NotEqual(t, first.Seed, again.Seed, "a fresh guest with a new pseudonym")
		require.Nil(t, again.Conversation.State.Consent)
		require.Equal(t, []string{"< Hi"}, w.transcript("web/site", "v1"))
	})
}

// TestContentIsBlanked with the end of its guest's life, and kept for a contact.
func TestContentIsBlanked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		no, yes := false, true
		consent := func(person string, given *bool) {
			require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindConsent, ExternalID: person, Given: given}))
			w.idle()
		}
		for _, person := range []string{"declines", "changes", "contact", "keeps"} {
			w.say("web/site", person, "Hi")
		}
		consent("declines", &no)
		consent("changes", &no)
		consent("changes", &yes)
		consent("contact", &no)
		w.say("web/site", "contact", "20", "ada@example.com")
		blanked := func() map[string]bool {
			found := map[string]bool{}
			for _, e := range w.events(done) {
				found[personOf(w, e.Lane)] = found[personOf(w, e.Lane)] || e.Event == nil
			}
			return found
		}
		require.NoError(t, w.g.inbox.Blank(t.Context(), time.Now().Add(29*time.Minute), timers.DropLanes))
		require.Equal(t, map[string]bool{"declines": false, "changes": false, "contact": false, "keeps": false}, blanked())
		require.NoError(t, w.g.inbox.Blank(t.Context(), time.Now().Add(31*time.Minute), timers.DropLanes))
		require.Equal(t, map[string]bool{"declines": true, "changes": false, "contact": false, "keeps": false}, blanked())
	})
}

// personOf names who a lane of web/site belongs to.
func personOf(w *world, lane int64) string {
	for _, name := range []string{"declines", "changes", "contact", "keeps"} {
		if inbox.LaneOf(w.b.ID, "web/site", name) == lane {
			return name
		}
	}
	return "nobody"
}
