package gateway

import (
	"log/slog"
	"sync"
	"time"
)

// What a node remembers between two events: nothing that may not be forgotten.

// outage says once in a while that a store is away, not for every event.
type outage struct {
	mu   sync.Mutex
	last time.Time
	held int
}

const outageEvery = 5 * time.Second

func (o *outage) log(l *slog.Logger, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.last) < outageEvery {
		o.held++
		return
	}
	l.Error("a store is away, work waits", "error", err, "more", o.held)
	o.last, o.held = time.Now(), 0
}

// absence keeps everybody from waiting for a store that is away: one asks for it
// now and then, the others are told at once.
type absence struct {
	mu    sync.Mutex
	cause error     // nil: it is there
	again time.Time // when somebody asks next
}

// absenceAsk is how often an absent store is asked for.
const absenceAsk = time.Second

// ask returns why the store is away, or nil if it is worth a call; its outcome
// is to be told.
func (a *absence) ask() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cause == nil {
		return nil
	}
	if now := time.Now(); now.After(a.again) {
		a.again = now.Add(absenceAsk)
		return nil
	}
	return a.cause
}

func (a *absence) tell(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.cause == nil {
		a.again = time.Now().Add(absenceAsk)
	}
	a.cause = err
}

// fresh remembers guests that are known to be up to date, by version: they were
// checked against the inbox, or written, by this node.
type fresh struct {
	mu       sync.Mutex
	now, old map[string]int64
}

const freshMax = 20000

func (f *fresh) has(id string, version int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.now[id]
	if !ok {
		v, ok = f.old[id]
	}
	return ok && v == version && version > 0
}

func (f *fresh) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now, f.old = nil, nil
}

func (f *fresh) put(id string, version int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now == nil || len(f.now) >= freshMax {
		f.old, f.now = f.now, make(map[string]int64)
	}
	f.now[id] = version
}

// states of destinations, as this node knows them.
type states struct {
	mu sync.Mutex
	by map[*Destination]string
}

func (s *states) get(d *Destination) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state, ok := s.by[d]; ok {
		return state
	}
	return d.State
}

func (s *states) set(d *Destination, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[*Destination]string{}
	}
	s.by[d] = state
}

func topicConversation(id string) string { return "conv:" + id }
