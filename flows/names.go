package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"usher/contacts"
)

// name is one thing that expressions and templates can read: contact.email,
// vars.topic, event.text, channel, now. get is nil for an unknown value.
type name struct {
	path string
	typ  types.Type
	get  func(*machine) any
}

// variable is one of the flow's own values: the answer to an ask or a form
// field, something set, or a declared one.
type variable struct {
	path string // after "vars."
	typ  types.Type
	slot int // -1: nobody reads it, so no run carries it
}

// scope knows every name that a flow may use.
type scope struct {
	fields  *contacts.Fields
	vars    []*variable
	aliases []alias
	slots   int
	// guess: a variable that nothing in the flow sets is taken for a parameter
	// that a bot sends, and noted in guessed.
	guess   bool
	guessed []string
	// secrets: the text goes to another service and may hold secrets.
	secrets      bool
	secretsNamed []string
}

// alias is another way to a variable: vars.size is vars.details.size too.
type alias struct {
	path string
	to   *variable
}

// roots are what a name can begin with.
func roots() []string { return []string{"contact", "vars", "event", "visit", "channel", "now"} }

// declare makes a variable, or another way to the one that is there. Of
// different types it can hold anything.
func (s *scope) declare(path string, typ types.Type) *variable {
	if v := s.variable(path); v != nil {
		if !v.typ.Equal(typ) {
			v.typ = types.Any
		}
		return v
	}
	v := &variable{path: path, typ: typ, slot: -1}
	s.vars = append(s.vars, v)
	return v
}

func (s *scope) variable(path string) *variable {
	for _, v := range s.vars {
		if v.path == path {
			return v
		}
	}
	for _, a := range s.aliases {
		if a.path == path {
			return a.to
		}
	}
	return nil
}

func (s *scope) fieldNames() []string {
	var names []string
	for _, f := range s.fields.All() {
		names = append(names, f.Name)
	}
	return names
}

// resolve finds a name by its path: [contact email], [vars details phone].
func (s *scope) resolve(path []string) (name, error) {
	root, rest := path[0], strings.Join(path[1:], ".")
	switch root {
	case "contact":
		return s.contact(rest)
	case "vars":
		return s.vari(rest)
	case "event":
		if n, ok := eventName(rest); ok {
			return n, nil
		}
		return name{}, fmt.Errorf("no event.%s%s", rest, closest(rest, eventNames()))
	case "visit":
		if n, ok := visitName(rest); ok {
			return n, nil
		}
		return name{}, fmt.Errorf("no visit.%s%s", rest, closest(rest, visitNames()))
	case "channel":
		if n, ok := channelName(rest); ok {
			return n, nil
		}
		return name{}, fmt.Errorf("no channel.%s; channel, channel.type and channel.name are there", rest)
	case "now":
		if n, ok := nowName(rest); ok {
			return n, nil
		}
		return name{}, fmt.Errorf("no now.%s; now.date, now.time, now.hour and now.weekday are there", rest)
	case "secret":
		if s.secrets && rest != "" {
			s.secretsNamed = append(s.secretsNamed, rest)
			return name{path: "secret." + rest, typ: types.String, get: func(m *machine) any { return m.secretNamed(rest) }}, nil
		}
		return name{}, fmt.Errorf("secrets can be used in call and bot steps only")
	default:
		return name{}, fmt.Errorf("unknown name %q%s", root, closest(root, roots()))
	}
}

func (s *scope) contact(field string) (name, error) {
	f, ok := s.fields.Lookup(field)
	if !ok {
		return name{}, fmt.Errorf("no contact field %q%s", field, closest(field, s.fieldNames()))
	}
	n := name{path: "contact." + field, typ: typeOf(f)}
	switch field {
	case "type":
		n.get = func(m *machine) any { return string(contacts.TypeOf(m.person.Values)) }
	case "status":
		n.get = func(m *machine) any { return orNil(m.person.Status) }
	case "tags":
		n.typ = types.TypeOf([]string(nil))
		n.get = func(m *machine) any {
			if m.person.Tags == nil {
				return []string{}
			}
			return m.person.Tags
		}
	case "assignee_id":
		n.get = func(m *machine) any { return orNil(m.person.Assignee) }
	case "channel":
		n.get = func(m *machine) any { return orNil(m.turn.ChannelID) }
	case "flow":
		n.get = func(m *machine) any { return m.flow.ID }
	default:
		if !f.Settable {
			n.typ = types.Any
		}
		n.get = func(m *machine) any { return m.person.Values[field] }
	}
	return n, nil
}

// vari is a variable; reading it gives it a slot in the run.
func (s *scope) vari(path string) (name, error) {
	v := s.variable(path)
	if v == nil {
		var known []string
		for _, v := range s.vars {
			known = append(known, v.path)
		}
		near := closest(path, known)
		if !s.guess || near != "" || !stepID.MatchString(path) {
			return name{}, fmt.Errorf("no vars.%s: no ask, form or set of this flow has that id%s", path, near)
		}
		v = s.declare(path, types.Any)
		s.guessed = append(s.guessed, path)
	}
	if v.slot < 0 {
		v.slot, s.slots = s.slots, s.slots+1
	}
	slot := v.slot
	return name{"vars." + path, v.typ, func(m *machine) any { return m.variable(slot) }}, nil
}

// coerce reads a parameter as the type that the flow expects of the variable;
// nil: it is no such value.
func (v *variable) coerce(value any, l contacts.Locale) any {
	var parsed any
	var err error
	switch v.typ {
	case types.Float64:
		parsed, err = contacts.Field{Type: contacts.Number}.Parse(value, l)
	case types.Bool:
		parsed, err = contacts.Field{Type: contacts.YesNo}.Parse(value, l)
	case types.Any:
		switch value.(type) {
		case bool, float64:
			return value
		}
		fallthrough
	default:
		parsed, err = contacts.Field{Type: contacts.Text}.Parse(value, l)
	}
	if err != nil {
		return nil
	}
	return parsed
}

func typeOf(f contacts.Field) types.Type {
	switch f.Type {
	case contacts.Number:
		return types.Float64
	case contacts.YesNo:
		return types.Bool
	default:
		return types.String
	}
}

func channelName(part string) (name, bool) {
	n := name{path: "channel", typ: types.String}
	switch part {
	case "", "id":
		n.get = func(m *machine) any { return m.turn.ChannelID }
		return n, true
	case "type":
		n.get = func(m *machine) any { kind, _, _ := strings.Cut(m.turn.ChannelID, "/"); return kind }
	case "name":
		n.get = func(m *machine) any { _, own, _ := strings.Cut(m.turn.ChannelID, "/"); return own }
	default:
		return n, false
	}
	n.path += "." + part
	return n, true
}

func nowName(part string) (name, bool) {
	n := name{path: "now", typ: types.String}
	switch part {
	case "":
		n.typ = types.TypeOf(time.Time{})
		n.get = func(m *machine) any { return m.now() }
		return n, true
	case "date":
		n.get = func(m *machine) any { return m.now().Format(time.DateOnly) }
	case "time":
		n.get = func(m *machine) any { return m.now().Format("15:04") }
	case "weekday":
		n.get = func(m *machine) any { return strings.ToLower(m.now().Weekday().String()) }
	case "hour":
		n.typ = types.Float64
		n.get = func(m *machine) any { return float64(m.now().Hour()) }
	default:
		return n, false
	}
	n.path += "." + part
	return n, true
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func sortedCopy(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return names
}
