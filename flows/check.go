package flows

import "fmt"

// edge leads from a step to another; sure: in any case.
type edge struct {
	to   int
	sure bool
}

// check looks at the flow as a whole: steps that nothing leads to, and loops
// that ask nothing.
func (r *reader) check() {
	edges := r.flow.edges()
	reached := make([]bool, len(r.flow.steps))
	reach(edges, 0, reached)
	for i, s := range r.flow.steps {
		if !reached[i] && (i == 0 || reached[i-1]) { // the first of a stretch speaks for all
			r.warn(s.at, "never reached: nothing leads here")
		}
	}
	told := make([]bool, len(r.flow.steps))
	report := func(warning bool, passes func(int) bool, sureOnly bool) {
		at, found := loop(edges, passes, sureOnly)
		if !found || told[at] {
			return
		}
		told[at] = true
		message := fmt.Sprintf("endless loop: %s comes back to itself and asks nothing on the way", r.flow.steps[at].call())
		if warning {
			r.warn(r.flow.steps[at].at, "%s, unless what it sets ends it", message)
			return
		}
		r.fault(r.flow.steps[at].at, "%s", message)
	}
	silent := func(i int) bool { _, waits := r.flow.steps[i].body.(waiter); return !waits && reached[i] }
	constant := func(i int) bool { _, sets := r.flow.steps[i].body.(changes); return silent(i) && !sets }
	report(false, silent, true)
	report(false, constant, false)
	report(true, silent, false)
}

// call is how a problem names a step.
func (s *step) call() string {
	if s.id != "" {
		return fmt.Sprintf("step %q", s.id)
	}
	return "this " + s.kind
}

// edges are where each step can lead.
func (f *Flow) edges() [][]edge {
	edges := make([][]edge, len(f.steps))
	for i := range f.steps {
		s := &f.steps[i]
		add := func(t target, sure bool) {
			switch to := t.step; {
			// A target that is not there is reported already; what it was meant to
			// reach is not.
			case (t.kind == toNext || t.kind == toNowhere) && i+1 < len(f.steps):
				edges[i] = append(edges[i], edge{i + 1, sure})
			case t.kind == toStep:
				edges[i] = append(edges[i], edge{to, sure})
			}
		}
		sure := s.when == nil
		if !sure {
			add(target{}, false)
		}
		if b, ok := s.body.(leads); ok {
			more, always := b.targets()
			for _, to := range more {
				add(*to, sure && len(more) == 1 && always)
			}
			if !always {
				add(s.then, false)
			}
		} else {
			add(s.then, sure)
		}
		if s.otherwise.kind != toNext {
			add(s.otherwise, false)
		}
	}
	return edges
}

func reach(edges [][]edge, at int, reached []bool) {
	stack := []int{at}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if reached[at] {
			continue
		}
		reached[at] = true
		for _, e := range edges[at] {
			stack = append(stack, e.to)
		}
	}
}

// loop finds a step that leads back to itself over steps that pass, and over
// sure edges only if asked to.
func loop(edges [][]edge, passes func(int) bool, sureOnly bool) (int, bool) {
	const unseen, open, closed = 0, 1, 2
	state := make([]int, len(edges))
	var found int
	var visit func(at int) bool
	visit = func(at int) bool { // as deep as the flow has steps
		state[at] = open
		for _, e := range edges[at] {
			if !passes(e.to) || sureOnly && !e.sure {
				continue
			}
			if state[e.to] == open {
				found = e.to
				return true
			}
			if state[e.to] == unseen && visit(e.to) {
				return true
			}
		}
		state[at] = closed
		return false
	}
	for at := range edges {
		if passes(at) && state[at] == unseen && visit(at) {
			return found, true
		}
	}
	return 0, false
}
