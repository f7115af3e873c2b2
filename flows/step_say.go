package flows

import (
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"usher/connectors"
)

// say tells the visitor something.
//
//   - say: Hello!
//   - say: ["Hello {{ contact.first_name | default: 'there' }}!", How are you?]
//   - say: {text: Our price list., file: "https://example.com/prices.pdf", buttons: [Order, {title: A question, value: ask}]}
//   - say: [{image: "https://example.com/{{ vars.plan }}.png"}, {text: "https://example.com", link_preview: false}]
type say struct{ messages []utterance }

// utterance is one message.
type utterance struct {
	text      *template // nil: none
	media     []attachment
	buttons   []connectors.Button
	noPreview bool
	at        place // of the buttons
}

// attachment is a file by its address, which the platform fetches.
type attachment struct {
	kind    string
	address *template
}

// maxSaid is more than anybody reads at once.
const maxSaid = 20

func mediaKinds() []string { return []string{"image", "video", "audio", "file"} }

func readSay(r *reader, o *object, e entry, _ *step) body {
	e, ok := o.take(e.key.Value)
	items := []*yaml.Node{e.value}
	if ok && e.value.Kind == yaml.SequenceNode {
		if items = e.value.Content; len(items) == 0 {
			r.fault(e.at(), "say: the list is empty")
		}
	}
	if len(items) > maxSaid {
		r.fault(e.at(), "say: %d messages; %d are the most", len(items), maxSaid)
		items = nil
	}
	b := &say{messages: make([]utterance, len(items))}
	for i, item := range items {
		b.messages[i].read(r, follow(item), e.at())
	}
	return b
}

func (u *utterance) read(r *reader, n *yaml.Node, at place) {
	source, ok := scalar(n)
	switch {
	case ok && strings.TrimSpace(source) == "":
		r.fault(at, "say is empty")
		return
	case ok:
		r.compileText(source, at, "say", &u.text)
		return
	case n.Kind != yaml.MappingNode:
		r.fault(at, "say: want texts, or text, image, video, audio, file, buttons")
		return
	}
	o, ok := r.object(n, at, "say")
	if !ok {
		return
	}
	r.text(o, "text", &u.text)
	for _, kind := range mediaKinds() {
		u.readMedia(r, o, kind)
	}
	if items, e, ok := o.items("buttons", maxOffered); ok {
		u.at = e.at()
		for _, item := range items {
			if c, ok := r.choice(follow(item), e.at()); ok {
				if strings.Contains(c.title+c.value, "{{") {
					r.fault(e.at(), "buttons: {{ … }} is not supported here")
				}
				u.buttons = append(u.buttons, connectors.Button{Title: c.title, Value: c.value})
			}
		}
	}
	if preview := o.flag("link_preview"); preview != nil {
		u.noPreview = !*preview
	}
	o.done()
	if u.text == nil && len(u.media) == 0 {
		r.fault(at, "say: want a text, image, video, audio or file")
	}
}

// readMedia reads the address of a file. As a whole it may be a value; else its
// host is fixed, and what is put in behind it is percent-encoded.
func (u *utterance) readMedia(r *reader, o *object, kind string) {
	source, e, ok := o.text(kind)
	if !ok {
		return
	}
	whole := wholeValue(source)
	if _, err := fixedHost(source); err != nil && !whole {
		r.fault(e.at(), "%s: %s", kind, err)
	}
	var address *template
	r.compileText(source, e.at(), kind, &address)
	if !whole {
		r.later = append(r.later, address.encode)
	}
	u.media = append(u.media, attachment{kind, address})
}

// wholeValue says whether a text is one {{ value }} and nothing else.
func wholeValue(source string) bool {
	source = strings.TrimSpace(source)
	return strings.HasPrefix(source, "{{") && strings.HasSuffix(source, "}}") && strings.Count(source, "{{") == 1
}

func (b *say) enter(m *machine, _ *step) verdict {
	for i := range b.messages {
		b.messages[i].say(m)
	}
	m.trace("said", "")
	return verdict{do: next}
}

func (u *utterance) say(m *machine) {
	message := connectors.Message{Buttons: u.buttons, NoPreview: u.noPreview}
	if u.text != nil {
		message.Text = strings.TrimSpace(u.text.render(m))
	}
	for _, a := range u.media {
		address := strings.TrimSpace(a.address.render(m))
		if parsed, err := url.Parse(address); err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
			m.trace("left out", "the "+a.kind+" has no address")
			continue
		}
		message.Media = append(message.Media, connectors.Media{Type: a.kind, URL: address})
	}
	if message.Text != "" || message.Media != nil {
		m.say(message)
	}
}
