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
	// burstBacklog of undone events while webhooks go on coming is a burst: the
	// platform waits for its answers, nobody for the steps. For burstTime they
	// leave the database to it, but for a small share; a load that lasts longer
	// is no burst and must be worked off as it comes.
	burstBacklog = 1000
	burstTime    = 10 * time.Second
	// burstShare is how many times as long as its last chunk a worker waits.
	burstShare = 8
	// quiet without a flush means that no webhook waits to be stored.
	quiet = 5 * time.Millisecond
)

// giveWay lets a burst of webhooks go first, for a bounded time. It is true if
// there is one.
func (g *Gateway) giveWay(ctx context.Context, took time.Duration) bool {
	if !g.bursting() {
		return false
	}
	end := time.NewTimer(took * burstShare)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for g.bursting() {
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

// burst remembers when the burst began that is going on; zero: none is.
type burst struct {
	mu    sync.Mutex
	began time.Time
}

func (g *Gateway) bursting() bool {
	if !g.intakeActive() {
		return false
	}
	g.burst.mu.Lock()
	defer g.burst.mu.Unlock()
	switch {
	case g.inbox.Backlog() < burstBacklog:
		g.burst.began = time.Time{}
		return false
	case g.burst.began.IsZero():
		g.burst.began = time.Now()
	}
	return time.Since(g.burst.began) < burstTime
}
