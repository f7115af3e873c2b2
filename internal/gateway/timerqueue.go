package gateway

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
	"time"

	"usher/connectors"
	"usher/internal/timers"
)

const (
	// timersInMemory bounds the timers that a node holds; the others wait in their
	// rows.
	timersInMemory = 1024
	// timersAhead is how long before they are due timers are taken into memory: a
	// little longer than the time between two listings.
	timersAhead = 2 * time.Second
	// claimMost is how many timers are claimed in one transaction.
	claimMost = 64
	// callsAtOnce is how many calls and turns of bots of one business are under
	// way at once on a node; further ones wait for a place.
	callsAtOnce = 32
	// callsWaiting bounds those that wait for a place in memory.
	callsWaiting = 256
	// turnsWaiting bounds those of one conversation that wait for the one before.
	turnsWaiting = 16
)

// timerQueue holds the timers that are due soon: in order of their time, calls
// of one business no more at once than there is room for, and of one conversation
// one at a time, for what a bot says to one message comes before what it says to
// the next.
type timerQueue struct {
	mu      sync.Mutex
	near    timerHeap
	known   map[string]bool           // by id: in near, parked or under way
	calls   map[string]int            // under way, by business
	parked  map[string][]timers.Timer // due, by business without room
	turn    map[string]string         // the call that is under way, by conversation
	behind  map[string][]timers.Timer // due, by conversation with a call under way
	left    bool                      // some were left in their rows for lack of room
	wake    chan struct{}             // there is something new in near
	list    chan struct{}             // rows are to be listed now
	settled []timerEnd
	written chan struct{}
}

// timerEnd is what became of a claimed timer: it is over, or due again as it now
// says.
type timerEnd struct {
	timer timers.Timer
	again bool
}

func newTimerQueue() *timerQueue {
	return &timerQueue{known: map[string]bool{}, calls: map[string]int{}, parked: map[string][]timers.Timer{},
		turn: map[string]string{}, behind: map[string][]timers.Timer{},
		wake: make(chan struct{}, 1), list: make(chan struct{}, 1), written: make(chan struct{}, 1)}
}

// isCall says whether a timer asks another service, which may take its time.
func isCall(t timers.Timer) bool {
	return t.Cause == connectors.CauseCall || t.Cause == connectors.CauseBot
}

// put takes timers that are due soon; those for which there is no room are left
// in their rows.
func (q *timerQueue) put(all []timers.Timer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range all {
		switch {
		case q.known[t.ID]:
		case len(q.near) >= timersInMemory, isCall(t) && len(q.parked[t.Business]) >= callsWaiting:
			q.left = true
		default:
			q.known[t.ID] = true
			heap.Push(&q.near, t)
		}
	}
	signal(q.wake)
}

// due takes the timers whose time has come, up to claimMost, and says how long to
// wait for the next one. A call has its place from then on, until end.
func (q *timerQueue) due(now time.Time) (due []timers.Timer, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.near) > 0 && len(due) < claimMost {
		next := q.near[0]
		if wait := time.UnixMicro(next.DueAt).Sub(now); wait > 0 {
			return due, wait
		}
		heap.Pop(&q.near)
		if q.mayStart(next) {
			due = append(due, next)
		}
	}
	return due, timersAhead
}

// mayStart gives a timer its place, or sets it aside. The caller holds mu.
func (q *timerQueue) mayStart(t timers.Timer) bool {
	if !isCall(t) {
		return true
	}
	switch holder := q.turn[t.Conversation]; {
	case holder == t.ID: // tried again: those behind it have waited
	case holder != "" && len(q.behind[t.Conversation]) >= turnsWaiting:
		delete(q.known, t.ID)
		q.left = true
		return false
	case holder != "":
		q.behind[t.Conversation] = append(q.behind[t.Conversation], t)
		return false
	}
	q.turn[t.Conversation] = t.ID
	if q.calls[t.Business] >= callsAtOnce {
		q.parked[t.Business] = append(q.parked[t.Business], t)
		return false
	}
	q.calls[t.Business]++
	return true
}

// query is what to list: with the businesses that have no room left out.
func (q *timerQueue) query(parts []int, now time.Time) timers.Query {
	q.mu.Lock()
	defer q.mu.Unlock()
	var full []string
	limit := timersInMemory // besides what is listed again because nobody has claimed it yet
	for business, waiting := range q.parked {
		if limit += len(waiting); len(waiting) >= callsWaiting {
			full = append(full, business)
		}
	}
	for _, waiting := range q.behind {
		if limit += len(waiting); len(waiting) >= turnsWaiting {
			full = append(full, waiting[0].Business)
		}
	}
	slices.Sort(full)
	full = slices.Compact(full)
	q.left = len(full) > 0
	return timers.Query{Parts: parts, Until: now.Add(timersAhead).UnixMicro(), Full: full,
		Bounded: []string{connectors.CauseCall, connectors.CauseBot}, Limit: limit}
}

// listed takes the rows of a listing; all says that these were all that are due.
func (q *timerQueue) listed(found []timers.Timer, all bool) {
	q.put(found)
	if !all {
		q.mu.Lock()
		q.left = true
		q.mu.Unlock()
	}
}

// lost forgets timers that could not be claimed.
func (q *timerQueue) lost(all []timers.Timer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range all {
		delete(q.known, t.ID)
		q.leave(t)
		q.pass(t)
	}
}

// end gives back what was claimed, to be written.
func (q *timerQueue) end(ends ...timerEnd) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range ends {
		q.leave(e.timer)
		if !e.again {
			q.pass(e.timer)
		}
	}
	q.settled = append(q.settled, ends...)
	signal(q.written)
}

// leave gives a call's place to one that waits for it. The caller holds mu.
func (q *timerQueue) leave(t timers.Timer) {
	if !isCall(t) {
		return
	}
	b := t.Business
	if q.calls[b]--; q.calls[b] <= 0 {
		delete(q.calls, b)
	}
	q.parked[b] = q.next(q.parked[b])
	if len(q.parked[b]) == 0 {
		delete(q.parked, b)
	}
}

// pass lets the next call of a conversation go. The caller holds mu.
func (q *timerQueue) pass(t timers.Timer) {
	if q.turn[t.Conversation] != t.ID {
		return
	}
	delete(q.turn, t.Conversation)
	q.behind[t.Conversation] = q.next(q.behind[t.Conversation])
	if len(q.behind[t.Conversation]) == 0 {
		delete(q.behind, t.Conversation)
	}
}

// next brings back the first of those that wait. The caller holds mu.
func (q *timerQueue) next(waiting []timers.Timer) []timers.Timer {
	if len(waiting) > 0 {
		heap.Push(&q.near, waiting[0])
		signal(q.wake)
		return waiting[1:]
	}
	if q.left {
		signal(q.list)
	}
	return nil
}

// ends takes what is to be written.
func (q *timerQueue) ends() []timerEnd {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.settled
	q.settled = nil
	return all
}

// wrote forgets what has been written; those that are due again soon come back.
func (q *timerQueue) wrote(ends []timerEnd, now time.Time) {
	q.mu.Lock()
	var soon []timers.Timer
	for _, e := range ends {
		delete(q.known, e.timer.ID)
		if e.again && e.timer.DueAt <= now.Add(timersAhead).UnixMicro() {
			soon = append(soon, e.timer)
		}
	}
	q.mu.Unlock()
	q.put(soon)
}

// drop forgets the timers of partitions that are another node's now. What is
// under way is brought to its end.
func (q *timerQueue) drop(ours func(part int) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	foreign := func(t timers.Timer) bool {
		if ours(t.Part) {
			return false
		}
		delete(q.known, t.ID)
		return true
	}
	q.near = slices.DeleteFunc(q.near, foreign)
	heap.Init(&q.near)
	for _, aside := range []map[string][]timers.Timer{q.parked, q.behind} {
		for key, waiting := range aside {
			if aside[key] = slices.DeleteFunc(waiting, foreign); len(aside[key]) == 0 {
				delete(aside, key)
			}
		}
	}
	for conversation, id := range q.turn {
		if !q.known[id] {
			delete(q.turn, conversation)
		}
	}
}

// timerHeap has the timer that is due first at its head.
type timerHeap []timers.Timer

func (h timerHeap) Len() int      { return len(h) }
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timers.Timer)) }

func (h timerHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].DueAt, h[j].DueAt), cmp.Compare(h[i].Visit, h[j].Visit)) < 0
}

func (h *timerHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
