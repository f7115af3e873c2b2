package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"usher/connectors"
	"usher/flows"
	"usher/internal/inbox"
	"usher/internal/outbound"
	"usher/internal/timers"
)

const (
	// callMargin is what a claim lasts beyond the call's own time: to look the
	// person up before and to store the event after it.
	callMargin = 7 * time.Second
	// firstCallWait and longestCallWait space out attempts: a person waits.
	firstCallWait   = 500 * time.Millisecond
	longestCallWait = 10 * time.Second
	// tooLongWait: a service that says to come again later than that has failed.
	tooLongWait = time.Minute
)

// call asks another service what a run waits for, a call's or a bot's, and
// resumes the run with what it says.
func (g *Gateway) call(ctx context.Context, tm timers.Timer) {
	// What is under way when the node ends gets the time for its answer.
	asking, release := outlive(ctx)
	defer release()
	began := time.Now()
	a, err := g.asked(asking, tm)
	switch {
	case err != nil:
		g.outage.log(g.Log, err)
		g.timers.end(tryAgain(tm))
		return
	case a == nil: // the run has gone on
		g.timers.end(timerEnd{timer: tm})
		return
	}
	r, again := g.ask(asking, tm, a)
	if ctx.Err() != nil && (again > 0 || asking.Err() != nil) {
		tm.Attempts-- // cut off: asked again, under the same key, by whoever comes next
		g.timers.end(timerEnd{tm, true})
		return
	}
	outcome := r.Outcome
	if again > 0 {
		outcome = "retry"
	}
	g.Log.Log(ctx, levelOf(a.fault), tm.Cause, "timer", tm.ID, "conversation", tm.Conversation, "attempt", tm.Failures+1,
		"outcome", outcome, "ms", time.Since(began).Milliseconds(), "detail", r.Detail)
	g.metrics.call(tm.Cause, outcome)
	if again > 0 {
		tm.Failures++
		tm.DueAt = time.Now().Add(again).UnixMicro()
		g.timers.end(timerEnd{tm, true})
		return
	}
	g.resume(context.WithoutCancel(ctx), []resumption{{tm, r}})
}

// asking is a run that waits for another service.
type asking struct {
	b     *Business
	run   *flows.Run
	flow  *flows.Flow
	wait  flows.Wait
	in    flows.Turn
	fault error // of the attempt
}

// asked looks up the run of a timer as it is now; nil if it does not wait for
// that any more.
func (g *Gateway) asked(ctx context.Context, tm timers.Timer) (*asking, error) {
	b := g.businesses[tm.Business]
	if b == nil || b.Channels[tm.Channel] == nil {
		return nil, nil
	}
	ch := b.Channels[tm.Channel]
	conv, contact, seen, err := g.seek(ctx, ch, tm.ExternalID)
	if err != nil || !seen {
		return nil, err
	}
	found, err := g.inbox.Load(ctx, []int64{tm.EventID})
	if err != nil {
		return nil, err
	}
	t := &turn{ch: ch, conv: conv, contact: contact, now: time.Now().UTC(), work: &work{row: &inbox.Event{ID: tm.EventID}}, ev: &connectors.Event{}}
	if row := found[tm.EventID]; row != nil && row.Business == b.ID {
		if ev := decodeEvent(row); ev != nil { // else it is blanked
			t.ev = ev
		}
	}
	t.ev.Session = tm.Session
	var failed error
	run, flow := g.currentRun(t, func(id string, version int) *flows.Flow {
		f, err := g.versions.find(ctx, g.DB, b, id, version)
		failed = err
		return f
	})
	wait := flows.Wait{Run: tm.Run, Visit: tm.Visit, Cause: tm.Cause, Event: tm.EventID}
	if failed != nil || run == nil || !flow.Expects(run, wait.Resume("", "")) {
		return nil, failed
	}
	return &asking{b: b, run: run, flow: flow, wait: wait, in: t.input()}, nil
}

// ask makes one attempt; again says after which time to make another, nought:
// this is what came of it.
func (g *Gateway) ask(ctx context.Context, tm timers.Timer, a *asking) (r connectors.Resume, again time.Duration) {
	fail := func(why string) connectors.Resume {
		a.fault = errors.New(why)
		return *a.wait.Resume(connectors.OutcomeFailed, why)
	}
	if tm.Attempts-tm.Failures > maxBroken {
		return fail(fmt.Sprintf("given up: %d attempts came to no end", maxBroken)), 0
	}
	req, err := a.flow.Request(a.run, a.wait, a.in, a.b.secret)
	if err != nil {
		return fail(err.Error()), 0
	}
	if req.Timeout+callMargin > timerClaim {
		held, err := timers.Extend(ctx, g.DB, g.Node, tm.ID, req.Timeout+callMargin)
		if err != nil || !held {
			return fail("its claim was lost"), timerAgain
		}
	}
	ctx, cancel := context.WithTimeout(ctx, req.Timeout)
	defer cancel()
	answer, err := g.exchange(ctx, req, a.b)
	var fault *outbound.Error
	switch errors.As(err, &fault); {
	case err == nil:
		r = *a.flow.Response(a.run, a.wait, answer.Status, answer.Body)
		if r.Outcome == connectors.OutcomeFailed {
			a.fault = errors.New(r.Detail)
		}
		return r, 0
	case fault == nil:
		// Whoever wrote the address made it unreadable; the text may be part of it.
		return fail("the request cannot be made"), 0
	case fault.Class == outbound.Retry && tm.Failures < req.Retries:
		wait := waitFor(tm.Failures+1, firstCallWait, longestCallWait, fault)
		if wait <= tooLongWait {
			return fail(reasonOf(fault)), wait
		}
	}
	return fail(reasonOf(fault)), 0
}

// exchange sends a request and reads the answer. Its error is an *outbound.Error
// once there is a request to send.
func (g *Gateway) exchange(ctx context.Context, req *flows.Request, b *Business) (outbound.Answer, error) {
	out, err := http.NewRequestWithContext(ctx, req.Method, req.URL, bytes.NewReader(req.Body))
	if err != nil {
		return outbound.Answer{}, err
	}
	if len(req.Body) == 0 {
		out.Body, out.GetBody = http.NoBody, nil
	}
	for name, value := range req.Headers {
		out.Header.Set(name, value)
	}
	secrets := make([]string, 0, len(b.Secrets))
	for _, s := range b.Secrets {
		secrets = append(secrets, s)
	}
	return outbound.Do(g.HTTP, out, secrets...)
}

// reasonOf says for the trace why a call failed: not in the words of whoever
// answered, who may repeat what was sent.
func reasonOf(fault *outbound.Error) string {
	switch {
	case fault.Status/100 == 2:
		return fault.Text // too large, cut off
	case fault.Status/100 == 3:
		return fmt.Sprintf("answered with status %d: redirects are not followed", fault.Status)
	case fault.Status != 0:
		return fmt.Sprintf("answered with status %d", fault.Status)
	default:
		return fault.Error()
	}
}

// secret is the value of {{ secret.name }} in call and bot steps.
func (b *Business) secret(name string) (string, bool) {
	value, ok := b.Secrets[name]
	return value, ok
}
