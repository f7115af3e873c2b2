package gateway

import (
	"context"
	"sync"
	"time"
)

const (
	// smallChunk is a chunk that a webhook can wait for where both need the same
	// writer.
	smallChunk = 48
	// crowd of events in one flush means that more webhooks came during the one
	// before than a steady stream brings: they wait for the database.
	crowd = 16
	// quiet without a crowd, and nobody waits any more.
	quiet = 4 * time.Millisecond
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
	if !g.burst.lasts(g.inbox.LastCrowd()) {
		return false
	}
	end := time.NewTimer(max(took*burstShare, quiet))
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for g.burst.lasts(g.inbox.LastCrowd()) {
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

func (g *Gateway) intakeActive() bool { return time.Since(g.inbox.LastFlush()) < quiet }

// burst remembers since when webhooks have been crowding in.
type burst struct {
	mu    sync.Mutex
	began time.Time // zero: they do not
}

// lasts says whether a burst is going on, given when events last crowded in.
func (b *burst) lasts(crowded time.Time) bool {
	since := time.Since(crowded)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case since > calm:
		b.began = time.Time{}
		return false
	case b.began.IsZero():
		b.began = crowded
	}
	return since < quiet && time.Since(b.began) < burstTime
}
