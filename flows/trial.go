package flows

import (
	"usher/connectors"
	"usher/contacts"
)

// Trial is a conversation with flows outside of any channel, nothing kept: for
// trying a flow before it is published.
type Trial struct {
	// Turn is what every turn of the trial has in common: channel, country, zone,
	// moment, and the person as the conversation knows it so far.
	Turn Turn
	// Last is the result of the latest turn.
	Last Result

	flow    *Flow
	others  []*Flow
	started bool
}

// NewTrial is a conversation that begins with the first flow and may go on to
// the others.
func NewTrial(flow *Flow, others []*Flow, t Turn) *Trial {
	return &Trial{Turn: t, flow: flow, others: others}
}

// Say plays one message of the visitor. ok is false if it would open the
// conversation and the flow does not start with it.
func (t *Trial) Say(message string) (Result, bool) {
	turn := t.Turn
	turn.Event = &connectors.Event{Kind: connectors.KindMessage, Text: message}
	if t.Last.Run == nil && !t.flow.Starts(turn) {
		return Result{}, false
	}
	t.started = true
	t.Last = Advance(t.flow, t.Last.Run, turn, t.find)
	t.Turn.Person = t.Last.person
	return t.Last, true
}

// Waits says whether the run waits for an answer, Ended that it came to its end.
func (t *Trial) Waits() bool { return t.Last.Run != nil }

// Ended says that a run was there and is over.
func (t *Trial) Ended() bool { return t.started && t.Last.Run == nil }

// Person is the visitor as the conversation knows it so far.
func (t *Trial) Person() (contacts.Values, string, []string) {
	return t.Turn.Person.Values, t.Turn.Person.Status, t.Turn.Person.Tags
}

func (t *Trial) find(id string, _ int) *Flow {
	if t.flow.ID == id {
		return t.flow
	}
	for _, f := range t.others {
		if f.ID == id {
			return f
		}
	}
	return nil
}
