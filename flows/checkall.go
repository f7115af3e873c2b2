package flows

import (
	"fmt"
	"slices"
)

// Around is what flows are surrounded by. What is nil is not known and not
// checked.
type Around struct {
	Open         bool // there may be further flows
	Destinations []string
	Teams        []string
	Secrets      []string
	Channels     []string // types of channels; nil: any
}

// CheckAll checks what flows say of each other and of what is around them: ids
// given twice; flows, destinations, teams and secrets that are not there; flows that lead
// to each other and ask nothing; choices that a channel cannot show.
func CheckAll(all []*Flow, around Around) []Problem {
	c := inspection{byID: map[string]*Flow{}, around: around}
	for _, f := range all {
		if first, ok := c.byID[f.ID]; ok {
			c.fault(f, f.at, "a second flow %q; the first is in %s", f.ID, first.file)
			continue
		}
		c.byID[f.ID] = f
		c.ids = append(c.ids, f.ID)
	}
	for _, f := range all {
		for _, to := range f.leaves() {
			if c.byID[to.flow] == nil {
				c.fault(f, to.at, "no flow %q%s", to.flow, closest(to.flow, c.ids))
				c.problems[len(c.problems)-1].Warning = around.Open
			}
		}
		for i := range f.steps {
			c.step(f, &f.steps[i])
		}
		for _, used := range f.secrets {
			if around.Secrets != nil && !slices.Contains(around.Secrets, used.name) {
				c.warn(f, used.at, "no secret %q is configured, so what needs it fails%s", used.name, closest(used.name, around.Secrets))
			}
		}
	}
	c.circles(all)
	return sorted(c.problems)
}

// inspection collects what CheckAll finds.
type inspection struct {
	byID     map[string]*Flow
	ids      []string
	around   Around
	problems []Problem
}

func (c *inspection) fault(f *Flow, at place, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: f.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

func (c *inspection) warn(f *Flow, at place, format string, args ...any) {
	c.fault(f, at, format, args...)
	c.problems[len(c.problems)-1].Warning = true
}

func (c *inspection) step(f *Flow, s *step) {
	switch b := s.body.(type) {
	case *push:
		for _, to := range b.destinations {
			if c.around.Destinations != nil && !slices.Contains(c.around.Destinations, to) {
				c.fault(f, b.at, "push: no destination %q%s", to, closest(to, c.around.Destinations))
			}
		}
	case *handover:
		if b.team != "" && c.around.Teams != nil && !slices.Contains(c.around.Teams, b.team) {
			c.warn(f, b.at, "team: no team %q, so nobody will come%s", b.team, closest(b.team, c.around.Teams))
		}
	case *ask:
		c.choices(f, &b.question)
	case *form:
		for i := range b.fields {
			c.choices(f, &b.fields[i].question)
		}
	case *say:
		for i := range b.messages {
			c.buttons(f, b.messages[i].at, "buttons", b.messages[i].buttons)
		}
	}
}

// leaves are all places of a flow that lead to another one.
func (f *Flow) leaves() []target {
	var found []target
	for i := range f.steps {
		for _, t := range f.ways(i) {
			if t.kind == toFlow {
				found = append(found, t)
			}
		}
		if b, ok := f.steps[i].body.(*visitFlow); ok {
			found = append(found, b.to)
		}
	}
	return found
}
