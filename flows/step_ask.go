package flows

import (
	"errors"

	"usher/connectors"
)

// ask puts one question and waits for its answer.
//
//   - id: size
//     ask: How many people work at your company?
//     save: company_size
//     invalid: A number, please; 20, for example.
//     otherwise: human
type ask struct {
	text        *template
	question    question
	attempts    int
	skipIfKnown bool
}

func readAsk(r *reader, o *object, e entry, s *step) body {
	b := &ask{}
	if source, _, ok := o.text(e.key.Value); ok {
		r.compileText(source, e.at(), "ask", &b.text)
	}
	b.attempts, b.skipIfKnown = r.patience(o, askAttempts)
	r.question(o, s.id, "", &b.question)
	if b.question.field == nil && s.id == "" {
		r.warn(s.at, "the answer is kept nowhere: the ask has no save and no id")
	}
	return b
}

func (b *ask) enter(m *machine, s *step) verdict {
	if b.skipIfKnown {
		if v, ok := b.question.known(m); ok {
			m.setVariable(b.question.variable, v)
			m.trace("skipped", "contact."+b.question.field.Name+" is known: "+shown(v))
			return verdict{do: next}
		}
	}
	m.setVariable(b.question.variable, nil)
	m.say(b.question.message(m, b.wording(m)))
	m.trace("asked", "")
	return verdict{do: wait}
}

// wording is the question; one that only consists of unknown values asks for
// the field by its title.
func (b *ask) wording(m *machine) string {
	if said := b.text.render(m); isKnown(said) {
		return said
	}
	if b.question.field != nil {
		return b.question.field.Title
	}
	return "?"
}

func (b *ask) resume(m *machine, s *step) verdict {
	switch {
	case m.turn.Event.Kind == connectors.KindCapture:
		return b.captured(m)
	case !isInput(m.turn.Event.Kind) || m.turn.Event.Direction == connectors.DirectionOut:
		return verdict{do: wait}
	}
	value, err := b.question.read(m)
	if err != nil && !errors.Is(err, errLeftOut) && (b.skipIfKnown || errors.Is(err, errNothingSaid)) {
		if v, ok := b.question.learnt(m, b.skipIfKnown); ok { // it came beside the text
			return b.goOnWith(m, v)
		}
	}
	switch {
	case err == nil:
		b.question.take(m, value, "ask")
		return verdict{do: next}
	case errors.Is(err, errLeftOut):
		m.trace("left out", "")
		return verdict{do: next}
	case errors.Is(err, errNothingSaid):
		return verdict{do: wait}
	}
	m.run.tries++
	m.trace("invalid", reason(err))
	if m.run.tries >= b.attempts {
		return verdict{do: fail}
	}
	b.question.complain(m, b.wording(m))
	return verdict{do: wait}
}

// captured goes on if the answer came by another way than the channel.
func (b *ask) captured(m *machine) verdict {
	if v, ok := b.question.learnt(m, b.skipIfKnown); ok {
		return b.goOnWith(m, v)
	}
	if v, ok := b.question.parameter(m); ok {
		b.question.take(m, v, "ask")
		return verdict{do: next}
	}
	return verdict{do: wait}
}

func (b *ask) goOnWith(m *machine, value any) verdict {
	m.setVariable(b.question.variable, value)
	m.trace("known", "contact."+b.question.field.Name+" came from elsewhere")
	return verdict{do: next}
}

func (b *ask) waitsFor(*machine, *step) string {
	if b.question.key == "" {
		return "answer"
	}
	return b.question.key
}
