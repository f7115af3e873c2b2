// Package crm is the contract for lead delivery: how a contact reaches a CRM,
// once. It knows no CRM and no store; each CRM lives in a folder of its own
// below.
package crm

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"usher/config"
)

// Kind says what a push is about.
type Kind string

// The kinds that every destination can ask for.
const (
	LeadCreated    Kind = "lead.created"
	ContactUpdated Kind = "contact.updated"
	InquiryCreated Kind = "inquiry.created"
)

// Further kinds that a destination may ask for; a connector may refuse them.
const (
	ContactArchived Kind = "contact.archived"
	ContactErased   Kind = "contact.erased"
	// StatusChanged says old and new besides; null is none.
	StatusChanged Kind = "contact.status_changed"
	// A run of a flow began or was closed: both say flow besides, the latter
	// also its reason: ended, replaced (by another flow), taken or closed (by an
	// agent; flow is null if none ran).
	ConversationStarted Kind = "conversation.started"
	ConversationClosed  Kind = "conversation.closed"
	// Agents answer now: says team and assignee_id besides.
	ConversationHandover Kind = "conversation.handover"
)

// Push is one document for one destination: what users call a delivery,
// seen from the connector. The same push keeps ID and LeadKey over
// all its attempts.
type Push struct {
	ID       string // delivery id, the receiver's idempotency key
	Kind     Kind
	At       time.Time // when the cause happened
	LeadKey  string    // one per contact, for ever; ≤ 64 of [A-Za-z0-9_-]
	RemoteID string    // of an earlier push, if known
	// First is false if an earlier attempt of this push may have reached the
	// CRM: its outcome is unknown.
	First bool
	// Document is what a webhook receives: {type, timestamp, data}.
	Document json.RawMessage
	// Contact is Document's data.contact, for connectors that map fields.
	Contact map[string]any
	// Transcript of the conversation that led here, plain text.
	Transcript string
}

// Receipt is what became of one push.
type Receipt struct {
	RemoteID  string
	RemoteURL string
	Status    int // HTTP
	// Err is nil when the CRM has the record. An *outbound.Error says what
	// comes next; any other error is retried.
	Err error
}

// A Connector writes to one configured CRM account. It is safe for concurrent
// use.
type Connector interface {
	// Push writes the given pushes, at most Batch of them and no two with one
	// LeadKey, and returns a receipt for each, in their order. It may be
	// cancelled at any time; what was under way then is outcome unknown.
	Push(ctx context.Context, pushes []Push) []Receipt
	// Batch is how many pushes one call may take.
	Batch() int
}

// A Checker can prove, by calls that change nothing, that its account is set up
// as pushes need it. The error says what an operator has to do.
type Checker interface {
	Check(ctx context.Context) error
}

// Setup is what a Factory gets to build one configured destination.
type Setup struct {
	ID       string
	Settings config.Settings
	HTTP     *http.Client // guarded and bounded; the only way out
}

// A Factory builds a Connector. Its error names the setting at fault and never
// a secret's value.
type Factory func(Setup) (Connector, error)
