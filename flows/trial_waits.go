package flows

import (
	"errors"
	"fmt"
	"time"

	"usher/connectors"
)

// Awaits is what the run waits for outside of the conversation; ok is false if it
// waits for the visitor, or not at all.
func (t *Trial) Awaits() (w Wait, ok bool) {
	flow := t.running()
	for _, w := range t.waits {
		if flow != nil && flow.awaits(t.Last.Run, w) {
			return w, true
		}
	}
	return Wait{}, false
}

// awaits is Awaits for one of some causes.
func (t *Trial) awaits(causes ...string) (Wait, error) {
	w, ok := t.Awaits()
	for _, cause := range causes {
		if ok && w.Cause == cause {
			return w, nil
		}
	}
	if !ok {
		return w, errors.New("the flow waits for nothing of that kind")
	}
	return w, fmt.Errorf("the flow waits for a %s", w.Cause)
}

func (t *Trial) resume(r *connectors.Resume) (Result, error) {
	return t.Play(connectors.Event{Kind: connectors.KindResumed, Resume: r})
}

// Request is what the call or bot that the run waits for would be sent. Secrets
// are their names. Its error says why nothing would.
func (t *Trial) Request() (*Request, error) {
	w, err := t.awaits(connectors.CauseCall, connectors.CauseBot)
	if err != nil {
		return nil, err
	}
	turn := t.Turn
	turn.Event = &connectors.Event{}
	return t.running().Request(t.Last.Run, w, turn, func(name string) (string, bool) { return "<" + name + ">", true })
}

// Answer plays what a called service or a bot answers.
func (t *Trial) Answer(status int, body []byte) (Result, error) {
	w, err := t.awaits(connectors.CauseCall, connectors.CauseBot)
	if err != nil {
		return Result{}, err
	}
	return t.resume(t.running().Response(t.Last.Run, w, status, body))
}

// Fail plays a call or a bot that does not answer.
func (t *Trial) Fail(reason string) (Result, error) {
	w, err := t.awaits(connectors.CauseCall, connectors.CauseBot)
	if err != nil {
		return Result{}, err
	}
	return t.resume(w.Resume(connectors.OutcomeFailed, reason))
}

// Alone plays what nobody is there for: a service or bot that is not called, an
// agent who does not exist. what says so; ok is false if there is nothing of the
// kind, or it has been played.
func (t *Trial) Alone() (result Result, what string, ok bool) {
	w, waits := t.Awaits()
	if !waits || w == t.told {
		return Result{}, "", false
	}
	var err error
	switch w.Cause {
	case connectors.CauseCall, connectors.CauseBot:
		what = "nothing is sent in a trial: the " + w.Cause + " fails"
		result, err = t.Fail("nothing is sent in a trial")
	case connectors.CauseHandover:
		what = "no agents in a trial"
		result, err = t.Handover(connectors.OutcomeNobody)
	default:
		return Result{}, "", false
	}
	return result, what, err == nil
}

// Bot plays what a bot wants: answered, ended, handed_over or failed, with what
// it says.
func (t *Trial) Bot(outcome string, says ...string) (Result, error) {
	w, err := t.awaits(connectors.CauseBot)
	if err != nil {
		return Result{}, err
	}
	r := w.Resume(outcome, "")
	for _, text := range says {
		r.Replies = append(r.Replies, connectors.Message{Text: text})
	}
	return t.resume(r)
}

// handoverOutcomes are what can become of a handover, besides that its time is
// over.
func handoverOutcomes() []string {
	return []string{
		connectors.OutcomeQueued, connectors.OutcomeNobody, connectors.OutcomeTaken, connectors.OutcomeReturned,
		connectors.OutcomeClosed, connectors.OutcomeDisabled,
	}
}

// Handover plays what becomes of a handover: queued, nobody, taken, returned,
// closed or disabled.
func (t *Trial) Handover(outcome string) (Result, error) {
	w, err := t.awaits(connectors.CauseHandover)
	if err != nil {
		return Result{}, err
	}
	t.told = w
	return t.resume(w.Resume(outcome, ""))
}

// After lets time pass; what is due by then happens, in its order. No time at
// all: until the next thing is due.
func (t *Trial) After(d time.Duration) (Result, error) {
	until := t.Turn.Now.Add(d)
	if d == 0 {
		w, err := t.awaits(connectors.CauseTimer, connectors.CauseHandover)
		if err != nil {
			return Result{}, err
		}
		until = w.At
	}
	passed := Result{Run: t.Last.Run, WaitingFor: t.Last.WaitingFor, Handling: t.Last.Handling}
	for {
		w, err := t.awaits(connectors.CauseTimer, connectors.CauseHandover)
		if err != nil || w.At.After(until) {
			t.Turn.Now = until
			return passed, nil //nolint:nilerr // nothing more is due
		}
		t.Turn.Now = w.At
		outcome := connectors.OutcomeDue
		if w.Cause == connectors.CauseHandover {
			outcome = connectors.OutcomeTimeout
		}
		one, err := t.resume(w.Resume(outcome, ""))
		if err != nil {
			return passed, err
		}
		passed.add(one)
		passed.Run, passed.WaitingFor, passed.Handling = one.Run, one.WaitingFor, one.Handling
		if still, ok := t.Awaits(); ok && still == w { // a handover that was taken has no end
			t.Turn.Now = until
			return passed, nil
		}
	}
}
