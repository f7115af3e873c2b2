package gateway

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/timers"
)

const tomorrow = `
id: tomorrow
name: Tomorrow
steps:
  - say: Until tomorrow.
  - {id: pause, wait: 20h, otherwise: early}
  - {say: Good morning., go: end}
  - {id: early, ask: "So soon?"}
`

// again is a process that takes over from another, on the same stores.
func (w *world) again(node string) *world {
	w.t.Helper()
	next := &world{t: w.t, b: w.b, deps: w.deps, web: w.web, other: w.other, phone: w.phone, bot: w.bot, crm: w.crm}
	next.deps.Node = node
	return next.start()
}

// TestTimerSurvives the end of its process, and fires once.
func TestTimerSurvives(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		w.say("web/site", "v1", "hi")
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "hi")))
		w.idle()
		w.end()
		w = w.again("node_2")
		require.Equal(t, 2, w.timersLeft())
		w.later()
		w.rested()
		require.Equal(t, []string{"< hi", "> Until tomorrow.", "> Good morning."}, w.transcript("web/site", "v1"))
		require.Eventually(t, func() bool { return len(w.phone.texts("447700900123")) == 2 }, soon, look)
		require.Equal(t, []string{"Until tomorrow.", "Good morning."}, w.phone.texts("447700900123"))
	})
}

// TestTimerOfDeadNode: what a node has claimed and died of, perhaps after its
// event was stored, is brought to its end by another, once.
func TestTimerOfDeadNode(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		w.say("web/site", "before", "hi")
		w.say("web/site", "after", "hi")
		var all []timers.Timer
		for _, who := range []string{"before", "after"} {
			conv, _ := w.conv("web/site", who)
			run := runOf(t, conv)
			tm, ok, err := timers.Of(w.g.DB.Read(t.Context()), timers.IDOf(conv.ID, run.ID, run.Visit))
			require.NoError(t, err)
			require.True(t, ok)
			all = append(all, tm)
		}
		claimed, err := timers.Claim(t.Context(), w.g.DB, "node_dead", []string{all[0].ID, all[1].ID}, 300*time.Millisecond)
		require.NoError(t, err)
		require.Len(t, claimed, 2)
		row, err := w.g.resumeRow(t.Context(), &resumption{all[1], connectors.Resume{Outcome: connectors.OutcomeDue}})
		require.NoError(t, err)
		_, err = w.g.put(t.Context(), []*inbox.Event{row})
		require.NoError(t, err)
		w.later()
		w.rested()
		for _, who := range []string{"before", "after"} {
			require.Equal(t, []string{"< hi", "> Until tomorrow.", "> Good morning."}, w.transcript("web/site", who))
		}
		require.Len(t, w.resumed(done), 2)
		require.Empty(t, w.resumed(ignored))
	})
}

// TestTimerFiresOnce with several nodes on the same stores, whichever they
// believe to be whose.
func TestTimerFiresOnce(t *testing.T) {
	t.Parallel()
	be := servers(t)
	var nodes []*world
	for n := range 3 {
		w := build(t, be, withFlow(tomorrow))
		w.deps.Node = fmt.Sprintf("node_%d", n)
		w.join()
		nodes = append(nodes, w)
	}
	w := nodes[0]
	const people = 60
	for n := range people {
		require.NoError(t, nodes[n%len(nodes)].post("web/site", message(person(n), "hi")))
	}
	w.idle()
	due, err := timers.Due(t.Context(), w.g.DB, timers.Query{Until: time.Now().Add(48 * time.Hour).UnixMicro(), Limit: people + 1})
	require.NoError(t, err)
	require.Len(t, due, people)
	w.later()
	// Each believes all of them to be its own, as after partitions have changed
	// hands.
	for i := range due {
		due[i].DueAt = 0
	}
	for _, n := range nodes {
		n.g.timers.put(due)
	}
	w.rested()
	for n := range people {
		require.Equal(t, []string{"< hi", "> Until tomorrow.", "> Good morning."}, w.transcript("web/site", person(n)))
	}
	require.Len(t, w.resumed(done), people)
	require.Empty(t, w.resumed(ignored))
}

// TestTimerIsCancelled when its run goes on without it, and does nothing should it
// fire all the same.
func TestTimerIsCancelled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "hi")))
		w.say("web/site", "v1", "hi")
		conv, _ := w.conv("web/site", "v1")
		run := runOf(t, conv)
		tm, ok, err := timers.Of(w.g.DB.Read(t.Context()), timers.IDOf(conv.ID, run.ID, run.Visit))
		require.NoError(t, err)
		require.True(t, ok)
		w.say("web/site", "v1", "already?")
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "already?")))
		w.idle()
		require.Zero(t, w.timersLeft())

		before := w.guest("web/site", "v1")
		w.g.resume(t.Context(), []resumption{{tm, connectors.Resume{Outcome: connectors.OutcomeDue}}})
		w.idle()
		late := w.resumed(ignored)
		require.Len(t, late, 1)
		require.Equal(t, before, w.guest("web/site", "v1"))
		row := w.events(ignored)[0]
		require.Equal(t, before.ID, row.GuestID)
		require.NotEmpty(t, row.Reason)
		// Run again by hand it is still nothing.
		require.NoError(t, w.g.ReplayEvent(t.Context(), w.b, row.ID))
		w.idle()
		require.Len(t, w.resumed(ignored), 1)
		require.Equal(t, before, w.guest("web/site", "v1"))
	})
}

// TestLateTimerOfStranger leaves no trace of somebody who is forgotten.
func TestLateTimerOfStranger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		ch := w.b.Channels["web/site"]
		tm := timers.Timer{ID: "tmr_1", Business: w.b.ID, Channel: ch.ID, ExternalID: "gone", Conversation: w.g.ConversationOf(ch, "gone"),
			Run: 7, Visit: 1, Cause: connectors.CauseTimer, Detail: []byte(`{"to":{"external_id":"gone"}}`)}
		w.g.resume(t.Context(), []resumption{{tm, connectors.Resume{Outcome: connectors.OutcomeDue}}})
		w.idle()
		require.Len(t, w.resumed(ignored), 1)
		_, err := w.g.GuestAt(t.Context(), w.b, "web/site", "gone")
		require.ErrorIs(t, err, contacts.ErrNotFound)
		require.NoError(t, w.g.inbox.Blank(t.Context(), time.Now().Add(time.Second), timers.DropLanes))
		require.Empty(t, w.events(ignored)[0].Event)
	})
}

// TestTimersOfErased go with their person.
func TestTimersOfErased(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "hi")))
		w.idle()
		require.Equal(t, 1, w.timersLeft())
		_, err := w.g.Erase(t.Context(), w.b, w.onlyContact().ID)
		require.NoError(t, err)
		require.Zero(t, w.timersLeft())
	})
}

// TestTimerOfCrashedGuest: the guest was saved and the rest was not; run again,
// the event leads to the same one timer. And to none where the guest is rebuilt.
func TestTimerOfCrashedGuest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		be, store := besides(be)
		w := setup(t, be, withFlow(tomorrow))
		left := 2
		store.on(nil, func([]contacts.GuestWrite) error {
			if left--; left < 0 {
				return nil
			}
			return errors.New("the process died here")
		})
		w.say("web/site", "v1", "hi")
		require.Equal(t, 1, w.timersLeft())
		guest := w.guest("web/site", "v1")
		run := runOf(t, &guest.Conversation)
		_, ok, err := timers.Of(w.g.DB.Read(t.Context()), timers.IDOf(guest.Conversation.ID, run.ID, run.Visit))
		require.NoError(t, err)
		require.True(t, ok)

		require.NoError(t, w.g.guestStore().Delete(t.Context(), []string{guest.ID}))
		again := w.guest("web/site", "v1")
		require.Equal(t, guest.Conversation.State.Runs, again.Conversation.State.Runs, "the same visit of the same run")
		require.Equal(t, 1, w.timersLeft())
		w.later()
		w.rested()
		require.Equal(t, []string{"< hi", "> Until tomorrow.", "> Good morning."}, w.transcript("web/site", "v1"))
		require.NoError(t, w.g.guestStore().Delete(t.Context(), []string{guest.ID}))
		require.Empty(t, w.guest("web/site", "v1").Conversation.State.Runs, "what the timer brought is rebuilt too")
		require.Zero(t, w.timersLeft())
	})
}

// TestTimersMakeNobodyLiveLonger, and go with their guest.
func TestTimersMakeNobodyLiveLonger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, withFlow(pausing))
		w.deps.GuestTTL = 6 * 24 * time.Hour // less than the inbox keeps
		w.start()
		w.say("web/site", "v1", "hi")
		guest := w.guest("web/site", "v1")
		guest.ExpiresAt = time.Now().Add(time.Hour) // long after it said something
		for _, err := range w.g.guestStore().Save(t.Context(), []contacts.GuestWrite{{Guest: guest, TTL: time.Hour}}) {
			require.NoError(t, err)
		}
		w.later()
		w.rested()
		require.Equal(t, "> Yes?", lastLine(w.transcript("web/site", "v1")))
		require.WithinDuration(t, guest.ExpiresAt, w.guest("web/site", "v1").ExpiresAt, time.Minute)
		w.say("web/site", "v1", "yes")
		require.WithinDuration(t, time.Now().Add(w.deps.GuestTTL), w.guest("web/site", "v1").ExpiresAt, time.Minute)
		withFlow(tomorrow)(w)
		w.say("web/site", "v2", "hi")
		require.Equal(t, 1, w.timersLeft())
		require.NoError(t, w.g.inbox.Blank(t.Context(), time.Now().Add(7*24*time.Hour), timers.DropLanes))
		require.Zero(t, w.timersLeft())
	})
}

// TestNobodyResumes a run from outside.
func TestNobodyResumes(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow(tomorrow))
	w.say("web/site", "v1", "hi")
	run := runOf(t, must(w.conv("web/site", "v1")))
	forged := connectors.Event{Kind: connectors.KindResumed, ExternalID: "v1",
		Resume: &connectors.Resume{Run: run.ID, Visit: run.Visit, Cause: connectors.CauseTimer, Outcome: connectors.OutcomeDue}}
	hidden := message("v1", "hello")
	hidden.Resume = forged.Resume
	require.NoError(t, w.post("web/site", forged, hidden))
	w.idle()
	require.Len(t, w.events(quarantined), 2)
	require.Equal(t, []string{"< hi", "> Until tomorrow."}, w.transcript("web/site", "v1"))
	for _, row := range w.events(quarantined) {
		require.NoError(t, w.g.ReplayEvent(t.Context(), w.b, row.ID), "by hand they are run, with nothing to resume")
	}
	w.idle()
	require.NotContains(t, w.transcript("web/site", "v1"), "> Good morning.")
	// Nor does anybody take a timer's place by naming its key.
	first := message("v1", "I am the timer")
	first.DedupeKey = resumeKey(w.g.ConversationOf(w.b.Channels["web/site"], "v2"), forged.Resume)
	require.NoError(t, w.post("web/site", first))
	w.idle()
	row, err := w.g.resumed(w.b.Channels["web/site"], &timers.Timer{ExternalID: "v2", Run: run.ID, Visit: run.Visit, Cause: connectors.CauseTimer,
		Conversation: w.g.ConversationOf(w.b.Channels["web/site"], "v2")}, waitDetail{}, connectors.Resume{Outcome: connectors.OutcomeDue})
	require.NoError(t, err)
	stored, err := w.g.put(t.Context(), []*inbox.Event{row})
	require.NoError(t, err)
	require.Equal(t, []int64{row.ID}, stored)
}

// TestTimersWhileTheInboxIsFull: an event that cannot be stored is put later.
func TestTimersWhileTheInboxIsFull(t *testing.T) {
	t.Parallel()
	w := build(t, embedded(t), withFlow(tomorrow))
	w.deps.MaxBacklog = 1
	w.start()
	w.say("web/site", "v1", "hi")
	require.NoError(t, w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE timers SET due_at=?", time.Now().UnixMicro())
		return err
	}))
	w.g.inbox.Ended(-5) // the backlog is believed to be full
	signal(w.g.timers.list)
	require.Eventually(t, func() bool {
		all, err := timers.Due(t.Context(), w.g.DB, timers.Query{Until: time.Now().Add(time.Hour).UnixMicro(), Limit: 10})
		require.NoError(t, err)
		return len(all) == 1 && all[0].Attempts == 0 && all[0].DueAt > time.Now().UnixMicro()
	}, soon, look, "it is due again in a while, and no attempt is counted")
	w.rested()
	require.Equal(t, []string{"< hi", "> Until tomorrow.", "> Good morning."}, w.transcript("web/site", "v1"))
}

// runOf is the run that waits in a conversation without sessions.
func runOf(t *testing.T, conv *contacts.Conversation) *flows.Run {
	t.Helper()
	var run flows.Run
	require.NoError(t, run.UnmarshalBinary(conv.State.Runs[""]))
	return &run
}
