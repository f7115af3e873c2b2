package flows

import (
	"slices"
	"strings"
)

// push sends the contact to CRMs now.
//
//   - push: all
//   - push: [hubspot, sheet]
type push struct {
	destinations []string // nil: all
	at           place
}

func readPush(_ *reader, o *object, e entry, _ *step) body {
	b := &push{at: e.at()}
	names, _, ok := o.texts(e.key.Value)
	if ok && !slices.Equal(names, []string{"all"}) {
		b.destinations = names
	}
	return b
}

func (b *push) enter(m *machine, _ *step) verdict {
	m.result.Effects = append(m.result.Effects, Effect{Kind: Push, Destinations: slices.Clone(b.destinations)})
	detail := "all destinations"
	if b.destinations != nil {
		detail = strings.Join(b.destinations, ", ")
	}
	m.trace("pushed", detail)
	return verdict{do: next}
}
