package flows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// Trial is a conversation with flows outside of any channel, nothing kept or
// sent: for trying a flow before it is published, and for its tests.
type Trial struct {
	// Turn is what every turn of the trial has in common: channel, country, zone,
	// moment, and the person as the conversation knows it so far.
	Turn Turn
	// Last is the result of the latest turn.
	Last Result

	flow    *Flow
	find    func(id string) *Flow
	fields  *contacts.Fields
	started bool
	page    string              // of events that say none
	waits   []Wait              // of the run, some of them over
	told    Wait                // the handover that something has become of
	offered []connectors.Button // to tap, by the latest turn
}

// ErrNotStarted: the flow's start does not hold, so nothing is said.
var ErrNotStarted = errors.New("the flow does not start with this")

// NewTrial is a conversation that begins with a flow and may go on to those that
// find knows. The flows are the trial's own: they carry all of their variables.
// fields nil: the built-in ones.
func NewTrial(flow *Flow, find func(id string) *Flow, fields *contacts.Fields, t Turn) (*Trial, error) {
	if fields == nil {
		var err error
		if fields, err = contacts.NewFields(nil); err != nil {
			return nil, err
		}
	}
	flow.keepVariables()
	return &Trial{Turn: t, flow: flow, find: find, fields: fields}, nil
}

// keepVariables gives a slot to the variables that nobody reads, too.
func (f *Flow) keepVariables() {
	for _, v := range f.vars {
		if v.slot < 0 && f.slots < maxVars {
			v.slot, f.slots = f.slots, f.slots+1
		}
	}
}

// SupposePage has the visitor be on a page that the flow starts on, for trials in
// a place that has no pages. What the visitor is said to see is not changed.
func (t *Trial) SupposePage() {
	s := &t.flow.start
	if len(s.pages) > 0 {
		t.page = examplePage(s.pages[0])
	}
	if len(s.landing) > 0 && t.Turn.Visit.Landing == "" {
		t.Turn.Visit.Landing = examplePage(s.landing[0])
	}
}

// Say plays one message of the visitor. Its error is ErrNotStarted.
func (t *Trial) Say(message string) (Result, error) {
	return t.Play(connectors.Event{Kind: connectors.KindMessage, Text: message})
}

// Play plays one event. Its error is ErrNotStarted if the event would have to
// open the conversation and the flow does not start with it.
func (t *Trial) Play(e connectors.Event) (Result, error) {
	t.Turn.EventID++
	if e.Page == nil && t.page != "" {
		e.Page = &connectors.Page{URL: t.page}
	}
	turn := t.Turn
	turn.Event = &e
	flow := t.running()
	begins, why := Choose([]*Flow{t.flow}, t.Last.Run, flow, turn)
	switch {
	case begins != nil: // a run that waited is closed
		flow, t.Last.Run = begins, nil
		if t.started {
			t.Turn.Visit.Runs++
			turn.Visit = t.Turn.Visit
		}
	case flow == nil:
		t.Last = Result{person: t.Turn.Person, Trace: why}
		return t.Last, ErrNotStarted
	}
	t.started = true
	t.Last = Advance(flow, t.Last.Run, turn, t.other)
	t.Last.Trace = append(why, t.Last.Trace...)
	t.Turn.Person = t.Last.person
	t.waits = append(t.waits, t.Last.Waits...)
	for i, m := range t.Last.Messages {
		if i == 0 {
			t.offered = nil
		}
		t.offered = append(t.offered, m.Buttons...)
	}
	return t.Last, nil
}

// running is the flow of the run that waits; nil: none does.
func (t *Trial) running() *Flow {
	if t.Last.Run == nil {
		return nil
	}
	return t.other(t.Last.Run.Flow, t.Last.Run.Version)
}

// Choose plays a tap on a button that the latest turn showed, by its title or
// value.
func (t *Trial) Choose(button string) (Result, error) {
	var titles []string
	for _, b := range t.offered {
		if b.Value == button || strings.EqualFold(b.Title, button) {
			return t.Play(connectors.Event{Kind: connectors.KindMessage, Text: b.Title,
				Reply: &connectors.Choice{Type: "button", ID: b.Value, Title: b.Title}})
		}
		titles = append(titles, b.Title)
	}
	if titles == nil {
		return Result{}, fmt.Errorf("no button %q: none was shown", button)
	}
	return Result{}, fmt.Errorf("no button %q among %s%s", button, strings.Join(titles, ", "), closest(button, titles))
}

// Fill plays the answer to a form.
func (t *Trial) Fill(form map[string]any) (Result, error) {
	return t.Play(connectors.Event{Kind: connectors.KindForm, Form: form})
}

// Know makes something known of the person before it is said: a contact field,
// the status, or tags. Its error is one line for whoever wrote it.
func (t *Trial) Know(name string, value any) error {
	switch name {
	case "status":
		if t.Turn.Person.Status = text(value); !slices.Contains(append(Statuses(), ""), t.Turn.Person.Status) {
			return fmt.Errorf("status: %q is none of %s", text(value), strings.Join(Statuses(), ", "))
		}
		return nil
	case "tags":
		t.Turn.Person.Tags = tagsOf(value)
		return nil
	}
	field, ok := t.fields.Lookup(name)
	switch {
	case !ok:
		return fmt.Errorf("no contact field %q%s", name, closest(name, (&scope{fields: t.fields}).fieldNames()))
	case !field.IsValue():
		return fmt.Errorf("%s follows from the other fields and cannot be given", name)
	}
	v, err := field.Parse(value, contacts.Locale{Country: t.Turn.Country, Timezone: t.Turn.Timezone})
	if err != nil {
		return fmt.Errorf("%s: %s", name, reason(err))
	}
	values := t.Turn.Person.Values.Clone()
	if values == nil {
		values = contacts.Values{}
	}
	values.Set(name, v)
	t.Turn.Person.Values = values
	return nil
}

// tagsOf reads a list, or tags separated by commas.
func tagsOf(value any) []string {
	var tags []string
	switch value := value.(type) {
	case []any:
		for _, tag := range value {
			tags = append(tags, text(tag))
		}
	case []string:
		tags = value
	default:
		for tag := range strings.SplitSeq(text(value), ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				tags = append(tags, tag)
			}
		}
	}
	return tags
}

// Waits says that the run waits for something.
func (t *Trial) Waits() bool { return t.Last.Run != nil }

// Ended says that a run was there and is over.
func (t *Trial) Ended() bool { return t.started && t.Last.Run == nil }

// Person is the visitor as the conversation knows it so far.
func (t *Trial) Person() Person { return t.Turn.Person }

// Variables are those of the flow that played last, by name; unknown ones are
// left out.
func (t *Trial) Variables() map[string]any {
	known := map[string]any{}
	if t.Last.flow == nil {
		return known
	}
	for _, v := range t.Last.flow.vars {
		if v.slot >= 0 && v.slot < len(t.Last.vars) && t.Last.vars[v.slot] != nil {
			known[v.path] = t.Last.vars[v.slot]
		}
	}
	return known
}

func (t *Trial) other(id string, _ int) *Flow {
	if t.flow.ID == id {
		return t.flow
	}
	if t.find == nil {
		return nil
	}
	found := t.find(id)
	if found != nil {
		found.keepVariables()
	}
	return found
}
