package gateway

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"usher/connectors"
	"usher/internal/inbox"
)

const (
	// inMemory bounds the undone events that a node holds; the others wait in
	// their rows.
	inMemory = 8192
	// perLane bounds the events of one conversation in memory, so that a slow
	// one cannot fill it.
	perLane = 64
	// chunkSize is how many conversations share one transaction.
	chunkSize = 200
)

// work is one undone event in memory.
type work struct {
	ref   inbox.Ref
	row   *inbox.Event      // nil: still to be read
	event *connectors.Event // nil: still to be decoded
	// takenOver: accepted by another process, which may have died of it.
	takenOver bool
	// counted: the attempt that is to come, or under way, is on the row already.
	counted bool
	// failures counts runs that failed here, waits those put off.
	failures, waits int
	pause           time.Duration // before it is run again; nought: at once
	alone           bool          // not in one transaction with others
}

// lane is one conversation's events, oldest first.
type lane struct {
	queue   []*work
	running bool
	waiting bool // a failed head comes back later
	more    bool // the rows hold further events of this lane
	missed  bool // one was left in its row since these were last read
}

// runs says whether an event is the one that the lane runs.
func (ln *lane) runs(w *work) bool {
	return ln != nil && ln.running && len(ln.queue) > 0 && ln.queue[0] == w
}

// lanes deals events out: at most one of a conversation at a time, in the
// database's order; as many conversations as there are.
type lanes struct {
	mu      sync.Mutex
	byID    map[int64]*lane
	known   map[int64]bool // events in memory
	ready   []int64        // lanes whose head can run
	wake    chan struct{}
	parts   map[int]int64 // partitions worked on, each with the place from which on it was ours alone
	behind  bool          // events were left in their rows for lack of room
	from    int64         // place from which undone rows are listed
	setBack int           // times that from was set back
	skipped int           // times that events were left in their rows while behind
	late    []*work       // accepted while behind, since the last listing began
	own     map[int64]*work
}

func newLanes() *lanes {
	return &lanes{byID: map[int64]*lane{}, known: map[int64]bool{}, wake: make(chan struct{}, 1),
		behind: true, own: map[int64]*work{}}
}

// accepted takes events that this node, being alone, has just stored, without
// listing their rows; not before those that may still wait in theirs. It is true
// if there are such.
func (l *lanes) accepted(ws []*work) (behind bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range ws {
		switch {
		case !l.behind && l.put(w):
		case len(l.late) < inMemory:
			l.late = append(l.late, w)
		default:
			l.skipped++
		}
	}
	return l.behind
}

// goBack makes the next listing begin at a place or before. The caller holds mu.
func (l *lanes) goBack(pos int64) {
	l.behind, l.from = true, min(l.from, pos)
	l.setBack++
}

// put takes an event into its lane. It is false if there is no room. The caller
// holds mu.
func (l *lanes) put(w *work) bool {
	if l.known[w.ref.ID] {
		return true
	}
	if _, mine := l.parts[inbox.PartOf(w.ref.Lane)]; !mine {
		return true
	}
	if len(l.known) >= inMemory {
		l.goBack(w.ref.Pos)
		return false
	}
	ln := l.byID[w.ref.Lane]
	if ln == nil {
		ln = &lane{}
		l.byID[w.ref.Lane] = ln
	}
	if ln.more || len(ln.queue) >= perLane {
		ln.more, ln.missed = true, true
		return true
	}
	l.known[w.ref.ID] = true
	at, _ := slices.BinarySearchFunc(ln.queue, w, func(a, b *work) int {
		return cmp.Or(cmp.Compare(a.ref.Pos, b.ref.Pos), cmp.Compare(a.ref.ID, b.ref.ID))
	})
	if at == 0 && ln.running {
		at = 1 // the head is being run: what came late goes next
	}
	ln.queue = slices.Insert(ln.queue, at, w)
	if len(ln.queue) == 1 {
		l.offer(w.ref.Lane)
	}
	return true
}

// offer marks a lane as ready to run. The caller holds mu.
func (l *lanes) offer(id int64) {
	l.ready = append(l.ready, id)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns the heads of ready lanes, up to n, or nil when ctx ends. An
// event that must be alone is.
func (l *lanes) take(ctx context.Context, n int) []*work {
	for {
		l.mu.Lock()
		var heads []*work
		for len(l.ready) > 0 && len(heads) < n {
			id := l.ready[0]
			ln := l.byID[id]
			if ln == nil || ln.running || ln.waiting || len(ln.queue) == 0 {
				l.ready = l.ready[1:]
				continue
			}
			if ln.queue[0].alone && len(heads) > 0 {
				break
			}
			l.ready = l.ready[1:]
			ln.running = true
			heads = append(heads, ln.queue[0])
			if ln.queue[0].alone {
				break
			}
		}
		more := len(l.ready) > 0
		l.mu.Unlock()
		if more {
			select {
			case l.wake <- struct{}{}: // another worker may go on with the rest
			default:
			}
		}
		if len(heads) > 0 {
			return heads
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// finish removes a head that has run; the lane goes on with its next event. It
// is true if the lane's further events must be read from their rows.
func (l *lanes) finish(w *work) (reload bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.own, w.ref.ID)
	ln := l.byID[w.ref.Lane]
	if !ln.runs(w) {
		// It was run for a request; the lane may be running its own copy, and
		// finds it done.
		return false
	}
	delete(l.known, w.ref.ID)
	ln.running = false
	ln.queue = ln.queue[1:]
	switch {
	case len(ln.queue) > 0:
		l.offer(w.ref.Lane)
	case ln.more:
		return true // until they are read, none may go before them
	default:
		delete(l.byID, w.ref.Lane)
	}
	return false
}

// later puts a head back and lets its lane wait.
func (l *lanes) later(w *work, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.byID[w.ref.Lane]
	if !ln.runs(w) {
		return
	}
	ln.running = false
	if wait <= 0 {
		l.offer(w.ref.Lane)
		return
	}
	ln.waiting = true
	time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		ln.waiting = false
		l.offer(w.ref.Lane)
	})
}

// hold sets the partitions that are worked on and forgets the events of others.
// Now is the database's place at the time: what was accepted before may have
// been begun by whoever had a partition until then.
func (l *lanes) hold(parts []int, now int64) (gained bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := make(map[int]int64, len(parts))
	for _, p := range parts {
		since, had := l.parts[p]
		if !had {
			since, gained = now, true
		}
		mine[p] = since
	}
	l.parts = mine
	for id, w := range l.own {
		if _, ok := mine[inbox.PartOf(w.ref.Lane)]; !ok {
			delete(l.own, id)
		}
	}
	for id, ln := range l.byID {
		if _, ok := mine[inbox.PartOf(id)]; ok {
			continue
		}
		keep := ln.queue[:0]
		for i, w := range ln.queue {
			if i == 0 && ln.running {
				keep = append(keep, w)
				continue
			}
			delete(l.known, w.ref.ID)
		}
		ln.queue = keep
		if len(keep) == 0 {
			delete(l.byID, id)
		}
	}
	if gained {
		l.goBack(0)
	}
	return gained
}

// listing is what the next listing of undone rows starts from.
type listing struct {
	behind  bool  // rows from before are still to be found
	parts   []int // nil: all
	from    int64
	room    int     // how many rows there is room for
	full    []int64 // lanes that take no more: their rows come when they are run
	skipped int
	setBack int
}

// fullLanes bounds the lanes that a listing leaves out.
const fullLanes = 100

func (l *lanes) listing() listing {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := listing{from: l.from, behind: l.behind, room: inMemory - len(l.known), skipped: l.skipped, setBack: l.setBack}
	l.late = nil // they are committed, so the listing finds them
	if l.parts != nil {
		q.parts = make([]int, 0, len(l.parts))
		for p := range l.parts {
			q.parts = append(q.parts, p)
		}
		slices.Sort(q.parts)
	}
	for id, ln := range l.byID {
		if ln.more && len(q.full) < fullLanes {
			q.full = append(q.full, id)
		}
	}
	return q
}

// keepOwn remembers an event that this node accepted until its row is listed.
func (l *lanes) keepOwn(ws []*work) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range ws {
		if _, mine := l.parts[inbox.PartOf(w.ref.Lane)]; mine && len(l.own) < inMemory {
			l.own[w.ref.ID] = w
		}
	}
}

// listed takes the rows of a listing into their lanes. Next is where to list
// from the next time. It is false if there was no room for all.
func (l *lanes) listed(q listing, refs []inbox.Ref, next int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	late := l.late
	l.late = nil
	all := len(refs) < q.room && l.skipped == q.skipped
	if l.setBack == q.setBack {
		l.from = next
	} else {
		all = false // a partition was gained meanwhile: its rows are still to be read
	}
	for _, ref := range refs {
		w := l.own[ref.ID]
		if w == nil {
			w = &work{takenOver: ref.Pos < l.parts[inbox.PartOf(ref.Lane)]}
		}
		delete(l.own, ref.ID)
		w.ref = ref
		if !l.put(w) {
			return false
		}
	}
	l.behind = !all
	for _, w := range late {
		if l.behind || !l.put(w) {
			break // the next listing finds them
		}
	}
	return true
}

// reloading says that the rows of a lane are going to be read.
func (l *lanes) reloading(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.byID[id]; ln != nil {
		ln.missed = false
	}
}

// reloaded takes the rows of one lane; more says that there are further ones.
// It is true if they must be read again at once.
func (l *lanes) reloaded(id int64, refs []inbox.Ref, more bool) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.byID[id]
	if ln == nil {
		return false // its partition is another node's now
	}
	ln.more = false
	for _, ref := range refs {
		if !l.put(&work{ref: ref, takenOver: ref.Pos < l.parts[inbox.PartOf(ref.Lane)]}) {
			more, ln.missed = false, false
			break // no room: the next full listing finds the others
		}
	}
	ln.more = more || ln.missed
	if len(ln.queue) > 0 || ln.running {
		return false
	}
	if !ln.more {
		delete(l.byID, id)
	}
	return ln.more
}

// unread leaves the rows of a lane to the next full listing.
func (l *lanes) unread(id int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ln := l.byID[id]; ln != nil {
		ln.more = false
		if len(ln.queue) == 0 && !ln.running {
			delete(l.byID, id)
		}
	}
	l.goBack(0)
}

// fallBehind makes the next listing read rows from the beginning.
func (l *lanes) fallBehind() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.goBack(0)
}

// works says whether a partition is worked on.
func (l *lanes) works(part int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, mine := l.parts[part]
	return mine
}

// heldSince is since which place a partition is worked on.
func (l *lanes) heldSince(part int) (since int64, held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	since, held = l.parts[part]
	return since, held
}

// heldParts are the partitions that are worked on, each with the place since.
func (l *lanes) heldParts() map[int]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.parts)
}
