package flows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// question is what an ask and each field of a form have in common: one value,
// asked for and read.
type question struct {
	field    *contacts.Field // nil: the answer stays in the conversation
	variable *variable       // nil: it has no id
	key      string          // its name in forms and for who waits
	input    input
	choices  []choice
	invalid  *template // nil: the input's own text
	optional bool
	skip     string // the word that leaves an optional one out
}

// choice is one offered answer.
type choice struct {
	title, value string
	stored       any // canonical
}

// Why there is no value.
var (
	errNothingSaid = errors.New("nothing was said")
	errLeftOut     = errors.New("left out")
)

const (
	skipWord  = "Skip"
	skipValue = "skip"
)

// known is the value that the contact has already.
func (q *question) known(m *machine) (any, bool) {
	if q.field == nil {
		return nil, false
	}
	return m.known(q.field.Name)
}

// take keeps an answer as a contact field and as a variable.
func (q *question) take(m *machine, value any, via string) {
	m.answered = true
	if q.field != nil {
		m.capture(q.field.Name, value, via)
	} else {
		m.trace("captured", "vars."+q.key)
	}
	m.setVariable(q.variable, value)
}

// message shows the question with its choices, to tap or numbered. Proposals
// beside which a number would be an answer of its own are not numbered.
func (q *question) message(m *machine, text string) connectors.Message {
	message := connectors.Message{Text: strings.TrimSpace(text)}
	buttons := q.buttons()
	if q.optional {
		buttons = append(buttons, connectors.Button{Title: q.skip, Value: skipValue})
	}
	if q.numbered() || m.turn.Channel.Layout(buttons) != connectors.AsText {
		message.Buttons = buttons
		return message
	}
	var b strings.Builder
	b.WriteString(message.Text)
	for _, c := range q.choices {
		b.WriteString("\n• " + c.title)
	}
	if q.optional {
		b.WriteString("\n[" + q.skip + "]")
	}
	message.Text = strings.TrimSpace(b.String())
	return message
}

// numbered: without buttons a choice is made by its number. Other inputs take
// choices as proposals, where a number would be an answer of its own.
func (q *question) numbered() bool { return q.input.name == choiceInput }

func (q *question) buttons() []connectors.Button {
	if q.input.name == "yes_no" && len(q.choices) == 0 {
		return []connectors.Button{{Title: "Yes", Value: "yes"}, {Title: "No", Value: "no"}}
	}
	var buttons []connectors.Button
	for _, c := range q.choices {
		buttons = append(buttons, connectors.Button{Title: c.title, Value: c.value})
	}
	return buttons
}

// complain is what is said after a wrong answer: the author's words, or ours and
// the question again.
func (q *question) complain(m *machine, again string) {
	if q.invalid != nil {
		m.say(q.message(m, q.invalid.render(m)))
		return
	}
	m.say(connectors.Message{Text: q.input.invalid})
	m.say(q.message(m, again))
}

// read is the value that the event answers with. Its error is errNothingSaid,
// errLeftOut or says why the answer is wrong.
func (q *question) read(m *machine) (any, error) {
	e := m.turn.Event
	value, err := q.readEvent(m, e)
	if err == nil || errors.Is(err, errLeftOut) {
		return value, err
	}
	if v, ok := q.parameter(m); ok {
		return v, nil
	}
	return value, err
}

// parameter is the answer that a bot platform understood and sent beside the
// text: it knows what "twenty or so" means.
func (q *question) parameter(m *machine) (any, bool) {
	v, ok := m.turn.Event.Parameters[q.key]
	if q.key == "email" && m.turn.Event.Email != "" {
		v, ok = m.turn.Event.Email, true
	}
	if !ok || q.key == "" {
		return nil, false
	}
	value, err := q.parse(m, v)
	return value, err == nil
}

func (q *question) readEvent(m *machine, e *connectors.Event) (any, error) {
	if data := formData(e); data != nil || e.Kind == connectors.KindForm {
		if v, ok := data[q.key]; ok && isKnown(v) {
			return q.parse(m, v)
		}
		return nil, errNothingSaid // a form that asked for something else
	}
	if q.input.other != nil {
		if v, ok := q.input.other(e); ok {
			return q.parseOther(m, v)
		}
	}
	if e.Reply != nil && e.Reply.ID != "" {
		if q.optional && e.Reply.ID == skipValue {
			return nil, errLeftOut
		}
		if c, ok := q.choose(e.Reply.ID); ok {
			return c.stored, nil
		}
		if value, err := q.parse(m, e.Reply.ID); err == nil && !q.numbered() && e.Reply.Title == "" && e.Text == "" {
			return value, nil
		}
	}
	said, ok := saidText(e)
	if !ok {
		return nil, fmt.Errorf("%s is no answer to this", e.Kind)
	}
	if said == "" {
		return nil, errNothingSaid
	}
	if q.optional && q.leavesOut(said) {
		return nil, errLeftOut
	}
	return q.parse(m, said)
}

func (q *question) leavesOut(said string) bool {
	if strings.EqualFold(said, q.skip) || strings.EqualFold(said, skipValue) {
		return true
	}
	if _, taken := q.choose(said); taken {
		return false
	}
	n, ok := ordinal(said)
	return ok && q.numbered() && n == len(q.choices)+1
}

// parse reads a value that was typed, chosen or sent in a form.
func (q *question) parse(m *machine, v any) (any, error) {
	if len(q.choices) > 0 {
		if c, ok := q.choose(strings.TrimSpace(text(v))); ok {
			return c.stored, nil
		}
		if isKnown(v) && q.numbered() {
			return nil, errors.New("none of the choices")
		}
	}
	return m.parse(func(l contacts.Locale) (any, error) {
		value, err := q.input.parse(v, l)
		if err != nil {
			return nil, err
		}
		return q.store(value, l)
	})
}

func (q *question) parseOther(m *machine, v any) (any, error) {
	return m.parse(func(l contacts.Locale) (any, error) {
		if q.input.name == "email" || q.input.name == "phone" {
			var err error
			if v, err = q.input.parse(v, l); err != nil {
				return nil, err
			}
		}
		return q.store(v, l)
	})
}

// store is a value in the canonical form of the field that it is saved in.
func (q *question) store(v any, l contacts.Locale) (any, error) {
	if q.field == nil || inputOf(q.field) == q.input.name && q.input.name != "text" {
		return v, nil
	}
	if yes, ok := v.(bool); ok && q.field.Type == contacts.Text {
		v = text(yes)
	}
	return q.field.Parse(v, l)
}

// choose finds a choice by its value, its title or its number.
func (q *question) choose(said string) (choice, bool) {
	for _, c := range q.choices {
		if said == c.value {
			return c, true
		}
	}
	for _, c := range q.choices {
		if strings.EqualFold(said, c.value) || strings.EqualFold(said, strings.TrimSpace(c.title)) {
			return c, true
		}
	}
	if n, ok := ordinal(said); ok && q.numbered() && n <= len(q.choices) {
		return q.choices[n-1], true
	}
	return choice{}, false
}

// ordinal reads 2, 2. and 2).
func ordinal(said string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimRight(said, ".)"))
	return n, err == nil && n >= 1
}

// saidText is what the person typed or tapped; ok is false for what is no text.
func saidText(e *connectors.Event) (said string, ok bool) {
	switch e.Kind {
	case connectors.KindMedia, connectors.KindLocation, connectors.KindCards, connectors.KindOrder:
		return "", false
	}
	said = strings.TrimSpace(e.Text)
	if said == "" && e.Reply != nil {
		if said = strings.TrimSpace(e.Reply.Title); said == "" {
			said = strings.TrimSpace(e.Reply.ID)
		}
	}
	return said, said != "" || len(e.Media) == 0 && e.Location == nil
}

// formData is what a submitted form holds; nil if there is none.
func formData(e *connectors.Event) map[string]any {
	if e.Form != nil {
		return e.Form
	}
	if e.Reply != nil && len(e.Reply.Data) > 0 {
		return e.Reply.Data
	}
	return nil
}
