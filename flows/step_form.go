package flows

import (
	"slices"

	"github.com/expr-lang/expr/types"
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
	// either: it asks for an e-mail and a phone and requires nothing. Whoever
	// gives one of them is asked for the other once more.
	either bool
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
	b.attempts, b.skipIfKnown = r.patience(o, formAttempts)
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
	b.either = b.asksFor("email") && b.asksFor("phone") && !slices.ContainsFunc(b.fields, func(f formField) bool { return !f.optional })
	if s.id != "" {
		b.variable = r.scope.declare(s.id, types.Bool)
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

func (b *form) asksFor(input string) bool {
	return slices.ContainsFunc(b.fields, func(f formField) bool { return f.input.name == input })
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
	f.optional = required == nil || !*required
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
			m.trace("skipped", f.key+" is known: "+shown(v))
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
		b.show(m, nil)
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

// show sends the form with the fields that are still open, and what was wrong
// with them.
func (b *form) show(m *machine, wrong []*formField) {
	shown := &connectors.Form{}
	if b.title != nil {
		shown.Title = b.title.render(m)
	}
	for i := range b.fields {
		f := &b.fields[i]
		if m.run.done&(1<<i) != 0 {
			continue
		}
		field := connectors.FormField{Name: f.key, Label: f.title(m), Input: f.input.name, Required: !f.optional, Choices: f.formChoices(m)}
		if slices.Contains(wrong, f) {
			field.Error = f.complaint(m)
		}
		shown.Fields = append(shown.Fields, field)
	}
	m.say(connectors.Message{Form: shown})
}

// complaint says what is wrong with the field's answer.
func (f *formField) complaint(m *machine) string {
	if f.invalid != nil {
		return f.invalid.render(m)
	}
	return f.wrong()
}

func (f *formField) formChoices(m *machine) []connectors.Button {
	if len(f.choices) == 0 {
		return nil
	}
	return f.buttons(m)
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
