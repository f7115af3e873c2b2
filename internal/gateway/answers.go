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

func (a *answers) ready(id int64) chan inbox.Outcome {
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
