package gateway

import (
	"strings"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/flows"
)

const (
	// visitEnds is the silence after which a person's next event begins a visit.
	visitEnds = 30 * time.Minute
	// landingBytes of the first page's address are kept: campaigns fit.
	landingBytes = 500
)

// visit counts the person's visits. What our side does is none.
func (t *turn) visit() {
	if t.ev.Direction == connectors.DirectionOut || t.ev.Kind == connectors.KindCapture || !t.spoken() {
		return
	}
	st := &t.conv.State
	v := &st.Visit
	if t.now.Sub(v.Seen) > visitEnds {
		*v = contacts.Visit{Number: v.Number + 1, Since: t.now.Truncate(time.Millisecond)}
	}
	v.Seen = t.now
	declined := st.Consent != nil && !st.Consent.Given
	switch {
	case declined:
		v.Landing = ""
	case v.Landing == "" && t.ev.Page != nil:
		v.Landing = t.ev.Page.URL
		if len(v.Landing) > landingBytes {
			v.Landing = strings.ToValidUTF8(v.Landing[:landingBytes], "")
		}
	}
}

// visited is the visit as flows see it.
func (t *turn) visited() flows.Visit {
	st := &t.conv.State
	v := flows.Visit{Number: st.Visit.Number, Runs: st.Begun, Landing: st.Visit.Landing,
		Known: t.contact != nil && t.conv.Linked && t.contact.CreatedAt.Before(st.Visit.Since)}
	if st.Runs[t.ev.Session] != nil { // the one that waits
		v.Runs--
	}
	v.Country = countryOf(t.ev)
	return v
}

// countryOf is the country that an event is from, as its channel says; empty: it
// does not.
func countryOf(ev *connectors.Event) string {
	said, ok := ev.System["country"].(string)
	if !ok {
		return ""
	}
	country, err := contacts.ParseCountry(said)
	if err != nil {
		return ""
	}
	return country
}

// choose finds the flow that the event begins, if it does: of the channel's, in
// their order. The run that waits, if one does, is closed by it.
func (t *turn) choose(run *flows.Run, current *flows.Flow, in flows.Turn, find flows.Find) *flows.Flow {
	all := make([]*flows.Flow, 0, len(t.ch.FlowIDs))
	for _, id := range t.ch.FlowIDs {
		if f := find(id, 0); f != nil {
			all = append(all, f)
		}
	}
	chosen, why := flows.Choose(all, run, current, in)
	if chosen != nil && run != nil {
		t.notices = append(t.notices, closedRun(current.ID, runReplaced))
		t.trace = append(t.trace, traceLine{Kind: "flow", Did: "closed", Detail: current.ID + ": another flow begins"})
	}
	t.trace = append(t.trace, why...)
	return chosen
}
