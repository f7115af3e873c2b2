package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/outbox"
	"usher/internal/timers"
)

// workers is how many chunks are run at once: one computes while the other's
// commit is on its way.
const workers = 2

// New gateway. A missing dependency is an error.
func New(d Deps) (*Gateway, error) {
	switch {
	case d.DB == nil, d.Bus == nil, d.Log == nil, d.HTTP == nil:
		return nil, errors.New("gateway: DB, Bus, Log and HTTP are needed")
	case d.Node == "" || len(d.Salt) == 0:
		return nil, errors.New("gateway: Node and Salt are needed")
	}
	if d.Role == "" {
		d.Role = RoleAll
	}
	g := &Gateway{Deps: d, businesses: map[string]*Business{}, accounts: accountsOf(d.Businesses), lanes: newLanes(),
		replies: newReplies(), timers: newTimerQueue(), reload: make(chan int64, inMemory), metrics: newMetrics(d.Metrics)}
	for _, b := range d.Businesses {
		g.businesses[b.ID] = b
		for _, dest := range b.Destinations {
			g.leads = append(g.leads, newLeads(g, dest))
		}
	}
	var err error
	g.inbox, err = inbox.New(d.DB, inbox.Options{MaxBacklog: d.MaxBacklog, Retention: d.Retention, Node: d.Node, Spool: d.Spool, Accepted: g.accepted})
	if err != nil {
		return nil, err
	}
	g.metrics.watch(g)
	return g, nil
}

// Business by its id.
func (g *Gateway) Business(id string) (*Business, bool) {
	b, ok := g.businesses[id]
	return b, ok
}

// Channel of a business by its id (type/name).
func (g *Gateway) Channel(business, id string) (*Channel, bool) {
	b, ok := g.businesses[business]
	if !ok {
		return nil, false
	}
	ch, ok := b.Channels[id]
	return ch, ok
}

// Ready says whether the gateway can do its work: the database answers and there
// is room for webhooks.
func (g *Gateway) Ready(ctx context.Context) error {
	if err := g.DB.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if g.MaxBacklog > 0 && g.inbox.Backlog() >= g.MaxBacklog {
		return inbox.ErrFull
	}
	if g.Guests != nil {
		if _, err := g.Guests.Load(ctx, []string{"gst_ready"}); err != nil {
			return fmt.Errorf("guests: %w", err)
		}
	}
	return nil
}

// Run works until ctx ends, then drains: no new events are taken up, what is
// under way is brought to its end. Webhooks must have ended before ctx does.
func (g *Gateway) Run(ctx context.Context) error {
	// What is under way may still be waiting to be stored: the inbox stops last.
	storing, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStoring()
	stored := make(chan error, 1)
	go func() { stored <- g.inbox.Run(storing) }()

	if g.alone() {
		if err := errors.Join(outbox.Release(ctx, g.DB), timers.Release(ctx, g.DB)); err != nil {
			return err
		}
	}
	if err := g.readFlows(ctx); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	if g.Role != RoleIntake {
		if err := g.renew(ctx); err != nil {
			return err
		}
		work.Go(func() error { return g.keepLeases(ctx) })
		work.Go(func() error { return g.list(ctx) })
		for range workers {
			work.Go(func() error { return g.converse(ctx) })
		}
		work.Go(func() error { return g.sendReplies(ctx) })
		work.Go(func() error { return g.keepTimers(ctx) })
		for _, l := range g.leads {
			work.Go(func() error { return l.run(ctx) })
		}
		work.Go(func() error { return g.maintain(ctx) })
	}
	work.Go(func() error { return g.DB.Checkpoint(ctx) })
	work.Go(func() error { return g.watchBacklog(ctx) })
	work.Go(func() error { return g.watchFields(ctx) })
	work.Go(func() error { return g.watchFlows(ctx) })
	err := work.Wait()
	if g.Role != RoleIntake {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), inbox.LeaseTime)
		defer cancel()
		if lerr := g.inbox.Leave(leave); lerr != nil {
			g.Log.Warn("leases not given up", "error", lerr)
		}
	}
	stopStoring()
	return errors.Join(err, <-stored)
}

// alone says that no other node can share the work: the database is a file.
func (g *Gateway) alone() bool { return g.DB.Dialect == database.SQLite }

// runsLane says whether this node works on a lane's partition.
func (g *Gateway) runsLane(lane int64) bool {
	return g.Role != RoleIntake && g.lanes.works(inbox.PartOf(lane))
}

func (g *Gateway) renew(ctx context.Context) error {
	parts, place, err := g.inbox.Renew(ctx)
	if err != nil {
		return err
	}
	if g.lanes.hold(parts, place) {
		g.fresh.clear() // others may have written the guests meanwhile
		g.Bus.Publish(topicInbox)
		signal(g.replies.list)
		signal(g.timers.list)
	}
	return nil
}

// keepLeases renews this node's partitions. While the database is away they run
// out, and so does the right to work on them; versions guard what is under way.
func (g *Gateway) keepLeases(ctx context.Context) error {
	tick := time.NewTicker(inbox.LeaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := g.renew(ctx); err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
		if now, err := g.inbox.Now(ctx); err == nil {
			g.clockAhead.Store(now - time.Now().UnixMicro())
		}
	}
}

const (
	// plenty of events in memory keep the workers busy for relist and longer: the
	// rows behind them need not be listed with every flush, which would read the
	// same ones over and over.
	plenty = 2 * chunkSize
	relist = 100 * time.Millisecond
)

// listWhole is how often undone rows are listed from the beginning. A flush that
// its node gave up may be committed by the server long after its place in the
// order; the sender, who comes again, is then told that it is stored.
const listWhole = 30 * time.Second

// list reads the undone rows that this node should run: after each flush, when
// nudged, and each second. The embedded node hands its own events over directly
// and lists only what it had no room for.
func (g *Gateway) list(ctx context.Context) error {
	wake, cancel := g.Bus.Subscribe(topicInbox)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last time.Time
	whole := time.Now()
	for {
		if time.Since(whole) > listWhole {
			whole = time.Now()
			g.lanes.fallBehind()
		}
		for page := 0; ; page++ {
			q := g.lanes.listing()
			held := inMemory - q.room
			busy := held > plenty && time.Since(last) < relist*time.Duration(held/plenty)
			if page == 0 && busy || q.room < inMemory/4 {
				break
			}
			last = time.Now()
			refs, next, err := g.inbox.Undone(ctx, q.parts, q.full, q.from, q.room)
			if err != nil {
				if ctx.Err() == nil {
					g.outage.log(g.Log, err)
				}
				break
			}
			if q.behind && !g.alone() {
				g.replies.restart() // what is not listed may just have been answered
			}
			if !g.lanes.listed(q, refs, next) || len(refs) < q.room {
				break
			}
		}
		select {
		case lane := <-g.reload:
			g.lanes.reloading(lane)
			refs, err := g.inbox.UndoneOf(ctx, lane, perLane)
			if err != nil {
				g.lanes.unread(lane)
			} else if g.lanes.reloaded(lane, refs, len(refs) == perLane) {
				g.reloadLane(lane)
			}
			continue
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *Gateway) watchBacklog(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := g.inbox.CountBacklog(ctx); err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// maintain forgets what is old: final events, settled replies, guests of the
// embedded database.
func (g *Gateway) maintain(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		before := time.Now().Add(-g.Retention)
		err := errors.Join(
			g.inbox.Prune(ctx, before),
			g.inbox.Blank(ctx, time.Now(), timers.DropLanes),
			inbox.Repeat(func() (int64, error) { return outbox.PruneReplies(ctx, g.DB, before.UnixMicro(), 500) }),
		)
		forgotten := time.Now().Add(-max(g.GuestTTL, g.Retention))
		err = errors.Join(err, inbox.Repeat(func() (n int64, err error) {
			err = g.DB.Write(ctx, database.Bulk, func(tx *database.Tx) error {
				n, err = sqlstore.New(tx).SweepSessions(forgotten, 500)
				return err
			})
			return n, err
		}))
		err = errors.Join(err, inbox.Repeat(func() (n int64, err error) {
			err = g.DB.Write(ctx, database.Bulk, func(tx *database.Tx) error {
				n, err = sqlstore.New(tx).SweepDesk(time.Now(), 500)
				return err
			})
			return n, err
		}))
		if g.Guests == nil {
			_, serr := sqlstore.OpenGuests(g.DB).SweepGuests(ctx, time.Now(), 500)
			err = errors.Join(err, serr)
		}
		if err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
	}
}
