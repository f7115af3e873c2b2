// Package flows is the engine that runs conversations: (flow, run, event, what
// is known, now) → (run, messages, captured values, effects). It is pure: no
// clock, no network, no store. A run is resumed only by events.
package flows

import (
	"time"

	"usher/connectors"
	"usher/contacts"
)

// Person is the conversation's view of who it talks to.
type Person struct {
	Values contacts.Values // what the conversation may see
	Status string
	Tags   []string
	// Assignee, Consent and the like follow with the steps that need them.
	Consent *contacts.Consent
}

// Turn is everything that one step of the engine depends on.
type Turn struct {
	Event   *connectors.Event
	Person  Person
	Channel connectors.Capabilities
	// ChannelID is the channel's id (type/name), for expressions.
	ChannelID string
	Country   string // of the business: reads phone numbers without +
	Timezone  *time.Location
	Now       time.Time
}

// Result is what a turn led to.
type Result struct {
	// Run is the run's state after the turn; nil when it has ended.
	Run      *Run
	Messages []connectors.Message // without ids
	Captured []Capture            // in the order in which they were said
	Effects  []Effect
	// WaitingFor is the field or variable that the run waits for; empty if none.
	WaitingFor string
	// Next is the flow to start at once, when the run left for another one.
	Next string
	// Back is the run to go on with when Next has ended; nil: it left for good.
	// Advance sees to it.
	Back *Run
	// Trace says what each step did and why: one line a step.
	Trace []TraceLine

	person Person // after the turn
}

// Capture is one value for a contact field.
type Capture struct {
	Field string
	Value any    // canonical, see contacts.Values; nil clears
	Step  string // id of the step
	Via   string // ask, form, set
}

// Effect is something that the engine wants done outside of it.
type Effect struct {
	Kind   EffectKind
	Status string   // SetStatus; "" clears it
	Tags   []string // AddTags, RemoveTags
	Text   string   // Note
	// Destinations of Push; empty: all.
	Destinations []string
}

// EffectKind names an Effect.
type EffectKind string

// The effects.
const (
	SetStatus  EffectKind = "status"
	AddTags    EffectKind = "add_tags"
	RemoveTags EffectKind = "remove_tags"
	Note       EffectKind = "note"
	Push       EffectKind = "push"
)

// TraceLine is one thing that a turn did.
type TraceLine struct {
	Step   string `json:"step,omitempty"`
	Kind   string `json:"kind"` // of the step
	Did    string `json:"did"`  // asked, skipped, said, matched, invalid, captured, ended …
	Detail string `json:"detail,omitempty"`
}
