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
	// Proven names the fields whose value the platform or a signature vouches for.
	Proven []string
	Status string
	Tags   []string
	// Assignee is the agent who is responsible for the person.
	Assignee string
	// Consent is the person's answer; nil: not asked yet.
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
	Visit     Visit
	Now       time.Time
	// EventID is the event's in the inbox: what names a run that it begins.
	EventID int64
	// ConversationID names the conversation to a bot.
	ConversationID string

	thread thread // of the run before, where one turn goes on from flow to flow
}

// Result is what a turn led to.
type Result struct {
	// Run is the run's state after the turn; nil when it has ended.
	Run      *Run
	Messages []connectors.Message // without ids
	Captured []Capture            // in the order in which they were said
	Effects  []Effect
	// Waits are what the turn began to wait for outside of the conversation. All
	// but the last may be over already.
	Waits []Wait
	// Handling says who the person talks to after the turn: flow, bot, queued for
	// an agent, or agent.
	Handling string
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
	thread thread
	flow   *Flow // that played last
	vars   []any // of its run, over or not
}

// Who a person talks to, as far as the flow knows.
const (
	byFlow  = "flow"
	byBot   = "bot"
	queued  = "queued"
	byAgent = "agent"
)

// Capture is one value for a contact field.
type Capture struct {
	Field string
	Value any    // canonical, see contacts.Values; nil clears
	Step  string // id of the step
	Via   string // ask, form, set, call
}

// Effect is something that the engine wants done outside of it.
type Effect struct {
	Kind     EffectKind
	Status   string   // SetStatus; "" clears it
	Assignee string   // SetAssignee: an agent's id or e-mail; "" clears it
	Given    bool     // SetConsent
	Tags     []string // AddTags, RemoveTags
	Text     string   // Note
	// Destinations of Push; empty: all.
	Destinations []string
}

// EffectKind names an Effect.
type EffectKind string

// The effects.
const (
	SetStatus   EffectKind = "status"
	SetAssignee EffectKind = "assignee"
	SetConsent  EffectKind = "consent"
	AddTags     EffectKind = "add_tags"
	RemoveTags  EffectKind = "remove_tags"
	Note        EffectKind = "note"
	Push        EffectKind = "push"
	// FollowUp: nobody took a handover, so somebody should come back to the person.
	FollowUp EffectKind = "follow_up"
)

// TraceLine is one thing that a turn did.
type TraceLine struct {
	Step   string `json:"step,omitempty"`
	Kind   string `json:"kind"` // of the step
	Did    string `json:"did"`  // asked, skipped, said, matched, invalid, captured, ended …
	Detail string `json:"detail,omitempty"`
}

// String is the line as people read it: step, what it did, why.
func (l TraceLine) String() string {
	name := l.Step
	if name == "" {
		name = l.Kind
	}
	if l.Detail == "" {
		return name + ": " + l.Did
	}
	return name + ": " + l.Did + ", " + l.Detail
}
