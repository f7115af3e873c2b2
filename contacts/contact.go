// Package contacts is about people: who they are, what is known of them and how
// they are recognised. It knows no channel, no flow and no CRM.
package contacts

import (
	"errors"
	"time"
)

// Sentinels of the stores below.
var (
	ErrNotFound = errors.New("not found")
	// ErrConflict: somebody else wrote in between; read again.
	ErrConflict = errors.New("changed in between")
)

// Values is what is known of a person: field name to a value in the field
// type's canonical Go form (text, date: string; number: float64; yes_no: bool).
// A name that is not there is unknown; no value is ever nil or blank.
type Values map[string]any

// Type is computed from what is known, never set.
type Type string

// The three types.
const (
	TypeGuest    Type = "guest"
	TypeLead     Type = "lead"
	TypeCustomer Type = "customer"
)

// TypeOf says what a person is: a customer by its customer id, a lead by a name
// with an e-mail or phone, else a guest. Pseudonyms are no values.
func TypeOf(v Values) Type {
	switch {
	case v["customer_id"] != nil:
		return TypeCustomer
	case v["name"] != nil && (v["email"] != nil || v["phone"] != nil):
		return TypeLead
	default:
		return TypeGuest
	}
}

// Trust says who vouches for an address.
type Trust string

// From weakest to strongest. Only the last two link a conversation to the
// person that holds the address.
const (
	Claimed Trust = "claimed" // typed by somebody
	Vouched Trust = "vouched" // entered by an agent, the API or an import
	Proven  Trust = "proven"  // the platform or a signature says so
)

// Source says where a value or a person came from.
type Source struct {
	Channel string `json:"channel,omitempty"`
	Flow    string `json:"flow,omitempty"`
	Step    string `json:"step,omitempty"`
	Via     string `json:"via,omitempty"` // form, ask, call, set, handover, api, import, manual, channel, identify, crm
}

// Consent is what a person answered when asked.
type Consent struct {
	Given bool      `json:"given"`
	At    time.Time `json:"at"`
}

// Contact is a person with a phone, an e-mail or a customer id.
type Contact struct {
	ID         string
	BusinessID string
	Version    int64
	Values     Values // every field, built-in and custom, by its flat name
	RawName    string // the name as the channel gave it
	Status     string // empty: none
	Tags       []string
	AssigneeID string
	Consent    *Consent
	System     map[string]any // city, zip, user agent …
	// TimezoneApproximate: derived from the country, not said by anybody.
	TimezoneApproximate bool
	// CountryDerived: worked out from the phone number, not said by anybody.
	CountryDerived bool
	DoNotContact   bool
	BlockedUntil   time.Time
	Archived       bool
	Source         Source
	// SoleConversation is the id of the conversation that is the contact's only
	// source so far; empty once anybody else added something.
	SoleConversation string
	// Synced names the destinations that have this contact as a lead.
	Synced []string
	// Proven names the fields whose value the platform or a signature vouches for.
	Proven []string
	// PossibleDuplicateOf is another contact that may be the same person.
	PossibleDuplicateOf string

	CreatedAt, UpdatedAt, LastSeenAt time.Time
}

// Type of the contact.
func (c *Contact) Type() Type { return TypeOf(c.Values) }

// Reachable says whether a CRM could use the contact: a real phone or e-mail.
func (c *Contact) Reachable() bool { return c.Values["phone"] != nil || c.Values["email"] != nil }

// Handling says who answers a conversation.
type Handling string

// The handlings.
const (
	ByFlow   Handling = "flow"
	ByBot    Handling = "bot"
	Queued   Handling = "queued"
	ByAgent  Handling = "agent"
	FollowUp Handling = "follow_up"
)

// Conversation is a person on one channel. Before the person is a contact it
// lives in the guest.
type Conversation struct {
	ID         string
	BusinessID string
	Channel    string
	ExternalID string
	ContactID  string // empty inside a guest
	Version    int64
	// Linked: the conversation carries a proven identity of its contact, so it
	// may see the whole contact. Else it sees what was said in it.
	Linked   bool
	Handling Handling
	State    State

	CreatedAt, UpdatedAt time.Time
}

// State is what a conversation remembers between two events.
type State struct {
	// Said is what was said in this conversation, or proven for it.
	Said Values `json:"said,omitempty"`
	// Sources tell of what a guest said where it did, if the channel did not say
	// it by itself; a contact has a history instead.
	Sources map[string]Source `json:"-"`
	// System is what a guest's channel knows by itself: user agent, campaign …; a
	// contact has its own.
	System map[string]any `json:"-"`
	// Unsaved are addresses said here that somebody else has: this conversation
	// goes on seeing them, its contact does not get them.
	Unsaved Values `json:"unsaved,omitempty"`
	// Status that this conversation's flow set.
	Status string   `json:"status,omitempty"`
	Tags   []string `json:"tags,omitempty"`
	// Runs of flows by session ("" for all channels but bots that name one),
	// opaque here: package flows writes and reads them.
	Runs map[string][]byte `json:"runs,omitempty"`
	// RunSince is when the latest run started.
	RunSince time.Time
	// Begun is how many runs the conversation has had.
	Begun int   `json:"begun,omitempty"`
	Visit Visit `json:"visit,omitzero"`
	// Pending replies were too late for the request that caused them.
	Pending []byte `json:"pending,omitempty"`
	// Seq numbers the messages of the conversation.
	Seq     int64    `json:"seq,omitempty"`
	Consent *Consent `json:"consent,omitempty"`
	// Language, IDs and the like of the address, JSON as the connector knows it.
	Address []byte `json:"address,omitempty"`
	// RawName is the name as the channel gave it.
	RawName string `json:"raw_name,omitempty"`
	// Heard is the id of the last message about which a bot platform asked: it
	// may ask several things about one.
	Heard string `json:"heard,omitempty"`
	// Notes that flows took about a guest, and the agent, by id or e-mail, whose it
	// is to be: both go to the contact that it becomes. Assignee "" is nobody.
	Notes    []Note  `json:"-"`
	Assignee *string `json:"-"`
	// Desk is there once people are to answer, until they are done.
	Desk *Desk `json:"desk,omitempty"`
}

// Visit is the latest of a person's visits: what they do without a long silence
// in between.
type Visit struct {
	Number int       `json:"number,omitempty"` // from 1
	Since  time.Time `json:"since,omitzero"`
	Seen   time.Time `json:"seen,omitzero"` // when the person last did something
	// Landing is the address of the first page of the visit.
	Landing string `json:"landing,omitempty"`
}

// Line is one line of a transcript.
type Line struct {
	ID           string // of the message: stable over replays
	Seq          int64
	Out          bool   // said by our side
	Body         []byte // JSON: the message as the channel knows it
	At           time.Time
	EventID      int64
	State        string // outgoing: pending, sent, delivered, read, failed
	PlatformID   string
	Conversation string
	Author       string // the agent who wrote it; empty: nobody, or the person
	Private      bool   // a note among agents: never sent, never shown to the person
}
