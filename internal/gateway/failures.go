package gateway

import (
	"context"
	"errors"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
)

const (
	// maxFailures is how often an event may fail before it is quarantined.
	maxFailures = 5
	// firstWait and longestWait space out runs of an event that fails or whose
	// stores are away.
	firstWait   = 20 * time.Millisecond
	longestWait = 5 * time.Second
)

// failed decides what becomes of an event that did not run.
func (g *Gateway) failed(ctx context.Context, w *work, err error) {
	switch {
	case errors.Is(err, inbox.ErrConflict):
		g.replies.elsewhere(inbox.PartOf(w.ref.Lane))
		g.finished(w) // somebody else brought it to its end
		return
	case errors.Is(err, contacts.ErrConflict), errors.Is(err, sqlstore.ErrTaken), database.IsTransient(err):
		// Another writer was faster; what it wrote is read the next time. One
		// that never wins has another fault.
		if w.waits++; w.waits < 50 {
			g.lanes.later(w, min(time.Duration(w.waits)*time.Millisecond, firstWait))
			return
		}
	case isUnavailable(err):
		g.unavailable([]*work{w}, err)
		return
	}
	w.failures++
	g.Log.Error("event failed", "event", w.row.EventID(), "channel", w.row.Channel, "failures", w.failures, "error", err)
	attempts := max(w.failures, w.ref.Attempts)
	if attempts >= maxFailures {
		g.quarantine(ctx, w, err.Error())
		return
	}
	if w.counted {
		w.counted = false
	} else {
		if err := g.inbox.CountAttempts(ctx, []int64{w.ref.ID}); err != nil {
			g.Log.Warn("attempt not counted", "event", w.row.EventID(), "error", err)
		}
	}
	w.alone, w.waits = true, 0
	g.lanes.later(w, backoff(w.failures))
}

// unavailable puts events off while a store is away; that is no fault of theirs.
func (g *Gateway) unavailable(ws []*work, err error) {
	for _, w := range ws {
		g.putOff(w, err)
		g.lanes.later(w, w.pause)
	}
}

// putOff makes an event wait for a store that is away, the longer the more often.
func (g *Gateway) putOff(w *work, err error) {
	g.metrics.unavailable.Inc()
	g.outage.log(g.Log, err)
	w.waits++
	w.pause = backoff(w.waits)
}

// quarantine ends an event that cannot be run; it is kept until somebody
// decides.
func (g *Gateway) quarantine(ctx context.Context, w *work, reason string) {
	outcome := inbox.Outcome{ID: w.ref.ID, State: inbox.Quarantined, Reason: reason}
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		return inbox.Finish(tx, []inbox.Outcome{outcome})
	})
	if err != nil && !errors.Is(err, inbox.ErrConflict) {
		g.unavailable([]*work{w}, err)
		return
	}
	g.Log.Warn("event quarantined", "event", inbox.Public(w.ref.ID), "reason", reason)
	g.answers.tell(outcome, w.row.Dedupe)
	g.finished(w)
}

func backoff(n int) time.Duration {
	return min(firstWait<<min(n, 20), longestWait)
}

// errFlow marks faults of the turn itself: no store is to blame.
var errFlow = errors.New("turn failed")

// isAway is isUnavailable without the races that another writer won.
func isAway(err error) bool {
	return !errors.Is(err, inbox.ErrConflict) && !errors.Is(err, contacts.ErrConflict) && !errors.Is(err, sqlstore.ErrTaken) &&
		!database.IsTransient(err) && isUnavailable(err)
}

// isUnavailable says whether a store could not be reached or had no room, rather
// than refused what it was given.
func isUnavailable(err error) bool { return !errors.Is(err, errFlow) && database.IsOutage(err) }

// inOrder stops at the first error: a server that has rolled a transaction back
// would commit each later statement by itself.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
