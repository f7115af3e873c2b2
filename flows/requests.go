package flows

import (
	"errors"
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

// ErrNoRequest: the run does not wait for an answer to a request.
var ErrNoRequest = errors.New("nothing to send")

// requester is an awaiter that waits for the answer to a request.
type requester interface {
	awaiter
	request(m *machine, s *step) (*Request, error)
	// response reads an answer whose status says that all is well.
	response(body []byte) connectors.Resume
}

// Request is what the step that the run waits at wants to send, with the turn's
// person and, for a bot, the event of Wait.Event. Its error is ErrNoRequest or
// one line for the flow's author that holds no secret.
func (f *Flow) Request(r *Run, t Turn, secret func(name string) (string, bool)) (*Request, error) {
	body, ok := f.requester(r)
	if !ok {
		return nil, ErrNoRequest
	}
	m := f.machine(t)
	m.run, m.at, m.secret = *r, r.step, secret
	return body.request(m, &f.steps[r.step])
}

// Response reads what came back for the run's Request: the values that the step
// saves or what the bot says, and nothing else of it.
func (f *Flow) Response(r *Run, status int, answer []byte) connectors.Resume {
	body, ok := f.requester(r)
	if !ok {
		return connectors.Resume{}
	}
	var resume connectors.Resume
	switch {
	case status < 200 || status > 299:
		return f.Failed(r, "answered with status "+text(status))
	case len(answer) > MaxResponse:
		return f.Failed(r, "the answer is larger than 1 MiB")
	default:
		resume = body.response(answer)
	}
	resume.Run, resume.Visit, resume.Cause = r.ID, r.Visit, body.cause()
	return resume
}

// Failed is what comes of a Request that got no answer, and why in words without
// a secret.
func (f *Flow) Failed(r *Run, reason string) connectors.Resume {
	failed := connectors.Resume{Run: r.ID, Visit: r.Visit, Outcome: connectors.OutcomeFailed, Detail: reason}
	if body, ok := f.requester(r); ok {
		failed.Cause = body.cause()
	}
	return failed
}

func (f *Flow) requester(r *Run) (requester, bool) {
	if r == nil || !f.made(r) {
		return nil, false
	}
	body, ok := f.steps[r.step].body.(requester)
	return body, ok
}
