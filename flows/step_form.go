package flows

import (
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"

	"usher/connectors"
)

// form asks for several values: at once where the channel can show a form, else
// one after the other. Known fields are left out when skip_if_known says so.
//
//   - id: details
//     form:
//     title: Where can we reach you?
//     fields:
//   - {save: name, label: Your name, required: true}
//   - {save: phone, label: Mobile}
type form struct {
	title       *template
	fields      []formField
	variable    *variable // true once the form is answered
	attempts    int
	skipIfKnown bool
}

type formField struct {
	question // not required ones are optional
	label    *template
	ask      *template // the question where fields are asked one by one; nil: the label
}

// maxFormFields: a run keeps one bit a field, and nobody fills in more.
const maxFormFields = 40

func readForm(r *reader, o *object, e entry, s *step) body {
	b := &form{}
	b.attempts, b.skipIfKnown = r.patience(o)
	var invalid *template
	r.text(o, "invalid", &invalid)
	f, ok := r.object(e.value, e.at(), "form")
	if !ok {
		return b
	}
	r.text(f, "title", &b.title)
	if !f.has("fields") {
		r.fault(e.at(), "a form needs fields")
	}
	items, _, _ := f.items("fields", maxFormFields)
	f.done()
	b.fields = make([]formField, len(items))
	for i, item := range items {
		b.readField(r, s, item, &b.fields[i])
	}
	if s.id != "" {
		b.variable = r.scope.declare(s.id, boolType())
	}
	r.later = append(r.later, func() { // texts are compiled by then
		for i := range b.fields {
			if b.fields[i].invalid == nil {
				b.fields[i].invalid = invalid
			}
		}
	})
	for i := range b.fields {
		if key := b.fields[i].key; key != "" && slices.ContainsFunc(b.fields[:i], func(f formField) bool { return f.key == key }) {
			r.fault(r.dash(items[i]), "the form has two fields %q", key)
		}
	}
	return b
}

func (b *form) readField(r *reader, s *step, item *yaml.Node, f *formField) {
	at := r.dash(item)
	o, ok := r.object(item, at, "a form field")
	if !ok {
		return
	}
	id, _, _ := o.text("id")
	r.text(o, "label", &f.label)
	r.text(o, "ask", &f.ask)
	required := o.flag("required")
	r.question(o, id, s.id, &f.question)
	f.optional, f.skip = required == nil || !*required, skipWord
	switch {
	case f.key == "" && !o.has("save"):
		r.fault(at, "a form field needs a save or an id")
	case f.field == nil && f.label == nil && !o.has("save"):
		r.fault(at, "a form field that is not saved needs a label")
	}
	o.done()
}

func (b *form) enter(m *machine, _ *step) verdict {
	m.run.done = 0
	for i := range b.fields {
		f := &b.fields[i]
		if v, ok := f.known(m); ok && b.skipIfKnown {
			m.setVariable(f.variable, v)
			m.trace("skipped", f.key+" is known")
			m.run.done |= 1 << i
		} else {
			m.setVariable(f.variable, nil)
		}
	}
	m.setVariable(b.variable, nil)
	if b.pending(m) < 0 {
		m.trace("skipped", "all fields are known")
		return verdict{do: next}
	}
	m.run.field = 0
	if m.turn.Channel.Forms {
		m.trace("asked", "as a form")
		b.show(m)
		return verdict{do: wait}
	}
	if b.title != nil {
		m.say(connectors.Message{Text: b.title.render(m)})
	}
	m.trace("asked", "one by one")
	return b.askNext(m)
}

// pending is the first field that still needs an answer; -1: none.
func (b *form) pending(m *machine) int {
	for i := range b.fields {
		if m.run.done&(1<<i) == 0 {
			return i
		}
	}
	return -1
}

// show sends the form with the fields that are still open.
func (b *form) show(m *machine) {
	shown := &connectors.Form{}
	if b.title != nil {
		shown.Title = b.title.render(m)
	}
	for i := range b.fields {
		if f := &b.fields[i]; m.run.done&(1<<i) == 0 {
			shown.Fields = append(shown.Fields, connectors.FormField{
				Name: f.key, Label: f.title(m), Input: f.input.name, Required: !f.optional, Choices: f.formChoices(),
			})
		}
	}
	m.say(connectors.Message{Form: shown})
}

func (f *formField) formChoices() []connectors.Button {
	if len(f.choices) == 0 {
		return nil
	}
	return f.buttons()
}

// title is the field's label.
func (f *formField) title(m *machine) string {
	if f.label != nil {
		return f.label.render(m)
	}
	if f.field != nil {
		return f.field.Title
	}
	return f.key
}

func (f *formField) wording(m *machine) string {
	if f.ask != nil {
		return f.ask.render(m)
	}
	return f.title(m)
}

// askNext asks for the next open field by itself, or ends the form.
func (b *form) askNext(m *machine) verdict {
	i := b.pending(m)
	if i < 0 {
		return b.answered(m)
	}
	m.run.field = i + 1
	f := &b.fields[i]
	m.say(f.message(m, f.wording(m)))
	return verdict{do: wait}
}

func (b *form) answered(m *machine) verdict {
	m.setVariable(b.variable, true)
	return verdict{do: next}
}

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
