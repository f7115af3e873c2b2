package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"usher/connectors"
	"usher/internal/inbox"
	"usher/internal/timers"
)

const (
	// topicTimers tells the nodes that a timer is due at once.
	topicTimers = "timers"
	// timerClaim is how long a claim lasts: a call that may take longer asks for
	// more. What a node claimed and died of is another's after that.
	timerClaim = 12 * time.Second
	// listPause keeps nudges from making listings follow each other at once.
	listPause = 20 * time.Millisecond
	// timerAgain is when a timer is tried again whose event could not be stored.
	timerAgain = time.Second
	// maxBroken is how many claims of a timer may end with their process.
	maxBroken = 5
	// countEvery is how often timers are counted for the metrics.
	countEvery = time.Minute
)

// offerTimers takes timers that were just written and are due soon, or tells
// whoever works on their partitions.
func (g *Gateway) offerTimers(all []timers.Timer) {
	if len(all) == 0 {
		return
	}
	soon := time.Now().Add(timersAhead).UnixMicro()
	var ours []timers.Timer
	elsewhere := false
	for _, t := range all {
		switch {
		case t.DueAt > soon:
		case g.runsLane(t.Lane):
			ours = append(ours, t)
		default:
			elsewhere = true
		}
	}
	g.timers.put(ours)
	if elsewhere {
		g.Bus.Publish(topicTimers)
	}
}

// keepTimers brings about what runs wait for, until ctx ends and all that is
// under way has ended.
func (g *Gateway) keepTimers(ctx context.Context) error {
	var running sync.WaitGroup
	stop, settling := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(settling)
		g.settleTimers(stop)
	}()
	listing, stopListing := context.WithCancel(ctx)
	running.Go(func() { g.listTimers(listing) })
	defer func() {
		stopListing()
		running.Wait()
		close(stop)
		<-settling
	}()
	for ctx.Err() == nil {
		due, wait := g.timers.due(time.Now())
		if len(due) > 0 {
			g.startTimers(ctx, &running, due)
			continue
		}
		next := time.NewTimer(wait)
		select {
		case <-g.timers.wake:
		case <-next.C:
		case <-ctx.Done():
		}
		next.Stop()
	}
	return nil
}

// listTimers looks each second, and when told, for rows that are due soon.
func (g *Gateway) listTimers(ctx context.Context) {
	told, cancel := g.Bus.Subscribe(topicTimers)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var counted time.Time
	for {
		held := g.lanes.heldParts()
		g.timers.drop(func(part int) bool { _, ours := held[part]; return ours })
		q := g.timers.query(append([]int{}, slices.Sorted(maps.Keys(held))...), time.Now())
		found, err := timers.Due(ctx, g.DB, q)
		if err == nil {
			g.timers.listed(found, len(found) < q.Limit)
		}
		if err == nil && time.Since(counted) > countEvery {
			counted = time.Now()
			err = g.countTimers(ctx)
		}
		if err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
		pause := time.NewTimer(listPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		select {
		case <-told:
		case <-g.timers.list:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) countTimers(ctx context.Context) error {
	counts, err := timers.Count(ctx, g.DB)
	if err == nil {
		g.metrics.waiting(counts)
	}
	return err
}

// startTimers claims timers whose time has come and begins what they are for.
func (g *Gateway) startTimers(ctx context.Context, running *sync.WaitGroup, due []timers.Timer) {
	ids := make([]string, len(due))
	for i, t := range due {
		ids[i] = t.ID
	}
	var claimed []timers.Timer
	err := insist(func() (err error) {
		claimed, err = timers.Claim(context.WithoutCancel(ctx), g.DB, g.Node, ids, timerClaim)
		return err
	})
	if err != nil {
		g.outage.log(g.Log, err)
	}
	got := make(map[string]bool, len(claimed))
	var quick []timers.Timer
	for _, t := range claimed {
		got[t.ID] = true
		if !isCall(t) {
			quick = append(quick, t)
			continue
		}
		running.Go(func() { g.call(ctx, t) })
	}
	g.timers.lost(slices.DeleteFunc(due, func(t timers.Timer) bool { return got[t.ID] }))
	if len(quick) > 0 {
		running.Go(func() { g.fire(context.WithoutCancel(ctx), quick) })
	}
}

// fire ends waits that need no other service: of times that have come, and of
// handovers.
func (g *Gateway) fire(ctx context.Context, all []timers.Timer) {
	var ends []resumption
	for _, t := range all {
		switch {
		case t.Cause == connectors.CauseTimer:
			ends = append(ends, resumption{t, connectors.Resume{Outcome: connectors.OutcomeDue}})
		case t.Stage > 0:
			ends = append(ends, resumption{t, connectors.Resume{Outcome: connectors.OutcomeTimeout}})
		default:
			r, err := g.attend(ctx, t)
			if err != nil {
				g.outage.log(g.Log, err)
				g.timers.end(tryAgain(t))
				continue
			}
			ends = append(ends, resumption{t, r})
		}
	}
	g.resume(ctx, ends)
}

// tryAgain puts a claimed timer off for no fault of its own.
func tryAgain(t timers.Timer) timerEnd {
	t.Attempts--
	t.DueAt = time.Now().Add(timerAgain).UnixMicro()
	return timerEnd{t, true}
}

// resumption is what came of a wait.
type resumption struct {
	timer timers.Timer
	event connectors.Resume
}

// resume puts what came of waits into the inbox, for their runs to go on. Put
// again, by whomever, it is the same event.
func (g *Gateway) resume(ctx context.Context, all []resumption) {
	var rows []*inbox.Event
	var stored []resumption
	for _, e := range all {
		row, err := g.resumeRow(ctx, &e)
		if err != nil {
			g.Log.Error("a run cannot be resumed", "timer", e.timer.ID, "error", err)
			g.timers.end(timerEnd{timer: e.timer})
			continue
		}
		rows, stored = append(rows, row), append(stored, e)
	}
	if len(rows) == 0 {
		return
	}
	_, err := g.put(ctx, rows)
	for _, e := range stored {
		switch {
		case err != nil:
			g.timers.end(tryAgain(e.timer))
		case e.event.Outcome == connectors.OutcomeQueued || e.event.Outcome == connectors.OutcomeNobody:
			g.timers.end(laterOn(e.timer))
		default:
			g.timers.end(timerEnd{timer: e.timer})
		}
		if err == nil {
			g.metrics.fired(e.timer.Cause, e.event.Outcome)
		}
	}
}

// laterOn makes a handover's timer wait until nobody has come in time.
func laterOn(t timers.Timer) timerEnd {
	var d waitDetail
	_ = json.Unmarshal(t.Detail, &d) // it was read before
	t.Stage, t.DueAt = 1, d.At
	return timerEnd{t, true}
}

// errNoChannel: the channel of a wait is not configured any more.
var errNoChannel = errors.New("its channel is not configured any more")

// resumeRow is the event of a resumption, reserved for the node whose request
// waits for it.
func (g *Gateway) resumeRow(ctx context.Context, e *resumption) (*inbox.Event, error) {
	var ch *Channel
	if b := g.businesses[e.timer.Business]; b != nil {
		ch = b.Channels[e.timer.Channel]
	}
	if ch == nil {
		return nil, errNoChannel
	}
	var d waitDetail
	if err := json.Unmarshal(e.timer.Detail, &d); err != nil {
		return nil, fmt.Errorf("read timer: %w", err)
	}
	row, err := g.resumed(ch, &e.timer, d, e.event)
	if err != nil || !d.Followed {
		return row, err
	}
	found, err := g.inbox.Load(ctx, []int64{e.timer.EventID})
	if err != nil {
		return row, nil // it runs all the same, and is answered later
	}
	if began := found[e.timer.EventID]; began != nil && began.ReservedBy != "" {
		if left := began.ReservedUntil - time.Now().UnixMicro() - g.clockAhead.Load(); left > 0 {
			row.ReservedBy, row.ReservedUntil = began.ReservedBy, left
		}
	}
	return row, nil
}

// settleTimers writes what became of timers, those that ended together in one
// transaction, until stop is closed and nothing is left.
func (g *Gateway) settleTimers(stop <-chan struct{}) {
	for stopping := false; ; {
		ends := g.timers.ends()
		if len(ends) > 0 {
			var over []string
			var again []timers.Timer
			for _, e := range ends {
				if e.again {
					again = append(again, e.timer)
				} else {
					over = append(over, e.timer.ID)
				}
			}
			err := insist(func() error { return timers.Settle(context.Background(), g.DB, g.Node, over, again) })
			if err != nil {
				g.outage.log(g.Log, err) // their claims run out; what came of them is stored once
			}
			g.timers.wrote(ends, time.Now())
			continue
		}
		if stopping {
			return
		}
		select {
		case <-g.timers.written:
		case <-stop:
			stopping = true
		}
	}
}

// attend decides what a handover meets: agents who are there, or nobody.
func (g *Gateway) attend(ctx context.Context, t timers.Timer) (connectors.Resume, error) {
	var d waitDetail
	b := g.businesses[t.Business]
	if json.Unmarshal(t.Detail, &d) != nil || b == nil {
		return connectors.Resume{}, nil // there is nothing to resume
	}
	return g.meet(ctx, wanted{b, t.Conversation, d.Team, d.Agent})
}
