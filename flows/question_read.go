package flows

import (
	"errors"
	"fmt"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// Why there is no value.
var (
	errNothingSaid = errors.New("nothing was said")
	errLeftOut     = errors.New("left out")
)

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
		v, ok := data[q.key]
		switch {
		case ok && isKnown(v):
			return q.parse(m, v)
		case ok && q.optional:
			return nil, errLeftOut
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
		if c, ok := q.sent(e.Reply.ID); ok {
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
	return q.readTyped(m, said)
}

// readTyped reads what the person wrote.
func (q *question) readTyped(m *machine, said string) (any, error) {
	if q.optional && strings.EqualFold(said, q.skip) {
		return nil, errLeftOut
	}
	if c, ok := q.typed(m, said); ok {
		return c.stored, nil
	}
	if q.optional && (saysSkip(said) || q.isLast(said)) {
		return nil, errLeftOut
	}
	value, err := q.parseFree(m, said)
	if err != nil && q.optional && refuses(said) {
		return nil, errLeftOut
	}
	return value, err
}

// isLast says whether the number below the choices was said: it leaves out.
func (q *question) isLast(said string) bool {
	n, ok := ordinal(said)
	return ok && q.numbered() && n == len(q.choices)+1
}

// refuses says whether somebody would rather not answer.
func refuses(said string) bool {
	switch strings.ToLower(strings.Trim(said, " .!")) {
	case "-", "–", "—", "n/a", "none", "nothing", "x":
		return true
	}
	yes, err := contacts.ParseYesNo(said)
	return err == nil && !yes
}

// parse reads a value that a program sent, or that stands in a form.
func (q *question) parse(m *machine, v any) (any, error) {
	if len(q.choices) > 0 {
		if c, ok := q.sent(strings.TrimSpace(text(v))); ok {
			return c.stored, nil
		}
	}
	return q.parseFree(m, v)
}

// parseFree reads a value that is none of the choices.
func (q *question) parseFree(m *machine, v any) (any, error) {
	if q.numbered() && isKnown(v) {
		return nil, errors.New("none of the choices")
	}
	return q.obey(m, func(l contacts.Locale) (any, error) { return q.input.parse(v, l) })
}

// parseOther reads what was sent instead of a text. Addresses on a card are
// texts again.
func (q *question) parseOther(m *machine, v any) (any, error) {
	if q.input.name == "email" || q.input.name == "phone" {
		return q.parseFree(m, v)
	}
	return q.obey(m, func(contacts.Locale) (any, error) { return v, nil })
}

// obey is a value as it is kept, if it obeys the question's rule.
func (q *question) obey(m *machine, read func(contacts.Locale) (any, error)) (any, error) {
	value, err := m.parse(func(l contacts.Locale) (any, error) {
		said, err := read(l)
		if err != nil {
			return nil, err
		}
		kept, err := q.store(said, l)
		if err == nil && q.rule != nil {
			err = q.rule.check(said, kept, m.now)
		}
		return kept, err
	})
	if err != nil {
		return nil, err
	}
	return value, nil
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

// saidText is what the person typed, below a picture too, or tapped; ok is false
// for what is no text.
func saidText(e *connectors.Event) (said string, ok bool) {
	said = strings.TrimSpace(e.Text)
	switch e.Kind {
	case connectors.KindMedia:
		return said, said != ""
	case connectors.KindLocation, connectors.KindCards, connectors.KindOrder:
		return "", false
	}
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
