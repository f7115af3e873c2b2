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
	// next are requests whose answer goes on with an event that is still to be
	// stored, by its dedupe key.
	next map[[32]byte]*waiting
}

// waiting is a request that waits.
type waiting struct {
	ready chan inbox.Outcome
	// promised: the turn counts on the request to take its replies along.
	promised bool
	// then is the event that the answer goes on with; zero: none.
	then [32]byte
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
	w := a.byID[id]
	delete(a.byID, id)
	for w != nil {
		key := w.then
		w = a.next[key]
		delete(a.next, key)
	}
}

func (a *answers) ready(id int64) chan inbox.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.byID[id]; w != nil {
		return w.ready
	}
	return nil
}

// expectNext is called when the event that a request waits for has begun to wait
// for something itself, before that can have happened. It is forgotten with the
// request's own event.
func (a *answers) expectNext(id int64, key, then [32]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting(id, key)
	if w == nil || a.next[then] != nil { // the same turn has failed before
		return
	}
	if a.next == nil {
		a.next = map[[32]byte]*waiting{}
	}
	w.then = then
	a.next[then] = &waiting{ready: make(chan inbox.Outcome, 1)}
}

// waiting is the request that waits for an event. The caller holds mu.
func (a *answers) waiting(id int64, key [32]byte) *waiting {
	if w := a.byID[id]; w != nil {
		return w
	}
	return a.next[key]
}

func (a *answers) readyNext(key [32]byte) chan inbox.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.next[key]; w != nil {
		return w.ready
	}
	return nil
}

// lastNext ends the wait for an event by its key; if its turn counts on the
// request, its answer is waited for.
func (a *answers) lastNext(key [32]byte, ready <-chan inbox.Outcome) []byte {
	a.mu.Lock()
	w := a.next[key]
	if w == nil || !w.promised {
		delete(a.next, key)
		a.mu.Unlock()
		return nil
	}
	a.mu.Unlock()
	end := time.NewTimer(answerGrace)
	defer end.Stop()
	select {
	case outcome := <-ready:
		return outcome.Answer
	case <-end.C:
		return nil
	}
}

// promise says whether a request still waits for the event, and makes it stay
// for a turn that is about to be committed.
func (a *answers) promise(id int64, key [32]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting(id, key)
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
func (a *answers) tell(o inbox.Outcome, key [32]byte) {
	for _, ready := range []chan inbox.Outcome{a.ready(o.ID), a.readyNext(key)} {
		if ready == nil {
			continue
		}
		select {
		case ready <- o:
		default: // told before
		}
	}
}
