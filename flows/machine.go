package flows

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"usher/connectors"
	"usher/contacts"
)

// maxSteps ends a turn that would never wait: no sensible flow does so much
// between two answers.
const maxSteps = 100

// machine runs one turn.
type machine struct {
	*evaluator
	flow   *Flow
	turn   Turn
	person Person // as the turn changes it
	run    Run
	result Result
	at     int // the step
	steps  int
	ended  bool
	// answered is the question that the person's message is the answer to.
	answered *question

	ownsValues, sharesVars bool // person.Values is a copy; run.vars is the caller's

	secret  func(name string) (string, bool) // of Request alone
	missing string                           // a secret that is not there
}

func (f *Flow) machine(t Turn) *machine {
	if t.Event == nil {
		t.Event = &connectors.Event{}
	}
	m := machines.Get().(*machine)
	m.flow, m.turn, m.person = f, t, t.Person
	return m
}

// machines are used again: to make one costs as much as most turns.
var machines = sync.Pool{New: func() any { return &machine{evaluator: newEvaluator()} }}

// free gives the machine back; nobody may use it any more.
func (m *machine) free() {
	clear(m.env)
	*m = machine{evaluator: m.evaluator}
	machines.Put(m)
}

// proceed runs from a step until the run waits or has ended.
func (m *machine) proceed(at int) {
	m.at = at
	for m.at < len(m.flow.steps) {
		if m.steps++; m.steps > maxSteps {
			m.trace("ended", fmt.Sprintf("more than %d steps in one turn", maxSteps))
			m.ended = true
			return
		}
		s := &m.flow.steps[m.at]
		if s.when != nil && !s.when.holds(m) {
			m.trace("passed over", join("when does not hold", s.when.saw(m)))
			m.at++
			continue
		}
		v := s.body.enter(m, s)
		if !m.moves(s, v) {
			return
		}
	}
	m.end()
}

// follow does what a waiting step decided.
func (m *machine) follow(v verdict) {
	if m.moves(&m.flow.steps[m.at], v) {
		m.proceed(m.at)
	}
}

// moves sets m.at to what follows a step; false: the turn is over.
func (m *machine) moves(s *step, v verdict) bool {
	to := s.then
	switch v.do {
	case wait:
		if m.run.step = m.at; m.run.alone > maxAlone {
			m.trace("ended", fmt.Sprintf("waited %d times without a word from the person", maxAlone))
			m.ended, m.result.Waits = true, nil
		}
		return false
	case fail:
		if s.otherwise.kind != toNext {
			to = s.otherwise
		}
	case jump:
		to = v.to
	case visit:
		m.run.leave()
		m.run.step = m.at
		m.result.Next = v.to.flow
		back := m.run
		back.thread = thread{}
		m.result.Back = &back
		m.ended = true
		return false
	}
	m.run.leave()
	switch to.kind {
	case toStep:
		m.at = to.step
	case toEnd:
		m.end()
		return false
	case toFlow:
		m.trace("left", "to flow "+to.flow)
		m.result.Next = to.flow
		m.ended = true
		return false
	default:
		m.at++
	}
	return true
}

func (m *machine) end() {
	m.ended = true
	m.result.Trace = append(m.result.Trace, TraceLine{Kind: "flow", Did: "ended"})
}

// unexpected is the outcome of something that the run, if there is one, does not
// wait for any more.
func (m *machine) unexpected(r *Run) Result {
	m.result.note("passed over", "nothing waits for this any more")
	if m.ended = r == nil; !m.ended {
		m.run = *r
	}
	return m.finish()
}

// finish is the outcome of the turn, and the machine's last act.
func (m *machine) finish() Result {
	defer m.free()
	m.result.person, m.result.thread = m.person, m.run.thread
	m.result.flow, m.result.vars = m.flow, m.run.vars
	m.result.Handling = byFlow
	if m.ended {
		m.result.WaitingFor = ""
		return m.result
	}
	run := m.run
	m.result.Run = &run
	if m.run.step >= len(m.flow.steps) { // a run of another version
		return m.result
	}
	s := &m.flow.steps[m.run.step]
	if w, ok := s.body.(interface{ waitsFor(*machine, *step) string }); ok {
		m.result.WaitingFor = w.waitsFor(m, s)
	}
	if h, ok := s.body.(interface{ handling(*Run) string }); ok {
		m.result.Handling = h.handling(&m.run)
	}
	return m.result
}

func (m *machine) secretNamed(name string) any {
	if m.secret != nil {
		if s, ok := m.secret(name); ok {
			return s
		}
	}
	m.missing = name
	return nil
}

// hear remembers which event has the person's latest message.
func (m *machine) hear() {
	if e := m.turn.Event; isInput(e.Kind) && e.Direction != connectors.DirectionOut {
		m.run.heard, m.run.alone = m.turn.EventID, 0
	}
}

func (m *machine) now() time.Time { return m.turn.Now.In(m.zone()) }

func (m *machine) zone() *time.Location {
	if m.turn.Timezone == nil {
		return time.UTC
	}
	return m.turn.Timezone
}

func (m *machine) trace(did, detail string) {
	line := TraceLine{Did: did, Detail: detail, Kind: "flow"}
	if m.at < len(m.flow.steps) {
		line.Step, line.Kind = m.flow.steps[m.at].id, m.flow.steps[m.at].kind
	}
	if m.result.Trace == nil {
		m.result.Trace = make([]TraceLine, 0, 4) // what most turns have
	}
	m.result.Trace = append(m.result.Trace, line)
}

// say adds a message, the way the channel shows it; an empty one is none.
func (m *machine) say(message connectors.Message) {
	m.result.Messages = append(m.result.Messages, m.turn.Channel.Render(message)...)
}

// capture keeps a value for a contact field; later steps of the turn see it.
func (m *machine) capture(field string, value any, via string) {
	m.set(field, value)
	m.result.Captured = append(m.result.Captured, Capture{field, value, m.flow.steps[m.at].id, via})
	m.trace("captured", field)
}

func (m *machine) set(field string, value any) {
	if !m.ownsValues {
		m.ownsValues = true
		values := make(contacts.Values, len(m.person.Values)+2)
		for name, v := range m.person.Values {
			values[name] = v
		}
		m.person.Values = values
	}
	m.person.Values.Set(field, value)
}

// known is the value of a contact field, if it has one.
func (m *machine) known(field string) (any, bool) {
	v := m.person.Values[field]
	return v, isKnown(v)
}

func (m *machine) variable(slot int) any {
	if slot < 0 || slot >= len(m.run.vars) {
		return nil
	}
	return m.run.vars[slot]
}

// setVariable keeps a value for later steps. One that nothing reads is not kept.
func (m *machine) setVariable(v *variable, value any) {
	if v == nil || v.slot < 0 || m.variable(v.slot) == value {
		return
	}
	if m.sharesVars {
		m.run.vars, m.sharesVars = slices.Clone(m.run.vars), false
	}
	for len(m.run.vars) <= v.slot {
		m.run.vars = append(m.run.vars, nil)
	}
	if s, ok := value.(string); ok {
		value = cut(s, maxVariable)
	}
	m.run.vars[v.slot] = value
}

// maxVariable bounds what a run carries of one value, in bytes: every character
// of the longest text field, whatever the script.
const maxVariable = 4 * contacts.TextLimit

// parameters takes over what a bot platform sends under the names of this flow's
// variables. Contact fields among the parameters were kept before the turn.
func (m *machine) parameters() {
	if len(m.turn.Event.Parameters) == 0 {
		return
	}
	for _, v := range m.flow.vars {
		if value, ok := m.turn.Event.Parameters[v.path]; ok && v.slot >= 0 {
			if value = v.coerce(value, m.locale()); value != nil {
				m.setVariable(v, value)
			}
		}
	}
}
