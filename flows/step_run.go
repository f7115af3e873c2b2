package flows

// visitFlow runs another flow and then goes on.
//
//   - run: newsletter
type visitFlow struct{ to target }

func readRun(r *reader, o *object, e entry, _ *step) body {
	id, _, ok := o.text(e.key.Value)
	if ok && !flowID.MatchString(id) {
		r.fault(e.at(), "run: %q is no id of a flow", id)
	}
	return &visitFlow{target{kind: toFlow, flow: id, name: id, at: e.at()}}
}

func (b *visitFlow) enter(m *machine, _ *step) verdict {
	m.trace("left", "to flow "+b.to.flow+" and back")
	return verdict{visit, b.to}
}
