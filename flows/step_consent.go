package flows

import (
	"errors"

	"github.com/expr-lang/expr/types"

	"usher/connectors"
	"usher/contacts"
)

// consent asks once whether answers may be kept, and remembers what was said. A
// yes leads on. A no, or no clear answer, leads to its otherwise; without one the
// run ends, since nothing behind the step may be asked.
//
//   - consent: May we keep your answers so that we can reply?
//     otherwise: anonymous
//   - consent: true # the usual words
type consent struct {
	text     *template
	question question
	attempts int
}

const usualConsent = "May we keep what you tell us here, so that we can answer you?"

func readConsent(r *reader, o *object, e entry, s *step) body {
	b := &consent{}
	source, e, ok := o.text(e.key.Value)
	if ok {
		if e.value.ShortTag() == "!!bool" {
			if source = usualConsent; !isTrue(e.value.Value) {
				r.fault(e.at(), "consent: want the question, or true for the usual one")
			}
		}
		r.compileText(source, e.at(), "consent", &b.text)
	}
	b.attempts, _ = r.patience(o, askAttempts)
	b.question.input, _ = inputNamed("yes_no")
	b.question.key = "consent"
	r.text(o, "invalid", &b.question.invalid)
	if s.id != "" {
		b.question.variable = r.scope.declare(s.id, types.Bool)
	}
	return b
}

func (b *consent) enter(m *machine, s *step) verdict {
	if given := m.person.Consent; given != nil {
		m.trace("skipped", "answered on "+given.At.In(m.zone()).Format("2006-01-02")+": "+text(given.Given))
		return b.follow(m, s, given.Given)
	}
	m.say(b.question.message(m, b.text.render(m)))
	m.trace("asked", "")
	return verdict{do: wait}
}

func (b *consent) resume(m *machine, s *step) verdict {
	e := m.turn.Event
	switch {
	case e.Given != nil: // remembered by whoever took in the event
		m.trace("answered", text(*e.Given))
		return b.follow(m, s, *e.Given)
	case !isInput(e.Kind) || e.Direction == connectors.DirectionOut:
		return verdict{do: wait}
	}
	v, err := b.question.read(m)
	given, ok := v.(bool)
	switch {
	case err == nil && ok:
		m.answered = &b.question
		m.person.Consent = &contacts.Consent{Given: given, At: m.turn.Now}
		m.result.Effects = append(m.result.Effects, Effect{Kind: SetConsent, Given: given})
		m.trace("answered", text(given))
		return b.follow(m, s, given)
	case errors.Is(err, errNothingSaid):
		return verdict{do: wait}
	}
	m.run.tries++
	m.trace("invalid", "neither yes nor no")
	if m.run.tries >= b.attempts {
		return b.refused(s)
	}
	b.question.complain(m, b.text.render(m))
	return verdict{do: wait}
}

func (b *consent) follow(m *machine, s *step, given bool) verdict {
	m.setVariable(b.question.variable, given)
	if given {
		return verdict{do: next}
	}
	return b.refused(s)
}

func (b *consent) refused(s *step) verdict {
	if s.otherwise.kind == toNext {
		return verdict{jump, target{kind: toEnd}}
	}
	return verdict{do: fail}
}

func (b *consent) waitsFor(*machine, *step) string { return b.question.key }
