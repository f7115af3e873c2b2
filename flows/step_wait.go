package flows

import (
	"time"

	"usher/connectors"
)

// pause goes on after a while. Where the person writes before, it goes on
// waiting, or leads to its otherwise if it has one.
//
//   - wait: 20h
//   - {wait: 2d12h, otherwise: writes_again}
type pause struct{ span time.Duration }

func readWait(_ *reader, o *object, e entry, _ *step) body {
	return &pause{o.span(e.key.Value, 0)}
}

func (b *pause) enter(m *machine, _ *step) verdict {
	due := m.turn.Now.Add(b.span)
	m.await(Wait{Cause: connectors.CauseTimer, At: due})
	m.trace("waits", "until "+due.In(m.zone()).Format(time.DateTime))
	return verdict{do: wait}
}

func (b *pause) resume(m *machine, s *step) verdict {
	switch {
	case !isInput(m.turn.Event.Kind) || m.turn.Event.Direction == connectors.DirectionOut:
	case s.otherwise.kind != toNext:
		m.trace("interrupted", "a message before the time")
		return verdict{do: fail}
	default:
		m.trace("waits", "a message before the time changes nothing")
	}
	return verdict{do: wait}
}

func (b *pause) cause() string { return connectors.CauseTimer }

func (b *pause) resumed(m *machine, _ *step, _ *connectors.Resume) verdict {
	m.trace("went on", "the time is over")
	m.run.heard = 0 // too long ago to be news to anybody
	return verdict{do: next}
}
