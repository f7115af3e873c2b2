package connectors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/config"
)

const (
	// fulfilmentDeadline leaves a second of the five that Dialogflow waits for the
	// way and for what is being written down.
	fulfilmentDeadline = 4 * time.Second
	// maxFulfilment is as long as any platform can be told to wait.
	maxFulfilment = 30 * time.Second
	// ownParameter is the parameter in which an answer says who the person is.
	ownParameter = "usher"
)

// FulfilmentSettings are those of every channel whose platform runs the
// conversation itself and asks usher in between.
type FulfilmentSettings struct {
	Token    config.Secrets    `json:"token"`
	Person   string            `json:"person"`   // pointer to a stable id of the person; empty: the session is the person
	Fields   map[string]string `json:"fields"`   // their parameter, or a pointer into the body, to our field
	Deadline *config.Duration  `json:"deadline"` // of an answer; default 4s
}

// Fulfilment is what those channels have in common: who may call, who the person
// is, what is captured and what is told.
type Fulfilment struct {
	Tokens
	person   Pointer
	fields   map[string]string // their parameter to our field
	pointers map[string]Pointer
	deadline time.Duration
}

// NewFulfilment checks the settings.
func NewFulfilment(s FulfilmentSettings) (*Fulfilment, error) {
	f := &Fulfilment{fields: map[string]string{}, pointers: map[string]Pointer{}, deadline: fulfilmentDeadline}
	var faults []error
	var err error
	if f.Tokens, err = NewTokens(s.Token); err == nil && len(s.Token) == 0 {
		err = errors.New("token: is missing; make one up and enter it at the platform too")
	}
	faults = append(faults, err)
	if s.Person != "" {
		if f.person, err = ParsePointer(s.Person); err != nil {
			faults = append(faults, fmt.Errorf("person: %w", err))
		}
	}
	for _, theirs := range slices.Sorted(maps.Keys(s.Fields)) {
		ours := s.Fields[theirs]
		switch {
		case ours == "" || theirs == "":
			faults = append(faults, errors.New("fields: want their parameter and the name of our field"))
		case strings.HasPrefix(theirs, "/"):
			if f.pointers[ours], err = ParsePointer(theirs); err != nil {
				faults = append(faults, fmt.Errorf("fields.%s: %w", theirs, err))
			}
		default:
			f.fields[theirs] = ours
		}
	}
	if s.Deadline != nil {
		f.deadline = time.Duration(*s.Deadline)
	}
	if f.deadline <= 0 || f.deadline > maxFulfilment {
		faults = append(faults, fmt.Errorf("deadline: want more than 0 and at most %s", maxFulfilment))
	}
	return f, errors.Join(faults...)
}

// Deadline implements Responder.
func (f *Fulfilment) Deadline() time.Duration { return f.deadline }

// Identify says whose conversation the event is of: the person that the
// document names, in this session, or who has the session.
func (f *Fulfilment) Identify(e *Event, doc JSON, session string) {
	e.ExternalID = cmp.Or(f.person.ID(doc), session)
	if session != e.ExternalID {
		e.Session = session
	}
}

// Keep takes a platform's parameters into the event, under our names. What an
// earlier answer told and nobody has said since is no news and left out: it may
// be out of date.
func (f *Fulfilment) Keep(e *Event, doc JSON, parameters map[string]any, told func(name string, value any) bool) {
	kept := map[string]any{}
	for name, value := range parameters {
		if name != ownParameter && !told(name, value) {
			kept[cmp.Or(f.fields[name], name)] = value
		}
	}
	for ours, p := range f.pointers {
		if value := p.Find(doc).Value(); value != nil {
			kept[ours] = value
		}
	}
	if len(kept) > 0 {
		e.Parameters = kept
	}
}

// Tell is what an answer says of the person: who it is, and each value that the
// conversation may see, under our name and the platform's own.
func (f *Fulfilment) Tell(t Turn) (person, values map[string]any) {
	known := t.Known
	if known == nil {
		known = map[string]bool{}
	}
	person = map[string]any{"type": t.Type, "status": t.Status, "contact_id": t.ContactID, "known": known}
	values = map[string]any{}
	for name, value := range t.Values {
		if name != ownParameter && value != nil {
			values[name] = value
		}
	}
	for theirs, ours := range f.fields {
		if value := t.Values[ours]; value != nil && theirs != ownParameter {
			values[theirs] = value
		}
	}
	return person, values
}

// WasTold says whether an earlier answer, which the platform sends back, told a
// value of the field that a parameter stands for.
func (f *Fulfilment) WasTold(person map[string]any, parameter string) bool {
	known, _ := person["known"].(map[string]any)
	told, _ := known[cmp.Or(f.fields[parameter], parameter)].(bool)
	return told
}

// RenderTexts is what is said where a channel can show nothing but text.
func (c Capabilities) RenderTexts(replies []TurnReply) []string {
	var said []string
	for _, r := range replies {
		for _, m := range c.Render(Message{Text: r.Text, Media: r.Media, Buttons: r.Buttons, Form: r.Form}) {
			if m.Text != "" {
				said = append(said, m.Text)
			}
		}
	}
	return said
}

// AnswerJSON is a response that is one document, without HTML escapes: programs
// log what they read. It cannot fail on what usher itself put together.
func AnswerJSON(document any) Response {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document); err != nil {
		return Response{Status: http.StatusInternalServerError}
	}
	return Response{ContentType: "application/json", Body: bytes.TrimRight(b.Bytes(), "\n")}
}
