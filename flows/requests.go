package flows

import (
	"errors"
	"fmt"
	"time"

	"usher/connectors"
)

// Request is what a step wants to send to another service: a call, or a turn of a
// bot. It may hold secrets, so it is made when it is sent and never stored.
type Request struct {
	Method  string
	URL     string
	Headers map[string]string
	Body    []byte // nil: none
	Timeout time.Duration
	Retries int // after the first attempt fails
}

// MaxResponse is how much of an answer is read, in bytes.
const MaxResponse = 1 << 20

// ErrNoRequest: the run no longer waits for the answer.
var ErrNoRequest = errors.New("nothing to send")

// requester is an awaiter that waits for the answer to a request.
type requester interface {
	awaiter
	request(m *machine, s *step) (*Request, error)
	// response reads an answer whose status says that all is well, into resume.
	response(answer []byte, resume *connectors.Resume)
}

// Request is what the run wants to send for one of its waits, of cause call or
// bot, with the turn's person and the event of Wait.Event. Its error is
// ErrNoRequest or one line for the flow's author that holds no secret.
func (f *Flow) Request(r *Run, w Wait, t Turn, secret func(name string) (string, bool)) (*Request, error) {
	if !f.awaits(r, w) {
		return nil, ErrNoRequest
	}
	body, ok := f.steps[r.step].body.(requester)
	if !ok {
		return nil, ErrNoRequest
	}
	m := f.machine(t)
	defer m.free()
	m.run, m.at, m.secret = *r, r.step, secret
	m.run.Visit = w.Visit
	request, err := body.request(m, &f.steps[r.step])
	switch {
	case err != nil:
		return nil, err
	case m.missing != "":
		return nil, fmt.Errorf("no secret %q is configured", m.missing)
	default:
		return request, nil
	}
}

// Response reads the answer to the run's Request: the values that the step saves
// or what the bot says, and nothing else of it. No answer at all is
// w.Resume(connectors.OutcomeFailed, reason).
func (f *Flow) Response(r *Run, w Wait, status int, answer []byte) *connectors.Resume {
	failed := func(reason string) *connectors.Resume { return w.Resume(connectors.OutcomeFailed, reason) }
	switch {
	case !f.awaits(r, w):
		return failed("the run waits for something else")
	case status < 200 || status > 299:
		return failed(fmt.Sprintf("answered with status %d", status))
	case len(answer) > MaxResponse:
		return failed("the answer is larger than 1 MiB")
	}
	resume := w.Resume(connectors.OutcomeOK, "")
	if body, ok := f.steps[r.step].body.(requester); ok {
		body.response(answer, resume)
	}
	return resume
}
