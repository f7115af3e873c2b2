package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// soakCommand watches usher's memory while new people write at a steady rate.
func soakCommand(ctx context.Context, args []string, out io.Writer) (err error) {
	b := &bench{}
	flags := flag.NewFlagSet("bench soak", flag.ContinueOnError)
	b.flags(flags)
	length := flags.Duration("for", 10*time.Minute, "how long")
	kind := flags.String("backend", embedded, "sqlite or mysql")
	rate := flags.Float64("rate", 0, "webhooks a second; 0: half of what can be worked off")
	if err := flags.Parse(args); err != nil {
		return err
	}
	end, err := b.prepare(ctx, out)
	if end != nil {
		defer func() { err = errors.Join(err, end()) }()
	}
	if err != nil {
		return err
	}
	s, err := b.startUsher(ctx, setup{part: "soak", kind: *kind, flow: "talk", leads: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return b.soak(ctx, s, *rate, *length)
}

// soakEvery is how often memory is read.
const soakEvery = 5 * time.Second

func (b *bench) soak(ctx context.Context, s *server, rate float64, length time.Duration) error {
	idle, err := memory(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	if rate == 0 {
		if rate, err = estimate(ctx, s, 0, s.arrived); err != nil {
			return err
		}
		rate /= 2
	}
	b.say("soak: %.0f/s for %s, new people, each a reply and a lead; idle %.0f MB", rate, length, idle)
	before, err := s.arrived(ctx)
	if err != nil {
		return err
	}
	var readings []float64
	watch, stop := context.WithCancel(ctx)
	defer stop()
	watched := make(chan error, 1)
	began := time.Now()
	go func() {
		tick := time.NewTicker(soakEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-watch.Done():
				watched <- nil
				return
			}
			mb, err := memory(s.cmd.Process.Pid)
			if err != nil {
				watched <- err
				return
			}
			readings = append(readings, mb)
			if len(readings)%12 == 0 {
				m, err := s.metrics(watch)
				b.say("  %4.0f s: %.0f MB, backlog %.0f %s", time.Since(began).Seconds(), mb, m["usher_backlog_events"], errText(err))
			}
		}
	}()
	r, err := load{addr: s.addr, conns: connections, maker: s.webhooks(0), rate: rate, time: length}.run(ctx)
	stop()
	if err := errors.Join(err, <-watched); err != nil {
		return err
	}
	b.say("  accepting: %s", r)
	third := len(readings) / 3
	if third == 0 {
		return errors.New("too short to say anything")
	}
	first, last := mean(readings[:third]), mean(readings[len(readings)-third:])
	b.say("  memory, first third %.1f MB, last third %.1f MB (%+.1f %%)", first, last, 100*(last/first-1))
	return errors.Join(r.clean(), drained(ctx, s.arrived, before+r.ok, drainTime))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(err)
}
