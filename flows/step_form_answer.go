package flows

import (
	"errors"
	"slices"
	"strings"

	"usher/connectors"
	"usher/contacts"
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
	}
	if b.skipIfKnown && b.learn(m) && b.pending(m) < 0 {
		return b.answered(m)
	}
	if m.run.field > 0 {
		return b.oneAnswer(m, m.run.field-1)
	}
	return b.written(m)
}

// captured goes on if everything that is still open came by another way.
func (b *form) captured(m *machine) verdict {
	if !b.learn(m) {
		return verdict{do: wait}
	}
	i := b.pending(m)
	switch {
	case i < 0:
		return b.answered(m)
	case m.run.field > 0 && m.run.field != i+1:
		return b.askNext(m) // the field that was asked for is known now
	}
	return verdict{do: wait}
}

// learn takes over what became known of open fields by another way, and says
// whether anything did.
func (b *form) learn(m *machine) (any bool) {
	for i := range b.fields {
		f := &b.fields[i]
		if m.run.done&(1<<i) != 0 {
			continue
		}
		if v, ok := f.learnt(m, b.skipIfKnown); ok {
			m.setVariable(f.variable, v)
			m.trace("known", "contact."+f.key+" came from elsewhere")
			m.run.done |= 1 << i
			any = true
		}
	}
	return any
}

// submitted takes what is right in a submitted form and asks again for the rest.
func (b *form) submitted(m *machine, data map[string]any) verdict {
	var wrong []*formField
	left := false
	for i := range b.fields {
		f := &b.fields[i]
		open := m.run.done&(1<<i) == 0
		given := data[f.key]
		switch {
		case isKnown(given):
			value, err := f.parse(m, given)
			switch {
			case err == nil:
				f.take(m, value, "form")
				m.run.done |= 1 << i
			case open:
				m.trace("invalid", f.key+": "+reason(err))
				wrong = append(wrong, f)
			}
		case !open:
		case !f.optional:
			m.trace("invalid", f.key+": is required")
			wrong = append(wrong, f)
		case b.either && f.isAddress():
			left = true
		default:
			m.run.done |= 1 << i
		}
	}
	if len(wrong) == 0 && (!left || m.run.tries > 0) {
		return b.answered(m)
	}
	m.run.tries++
	if m.run.tries >= b.attempts {
		return b.stop(m)
	}
	return b.again(m, wrong)
}

// stop ends a form that was asked for often enough. Beside an answer, what need
// not be answered is left out.
func (b *form) stop(m *machine) verdict {
	if m.run.done == 0 || !b.optional(m) {
		return verdict{do: fail}
	}
	m.trace("left out", "the rest, asked for often enough")
	return b.answered(m)
}

// again says what is wrong and asks for the open fields.
func (b *form) again(m *machine, wrong []*formField) verdict {
	var said []string
	for _, f := range wrong {
		complaint := f.complaint(m)
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
	b.show(m, wrong)
	return verdict{do: wait}
}

// oneAnswer takes the answer to the field that was asked for by itself, and an
// e-mail address or phone number that the message has for another one.
func (b *form) oneAnswer(m *machine, i int) verdict {
	if m.run.done&(1<<i) != 0 { // known meanwhile
		return b.askNext(m)
	}
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
		took := b.addresses(m)
		if m.run.done&(1<<i) != 0 {
			break
		}
		m.trace("invalid", f.key+": "+reason(err))
		if m.run.tries++; m.run.tries < b.attempts {
			if took {
				m.say(f.message(m, f.wording(m)))
			} else {
				f.complain(m, f.wording(m))
			}
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
// answers the form's one open field, or e-mail and phone fields that it clearly
// is an answer to; anything else counts as a wrong answer.
func (b *form) written(m *machine) verdict {
	first := b.pending(m)
	if first < 0 {
		return b.answered(m)
	}
	f := &b.fields[first]
	if m.run.done|1<<first == 1<<len(b.fields)-1 { // it is the only one
		switch value, err := f.read(m); {
		case errors.Is(err, errNothingSaid):
			return verdict{do: wait}
		case err == nil:
			f.take(m, value, "form")
			return b.answered(m)
		case errors.Is(err, errLeftOut):
			m.trace("left out", f.key)
			return b.answered(m)
		}
	} else if b.addresses(m) {
		if b.pending(m) < 0 {
			return b.answered(m)
		}
		m.run.tries = max(m.run.tries, 1) // the rest is being asked for once more
		b.show(m, nil)
		return verdict{do: wait}
	}
	said, ok := saidText(m.turn.Event)
	if ok && said == "" {
		return verdict{do: wait}
	}
	if b.optional(m) && (saysSkip(said) || refuses(said)) {
		m.trace("left out", "the rest")
		return b.answered(m)
	}
	m.run.tries++
	m.trace("invalid", "a message instead of the form")
	if m.run.tries >= b.attempts {
		return b.stop(m)
	}
	if m.run.done|1<<first == 1<<len(b.fields)-1 {
		return b.again(m, []*formField{f})
	}
	if f.invalid != nil {
		m.say(connectors.Message{Text: f.invalid.render(m)})
	}
	b.show(m, nil)
	return verdict{do: wait}
}

// optional says whether everything that is open may be left out.
func (b *form) optional(m *machine) bool {
	for i := range b.fields {
		if m.run.done&(1<<i) == 0 && !b.fields[i].optional {
			return false
		}
	}
	return true
}

func (f *formField) isAddress() bool { return f.input.name == "email" || f.input.name == "phone" }

// addresses takes an e-mail address, a phone number, or both with nothing else,
// as the answers to open fields, and says whether there was any.
func (b *form) addresses(m *machine) (any bool) {
	said, ok := saidText(m.turn.Event)
	if !ok || said == "" {
		return false
	}
	email, phone := said, said
	if one, other, both := emailAndPhone(said, m.locale()); both {
		email, phone = one, other
	}
	for i := range b.fields {
		f := &b.fields[i]
		if m.run.done&(1<<i) != 0 || !f.isAddress() {
			continue
		}
		text := email
		if f.input.name == "phone" {
			text = phone
		}
		if value, err := f.parseFree(m, text); err == nil {
			f.take(m, value, "form")
			m.run.done |= 1 << i
			any = true
		}
	}
	return any
}

// emailAndPhone parts a message that is an e-mail address and a phone number:
// "ada@example.com, 07700 900123".
func emailAndPhone(said string, l contacts.Locale) (email, phone string, both bool) {
	var rest []string
	for _, word := range strings.Fields(said) {
		switch {
		case strings.Contains(word, "@") && email == "":
			email = strings.Trim(word, ",;.")
		case slices.Contains([]string{"and", "or", "und", "oder", "et", "ou", "y", "o", "e", "en", "of", "&"}, strings.ToLower(word)):
		default:
			rest = append(rest, word)
		}
	}
	phone = strings.Join(rest, " ")
	if _, err := contacts.ParseEmail(email); err != nil {
		return "", "", false
	}
	_, err := contacts.ParsePhone(phone, l.Country)
	return email, phone, err == nil
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
