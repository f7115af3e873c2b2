package gateway

import (
	"sync"
	"time"

	"usher/internal/inbox"
)

// answers brings the outcome of an event to the request that waits for it.
type answers struct {
	mu   sync.Mutex
	byID map[int64]*waiting
}

// waiting is a request that waits.
type waiting struct {
	ready chan inbox.Outcome
	// promised: the turn counts on the request to take its replies along.
	promised bool
}

// answerGrace is how long a request outlives its deadline for a turn that is
// being committed with its replies meant for it.
const answerGrace = 500 * time.Millisecond

// expect is called before the event is stored.
func (a *answers) expect(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID = map[int64]*waiting{}
	}
	a.byID[id] = &waiting{ready: make(chan inbox.Outcome, 1)}
}

func (a *answers) forget(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byID, id)
}

func (a *answers) ready(id int64) chan inbox.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.byID[id]; w != nil {
		return w.ready
	}
	return nil
}

// promise says whether a request still waits for the event, and makes it stay
// for a turn that is about to be committed.
func (a *answers) promise(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.byID[id]
	if w == nil {
		return false
	}
	w.promised = true
	return true
}

// giveUp ends the wait for an event, unless its turn counts on the request.
func (a *answers) giveUp(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.byID[id]; w != nil && w.promised {
		return false
	}
	delete(a.byID, id)
	return true
}

// tell brings an outcome to the request that waits for it, if one does, whoever
// ran the event.
func (a *answers) tell(o inbox.Outcome) {
	if ready := a.ready(o.ID); ready != nil {
		select {
		case ready <- o:
		default: // told before
		}
	}
}
