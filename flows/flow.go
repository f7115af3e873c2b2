package flows

import "usher/connectors"

// Flow is a checked and compiled document, safe for concurrent use. Its exported
// fields are set before the first turn and stay.
type Flow struct {
	ID      string
	Name    string
	Version int    // of the stored document; whoever stores it sets it
	Source  []byte // the document as it was written

	file     string
	at       place // of its id
	start    start
	defaults defaults
	steps    []step
	vars     []*variable
	slots    int // variables that a run carries
	secrets  []secretUse
}

// secretUse is where a secret is to be put in.
type secretUse struct {
	name string
	at   place
}

// defaults hold where a step says nothing.
type defaults struct {
	skipIfKnown bool
	attempts    int // 0: each kind of step has its own
}

// How many wrong answers a question takes, and a form: whoever leaves something
// out of a form is asked for it once more.
const (
	askAttempts  = 3
	formAttempts = 2
)

// Start begins a run. The event opens it and is no answer to its first question.
// It does not ask Starts.
func (f *Flow) Start(t Turn) Result {
	m := f.machine(t)
	m.run = Run{Flow: f.ID, Version: f.Version, thread: t.thread}
	if m.run.ID == 0 {
		m.run.ID = t.EventID
	}
	m.hear()
	m.parameters()
	m.proceed(0)
	return m.finish()
}

// Resume goes on with a run that waits. An event that is no input, or the end of
// a wait that the run does not wait for, changes nothing and says nothing. A run
// of another flow or version begins anew: its places mean nothing here.
func (f *Flow) Resume(r *Run, t Turn) Result {
	m := f.machine(t)
	resume := m.turn.Event.Resume
	switch {
	case m.turn.Event.Kind == connectors.KindResumed && !f.Expects(r, resume):
		return m.unexpected(r)
	case r == nil:
		return f.Start(t)
	case !f.made(r):
		m.trace("ended", "the run was made by another version")
		restarted := f.Start(t)
		restarted.Trace = append(m.result.Trace, restarted.Trace...)
		return restarted
	}
	m.run = *r
	m.sharesVars = true
	m.at = r.step
	s := &f.steps[r.step]
	if m.turn.Event.Kind == connectors.KindResumed {
		m.follow(s.body.(awaiter).resumed(m, s, resume))
		return m.finish()
	}
	m.hear()
	m.parameters()
	waits, ok := s.body.(waiter)
	if !ok { // only what this version wrote can come here
		m.proceed(r.step)
		return m.finish()
	}
	m.follow(waits.resume(m, s))
	return m.finish()
}

// back goes on with a run that had started another flow and waited for its end.
func (f *Flow) back(r *Run, t Turn) Result {
	if !f.made(r) {
		return Result{person: t.Person}
	}
	m := f.machine(t)
	m.run = *r
	m.run.thread = t.thread
	m.sharesVars = true
	m.at = r.step
	m.follow(verdict{do: next})
	return m.finish()
}

// step is one item of a flow: what it does and where it leads.
type step struct {
	id        string
	kind      string
	at        place
	when      *condition
	then      target // of go; zero: the next step
	otherwise target // zero: as then
	body      body
}

// body is what a kind of step does.
type body interface {
	// enter is called when a run comes to the step.
	enter(m *machine, s *step) verdict
}

// waiter is a body that can wait for an event.
type waiter interface {
	body
	// resume is called with every event of a run that waits at the step.
	resume(m *machine, s *step) verdict
}

// verdict is what comes after a step.
type verdict struct {
	do outcome
	to target // of jump
}

type outcome int

const (
	next  outcome = iota // as the step's go says
	wait                 // for an event
	fail                 // as the step's otherwise says
	jump                 // to a target of its own
	visit                // another flow, then next
)

// target is where a go leads. The zero target is the next step.
type target struct {
	kind targetKind
	step int    // of toStep
	flow string // of toFlow
	name string // as written
	at   place
}

type targetKind int

const (
	toNext targetKind = iota
	toStep
	toEnd
	toFlow
	toNowhere // a faulty one; never in a flow that runs
)
