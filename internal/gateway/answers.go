package gateway

import (
	"sync"

	"usher/internal/inbox"
)

// answers brings the outcome of an event to the request that waits for it.
type answers struct {
	mu   sync.Mutex
	byID map[int64]chan inbox.Outcome
}

// expect is called before the event is stored.
func (a *answers) expect(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID == nil {
		a.byID = map[int64]chan inbox.Outcome{}
	}
	a.byID[id] = make(chan inbox.Outcome, 1)
}

func (a *answers) forget(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byID, id)
}

func (a *answers) ready(id int64) <-chan inbox.Outcome {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[id]
}

// waits says whether a request still waits for the event.
func (a *answers) waits(id int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[id] != nil
}

// waiter returns what to call with the event's outcome; nil if nobody waits.
func (a *answers) waiter(id int64) func(inbox.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	ready := a.byID[id]
	if ready == nil {
		return nil
	}
	return func(o inbox.Outcome) {
		select {
		case ready <- o:
		default:
		}
	}
}
