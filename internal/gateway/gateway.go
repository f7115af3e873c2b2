// Package gateway is the way of a message through usher, in reading order:
// accept.go takes a webhook in for good, lanes.go deals events out one
// conversation at a time, converse.go runs them (burst.go says when they wait,
// failures.go what becomes of one that fails), person.go finds whose they are
// (rebuild.go: a guest that its store has lost),
// play.go lets the flow take its step, settle.go decides whose they are now and
// keep.go what is kept, outcome.go how the event ends; reply.go and deliver.go
// send what came of it. waits.go is how a run waits for something outside of the
// conversation, timers.go how that comes about, calls.go what asks other services.
// people.go is the same for changes that come through the
// API, look.go and known.go are for looking.
package gateway

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"usher/connectors"
	"usher/contacts"
	"usher/crm"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/hours"
	"usher/internal/inbox"
	"usher/internal/nudge"
)

// Sentinels that the API maps to answers.
var (
	// ErrBusy: nothing was kept; the sender should come again soon. 503.
	ErrBusy = errors.New("cannot take that now")
	// ErrPrecondition: the record is not at the version that the caller saw. 412.
	ErrPrecondition = errors.New("changed since it was read")
	// ErrState: the record's state does not allow that. 409.
	ErrState = errors.New("not possible in this state")
)

// Role says what a node does.
type Role string

// The roles.
const (
	RoleAll    Role = "all"
	RoleIntake Role = "intake" // takes webhooks, runs request-reply turns
	RoleWorker Role = "worker" // runs conversations and deliveries
)

// Business is a tenant with what belongs to it.
type Business struct {
	ID           string
	Name         string
	Country      string
	Timezone     *time.Location
	Hours        hours.Week        // when people are there
	Secrets      map[string]string // of call and bot steps; never shown
	Fields       *contacts.Fields
	Flows        FlowSet             // current versions
	Channels     map[string]*Channel // by type/name
	Destinations []*Destination
}

// Channel is one configured way in and out.
type Channel struct {
	ID        string // type/name
	Business  *Business
	FlowIDs   []string // tried in order
	Connector connectors.Connector
}

// Type of the channel: the part of its id before the slash.
func (c *Channel) Type() string { return typeOf(c.ID) }

// Destination is one configured CRM connection.
type Destination struct {
	ID        string
	Type      string
	Business  *Business
	Connector crm.Connector
	Send      map[crm.Kind]bool
	When      *flows.Condition // nil: every reachable contact
	Retry     crm.Retry
	CreatedAt time.Time
	State     string // active, disabled: as stored when the node started
}

// Deps is everything that a Gateway works with.
type Deps struct {
	DB         *database.DB
	Guests     contacts.GuestStore // nil: guests live in DB
	Bus        nudge.Bus
	Businesses []*Business
	Log        *slog.Logger
	Metrics    prometheus.Registerer
	HTTP       *http.Client // guarded, for the calls of flows

	Node       string
	Role       Role
	Salt       []byte
	GuestTTL   time.Duration
	NoConsent  time.Duration // life of a guest that declined
	Retention  time.Duration
	MaxBacklog int
	Spool      string
	PublicURL  string
}

// Gateway takes webhooks in, holds conversations and delivers what comes of
// them.
type Gateway struct {
	Deps
	inbox      *inbox.Inbox
	businesses map[string]*Business
	accounts   map[account][]*Channel
	lanes      *lanes
	suspects   sync.RWMutex // held alone by an event that a process may have died of
	reload     chan int64   // lanes whose further events must be read
	replies    *replies
	early      early
	leads      []*leads
	timers     *timerQueue
	versions   versions
	flowsMu    sync.Mutex // held by whoever takes published flows up
	answers    answers
	fresh      fresh
	states     states
	outage     outage
	burst      burst
	single     sync.Mutex // see leaveRoom
	guestsAway absence
	clockAhead atomic.Int64 // microseconds that the database's clock is ahead
	metrics    *metrics
}
