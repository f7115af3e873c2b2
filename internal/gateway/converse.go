package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/outbox"
	"usher/internal/timers"
)

// converse runs events, chunk by chunk, until ctx ends.
func (g *Gateway) converse(ctx context.Context) error {
	var took time.Duration
	for {
		size := chunkSize
		if g.giveWay(ctx, took) || g.alone() && g.inbox.Active() {
			size = smallChunk
		}
		chunk := g.lanes.take(ctx, size)
		if chunk == nil {
			return nil
		}
		leave := g.leaveRoom()
		began := time.Now()
		// A chunk that has begun is brought to its end: its time is bounded by
		// the stores' own limits.
		g.runChunk(context.WithoutCancel(ctx), chunk)
		took = time.Since(began)
		leave()
	}
}

// runChunk runs the heads of several conversations in one transaction; if that
// fails, each in its own, so that one at fault spoils no other.
func (g *Gateway) runChunk(ctx context.Context, chunk []*work) {
	chunk = g.prepare(ctx, chunk)
	if len(chunk) == 0 {
		return
	}
	defer g.beside(chunk[0])()
	deferred, err := g.attempt(ctx, chunk)
	for _, w := range deferred {
		g.lanes.later(w, w.pause)
	}
	if err == nil {
		return
	}
	chunk = slices.DeleteFunc(chunk, func(w *work) bool { return slices.Contains(deferred, w) })
	if len(chunk) == 1 {
		g.failed(ctx, chunk[0], err)
		return
	}
	away := 0
	for i, w := range chunk {
		err := g.runAlone(ctx, w)
		if err == nil {
			continue
		}
		g.failed(ctx, w, err)
		if isAway(err) {
			away++
		}
		if away == maxAway {
			// Not one event's fault: the others need not wait for it in turn.
			g.unavailable(chunk[i+1:], err)
			return
		}
	}
}

// beside lets an event that a process may have died of run while no other does:
// whatever ran beside it would be suspected next.
func (g *Gateway) beside(w *work) (done func()) {
	if w.counted && w.ref.Attempts > 1 {
		g.suspects.Lock()
		return g.suspects.Unlock
	}
	g.suspects.RLock()
	return g.suspects.RUnlock
}

// maxAway is how many events of a chunk try a store that is away by themselves.
const maxAway = 2

// runAlone runs one event in a transaction of its own.
func (g *Gateway) runAlone(ctx context.Context, w *work) error {
	_, err := g.attempt(ctx, []*work{w})
	return err
}

// prepare reads what is still in its rows, drops what is done meanwhile, leaves
// alone what another node's request waits for, and counts the attempts of what
// another process may have died of.
func (g *Gateway) prepare(ctx context.Context, chunk []*work) []*work {
	var missing, counted []int64
	for _, w := range chunk {
		if w.row == nil {
			missing = append(missing, w.ref.ID)
		}
	}
	rows, err := g.inbox.Load(ctx, missing)
	if err != nil {
		g.unavailable(chunk, err)
		return nil
	}
	now := time.Now().UnixMicro() + g.clockAhead.Load()
	ready := chunk[:0]
	for _, w := range chunk {
		if w.row == nil {
			w.row = rows[w.ref.ID]
		}
		switch {
		case w.row == nil || w.row.State != inbox.Accepted:
			g.replies.elsewhere(inbox.PartOf(w.ref.Lane))
			g.finished(w)
			continue
		case w.ref.ReservedBy != "" && w.ref.ReservedBy != g.Node && now < w.ref.ReservedUntil:
			w.row = nil
			g.lanes.later(w, pollAnswer)
			continue
		case w.takenOver && !w.counted && w.ref.Attempts >= maxFailures:
			g.quarantine(ctx, w, fmt.Sprintf("given up after %d attempts", w.ref.Attempts))
			continue
		case w.takenOver && w.ref.Attempts > 0 && len(chunk) > 1:
			w.alone = true // once suspected, it must not take others with it
			g.lanes.later(w, 0)
			continue
		}
		if w.takenOver && !w.counted { // once a run, however often it is put off
			counted = append(counted, w.ref.ID)
		}
		w.pause = 0
		ready = append(ready, w)
	}
	if err := g.inbox.CountAttempts(ctx, counted); err != nil {
		g.unavailable(ready, err)
		return nil
	}
	for _, w := range ready {
		if w.takenOver && !w.counted {
			w.counted = true
			w.ref.Attempts++
		}
	}
	return ready
}

// attempt runs a chunk: load the people, let each conversation take its step,
// decide whose it is, and commit it all. Deferred are events whose person
// another event of the chunk also touches: they run in a later one.
func (g *Gateway) attempt(ctx context.Context, chunk []*work) (deferred []*work, err error) {
	defer func() {
		if p := recover(); p != nil {
			g.Log.Error("panic while running events", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: panic: %v", errFlow, p)
		}
	}()
	turns, err := g.begin(chunk)
	if err != nil {
		return nil, err
	}
	if err := g.knowOwn(ctx, turns); err != nil {
		return nil, err
	}
	if err := g.load(ctx, turns); err != nil {
		return nil, err
	}
	var waiting []*work
	turns = slices.DeleteFunc(turns, func(t *turn) bool {
		if t.away == nil {
			return false
		}
		waiting = append(waiting, t.work)
		g.putOff(t.work, t.away)
		return true
	})
	for _, t := range turns {
		if t.shutOut() {
			continue
		}
		if err := g.play(ctx, t); err != nil {
			return waiting, err
		}
	}
	turns, deferred, err = g.settle(ctx, turns)
	deferred = append(deferred, waiting...)
	if err != nil {
		return deferred, err
	}
	if err := g.commit(ctx, turns); err != nil {
		return deferred, err
	}
	g.committed(ctx, turns)
	return deferred, nil
}

// turn is one event on its way through a chunk.
type turn struct {
	work *work
	ev   *connectors.Event
	ch   *Channel
	now  time.Time

	conv    *contacts.Conversation
	guest   *contacts.Guest   // holds conv; nil once the person is a contact
	contact *contacts.Contact // nil for a guest
	before  contacts.Values   // the contact's, at the beginning
	isNew   bool              // the contact is made by this turn
	stored  bool              // the guest is in its store already
	away    error             // why the guest cannot be read now
	own     bool              // a message that usher sent itself and is told of
	past    bool              // a done event, run again for a guest's state alone
	rerun   bool              // the guest has this event's effects already
	proven  []sqlstore.Address
	holders map[sqlstore.Address]sqlstore.Holder // of proven, as they were read

	captured []capture
	// heard is what was captured, and said where a guest's earlier words are from,
	// whatever becomes of it.
	heard   []capture
	said    map[string]contacts.Source
	vouched []string       // fields whose value the event proves
	system  map[string]any // what the channel knows by itself
	history *history       // what changes about the contact
	// What claims found, once play has ended.
	allClaims []sqlstore.Address
	hasClaims bool
	effects   effects
	// What of the contact changed besides its values; dirty: anything.
	statusChanged, tagsChanged, dirty bool
	lines                             []contacts.Line
	messages                          []connectors.Message
	waiting                           string
	noted                             int // notes taken by its flow
	kept                              []sqlstore.NoteRow
	assigned                          bool        // the contact to somebody else
	nobody                            bool        // what it resumes is not known, nor its person
	wait                              *flows.Wait // what its run waits for outside now
	over                              []string    // ids of timers that nothing waits for any more
	wasAtDesk                         bool
	acted                             acted    // what came of an agent's act
	notices                           []notice // about runs
	trace                             []traceLine

	add        []sqlstore.AddressRow
	take       []taking
	release    []sqlstore.Address
	strengthen []sqlstore.Address
	sessions   []sqlstore.Session
	notes      []outbox.Note
	deliveries []outbox.Delivery
	replies    []outbox.Reply
	timers     []timers.Timer
	outcome    inbox.Outcome
}

// begin decodes a chunk's events and finds their channels.
func (g *Gateway) begin(chunk []*work) ([]*turn, error) {
	now := time.Now().UTC()
	turns := make([]*turn, 0, len(chunk))
	for _, w := range chunk {
		t := &turn{work: w, now: now, ev: w.event, outcome: inbox.Outcome{ID: w.row.ID, State: inbox.Done}}
		if t.ev == nil {
			t.ev = &connectors.Event{}
			if err := json.Unmarshal(w.row.Event, t.ev); err != nil {
				return nil, fmt.Errorf("%w: decode event: %w", errFlow, err)
			}
		}
		b := g.businesses[w.row.Business]
		if b != nil {
			t.ch = b.Channels[w.row.Channel]
		}
		if t.ch == nil {
			t.outcome.State, t.outcome.Reason = inbox.Quarantined, "its channel is not configured any more"
		}
		turns = append(turns, t)
	}
	return turns, nil
}

// personal says whether an event is about a person's conversation; others
// (delivery statuses, account errors) only change what is there, and who asks
// what is known changes nothing.
func personal(ev *connectors.Event) bool {
	switch ev.Kind {
	case connectors.KindFulfilment:
		return ev.ExternalID != "" && ev.Action != connectors.ActionKnown
	case connectors.KindStatus, connectors.KindAccountError, connectors.KindSystem, connectors.KindIdentity, connectors.KindPreference:
		return false
	}
	return ev.ExternalID != ""
}

// commit writes everything that the turns led to. Guests come first: a guest
// that has an event's effects yields them again if the rest fails.
func (g *Gateway) commit(ctx context.Context, turns []*turn) error {
	if err := g.saveGuests(ctx, nil, turns); err != nil {
		return err
	}
	var notes, news []outbox.Note
	for _, t := range turns {
		notes = append(notes, t.notes...)
	}
	g.early.park(notes)
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		if err := g.saveGuests(ctx, tx, turns); err != nil {
			return err
		}
		if err := g.noteEnds(tx, turns); err != nil {
			return err
		}
		people := sqlstore.New(tx)
		var convs []*contacts.Conversation
		var persons []*contacts.Contact
		var histories []*history
		var added []sqlstore.AddressRow
		var lines []contacts.Line
		var sessions []sqlstore.Session
		var deliveries []outbox.Delivery
		var replies []outbox.Reply
		var waits []timers.Timer
		var over []string
		var written []sqlstore.NoteRow
		var outcomes []inbox.Outcome
		var desk []sqlstore.DeskRow
		var offDesk []string
		for _, t := range turns {
			put, drop := t.desk()
			desk, offDesk = append(desk, put...), append(offDesk, drop...)
			if t.contact != nil {
				convs = append(convs, t.conv)
				if t.isNew || t.dirty {
					persons, histories = append(persons, t.contact), append(histories, t.history)
				}
				lines = append(lines, t.lines...)
			}
			for _, take := range t.take {
				lost, err := g.takeAddress(people, t, take)
				if err != nil {
					return err
				}
				histories = append(histories, lost)
			}
			if len(t.release) > 0 {
				if err := people.Release(t.ch.Business.ID, t.contact.ID, t.release); err != nil {
					return err
				}
			}
			if len(t.strengthen) > 0 {
				if err := people.Strengthen(t.ch.Business.ID, t.contact.ID, t.strengthen, contacts.Proven); err != nil {
					return err
				}
			}
			added = append(added, t.add...)
			sessions = append(sessions, t.sessions...)
			deliveries = append(deliveries, t.deliveries...)
			replies = append(replies, t.replies...)
			waits = append(waits, t.timers...)
			over = append(over, t.over...)
			written = append(written, t.kept...)
			outcomes = append(outcomes, t.outcome)
		}
		if err := inbox.Finish(tx, outcomes); err != nil {
			return err
		}
		if moved := movedGuests(turns); g.Guests == nil && len(moved) > 0 {
			if err := sqlstore.NewGuests(tx).Move(ctx, moved, movedMark); err != nil {
				return err
			}
		}
		return inOrder(
			func() error { return people.PutConversations(convs) },
			func() error { return people.PutContacts(persons) },
			func() error { return addHistory(people, histories) },
			func() error { return people.AddAddresses(added) },
			func() error { return people.AddLines(lines) },
			func() error { return people.AddNotes(written) },
			func() error { return addTags(people, tagsOf(turns)) },
			func() error { return people.PutSessions(sessions) },
			func() error { return people.PutDesk(desk) },
			func() error { return people.DropDesk(offDesk) },
			func() error { return outbox.AddReplies(tx, replies) },
			func() error { return timers.Drop(tx, over) },
			func() error { return timers.Add(tx, waits) },
			func() (err error) { news, err = outbox.NoteProgress(tx, notes); return err },
			func() error { return outbox.Add(tx, deliveries) },
		)
	})
	if err == nil {
		g.early.forget(news)
	}
	return err
}

// committed tells whoever waits.
func (g *Gateway) committed(ctx context.Context, turns []*turn) {
	leads := false
	for _, t := range turns {
		if len(t.lines) > 0 {
			g.Bus.Publish(topicConversation(t.conv.ID))
		}
		leads = leads || len(t.deliveries) > 0
		g.replies.offer(t.replies, g.lanes.heldSince)
		g.offerTimers(t.timers)
		if t.guest != nil && t.contact == nil && !t.rerun {
			g.fresh.put(t.guest.ID, t.guest.Conversation.Version+1) // as it is stored
		}
	}
	if moved := movedGuests(turns); g.Guests != nil && len(moved) > 0 {
		// Only a mark: SQL is asked first, so a failure costs nothing.
		if err := g.Guests.Move(ctx, moved, movedMark); err != nil {
			g.Log.Warn("guests not marked as moved", "error", err)
		}
	}
	if leads {
		g.Bus.Publish(topicLeads)
	}
	for _, t := range turns {
		g.answers.tell(t.outcome, t.work.row.Dedupe)
		g.finished(t.work)
	}
	g.metrics.done(turns)
}

// movedGuests are the stored guests that became contacts, and which.
func movedGuests(turns []*turn) map[string]string {
	moved := map[string]string{}
	for _, t := range turns {
		if t.guest != nil && t.contact != nil && t.stored {
			moved[t.guest.ID] = t.contact.ID
		}
	}
	return moved
}

// finished lets the event's lane go on.
func (g *Gateway) finished(w *work) {
	g.inbox.Ended(1)
	if g.lanes.finish(w) {
		g.reloadLane(w.ref.Lane)
	}
}

// reloadLane has the further events of a lane read from their rows.
func (g *Gateway) reloadLane(lane int64) {
	select {
	case g.reload <- lane:
	default: // the next full listing finds them
		g.lanes.unread(lane)
	}
}
