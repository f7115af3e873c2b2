package flows

// goOn is a bare go: it does nothing and leads where its step's go says.
//
//   - go: bye
type goOn struct{}

func (goOn) enter(m *machine, s *step) verdict {
	m.trace("went", "to "+s.then.name)
	return verdict{do: next}
}
