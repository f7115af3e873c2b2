package gateway

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/inbox"
)

// guests is a store of guests that can be taken away.
type guests struct {
	contacts.GuestStore
	mu    sync.Mutex
	load  func(ctx context.Context, ids []string) error
	saved func(writes []contacts.GuestWrite) error
	loads int
}

func (s *guests) on(load func(ctx context.Context, ids []string) error, saved func(writes []contacts.GuestWrite) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load, s.saved = load, saved
}

func (s *guests) Load(ctx context.Context, ids []string) (map[string]*contacts.Guest, error) {
	s.mu.Lock()
	load := s.load
	s.loads++
	s.mu.Unlock()
	if load != nil {
		if err := load(ctx, ids); err != nil {
			return nil, err
		}
	}
	return s.GuestStore.Load(ctx, ids)
}

func (s *guests) Save(ctx context.Context, writes []contacts.GuestWrite) []error {
	answers := s.GuestStore.Save(ctx, writes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved != nil {
		if err := s.saved(writes); err != nil {
			for i := range answers {
				answers[i] = err
			}
		}
	}
	return answers
}

func (s *guests) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads
}

// besides keeps guests in a store of their own, as beside a server, that a test
// can take away.
func besides(be backend) (backend, *guests) {
	inner := be.guests
	if inner == nil {
		inner = sqlstore.OpenGuests(be.db)
	}
	s := &guests{GuestStore: inner}
	return backend{be.db, s}, s
}

// TestStoreAway is nobody's fault, also after a takeover: events wait.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	be, store := besides(embedded(t))
	w := build(t, be, silent)
	old := stored(t, w, "old", said(t, "old", "Hi"), 1)
	store.on(func(context.Context, []string) error { return errors.New("connection refused") }, nil)
	registry := prometheus.NewRegistry()
	w.deps.Metrics = registry
	w.start()
	require.NoError(t, w.post("web/site", message("new", "Hi")))
	putOff := func() (n float64) {
		families, err := registry.Gather()
		require.NoError(t, err)
		for _, f := range families {
			if f.GetName() == "usher_store_outages_total" {
				n = f.Metric[0].GetCounter().GetValue()
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return putOff() > 2*maxFailures+4 }, soon, look)
	require.Len(t, w.undone(), 2)
	require.Equal(t, 2, w.event(old).Attempts, "one run, however often it waits")
	store.on(nil, nil)
	w.idle()
	require.Len(t, w.events(done), 2)
}

// TestCrashAfterGuestWasSaved: run again, the event says the same, under the
// same ids, once.
func TestCrashAfterGuestWasSaved(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		be, store := besides(be)
		w := setup(t, be)
		crash := func() {
			left := 2
			store.on(nil, func([]contacts.GuestWrite) error {
				if left--; left < 0 {
					return nil
				}
				return errors.New("the process died here")
			})
		}
		crash()
		w.say("phone/acme", "u-1", "Hi")
		crash()
		w.say("phone/acme", "u-1", "20")
		require.Eventually(t, func() bool { return len(w.phone.all()) >= 3 }, soon, look)
		w.say("phone/acme", "u-1", "no address")
		require.Eventually(t, func() bool { return len(w.phone.all()) >= 4 }, soon, look)
		require.Equal(t, []string{"< Hi", "> Hello stranger!", "> How many people?", "< 20", "> Your e-mail?"}, w.transcript("phone/acme", "u-1")[:5])
		require.Equal(t, []string{"Hello stranger!", "How many people?", "Your e-mail?"}, w.phone.texts("u-1")[:3])
		ids := map[string]bool{}
		for _, s := range w.phone.all() {
			require.False(t, ids[s.M.ID])
			ids[s.M.ID] = true
		}

		// A bot gets the same answer, and so does its repetition.
		crash()
		ev := message("b-1", "Hi")
		ev.DedupeKey = "m-1"
		first := w.turn(ev)
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, texts(first))
		require.Equal(t, first, w.turn(ev))
		require.Equal(t, "company_size", *first.WaitingFor)
		require.Empty(t, w.events(quarantined))
	})
}

// TestGuestsAreRebuilt: a store that has lost its guests, or some of what
// happened to them, costs nothing. Those of the embedded database commit with
// their events.
func TestGuestsAreRebuilt(t *testing.T) {
	t.Parallel()
	be := servers(t)
	for name, lose := range map[string]func(t *testing.T, w *world, old *contacts.Guest, lines []contacts.Line){
		"gone": func(t *testing.T, w *world, old *contacts.Guest, _ []contacts.Line) {
			require.NoError(t, w.g.guestStore().Delete(t.Context(), []string{old.ID}))
		},
		"behind": func(t *testing.T, w *world, old *contacts.Guest, lines []contacts.Line) {
			require.NoError(t, w.g.guestStore().Delete(t.Context(), []string{old.ID}))
			restored := *old
			restored.Conversation.Version = 0
			for _, err := range w.g.guestStore().Save(t.Context(), []contacts.GuestWrite{{Guest: &restored, Lines: lines, TTL: time.Hour}}) {
				require.NoError(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t, be)
			who := "lost-" + name
			w.say("phone/acme", who, "Hi")
			old := w.guest("phone/acme", who)
			lines, err := w.g.Messages(t.Context(), w.b, old.Conversation.ID, 0, 100)
			require.NoError(t, err)
			w.say("phone/acme", who, "20")
			w.say("web/site", who, "Hi", "30")
			before := w.guest("phone/acme", who)
			require.Eventually(t, func() bool { return len(w.phone.texts(who)) == 3 }, soon, look)

			lose(t, w, old, lines)
			// A look sees it whole already.
			view := w.known("phone/acme", who)
			require.Equal(t, 20.0, view.Values["company_size"])
			again := w.guest("phone/acme", who)
			require.Equal(t, before.Seed, again.Seed, "the same pseudonym")
			require.Equal(t, before.Conversation.State.Said, again.Conversation.State.Said)
			require.Equal(t, before.Conversation.State.Runs, again.Conversation.State.Runs)
			require.Equal(t, before.Applied, again.Applied)

			w.say("phone/acme", who, who+"@example.com")
			require.Equal(t, []string{"< Hi", "> Hello stranger!", "> How many people?", "< 20", "> Your e-mail?", "< " + who + "@example.com", "> Your name?"},
				w.transcript("phone/acme", who))
			require.Eventually(t, func() bool { return len(w.phone.texts(who)) == 4 }, soon, look)
			require.Equal(t, []string{"Hello stranger!", "How many people?", "Your e-mail?", "Your name?"}, w.phone.texts(who), "nothing is said twice")
			_, c := w.conv("phone/acme", who)
			require.Equal(t, 20.0, c.Values["company_size"])
			require.Equal(t, contacts.ContactIDOf(old.ID), c.ID)
		})
	}
}

// TestStaleEvent: a node that comes late with an event that is done does not
// run it again on what has happened since.
func TestStaleEvent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("web/site", "v1", "Hi", "20")
		before := w.guest("web/site", "v1")
		first := w.event(w.events(done)[0].ID)
		first.State = inbox.Accepted // as it was when that node read it
		work := &work{row: first, ref: inbox.Ref{ID: first.ID, Lane: first.Lane, Pos: first.Pos}}
		require.ErrorIs(t, w.g.runAlone(t.Context(), work), inbox.ErrConflict)
		require.Equal(t, before, w.guest("web/site", "v1"))
	})
}
