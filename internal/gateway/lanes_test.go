package gateway

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/internal/database"
	"usher/internal/inbox"
)

// rows stands for the database behind lanes.
type rows struct {
	undone map[int64][]inbox.Ref // by lane, in order
	last   int64
	done   map[int64]bool
}

func (r *rows) add(lane int64) inbox.Ref {
	r.last++
	ref := inbox.Ref{ID: r.last, Lane: lane, Pos: r.last}
	r.undone[lane] = append(r.undone[lane], ref)
	return ref
}

// list is what inbox.Undone does.
func (r *rows) list(q listing) (refs []inbox.Ref, next int64) {
	for lane, list := range r.undone {
		if slices.Contains(q.full, lane) || !slices.Contains(q.parts, inbox.PartOf(lane)) {
			continue
		}
		for _, ref := range list {
			if ref.Pos >= q.from {
				refs = append(refs, ref)
			}
		}
	}
	slices.SortFunc(refs, func(a, b inbox.Ref) int { return int(a.Pos - b.Pos) })
	next = r.last - 20 // what is newer may become visible late
	if len(refs) >= q.room {
		refs = refs[:q.room]
		next = min(next, refs[len(refs)-1].Pos)
	}
	return refs, max(q.from, next)
}

func (r *rows) left() (n int) {
	for _, list := range r.undone {
		n += len(list)
	}
	return n
}

// lanesModel drives lanes as the gateway does, in any order.
type lanesModel struct {
	l       *lanes
	rows    rows
	running map[int64]*work // by lane
	listing *listing
	refs    []inbox.Ref
	next    int64
	reload  []int64
	reading int64
	lane    []inbox.Ref
}

func parts(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func newModel() *lanesModel {
	m := &lanesModel{l: newLanes(), rows: rows{undone: map[int64][]inbox.Ref{}, done: map[int64]bool{}}, running: map[int64]*work{}, reading: -1}
	m.l.hold(parts(database.Partitions), 0)
	return m
}

func (m *lanesModel) accept(lane int64, n int) {
	ws := make([]*work, n)
	for i := range ws {
		ws[i] = &work{ref: m.rows.add(lane)}
	}
	m.l.accepted(ws)
}

func (m *lanesModel) beginListing() {
	if m.listing != nil {
		return
	}
	if q := m.l.listing(); q.room >= inMemory/4 {
		m.listing = &q
		m.refs, m.next = m.rows.list(q)
	}
}

func (m *lanesModel) endListing() {
	if m.listing != nil {
		m.l.listed(*m.listing, m.refs, m.next)
		m.listing = nil
	}
}

func (m *lanesModel) beginReload() {
	if m.reading >= 0 || len(m.reload) == 0 {
		return
	}
	m.reading, m.reload = m.reload[0], m.reload[1:]
	m.l.reloading(m.reading)
	list := m.rows.undone[m.reading]
	m.lane = slices.Clone(list[:min(len(list), perLane)])
}

func (m *lanesModel) endReload() {
	if m.reading < 0 {
		return
	}
	if m.l.reloaded(m.reading, m.lane, len(m.lane) == perLane) {
		m.reload = append(m.reload, m.reading)
	}
	m.reading = -1
}

func (m *lanesModel) take(t require.TestingT, n int) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	heads := m.l.take(ended, n)
	require.LessOrEqual(t, len(heads), n)
	for _, w := range heads {
		lane := w.ref.Lane
		require.NotContains(t, m.running, lane, "one event of a conversation at a time")
		if m.rows.done[w.ref.ID] { // listed before it was done: its row says so
			m.end(w)
			continue
		}
		require.NotEmpty(t, m.rows.undone[lane])
		require.Equal(t, m.rows.undone[lane][0].ID, w.ref.ID, "in the order of the rows")
		m.running[lane] = w
	}
}

func (m *lanesModel) finish(w *work) {
	lane := w.ref.Lane
	delete(m.running, lane)
	m.rows.done[w.ref.ID] = true
	if m.rows.undone[lane] = m.rows.undone[lane][1:]; len(m.rows.undone[lane]) == 0 {
		delete(m.rows.undone, lane)
	}
	m.end(w)
}

func (m *lanesModel) end(w *work) {
	if m.l.finish(w) {
		m.reload = append(m.reload, w.ref.Lane)
	}
}

func (m *lanesModel) check(t require.TestingT) {
	require.LessOrEqual(t, len(m.l.known), inMemory)
	queued := 0
	for _, ln := range m.l.byID {
		require.LessOrEqual(t, len(ln.queue), perLane)
		queued += len(ln.queue)
	}
	require.Equal(t, len(m.l.known), queued)
}

// drain lets all that is left run, and says whether it did.
func (m *lanesModel) drain(t require.TestingT) bool {
	for range 3*m.rows.left() + 100 {
		m.endListing()
		m.endReload()
		m.beginReload()
		m.endReload()
		m.beginListing()
		m.endListing()
		m.take(t, chunkSize)
		for _, w := range m.running {
			m.finish(w)
		}
		if m.rows.left() == 0 && len(m.l.byID) == 0 {
			return true
		}
	}
	return false
}

func TestLanes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		const lanes = 6
		oneOf := func() *work {
			if len(m.running) == 0 {
				return nil
			}
			ids := sortedLanes(m.running)
			return m.running[rapid.SampledFrom(ids).Draw(t, "which")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) {
				m.accept(rapid.Int64Range(0, lanes-1).Draw(t, "lane"), rapid.SampledFrom([]int{1, 1, 2, 5, perLane + 10}).Draw(t, "n"))
			},
			"begin listing": func(*rapid.T) { m.beginListing() },
			"end listing":   func(*rapid.T) { m.endListing() },
			"begin reload":  func(*rapid.T) { m.beginReload() },
			"end reload":    func(*rapid.T) { m.endReload() },
			"take":          func(t *rapid.T) { m.take(t, rapid.IntRange(1, 4).Draw(t, "n")) },
			"finish": func(*rapid.T) {
				if w := oneOf(); w != nil {
					m.finish(w)
				}
			},
			"finish more": func(*rapid.T) {
				for range 40 {
					m.take(t, lanes)
					for _, lane := range sortedLanes(m.running) {
						m.finish(m.running[lane])
					}
				}
			},
			"later": func(*rapid.T) {
				if w := oneOf(); w != nil {
					delete(m.running, w.ref.Lane)
					m.l.later(w, 0)
				}
			},
			"alone": func(*rapid.T) {
				if w := oneOf(); w != nil {
					w.alone = true
					delete(m.running, w.ref.Lane)
					m.l.later(w, 0)
				}
			},
			"fall behind": func(*rapid.T) { m.l.fallBehind() },
			"hold": func(t *rapid.T) {
				m.l.hold(parts(rapid.SampledFrom([]int{0, lanes / 2, lanes}).Draw(t, "parts")), m.rows.last)
			},
			"": func(t *rapid.T) { m.check(t) },
		})
		m.l.hold(parts(database.Partitions), m.rows.last)
		require.True(t, m.drain(t), "events are left: %d", m.rows.left())
		require.Empty(t, m.l.byID)
		require.Empty(t, m.l.known)
	})
}

func sortedLanes(running map[int64]*work) []int64 {
	ids := make([]int64, 0, len(running))
	for id := range running {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// TestSlowLaneHoldsUpNobody: ten thousand events of one conversation, whose first
// one does not end.
func TestSlowLaneHoldsUpNobody(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.beginListing()
	m.endListing()
	m.accept(0, 10_000)
	m.take(t, 1)
	slow := m.running[0]
	require.NotNil(t, slow)
	require.LessOrEqual(t, len(m.l.known), perLane, "it does not fill the memory")
	for lane := int64(1); lane <= 500; lane++ {
		m.accept(lane, 3)
	}
	for m.rows.left() > 10_000 {
		before := m.rows.left()
		m.take(t, chunkSize)
		for _, lane := range sortedLanes(m.running) {
			if lane != 0 {
				m.finish(m.running[lane])
			}
		}
		require.Less(t, m.rows.left(), before, "the others go on")
	}
	m.check(t)
	m.finish(slow)
	require.True(t, m.drain(t))
}

// TestMoreConversationsThanMemory: the others wait in their rows and come later.
func TestMoreConversationsThanMemory(t *testing.T) {
	t.Parallel()
	m := newModel()
	m.beginListing()
	m.endListing()
	const many = inMemory + 3000
	for lane := range int64(many) {
		m.accept(lane, 1)
	}
	m.check(t)
	m.accept(5, 1) // behind those that are in their rows
	require.True(t, m.drain(t))
}

// TestCatchingUp: the embedded node goes back to handing events over although
// more are accepted while it lists.
func TestCatchingUp(t *testing.T) {
	t.Parallel()
	m := newModel()
	for round := range int64(3) {
		m.accept(round, 2) // behind: its rows may be listed
		m.beginListing()
		m.accept(10+round, 2) // after the listing was made
		m.endListing()
		require.False(t, m.l.behind)
		m.accept(20+round, 1)
		for range 2 {
			m.take(t, 100)
			for _, lane := range sortedLanes(m.running) {
				m.finish(m.running[lane])
			}
		}
		require.Zero(t, m.rows.left())
		m.l.fallBehind()
	}
}
