package gateway

import (
	"context"
	"sync"
	"time"
)

const (
	// smallChunk is a chunk that a webhook can wait for where both need the same
	// writer.
	smallChunk = 24
	// From crowd events in flush after flush on, webhooks come faster than they
	// are stored, until there are fewer than few.
	crowd, few = 16, 8
	// burstTime is how long a burst may keep the steps waiting: a platform waits
	// for its answers, nobody for the steps. A load that lasts longer is no burst
	// and must be worked off as it comes; calm is how long it must have stopped
	// for the next to be one again.
	burstTime = 5 * time.Second
	calm      = 250 * time.Millisecond
	// burstShare is how many times as long as its last chunk a worker waits in a
	// burst: a small share goes on, so that the first are not the last to be run.
	burstShare = 20
)

// giveWay lets a burst of webhooks go first, for a bounded time. It is true if
// there is one.
func (g *Gateway) giveWay(ctx context.Context, took time.Duration) bool {
	if !g.burst.lasts(g.inbox.Crowd()) {
		return false
	}
	end := time.NewTimer(max(took, time.Millisecond) * burstShare)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for g.burst.lasts(g.inbox.Crowd()) {
		select {
		case <-tick.C:
		case <-end.C:
			return true
		case <-ctx.Done():
			return true
		}
	}
	return false
}

// leaveRoom lets one worker run at a time while webhooks come in: they need a
// processor as well.
func (g *Gateway) leaveRoom() (done func()) {
	if !g.inbox.Active() {
		return func() {}
	}
	g.single.Lock()
	return g.single.Unlock
}

// burst remembers since when webhooks have been crowding in.
type burst struct {
	mu          sync.Mutex
	began, last time.Time // zero: they do not
}

// lasts says whether a burst is going on, given how many events a flush holds.
func (b *burst) lasts(n int) bool {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	calmed := now.Sub(b.last) > calm
	switch {
	case n >= crowd && calmed:
		b.began, b.last = now, now
	case n >= crowd, n >= few && !calmed:
		b.last = now
	default:
		return false
	}
	return now.Sub(b.began) < burstTime
}
