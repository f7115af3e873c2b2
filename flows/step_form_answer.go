package flows

import (
	"errors"
	"slices"

	"usher/connectors"
)

func (b *form) resume(m *machine, _ *step) verdict {
	e := m.turn.Event
	switch {
	case m.run.field > len(b.fields):
		m.run.field = 0 // no run of ours says so
		return verdict{do: wait}
	case e.Kind == connectors.KindCapture:
		return b.captured(m)
	case !isInput(e.Kind) || e.Direction == connectors.DirectionOut:
		return verdict{do: wait}
	case formData(e) != nil || e.Kind == connectors.KindForm:
		return b.submitted(m, formData(e))
	case m.run.field > 0:
		return b.oneAnswer(m, m.run.field-1)
	default:
		return b.written(m)
	}
}

// captured goes on if everything that is still open came by another way.
func (b *form) captured(m *machine) verdict {
	for i := range b.fields {
		if m.run.done&(1<<i) != 0 {
			continue
		}
		if _, ok := b.fields[i].known(m); !ok {
			return verdict{do: wait}
		}
	}
	for i := range b.fields {
		if v, ok := b.fields[i].known(m); ok && m.run.done&(1<<i) == 0 {
			m.setVariable(b.fields[i].variable, v)
		}
	}
	m.trace("known", "all fields came from elsewhere")
	return b.answered(m)
}

// submitted takes what is right in a submitted form and asks again for the rest.
func (b *form) submitted(m *machine, data map[string]any) verdict {
	var wrong []*formField
	for i := range b.fields {
		f := &b.fields[i]
		given, ok := data[f.key]
		switch {
		case ok && isKnown(given):
			value, err := f.parse(m, given)
			if err != nil {
				m.trace("invalid", f.key+": "+reason(err))
				m.run.done &^= 1 << i
				wrong = append(wrong, f)
				continue
			}
			f.take(m, value, "form")
			m.run.done |= 1 << i
		case m.run.done&(1<<i) != 0:
		case f.optional:
			m.run.done |= 1 << i
		default:
			m.trace("invalid", f.key+": is required")
			wrong = append(wrong, f)
		}
	}
	if len(wrong) == 0 {
		return b.answered(m)
	}
	m.run.tries++
	if m.run.tries >= b.attempts {
		return verdict{do: fail}
	}
	return b.again(m, wrong)
}

// again says what is wrong and asks for the open fields.
func (b *form) again(m *machine, wrong []*formField) verdict {
	var said []string
	for _, f := range wrong {
		complaint := f.input.invalid
		if f.invalid != nil {
			complaint = f.invalid.render(m)
		}
		if len(wrong) > 1 && f.invalid == nil {
			complaint = f.title(m) + ": " + complaint
		}
		if !slices.Contains(said, complaint) {
			said = append(said, complaint)
		}
	}
	for _, complaint := range said {
		m.say(connectors.Message{Text: complaint})
	}
	if m.run.field > 0 {
		return b.askNext(m)
	}
	b.show(m)
	return verdict{do: wait}
}

// oneAnswer takes the answer to the field that was asked for by itself.
func (b *form) oneAnswer(m *machine, i int) verdict {
	f := &b.fields[i]
	value, err := f.read(m)
	switch {
	case err == nil:
		f.take(m, value, "form")
	case errors.Is(err, errLeftOut):
		m.trace("left out", f.key)
	case errors.Is(err, errNothingSaid):
		return verdict{do: wait}
	default:
		m.run.tries++
		m.trace("invalid", f.key+": "+reason(err))
		if m.run.tries < b.attempts {
			f.complain(m, f.wording(m))
			return verdict{do: wait}
		}
		if !f.optional {
			return verdict{do: fail}
		}
		m.trace("left out", f.key)
	}
	m.run.tries = 0
	m.run.done |= 1 << i
	return b.askNext(m)
}

// written takes a message that was typed while the channel shows the form. It
// answers the form's one open field, or an e-mail or phone field that it clearly
// is an answer to; anything else counts as a wrong answer.
func (b *form) written(m *machine) verdict {
	first := b.pending(m)
	if first < 0 {
		return b.answered(m)
	}
	alone := m.run.done|1<<first == 1<<len(b.fields)-1
	for i := range b.fields {
		f := &b.fields[i]
		if m.run.done&(1<<i) != 0 || !alone && f.input.name != "email" && f.input.name != "phone" {
			continue
		}
		value, err := f.read(m)
		switch {
		case errors.Is(err, errNothingSaid):
			return verdict{do: wait}
		case err == nil:
			f.take(m, value, "form")
		case alone && errors.Is(err, errLeftOut):
			m.trace("left out", f.key)
		default:
			continue
		}
		m.run.done |= 1 << i
		if b.pending(m) < 0 {
			return b.answered(m)
		}
		b.show(m)
		return verdict{do: wait}
	}
	m.run.tries++
	m.trace("invalid", "a message instead of the form")
	if m.run.tries >= b.attempts {
		return verdict{do: fail}
	}
	f := &b.fields[first]
	if alone {
		return b.again(m, []*formField{f})
	}
	if f.invalid != nil {
		m.say(connectors.Message{Text: f.invalid.render(m)})
	}
	b.show(m)
	return verdict{do: wait}
}

func (b *form) waitsFor(m *machine, _ *step) string {
	i := b.pending(m)
	for j := range b.fields { // what is missing first: a required one
		if m.run.field == 0 && m.run.done&(1<<j) == 0 && !b.fields[j].optional {
			i = j
			break
		}
	}
	if i < 0 {
		return ""
	}
	return b.fields[i].key
}
