package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load posts requests over connections that are kept open. With a rate it is
// open: each request has a time at which it is due, and its latency counts from
// then, sent or not. Without one each connection sends when its last request was
// answered.
type load struct {
	addr  string
	conns int
	maker func() maker
	rate  float64       // requests a second; 0: as fast as they are answered
	count int64         // requests; 0: until time is up
	time  time.Duration // 0: until count is reached
	// paused, if set, holds requests back while it is true; for a closed loop.
	paused *atomic.Bool
	// answered, if set, counts accepted requests while the load runs.
	answered *atomic.Int64
}

// result of a load.
type result struct {
	ok, busy, failed int64
	first            string // error
	took             time.Duration
	latency          histogram // of ok ones
}

func (r *result) perSecond() float64 { return float64(r.ok) / r.took.Seconds() }

func (r *result) String() string {
	return fmt.Sprintf("%.0f/s, p50 %s, p95 %s, p99 %s; %d ok, %d busy, %d failed %s", r.perSecond(),
		r.latency.at(0.50), r.latency.at(0.95), r.latency.at(0.99), r.ok, r.busy, r.failed, r.first)
}

// clean says that every request was taken.
func (r *result) clean() error {
	if r.busy+r.failed > 0 {
		return fmt.Errorf("%d requests answered 503, %d failed: %s", r.busy, r.failed, r.first)
	}
	return nil
}

// behind is how many requests may be due and not sent, beyond which the rate is
// clearly not reached: seconds of the highest one.
const behind = 1 << 17

func (l load) run(ctx context.Context) (*result, error) {
	if l.time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.time)
		defer cancel()
	}
	var left atomic.Int64
	left.Store(l.count)
	due := make(chan time.Time, 1)
	if l.rate > 0 {
		due = make(chan time.Time, behind)
		go l.pace(ctx, due)
	}
	next := func() (time.Time, bool) {
		if l.count > 0 && left.Add(-1) < 0 {
			return time.Time{}, false
		}
		if l.rate > 0 {
			t, ok := <-due
			return t, ok
		}
		for l.paused != nil && l.paused.Load() && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return time.Now(), ctx.Err() == nil
	}
	results := make([]result, l.conns)
	began := time.Now()
	var all sync.WaitGroup
	for i := range results {
		all.Go(func() { l.connection(next, &results[i]) })
	}
	all.Wait()
	sum := &result{took: time.Since(began)}
	for i := range results {
		r := &results[i]
		sum.ok, sum.busy, sum.failed = sum.ok+r.ok, sum.busy+r.busy, sum.failed+r.failed
		sum.latency.merge(&r.latency)
		if sum.first == "" {
			sum.first = r.first
		}
	}
	if sum.ok == 0 {
		return sum, fmt.Errorf("no request to %s was accepted: %d busy, %d failed: %s", l.addr, sum.busy, sum.failed, sum.first)
	}
	return sum, nil
}

// pace hands out the times at which requests are due, when they are.
func (l load) pace(ctx context.Context, due chan<- time.Time) {
	defer close(due)
	gap := float64(time.Second) / l.rate
	began := time.Now()
	for n := 0; ; n++ {
		at := began.Add(time.Duration(float64(n) * gap))
		if wait := time.Until(at); wait > 0 {
			nap(wait)
		}
		if ctx.Err() != nil || l.count > 0 && int64(n) >= l.count {
			return
		}
		select {
		case due <- at:
		default:
			return // hopelessly behind: the result shows it
		}
	}
}

// answerTime bounds one request; a server that takes longer has failed.
const answerTime = 30 * time.Second

func (l load) connection(next func() (time.Time, bool), r *result) {
	m := l.maker()
	var c *client
	defer func() {
		if c != nil {
			c.conn.Close()
		}
	}()
	for {
		due, ok := next()
		if !ok {
			return
		}
		var err error
		if c == nil {
			if c, err = dial(l.addr); err != nil {
				r.fail(err)
				time.Sleep(100 * time.Millisecond)
				continue
			}
		}
		status, err := c.do(m.next(due))
		switch {
		case err != nil:
			r.fail(err)
			c.conn.Close()
			c = nil
		case status == 200:
			r.ok++
			r.latency.add(time.Since(due))
			if l.answered != nil {
				l.answered.Add(1)
			}
		case status == 503:
			r.busy++
		default:
			r.fail(fmt.Errorf("status %d", status))
		}
	}
}

func (r *result) fail(err error) {
	r.failed++
	if r.first == "" {
		r.first = err.Error()
	}
}

// client speaks as little HTTP/1.1 as it takes, so that the generator needs less
// of the machine than any server.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, answerTime)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReader(conn)}, nil
}

var errAnswer = errors.New("no HTTP answer that this client reads")

func (c *client) do(request []byte) (status int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errAnswer
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, errAnswer
	}
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if name, v, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, errAnswer
			}
		}
	}
	if length < 0 {
		return 0, errAnswer
	}
	_, err = io.CopyN(io.Discard, c.r, int64(length))
	return status, err
}
