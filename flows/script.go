package flows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"usher/contacts"
)

// Script is a flow's test: conversations, and what is to come of them.
//
//	flow: welcome.yaml              # default: the flow of the same name beside the script
//	tests:
//	  - name: A new visitor leaves an address
//	    channel: whatsapp           # what is shown is what this channel can show; default: webchat
//	    now: 2026-05-20T09:30:00Z
//	    known: {country: GB, tags: [vip]}
//	    visit: {number: 2, landing_page: "https://www.example.com/", country: GB}
//	    turns:
//	      - say: Hello!
//	        replies: [Good to see you!, {text: What is it about?, buttons: [Prices, Support]}]
//	      - choose: Prices
//	        contact: {status: qualified}
//	        ended: true
type Script struct {
	File string
	Flow string // a file beside the script; empty: the one of its name

	tests []scriptTest
}

// scriptTest is one conversation.
type scriptTest struct {
	at      place
	name    string
	channel string
	now     time.Time
	known   []given
	visit   visitGiven
	turns   []scriptTurn
}

// visitGiven is what is known of the visit, by the names that conditions use.
type visitGiven struct {
	Number  int    `json:"number"`
	Landing string `json:"landing_page"`
	Country string `json:"country"`
}

// given is a value with its place.
type given struct {
	name  string
	value any
	at    place
}

// scriptTurn is one thing that happens and what it is to lead to.
type scriptTurn struct {
	Happening
	at   place
	want wants
}

// wants are expectations; nil: whatever comes is right.
type wants struct {
	replies       []wantedReply
	anyReplies    bool
	contact, vars []given
	notes, pushes []string
	anyNotes      bool
	anyPushes     bool
	trace         []string
	waiting       *string
	request       *string
	ended, starts *bool
}

// wantedReply is one message; what is not said of it is not looked at.
type wantedReply struct {
	text    string
	buttons []string
	form    []string
	media   []string
}

// Bounds of a script: more is not one conversation.
const (
	maxTests = 500
	maxTurns = 500
)

var testName = regexp.MustCompile(`\.test(\.\w+)$`)

// FlowFile is the file of the flow that a script named file is for, if it says
// nothing else: x.test.yaml is for x.yaml.
func (s *Script) FlowFile() string {
	if s.Flow != "" {
		return s.Flow
	}
	return testName.ReplaceAllString(s.File, "$1")
}

// ParseScript reads a test, YAML or JSON. The script is nil if there are
// problems. fields are the business's; nil: the built-in ones.
func ParseScript(file string, doc []byte, fields *contacts.Fields) (*Script, []Problem) {
	r := &reader{file: file, lines: strings.Split(string(doc), "\n"), flow: &Flow{}, scope: &scope{fields: fields}}
	root, at, err := parseDocument(doc)
	if err != nil {
		r.fault(at, "%s", err)
		return nil, r.problems
	}
	s := &Script{File: file}
	if o, ok := r.object(root, placeOf(root), "a test"); ok {
		s.Flow, _, _ = o.text("flow")
		if !o.has("tests") {
			r.fault(o.at, "a script needs tests")
		}
		items, _, _ := o.items("tests", maxTests)
		o.done()
		s.tests = make([]scriptTest, len(items))
		for i, item := range items {
			s.tests[i].read(r, item)
		}
	}
	if len(r.problems) > 0 {
		return nil, sorted(r.problems)
	}
	return s, nil
}

func (t *scriptTest) read(r *reader, item *yaml.Node) {
	t.at = r.dash(item)
	o, ok := r.object(item, t.at, "a test")
	if !ok {
		return
	}
	t.name, _, _ = o.text("name")
	t.channel = "webchat"
	if channel, _, ok := o.text("channel"); ok {
		t.channel = channel
	}
	if now, e, ok := o.text("now"); ok {
		var err error
		if t.now, err = time.Parse(time.RFC3339, now); err != nil {
			r.fault(e.at(), "now: want a moment such as 2026-05-20T09:30:00Z")
		}
	}
	t.known = r.givens(o, "known")
	if e, ok := o.take("visit"); ok {
		r.decode(e, &t.visit)
	}
	if !o.has("turns") {
		r.fault(t.at, "a test needs turns")
	}
	turns, _, _ := o.items("turns", maxTurns)
	o.done()
	t.turns = make([]scriptTurn, len(turns))
	for i, item := range turns {
		t.turns[i].read(r, item)
	}
}

func (t *scriptTurn) read(r *reader, item *yaml.Node) {
	t.at = r.dash(item)
	o, ok := r.object(item, t.at, "a turn")
	if !ok {
		return
	}
	t.Happening.read(r, o)
	t.want.read(r, o)
	o.done()
}

func (w *wants) read(r *reader, o *object) {
	w.anyReplies, w.anyNotes, w.anyPushes = !o.has("replies"), !o.has("notes"), !o.has("pushes")
	if e, ok := o.take("replies"); ok {
		w.replies = r.replies(e)
	}
	w.contact = r.givens(o, "contact")
	w.vars = r.givens(o, "vars")
	w.notes, w.pushes, w.trace = r.listOf(o, "notes"), r.listOf(o, "pushes"), r.listOf(o, "trace")
	if e, ok := o.take("waiting_for"); ok {
		for_, _ := scalar(e.value)
		w.waiting = &for_
	}
	if e, ok := o.take("request"); ok {
		request := r.scalarOf(e)
		w.request = &request
	}
	w.ended, w.starts = o.flag("ended"), o.flag("starts")
}

// replies reads a text or {text, buttons, form, media}, or a list of them.
func (r *reader) replies(e entry) []wantedReply {
	items := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		items = e.value.Content
	}
	replies := make([]wantedReply, len(items))
	for i, item := range items {
		item = follow(item)
		if said, ok := scalar(item); ok {
			replies[i].text = strings.TrimSpace(said)
			continue
		}
		o, ok := r.object(item, placeOf(item), "a reply")
		if !ok {
			continue
		}
		replies[i].text, _, _ = o.text("text")
		replies[i].text = strings.TrimSpace(replies[i].text)
		replies[i].buttons, replies[i].form, replies[i].media = r.listOf(o, "buttons"), r.listOf(o, "form"), r.listOf(o, "media")
		o.done()
	}
	return replies
}

// listOf takes a key whose value is a text or a list of texts, which may be
// empty; nil: it is not there.
func (r *reader) listOf(o *object, key string) []string {
	if e, ok := o.value(key); ok && e.value.Kind == yaml.SequenceNode && len(e.value.Content) == 0 {
		o.take(key)
		return []string{}
	}
	texts, _, _ := o.texts(key)
	return texts
}

// givens takes a key whose value is names with values.
func (r *reader) givens(o *object, key string) []given {
	e, ok := o.take(key)
	if !ok {
		return nil
	}
	values, ok := r.object(e.value, e.at(), key)
	if !ok {
		return nil
	}
	var all []given
	for _, e := range values.entries {
		g := given{name: e.key.Value, at: e.at()}
		r.decode(e, &g.value)
		all = append(all, g)
	}
	return all
}

func (r *reader) scalarOf(e entry) string {
	s, ok := scalar(e.value)
	if !ok {
		r.fault(e.at(), "%s: want a text, not %s", e.key.Value, kindOf(e.value))
	}
	return s
}

// decode reads a value as JSON would give it: numbers, texts, truth values,
// lists and maps.
func (r *reader) decode(e entry, into any) {
	var plain any
	err := e.value.Decode(&plain)
	var raw []byte
	if err == nil {
		raw, err = json.Marshal(plain)
	}
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		err = dec.Decode(into)
	}
	if err != nil {
		r.fault(e.at(), "%s: %s", e.key.Value, strings.TrimPrefix(err.Error(), "json: "))
	}
}

// call names a turn for people.
func (t *scriptTurn) call(i int) string { return fmt.Sprintf("turn %d (%s)", i+1, t.What) }
