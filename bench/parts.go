package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// connections of every load.
	connections = 64
	// burst is how many webhooks are accepted at once: below the backlog at
	// which usher would answer 503.
	burst = 60000
	// knownPeople write in turn where people are known.
	knownPeople = 2000
	// acceptRate and knownRate are where the goals ask for latencies.
	acceptRate, knownRate = 5000, 2000
	// latencyTime is how long latencies are measured.
	latencyTime = 10 * time.Second
	limitTime   = 4 * time.Second
)

// part is one thing that is measured, on one back end.
type part struct {
	name string
	what string
	run  func(b *bench, ctx context.Context, s *server, limit float64) error
	flow string
	// leads: a destination takes every contact.
	leads bool
	only  string // back end; empty: both
}

func parts() []part {
	return []part{
		{name: "accept", what: "accepting", run: (*bench).accept, flow: "quiet"},
		{name: "sustained", what: "working", run: (*bench).sustained, flow: "quiet"},
		{name: "talk", what: "working, with a reply to each message", run: (*bench).talk, flow: "talk"},
		{name: "leads", what: "delivering", run: (*bench).leads, flow: "quiet", leads: true},
		{name: "known", what: "/v1/known", run: (*bench).known, flow: "talk"},
		{name: "guests", what: "guests in Redis", run: (*bench).guests, flow: "talk", only: serverful},
	}
}

// measure runs a part on a fresh usher, after the limit.
func (b *bench) measure(ctx context.Context, p part, kind string, round int) (err error) {
	limit, err := b.limit(ctx)
	if err != nil {
		return err
	}
	b.say("%s on %s, round %d; the limit now: %.0f/s", p.name, kind, round, limit)
	s := setup{part: p.name, kind: kind, flow: p.flow, leads: p.leads}
	if b.profiles != "" {
		s.profile = filepath.Join(b.profiles, fmt.Sprintf("%s-%s-%d.prof", p.name, kind, round))
	}
	u, err := b.startUsher(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.close()) }()
	return p.run(b, ctx, u, limit)
}

// limit measures bare Fiber now.
func (b *bench) limit(ctx context.Context) (float64, error) {
	p, addr, err := b.startOwn(ctx, b.dir, "limit")
	if err != nil {
		return 0, err
	}
	l := load{addr: addr, conns: connections, time: limitTime, maker: webhooks{seq: &sequence{}, host: addr, path: limitPath}.maker}
	r, err := l.run(ctx)
	if err == nil {
		err = r.clean()
	}
	if err = errors.Join(err, p.stop()); err != nil {
		return 0, fmt.Errorf("limit: %w", err)
	}
	b.table.add("limit", "", "Fiber + HMAC + encoding/json, nothing kept", "/s", r.perSecond(), 0)
	b.table.add("limit", "", "its p99", "ms", millis(r.latency.at(0.99)), 0)
	return r.perSecond(), nil
}

// accept measures a burst, and the latency at a fixed rate.
func (b *bench) accept(ctx context.Context, s *server, limit float64) error {
	mb, err := memory(s.cmd.Process.Pid)
	if err == nil {
		b.table.add("accept", s.backend.kind, "memory, idle", "MB", mb, 0)
	}
	usage := s.usage()
	r, err := load{addr: s.addr, conns: connections, maker: s.webhooks(0), count: b.burst}.run(ctx)
	if err != nil {
		return err
	}
	b.say("    burst: %s (cores: %s)", r, usage())
	if err := r.clean(); err != nil {
		return err
	}
	kind := s.backend.kind
	b.table.add("accept", kind, "accepted in a burst", "/s", r.perSecond(), limit)
	b.table.add("accept", kind, "p99 of the burst", "ms", millis(r.latency.at(0.99)), 0)
	if err := drained(ctx, s.ended, r.ok, drainTime); err != nil {
		return err
	}
	r, err = load{addr: s.addr, conns: connections, maker: s.webhooks(knownPeople), rate: acceptRate, time: latencyTime}.run(ctx)
	if err != nil {
		return err
	}
	b.say("    at %d/s: %s", acceptRate, r)
	b.table.add("accept", kind, fmt.Sprintf("p50 at %d/s", acceptRate), "ms", millis(r.latency.at(0.50)), 0)
	b.table.add("accept", kind, fmt.Sprintf("p99 at %d/s", acceptRate), "ms", millis(r.latency.at(0.99)), 0)
	return r.clean()
}

// acquaint lets every known person write once.
func (b *bench) acquaint(ctx context.Context, s *server) error {
	r, err := load{addr: s.addr, conns: connections, maker: s.webhooks(knownPeople), count: knownPeople}.run(ctx)
	if err == nil {
		err = r.clean()
	}
	if err != nil {
		return err
	}
	return drained(ctx, s.ended, r.ok, drainTime)
}

func (b *bench) sustained(ctx context.Context, s *server, limit float64) error {
	return b.keepUp(ctx, s, limit, "sustained", "sustained, 2,000 known people, a flow that says nothing")
}

func (b *bench) talk(ctx context.Context, s *server, limit float64) error {
	return b.keepUp(ctx, s, limit, "talk", "sustained, 2,000 known people, a question sent for each message")
}

func (b *bench) keepUp(ctx context.Context, s *server, limit float64, part, what string) error {
	if err := b.acquaint(ctx, s); err != nil {
		return err
	}
	done := s.ended
	if part == "talk" {
		done = s.worked
	}
	best, err := b.highest(ctx, s, knownPeople, done)
	if err != nil {
		return err
	}
	kind := s.backend.kind
	b.table.add(part, kind, what, "/s", best.rate, limit)
	b.table.add(part, kind, "memory at that rate", "MB", best.memory, 0)
	b.table.note(part+" on "+kind, best.cores)
	return nil
}

// worked is how many events have come to their end and have had their reply
// sent, whichever is behind.
func (s *server) worked(ctx context.Context) (int64, error) {
	m, err := s.metrics(ctx)
	return int64(min(m["usher_events_ended_total"], m["usher_replies_total"])), err
}

// leads measures new people becoming contacts and delivered leads.
func (b *bench) leads(ctx context.Context, s *server, limit float64) error {
	best, err := b.highest(ctx, s, 0, s.arrived)
	if err != nil {
		return err
	}
	kind := s.backend.kind
	b.table.add("leads", kind, "each webhook a new person, contact and delivered lead", "/s", best.rate, limit)
	b.table.add("leads", kind, "memory at that rate", "MB", best.memory, 0)
	b.table.note("leads on "+kind, best.cores)
	if _, err := s.stats(ctx, true); err != nil { // forgets the latencies so far
		return err
	}
	before, err := s.arrived(ctx)
	if err != nil {
		return err
	}
	r, err := load{addr: s.addr, conns: connections, maker: s.webhooks(0), rate: best.rate / 2, time: latencyTime}.run(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(r.clean(), drained(ctx, s.arrived, before+r.ok, drainTime)); err != nil {
		return err
	}
	got, err := s.stats(ctx, true)
	if err != nil {
		return err
	}
	b.say("    leads at %.0f/s: p50 %.1f ms, p95 %.1f ms, p99 %.1f ms; %d came twice", best.rate/2, got.MillisP50, got.MillisP95, got.MillisP99, got.Repeated)
	if got.LatencyN != r.ok || got.Unsigned > 0 {
		return fmt.Errorf("%d webhooks, %d leads with their time, %d unsigned", r.ok, got.LatencyN, got.Unsigned)
	}
	b.table.add("leads", kind, "lead p50 at half of that rate", "ms", got.MillisP50, 0)
	b.table.add("leads", kind, "lead p99 at half of that rate", "ms", got.MillisP99, 0)
	return nil
}

// known measures what bots ask before each of their questions.
func (b *bench) known(ctx context.Context, s *server, _ float64) error {
	if err := b.acquaint(ctx, s); err != nil {
		return err
	}
	seq := &sequence{}
	r, err := load{addr: s.addr, conns: connections, rate: knownRate, time: latencyTime,
		maker: func() maker { return &lookups{seq: seq, senders: knownPeople, host: s.addr, key: apiKey} }}.run(ctx)
	if err != nil {
		return err
	}
	b.say("    /v1/known: %s", r)
	b.table.add("known", s.backend.kind, fmt.Sprintf("/v1/known p50 at %d/s", knownRate), "ms", millis(r.latency.at(0.50)), 0)
	b.table.add("known", s.backend.kind, fmt.Sprintf("/v1/known p99 at %d/s", knownRate), "ms", millis(r.latency.at(0.99)), 0)
	return r.clean()
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
