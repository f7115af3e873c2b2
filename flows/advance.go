package flows

// maxFlows ends a turn in which flows only hand on to each other.
const maxFlows = 10

// Find returns a flow by its id in the given version; version 0: the one that
// new runs get. nil: there is none.
type Find func(id string, version int) *Flow

// Advance runs one whole turn: it resumes the run, or starts f if there is none,
// follows a run into the flows that it starts and returns from them. What one
// flow captures the next one sees. Next and Back of the result are empty.
func Advance(f *Flow, r *Run, t Turn, find Find) Result {
	all := Result{Handling: byFlow}
	var parent *Run
	if r != nil {
		parent = r.parent
		alone := *r
		alone.parent = nil
		r = &alone
	}
	one := f.Resume(r, t) // starts where r is nil
	for flows := 1; ; flows++ {
		all.add(one)
		t.Person, t.thread = one.person, one.thread
		if one.Run != nil {
			all.Run, all.WaitingFor, all.Handling = one.Run, one.WaitingFor, one.Handling
			all.Run.parent = parent
			return all
		}
		if flows == maxFlows {
			all.note("ended", "too many flows in one turn")
			return all
		}
		if one.Back != nil && depth(parent) < maxParents {
			one.Back.parent = parent
			parent = one.Back
		}
		if one.Next != "" {
			if next := find(one.Next, 0); next != nil {
				one = next.Start(t)
				continue
			}
			all.note("passed over", "no flow "+one.Next)
		}
		if parent == nil {
			return all
		}
		back := *parent
		parent, back.parent = back.parent, nil
		one = Result{person: t.Person, thread: t.thread}
		if next := find(back.Flow, back.Version); next != nil {
			one = next.back(&back, t)
		}
	}
}

func (r *Result) note(did, detail string) {
	r.Trace = append(r.Trace, TraceLine{Kind: "flow", Did: did, Detail: detail})
}

// add appends what one flow did to what the turn did.
func (r *Result) add(one Result) {
	r.Messages = append(r.Messages, one.Messages...)
	r.Captured = append(r.Captured, one.Captured...)
	r.Effects = append(r.Effects, one.Effects...)
	r.Waits = append(r.Waits, one.Waits...)
	r.Trace = append(r.Trace, one.Trace...)
	r.person = one.person
	if one.flow != nil {
		r.flow, r.vars = one.flow, one.vars
	}
}

func depth(r *Run) int {
	n := 0
	for ; r != nil; r = r.parent {
		n++
	}
	return n
}
