package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/internal/inbox"
)

// held are lanes that work on every partition.
func held() *lanes {
	l := newLanes()
	parts := make([]int, 256)
	for i := range parts {
		parts[i] = i
	}
	l.hold(parts, 1)
	l.listed(l.listing(), nil, 1)
	return l
}

func workAt(id int64) *work { return &work{ref: inbox.Ref{ID: id, Lane: 9, Pos: id}} }

// next takes what can run, without waiting for more.
func (l *lanes) next() []int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	var ids []int64
	for _, w := range l.take(ctx, chunkSize) {
		ids = append(ids, w.ref.ID)
	}
	return ids
}

// A copy of an event that was run for a request does not let the lane's own run
// twice at once.
func TestFinishedElsewhere(t *testing.T) {
	t.Parallel()
	l := held()
	head := workAt(1)
	l.accepted([]*work{head, workAt(2)})
	require.Equal(t, []int64{1}, l.next())
	require.False(t, l.finish(workAt(1)))
	l.later(workAt(1), 0)
	require.Empty(t, l.next())
	l.finish(head)
	require.Equal(t, []int64{2}, l.next())
}

// While further events of a lane are in their rows, none goes before them.
func TestFullLane(t *testing.T) {
	t.Parallel()
	l := held()
	var all []*work
	for id := range int64(perLane + 2) {
		all = append(all, workAt(id+1))
	}
	l.accepted(all)
	for i, w := range all[:perLane] {
		require.Equal(t, []int64{w.ref.ID}, l.next())
		require.Equal(t, i == perLane-1, l.finish(w), "the last has the others read")
	}
	l.accepted([]*work{workAt(100)})
	require.Empty(t, l.next())

	l.reloading(9)
	l.accepted([]*work{workAt(101)}) // after the rows were read
	rows := []inbox.Ref{all[perLane].ref, all[perLane+1].ref, {ID: 100, Lane: 9, Pos: 100}}
	require.False(t, l.reloaded(9, rows, false))
	for _, ref := range rows {
		require.Equal(t, []int64{ref.ID}, l.next())
		l.finish(l.byID[9].queue[0])
	}
	require.Empty(t, l.next())
	l.reloading(9)
	require.False(t, l.reloaded(9, []inbox.Ref{{ID: 101, Lane: 9, Pos: 101}}, false))
	require.Equal(t, []int64{101}, l.next())
	l.finish(l.byID[9].queue[0])
	require.Empty(t, l.byID)
	require.Empty(t, l.known)
}
