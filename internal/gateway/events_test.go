package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/connectors"
	"usher/contacts"
	"usher/internal/inbox"
	"usher/internal/outbound"
)

// stored puts an event into the inbox as an earlier process left it.
func stored(t *testing.T, w *world, person, body string, attempts int) int64 {
	t.Helper()
	in, err := inbox.New(w.deps.DB, inbox.Options{Node: "node_0"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- in.Run(ctx) }()
	id := in.NewID()
	_, err = in.Put(t.Context(), []*inbox.Event{{ID: id, Business: w.b.ID, Channel: "web/site", Dedupe: inbox.DedupeOf(w.b.ID, "web/site", "", id),
		Lane: inbox.LaneOf(w.b.ID, "web/site", person), Event: []byte(body)}})
	require.NoError(t, err)
	for range attempts {
		require.NoError(t, in.CountAttempts(t.Context(), []int64{id}))
	}
	cancel()
	require.NoError(t, <-ran)
	return id
}

func said(t *testing.T, person, text string) string {
	t.Helper()
	body, err := json.Marshal(message(person, text))
	require.NoError(t, err)
	return string(body)
}

func (w *world) event(id int64) *inbox.Event {
	w.t.Helper()
	e, err := w.g.Event(w.t.Context(), w.b, id)
	require.NoError(w.t, err)
	return e
}

// TestPoison: an event that cannot be run is given up at the fifth failure; its
// conversation and all others go on.
func TestPoison(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		bad := stored(t, w, "v1", `{"kind":`, 0)
		after := stored(t, w, "v1", said(t, "v1", "after"), 0)
		var others []int64
		for i := range 30 {
			others = append(others, stored(t, w, person(i), said(t, person(i), "Hi"), 0))
		}
		w.start().idle()
		e := w.event(bad)
		require.Equal(t, quarantined, e.State)
		require.Contains(t, e.Reason, "decode event")
		for _, id := range append(others, after) {
			require.Equal(t, done, w.event(id).State)
		}
		require.Equal(t, []string{"< after"}, w.transcript("web/site", "v1"))
		for i := range others {
			require.LessOrEqual(t, w.event(others[i]).Attempts, 1)
		}
	})
}

// TestPanic: a fault in the program is one event's fault.
func TestPanic(t *testing.T) {
	t.Parallel()
	be, store := besides(embedded(t))
	w := build(t, be, silent)
	poison := w.deps.Salt
	id := contacts.GuestID(poison, w.b.ID, "web/site", "bad")
	store.on(func(_ context.Context, ids []string) error {
		for _, x := range ids {
			if x == id {
				panic("boom")
			}
		}
		return nil
	}, nil)
	w.start()
	require.NoError(t, w.post("web/site", message("bad", "Hi"), message("good", "Hi")))
	w.idle()
	all := w.events(quarantined)
	require.Len(t, all, 1)
	require.Contains(t, all[0].Reason, "boom")
	require.Equal(t, 4, all[0].Attempts, "the fifth failure ends it")
	require.Len(t, w.events(done), 1)
}

// TestTakenOver: what an earlier process may have died of is counted before it
// is run, and not run for ever.
func TestTakenOver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		fresh := stored(t, w, "fresh", said(t, "fresh", "Hi"), 0)
		lastTry := stored(t, w, "last", said(t, "last", "Hi"), 4)
		dead := stored(t, w, "dead", said(t, "dead", "Hi"), 5)
		behind := stored(t, w, "dead", said(t, "dead", "after"), 0)
		w.start().idle()
		require.Equal(t, []inbox.State{done, done, quarantined, done},
			[]inbox.State{w.event(fresh).State, w.event(lastTry).State, w.event(dead).State, w.event(behind).State})
		require.Equal(t, 1, w.event(fresh).Attempts)
		require.Equal(t, 5, w.event(lastTry).Attempts)
		require.Equal(t, "given up after 5 attempts", w.event(dead).Reason)
	})
}

// TestSuspectsRunAlone: while an event runs that a process may have died of, no
// other does, so that none shares the blame.
func TestSuspectsRunAlone(t *testing.T) {
	t.Parallel()
	be, store := besides(embedded(t))
	w := build(t, be, silent)
	var innocent []int64
	bad := stored(t, w, "bad", said(t, "bad", "Hi"), 2)
	for i := range 10 {
		innocent = append(innocent, stored(t, w, person(i), said(t, person(i), "Hi"), 1))
	}
	id := contacts.GuestID(w.deps.Salt, w.b.ID, "web/site", "bad")
	running, release := make(chan struct{}, 10), make(chan struct{})
	var mu sync.Mutex
	beside := 0
	busy := false
	store.on(func(_ context.Context, ids []string) error {
		mu.Lock()
		if busy {
			beside++
		}
		busy = ids[0] == id
		stop := busy
		mu.Unlock()
		if stop {
			running <- struct{}{}
			<-release
			mu.Lock()
			busy = false
			mu.Unlock()
		}
		return nil
	}, nil)
	w.start()
	<-running
	before := map[int64]int{}
	for _, id := range innocent {
		before[id] = w.event(id).Attempts
		require.LessOrEqual(t, before[id], 2)
	}
	close(release)
	w.idle()
	require.Zero(t, beside)
	for _, id := range append(innocent, bad) {
		require.Equal(t, done, w.event(id).State)
	}
}

func TestReplayEvents(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		odd := message("u-1", "Hi")
		odd.Kind = ""
		require.NoError(t, w.post("phone/acme", odd))
		require.NoError(t, w.post("phone/acme", connectors.Event{Kind: connectors.KindIdentity, ExternalID: "u-1"}))
		w.say("phone/acme", "u-1", "Hi")
		bad := w.events(quarantined)[0]
		require.Equal(t, "unknown shape", bad.Reason)
		skipped := w.events(inbox.Ignored)[0]
		require.NoError(t, w.g.ReplayEvent(t.Context(), w.b, skipped.ID))
		w.idle()
		require.Equal(t, inbox.Ignored, w.event(skipped.ID).State)
		require.NoError(t, w.g.ReplayEvent(t.Context(), w.b, bad.ID))
		w.idle()
		require.Equal(t, done, w.event(bad.ID).State)
		require.Greater(t, w.event(bad.ID).Pos, w.event(skipped.ID).Pos, "at the end of its conversation")

		// A done one sends again what could not be sent, and never runs the flow.
		w.phone.mu.Lock()
		w.phone.fail = func(sent) error { return &outbound.Error{Class: outbound.Permanent, Status: 400, Text: "no"} }
		w.phone.mu.Unlock()
		w.say("phone/acme", "u-2", "Hi")
		failed := func() bool {
			lines, err := w.g.Messages(t.Context(), w.b, w.g.ConversationOf(w.b.Channels["phone/acme"], "u-2"), 0, 10)
			return err == nil && len(lines) == 3 && lines[1].State == "failed" && lines[2].State == "failed"
		}
		require.Eventually(t, failed, soon, look)
		w.phone.mu.Lock()
		w.phone.fail = nil
		w.phone.mu.Unlock()
		all := w.events(done)
		first := all[len(all)-1]
		before := w.guest("phone/acme", "u-2").Conversation.State
		for range 2 {
			require.NoError(t, w.g.ReplayEvent(t.Context(), w.b, first.ID))
			require.Eventually(t, func() bool { return len(w.phone.texts("u-2")) == 2 }, soon, look)
		}
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, w.phone.texts("u-2"))
		require.Equal(t, before, w.guest("phone/acme", "u-2").Conversation.State)
		require.ErrorIs(t, w.g.ReplayEvent(t.Context(), w.b, 1), inbox.ErrNotFound)
		require.ErrorIs(t, w.g.ReplayEvent(t.Context(), &Business{ID: "globex"}, first.ID), inbox.ErrNotFound)
	})
}

// TestStatuses come late, twice and out of order.
func TestStatuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		for _, who := range []connectors.Event{fromPhone("+447700900123", "Ada Lovelace", "Hi"), message("guest", "Hi")} {
			require.NoError(t, w.post("phone/acme", who))
			w.idle()
			conversation := w.g.ConversationOf(w.b.Channels["phone/acme"], who.ExternalID)
			state := func() string {
				lines, err := w.g.Messages(t.Context(), w.b, conversation, 0, 10)
				require.NoError(t, err)
				require.True(t, lines[1].Out)
				return lines[1].State
			}
			require.Eventually(t, func() bool { return state() == "sent" && len(w.phone.texts(who.ExternalID)) == 2 }, soon, look)
			lines, err := w.g.Messages(t.Context(), w.b, conversation, 0, 10)
			require.NoError(t, err)
			for _, step := range []struct{ status, want string }{
				{"delivered", "delivered"}, {"sent", "delivered"}, {"read", "read"}, {"delivered", "read"}, {"failed", "read"}, {"played", "read"}, {"unknown", "read"}, {"deleted", "read"},
			} {
				require.NoError(t, w.post("phone/acme", connectors.Event{Kind: connectors.KindStatus, ExternalID: who.ExternalID,
					MessageID: "wamid." + lines[1].ID, Status: step.status, DedupeKey: who.ExternalID + step.status + step.want}))
				w.idle()
				require.Equal(t, step.want, state(), step.status)
			}
			require.NoError(t, w.post("phone/acme", connectors.Event{Kind: connectors.KindStatus, ExternalID: who.ExternalID, MessageID: "wamid.elsewhere", Status: "read"}))
			w.say("phone/acme", who.ExternalID, "20")
			require.Equal(t, "> Your e-mail?", last(w.transcript("phone/acme", who.ExternalID)), "the conversation goes on")
		}
		require.Empty(t, w.events(quarantined))
	})
}

func TestRedeliveries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		var all errgroup.Group
		for i := range 50 {
			all.Go(func() error {
				ev := message("v1", "Hi")
				ev.DedupeKey = "m-1"
				other := message("v2", "Hi")
				other.DedupeKey = fmt.Sprint("m-", 2+i%3)
				return w.post("web/site", ev, other)
			})
		}
		require.NoError(t, all.Wait())
		w.idle()
		require.Len(t, w.events(done), 4)
		require.Equal(t, []string{"< Hi", "> Hello stranger!", "> How many people?"}, w.transcript("web/site", "v1"))
	})
}

// TestManyMessagesInOrder of many people, sent at once.
func TestManyMessagesInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		const people, messages = 20, 80 // more than a lane holds in memory
		var all errgroup.Group
		for p := range people {
			all.Go(func() error {
				for m := range messages {
					if err := w.post("web/site", message(person(p), fmt.Sprint(m))); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, all.Wait())
		w.idle()
		for p := range people {
			lines, err := w.g.inbox.History(t.Context(), inbox.LaneOf(w.b.ID, "web/site", person(p)), 0, 1000)
			require.NoError(t, err)
			require.Len(t, lines, messages)
			got := w.lastSaid("web/site", person(p))
			for i, text := range got {
				require.Equal(t, fmt.Sprint("< ", messages-len(got)+i), text)
			}
		}
	})
}

// lastSaid is the end of a transcript, of which guests keep so much.
func (w *world) lastSaid(channel, person string) []string {
	w.t.Helper()
	lines, err := w.g.guestStore().Transcript(w.t.Context(), w.guest(channel, person).ID, 0, contacts.TranscriptLimit)
	require.NoError(w.t, err)
	out := []string{}
	for _, line := range lines {
		var m connectors.Message
		require.NoError(w.t, json.Unmarshal(line.Body, &m))
		out = append(out, "< "+m.Text)
	}
	return out
}

// TestOverlongIDs are no reason to fail: the event is kept for a look.
func TestOverlongIDs(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	long := strings.Repeat("7", externalIDMax+1)
	ev := message("p", "Hi")
	ev.Session = long
	require.NoError(t, w.post("web/site", ev, message(long, "Hi"), message("ok", "Hi")))
	w.idle()
	require.Len(t, w.events(quarantined), 2)
	require.Len(t, w.events(done), 1)
}

func TestUnsignedIsNotKept(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	require.ErrorIs(t, w.post("web/site", message("v1", "unsigned")), connectors.ErrUnverified)
	_, err := w.g.Accept(t.Context(), w.b.Channels["web/site"], &connectors.Request{Body: []byte("{")})
	require.ErrorIs(t, err, connectors.ErrUnreadable)
	var n int64
	require.NoError(t, w.g.DB.Read(t.Context()).Raw("SELECT COUNT(*) FROM events").Scan(&n).Error)
	require.Zero(t, n)
}
