package flows

import (
	"slices"
	"time"

	"usher/connectors"
)

// Wait is something outside of the conversation that a run has begun to wait
// for. Whoever has brought it about puts a connectors.Resume with the same Run
// and Visit into the inbox. A wait that its run no longer waits for does no
// harm: Expects says so.
type Wait struct {
	Cause string // connectors.CauseTimer, CauseCall, CauseBot, CauseHandover
	Run   int64
	Visit int
	// At is when a timer is due, or when nobody has taken a handover in time. A
	// call or a bot's turn is to be sent at once.
	At time.Time
	// Team or Agent is asked for by a handover; both empty: anybody.
	Team, Agent string
	// Event is the one that a call's or bot's Request is made with.
	Event int64
}

// Resume is what is put into the inbox when the wait is over.
func (w Wait) Resume(outcome, detail string) *connectors.Resume {
	return &connectors.Resume{Run: w.Run, Visit: w.Visit, Cause: w.Cause, Outcome: outcome, Detail: detail}
}

// awaiter is a body that waits for something outside of the conversation.
type awaiter interface {
	waiter
	cause() string
	// resumed is called when it has happened.
	resumed(m *machine, s *step, r *connectors.Resume) verdict
}

// maxAlone ends a run that goes round and round without the person: calling a
// service over and over, say.
const maxAlone = 100

// await begins to wait. It is a visit of its own: what comes of an earlier one is
// not mistaken for it.
func (m *machine) await(w Wait) {
	m.run.Visit++
	m.run.alone++
	w.Run, w.Visit = m.run.ID, m.run.Visit
	m.result.Waits = append(m.result.Waits, w)
}

// Expects says whether the run, waiting in this flow, goes on with what has
// happened. If it does not, the event changes nothing.
func (f *Flow) Expects(r *Run, resume *connectors.Resume) bool {
	return resume != nil && f.awaits(r, Wait{Cause: resume.Cause, Run: resume.Run, Visit: resume.Visit})
}

func (f *Flow) awaits(r *Run, w Wait) bool {
	if r == nil || !f.made(r) || r.ID != w.Run {
		return false
	}
	body, ok := f.steps[r.step].body.(awaiter)
	if !ok || body.cause() != w.Cause {
		return false
	}
	first, last := f.Awaited(r)
	return first <= w.Visit && w.Visit <= last
}

// Awaited are the visits whose waits the run, waiting in this flow, is at: from
// the first to the last; none: the first is beyond the last.
func (f *Flow) Awaited(r *Run) (first, last int) {
	if r == nil || !f.made(r) {
		return 0, -1
	}
	body, ok := f.steps[r.step].body.(awaiter)
	switch {
	case !ok:
		return 0, -1
	case body.cause() == connectors.CauseBot: // answers the last few messages, in turn
		return r.Visit - r.tries + 1, r.Visit
	default:
		return r.Visit, r.Visit
	}
}

// Wants says whether the run waits for an answer under that name: of a field or
// variable.
func (f *Flow) Wants(r *Run, name string) bool {
	if !f.made(r) {
		return false
	}
	switch b := f.steps[r.step].body.(type) {
	case *ask:
		return b.question.key == name
	case *form:
		return slices.ContainsFunc(b.fields, func(f formField) bool { return f.key == name })
	default:
		return false
	}
}

// made says whether the run is one of this flow and version.
func (f *Flow) made(r *Run) bool {
	return r.Flow == f.ID && r.Version == f.Version && r.step < len(f.steps) && len(r.vars) <= f.slots
}
