package flows

import (
	"fmt"

	"usher/connectors"
)

// check looks at the flow as a whole: steps that nothing leads to, and loops
// that ask nothing.
func (r *reader) check() {
	f := r.flow
	to := make([][]int, len(f.steps))
	out := make([]bool, len(f.steps)) // asks, or leads out of the flow
	for i := range f.steps {
		out[i] = f.steps[i].asks() || f.steps[i].known()
		for _, t := range f.ways(i) {
			if t.kind == toStep {
				to[i] = append(to[i], t.step)
			} else {
				out[i] = true
			}
		}
		if _, visits := f.steps[i].body.(*visitFlow); visits { // what that one asks is seen by CheckAll
			out[i] = true
		}
	}
	reached := make([]bool, len(f.steps))
	reach(to, 0, reached)
	for i, s := range f.steps {
		if !reached[i] && (i == 0 || reached[i-1]) { // the first of a stretch speaks for all
			r.warn(s.at, "never reached: nothing leads here")
		}
	}
	trapped := trapped(to, out)
	told := make([]bool, len(f.steps))
	report := func(passes func(i int) bool, fault bool, but string) {
		for _, i := range loops(to, func(i int) bool { return reached[i] && passes(i) }, told) {
			message := fmt.Sprintf("endless loop: %s comes back to itself and asks nothing on the way%s", f.steps[i].call(), but)
			if fault {
				r.fault(f.steps[i].at, "%s", message)
			} else {
				r.warn(f.steps[i].at, "%s", message)
			}
		}
	}
	silent := func(i int) bool { _, waits := f.steps[i].body.(waiter); return !waits && !f.visits(i) }
	constant := func(i int) bool { _, sets := f.steps[i].body.(changes); return silent(i) && !sets }
	report(func(i int) bool { return trapped[i] && silent(i) }, true, "")
	report(constant, true, "")
	report(silent, false, ", unless what it sets ends it")
	report(func(i int) bool { return trapped[i] }, false, "")
	report(func(i int) bool { return silent(i) || f.steps[i].known() }, false, " once its answer is known")
}

// call is how a problem names a step.
func (s *step) call() string {
	if s.id != "" {
		return fmt.Sprintf("step %q", s.id)
	}
	return "this " + s.kind
}

// asks says whether the step always waits for the person.
func (s *step) asks() bool {
	if w, ok := s.body.(awaiter); ok {
		return w.cause() == connectors.CauseBot
	}
	_, waits := s.body.(waiter)
	return waits && !s.known()
}

// known says whether the step asks only what is not known yet.
func (s *step) known() bool {
	switch b := s.body.(type) {
	case *ask:
		return b.skipIfKnown && b.question.field != nil
	case *form:
		for i := range b.fields {
			if b.fields[i].field == nil {
				return false
			}
		}
		return b.skipIfKnown
	case *consent:
		return true
	default:
		return false
	}
}

func (f *Flow) visits(i int) bool {
	_, visits := f.steps[i].body.(*visitFlow)
	return visits
}

// ways are all places that a step can lead to. A target that is not there, which
// is reported already, counts as the next step: what it was meant to reach is
// not told to be lost.
func (f *Flow) ways(i int) []target {
	s := &f.steps[i]
	onward := target{kind: toEnd}
	if i+1 < len(f.steps) {
		onward = target{kind: toStep, step: i + 1}
	}
	var ways []target
	add := func(t target) {
		if t.kind == toNext || t.kind == toNowhere {
			t = onward
		}
		ways = append(ways, t)
	}
	if s.when != nil {
		add(target{})
	}
	always := false
	if b, ok := s.body.(leads); ok {
		var to []*target
		to, always = b.targets()
		for _, t := range to {
			add(*t)
		}
	}
	if !always {
		add(s.then)
	}
	if s.otherwise.kind != toNext {
		add(s.otherwise)
	}
	return ways
}

func reach(to [][]int, at int, reached []bool) {
	stack := []int{at}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !reached[at] {
			reached[at] = true
			stack = append(stack, to[at]...)
		}
	}
}

// trapped are the steps from which no way comes to one that is out.
func trapped(to [][]int, out []bool) []bool {
	from := make([][]int, len(to))
	for i, next := range to {
		for _, j := range next {
			from[j] = append(from[j], i)
		}
	}
	free := make([]bool, len(to))
	for i := range out {
		if out[i] {
			reach(from, i, free)
		}
	}
	for i := range free {
		free[i] = !free[i]
	}
	return free
}

// loops finds steps that lead back to themselves over steps that pass. One of a
// loop is enough; those of told loops are left out.
func loops(to [][]int, passes func(int) bool, told []bool) (heads []int) {
	const unseen, open, closed = 0, 1, 2
	state := make([]int, len(to))
	var path []int
	var visit func(at int)
	visit = func(at int) { // as deep as there are steps
		state[at] = open
		path = append(path, at)
		for _, next := range to[at] {
			switch {
			case !passes(next):
			case state[next] == unseen:
				visit(next)
			case state[next] == open:
				known := false
				for i := len(path) - 1; i >= 0; i-- {
					known = known || told[path[i]]
					told[path[i]] = true
					if path[i] == next {
						break
					}
				}
				if !known {
					heads = append(heads, next)
				}
			}
		}
		path = path[:len(path)-1]
		state[at] = closed
	}
	for at := range to {
		if passes(at) && state[at] == unseen {
			visit(at)
		}
	}
	return heads
}
