package flows

import (
	"strings"

	"usher/connectors"
)

// say tells the visitor something: one message a text.
//
//   - say: Hello!
//   - say: ["Hello {{ contact.first_name | default: 'there' }}!", How are you?]
type say struct{ texts []*template }

func readSay(r *reader, o *object, e entry, _ *step) body {
	texts, _, _ := o.texts(e.key.Value)
	b := &say{texts: make([]*template, len(texts))}
	for i, source := range texts {
		r.compileText(source, e.at(), "say", &b.texts[i])
	}
	return b
}

func (b *say) enter(m *machine, _ *step) verdict {
	for _, t := range b.texts {
		m.say(connectors.Message{Text: strings.TrimSpace(t.render(m))})
	}
	m.trace("said", "")
	return verdict{do: next}
}
