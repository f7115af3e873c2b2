package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const (
	// inFlight is how many events wait while the rate is estimated: enough that
	// the workers never lack any.
	inFlight = 2000
	// estimateTime is long enough for caches and batches to settle.
	estimateTime = 8 * time.Second
	// steadyTime is how long a backlog must stay flat.
	steadyTime = 15 * time.Second
	// settleTime of a steady run is not looked at.
	settleTime = 3 * time.Second
	// growth of the backlog, as a share of what comes in, that still counts as
	// flat: its readings go up and down with each batch.
	growth = 0.01
	// drainTime is how long usher may take to work off what a measurement left.
	drainTime = 2 * time.Minute
)

// counter tells how many events have come to the end that is looked at.
type counter func(context.Context) (int64, error)

// estimate finds the rate at which usher works while it also accepts: requests
// are held back when too many wait.
func estimate(ctx context.Context, s *server, people int64, done counter) (float64, error) {
	before, err := done(ctx)
	if err != nil {
		return 0, err
	}
	var paused atomic.Bool
	var accepted atomic.Int64
	l := load{addr: s.addr, conns: connections, maker: s.webhooks(people), time: estimateTime, paused: &paused, answered: &accepted}
	type point struct {
		at time.Time
		n  int64
	}
	var points []point
	watch, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() {
		for watch.Err() == nil {
			n, err := done(watch)
			if err != nil {
				paused.Store(false)
				watched <- err
				return
			}
			points = append(points, point{time.Now(), n - before})
			paused.Store(accepted.Load()-(n-before) > inFlight)
			time.Sleep(25 * time.Millisecond)
		}
		watched <- nil
	}()
	r, err := l.run(ctx)
	stop()
	if werr := <-watched; werr != nil && !errors.Is(werr, context.Canceled) {
		err = errors.Join(err, werr)
	}
	if err == nil {
		err = r.clean()
	}
	if err != nil {
		return 0, err
	}
	if len(points) < 10 {
		return 0, errors.New("usher answered too slowly to be measured")
	}
	first, last := points[len(points)/3], points[len(points)-1]
	rate := float64(last.n-first.n) / last.at.Sub(first.at).Seconds()
	return rate, drained(ctx, done, before+r.ok, drainTime)
}

// steady runs a fixed rate and says whether what waits stayed flat, and how much
// of the machine each process used.
type steady struct {
	rate    float64
	flat    bool
	why     string
	result  *result
	waiting float64 // at the end
	memory  float64 // MB, at its highest
	cores   string
}

func runSteady(ctx context.Context, s *server, people int64, rate float64, done counter) (*steady, error) {
	before, err := done(ctx)
	if err != nil {
		return nil, err
	}
	st := &steady{rate: rate}
	var accepted atomic.Int64
	l := load{addr: s.addr, conns: connections, maker: s.webhooks(people), rate: rate, time: settleTime + steadyTime, answered: &accepted}
	var early, late []float64
	watch, stop := context.WithCancel(ctx)
	watched := make(chan error, 1)
	go func() {
		began := time.Now()
		for watch.Err() == nil {
			time.Sleep(250 * time.Millisecond)
			n, err := done(watch)
			if err != nil {
				watched <- err
				return
			}
			waiting := float64(accepted.Load() - (n - before))
			switch since := time.Since(began) - settleTime; {
			case since > steadyTime: // the load has ended
			case since > steadyTime*2/3:
				late = append(late, waiting)
			case since > 0 && since < steadyTime/3:
				early = append(early, waiting)
			}
			if mb, err := memory(s.cmd.Process.Pid); err == nil {
				st.memory = max(st.memory, mb)
			}
		}
		watched <- nil
	}()
	usage := s.usage()
	st.result, err = l.run(ctx)
	st.cores = usage()
	stop()
	if werr := <-watched; werr != nil && !errors.Is(werr, context.Canceled) {
		err = errors.Join(err, werr)
	}
	if err != nil {
		return nil, err
	}
	st.judge(mean(early), mean(late))
	return st, drained(ctx, done, before+st.result.ok, drainTime)
}

func (st *steady) judge(early, late float64) {
	st.waiting = late
	came := st.rate * (steadyTime * 2 / 3).Seconds()
	switch err := st.result.clean(); {
	case err != nil:
		st.why = err.Error()
	case st.result.perSecond() < 0.99*st.rate:
		st.why = fmt.Sprintf("only %.0f/s were accepted", st.result.perSecond())
	case late-early > growth*came:
		st.why = fmt.Sprintf("what waits grew from %.0f to %.0f", early, late)
	case late > st.rate:
		st.why = fmt.Sprintf("%.0f wait, more than a second's", late)
	default:
		st.flat = true
	}
}

// highest searches the highest rate that stays flat, by steps from an estimate.
func (b *bench) highest(ctx context.Context, s *server, people int64, done counter) (*steady, error) {
	rate, err := estimate(ctx, s, people, done)
	if err != nil {
		return nil, err
	}
	b.say("    about %.0f/s", rate)
	var best *steady
	for range 8 {
		st, err := runSteady(ctx, s, people, rate, done)
		if err != nil {
			return nil, err
		}
		b.say("    at %.0f/s: flat %t %s (accepting p99 %s, %.0f wait; cores: %s)", rate, st.flat, st.why, st.result.latency.at(0.99), st.waiting, st.cores)
		switch {
		case st.flat:
			best = st
			rate *= 1.06
		case best != nil:
			return best, nil
		default:
			rate *= 0.92
		}
	}
	if best == nil {
		return nil, errors.New("no rate was found at which the backlog stays flat")
	}
	return best, nil
}

// usage begins to measure; the function that it returns says how many cores each
// process has used since.
func (s *server) usage() func() string {
	pids := []struct {
		name string
		pid  int
	}{{"usher", s.cmd.Process.Pid}, {"stand-in", s.standIn.cmd.Process.Pid}, {"load", os.Getpid()}}
	if s.backend.kind == serverful {
		pids = append(pids, struct {
			name string
			pid  int
		}{"database", processNamed("mariadbd", "mysqld")}, struct {
			name string
			pid  int
		}{"redis", s.backend.redisProc.cmd.Process.Pid})
	}
	before := make([]float64, len(pids))
	for i, p := range pids {
		before[i] = cpuSeconds(p.pid)
	}
	began := time.Now()
	return func() string {
		text := ""
		for i, p := range pids {
			text += fmt.Sprintf("%s %.2f ", p.name, (cpuSeconds(p.pid)-before[i])/time.Since(began).Seconds())
		}
		return text[:len(text)-1]
	}
}

func mean(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}
