package flows

import (
	"slices"
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
	at       place       // of the choices
	rule     *answerRule // nil: every value of the input
	invalid  *template   // nil: the input's own text
	optional bool
	skip     string // the word that leaves an optional one out; empty: that of the person's language
}

// skipValue is what the button for leaving a question out sends.
const skipValue = "skip"

// known is the value that the contact has already.
func (q *question) known(m *machine) (any, bool) {
	if q.field == nil {
		return nil, false
	}
	return m.known(q.field.Name)
}

// learnt is the value that a capture brought while the question waited. What was
// known before, and is asked for all the same, is none.
func (q *question) learnt(m *machine, skipIfKnown bool) (any, bool) {
	if v, ok := q.known(m); ok && (skipIfKnown || brings(m.turn.Event, q.field.Name)) {
		return v, true
	}
	return nil, false
}

// brings says whether a capture is about a field. Which it is of a name and its
// parts is all the same.
func brings(e *connectors.Event, field string) bool {
	switch field {
	case "email":
		return e.Email != ""
	case "phone":
		return e.Phone != ""
	case "name", "first_name", "middle_name", "last_name":
		return e.Name != "" || slices.ContainsFunc([]string{"name", "first_name", "middle_name", "last_name"}, func(part string) bool {
			return isKnown(e.Parameters[part])
		})
	default:
		return isKnown(e.Parameters[field])
	}
}

// take keeps an answer as a contact field and as a variable. A form never
// overwrites a proven value.
func (q *question) take(m *machine, value any, via string) {
	m.answered = q
	switch known, ok := q.known(m); {
	case q.field == nil:
		m.trace("captured", "vars."+q.key)
	case ok && via == "form" && known != value && slices.Contains(m.person.Proven, q.field.Name):
		m.trace("kept", "contact."+q.field.Name+" is proven to be another")
		value = known
	default:
		m.capture(q.field.Name, value, via)
	}
	m.setVariable(q.variable, value)
}

// message shows the question with its choices, to tap or numbered. Proposals
// beside which a number would be an answer of its own are not numbered.
func (q *question) message(m *machine, text string) connectors.Message {
	message := connectors.Message{Text: strings.TrimSpace(text)}
	buttons := q.buttons(m)
	if q.optional {
		buttons = append(buttons, connectors.Button{Title: q.skipTitle(m), Value: skipValue})
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
		b.WriteString("\n[" + q.skipTitle(m) + "]")
	}
	message.Text = strings.TrimSpace(b.String())
	return message
}

// numbered: without buttons a choice is made by its number. Other inputs take
// choices as proposals, where a number would be an answer of its own.
func (q *question) numbered() bool { return q.input.name == choiceInput }

func (q *question) buttons(m *machine) []connectors.Button {
	if q.input.name == "yes_no" && len(q.choices) == 0 {
		w := wordsOf(m.language())
		return []connectors.Button{{Title: w.yes, Value: "yes"}, {Title: w.no, Value: "no"}}
	}
	var buttons []connectors.Button
	for _, c := range q.choices {
		buttons = append(buttons, connectors.Button{Title: c.title, Value: c.value})
	}
	return buttons
}

func (q *question) skipTitle(m *machine) string {
	if q.skip != "" {
		return q.skip
	}
	return wordsOf(m.language()).skip
}

// complain is what is said after a wrong answer: the author's words, or ours and
// the question again.
func (q *question) complain(m *machine, again string) {
	if q.invalid != nil {
		m.say(q.message(m, q.invalid.render(m)))
		return
	}
	m.say(connectors.Message{Text: q.wrong()})
	m.say(q.message(m, again))
}

// wrong says, where the author has no words for it, what is wanted instead.
func (q *question) wrong() string {
	if q.rule != nil {
		return q.rule.wanted(q.input)
	}
	return q.input.invalid
}
