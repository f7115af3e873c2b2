package flows

import (
	"fmt"
	"slices"
)

// CheckAll checks what one flow says of others: ids given twice, and flows that
// run and go name and that are not there. destinations are the configured ones;
// nil: not known, so push steps are not checked.
func CheckAll(all []*Flow, destinations []string) []Problem {
	var problems []Problem
	byID := map[string]*Flow{}
	var ids []string
	for _, f := range all {
		if first, ok := byID[f.ID]; ok {
			problems = append(problems, Problem{File: f.file, Line: 1, Column: 1,
				Message: fmt.Sprintf("a second flow %q; the first is in %s", f.ID, first.file)})
			continue
		}
		byID[f.ID] = f
		ids = append(ids, f.ID)
	}
	for _, f := range all {
		for _, to := range f.leaves() {
			if byID[to.flow] == nil {
				problems = append(problems, Problem{File: f.file, Line: to.at.line, Column: to.at.column,
					Message: fmt.Sprintf("no flow %q%s", to.flow, closest(to.flow, ids))})
			}
		}
		if destinations == nil {
			continue
		}
		for i := range f.steps {
			b, ok := f.steps[i].body.(*push)
			if !ok {
				continue
			}
			for _, to := range b.destinations {
				if !slices.Contains(destinations, to) {
					problems = append(problems, Problem{File: f.file, Line: b.at.line, Column: b.at.column,
						Message: fmt.Sprintf("push: no destination %q%s", to, closest(to, destinations))})
				}
			}
		}
	}
	return sorted(problems)
}

// leaves are all places of a flow that lead to another one.
func (f *Flow) leaves() []target {
	var found []target
	add := func(t target) {
		if t.kind == toFlow {
			found = append(found, t)
		}
	}
	for i := range f.steps {
		s := &f.steps[i]
		add(s.then)
		add(s.otherwise)
		switch b := s.body.(type) {
		case leads:
			to, _ := b.targets()
			for _, t := range to {
				add(*t)
			}
		case *visitFlow:
			add(b.to)
		}
	}
	return found
}
