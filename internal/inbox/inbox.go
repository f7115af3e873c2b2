// Package inbox is the durable log of accepted events: what a webhook said, kept
// before it is answered, in the database's order, until it is done. It knows
// rows, not meanings.
package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"usher/internal/database"
	"usher/internal/ids"
)

// Sentinels.
var (
	ErrNotFound = errors.New("event not found")
	// ErrConflict: an event was finished by somebody else meanwhile.
	ErrConflict = errors.New("event is done already")
	// ErrFull: the backlog is over its bound.
	ErrFull = errors.New("backlog is full")
	// ErrClosed: the inbox takes nothing any more.
	ErrClosed = errors.New("inbox is closed")
)

// State of an event. Accepted ones end in one of the others.
type State int

// The states.
const (
	Accepted State = iota
	Done
	Ignored
	Quarantined
)

func (s State) String() string {
	return [...]string{"accepted", "done", "ignored", "quarantined"}[s]
}

// ParseState reads what String wrote.
func ParseState(text string) (State, bool) {
	for s := Accepted; s <= Quarantined; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// Event is one row of the inbox.
type Event struct {
	ID       int64
	Business string
	Channel  string
	Dedupe   [sha256.Size]byte
	Lane     int64 // of its conversation
	Pos      int64 // its place in the database's order
	State    State
	Attempts int
	// ReservedBy is the node that holds the request whose answer this event's
	// turn is, until ReservedUntil (database time; before Put: how long, in
	// microseconds).
	ReservedBy    string
	ReservedUntil int64
	Reason        string
	DoneAt        int64
	GuestID       string
	ContactID     string
	Event         []byte // JSON; nil once blanked
	Raw           []byte // the platform's own bytes of this item
	Answer        []byte
	Trace         []byte

	// Parsed is whatever the caller of Put wants back with Accepted; not stored.
	Parsed any `json:"-"`
}

// EventID is the event's public id.
func (e *Event) EventID() string { return ids.Format("evt", e.ID) }

// ReceivedAt is when the database took the event.
func (e *Event) ReceivedAt() time.Time { return time.UnixMicro(e.Pos / placesPerTick).UTC() }

// Ref is an undone event as its row lists it.
type Ref struct {
	ID            int64
	Lane          int64
	Pos           int64
	Attempts      int
	ReservedBy    string
	ReservedUntil int64
}

// Pos is the database's time in microseconds, times placesPerTick, plus the
// place in the batch: one number that orders events, no two of a batch alike.
const placesPerTick = 1024

// LaneOf is the lane of a conversation: its events are run one at a time, in
// order. Its lowest byte is the partition.
func LaneOf(business, channel, externalID string) int64 {
	sum := hash(business, channel, externalID)
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// PartOf is the partition that a lane belongs to.
func PartOf(lane int64) int { return int(lane % database.Partitions) }

// DedupeOf is the key that makes a redelivery the same event: the platform's
// own id, or where there is none the event's.
func DedupeOf(business, channel, key string, id int64) [sha256.Size]byte {
	if key == "" {
		return hash(business, channel, "", ids.Format("evt", id))
	}
	return hash(business, channel, key)
}

// DedupeOfOwn is DedupeOf for an event of usher's own, whose key no platform can
// name.
func DedupeOfOwn(business, channel, key string) [sha256.Size]byte {
	return hash("", business, channel, key) // no business is called ""
}

func hash(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// Inbox is the log in its database.
type Inbox struct {
	db      *database.DB
	options Options
	source  ids.Source

	flushes chan *post
	closing sync.RWMutex
	closed  bool
	backlog backlog
	flushed atomic.Int64 // when, in nanoseconds
	waiting atomic.Int64 // callers of Put
	size    atomic.Int64 // of flushes, on average
	spool   *spool       // nil: none
}

// Options of an Inbox.
type Options struct {
	MaxBacklog int           // undone events; more are refused with ErrFull
	Retention  time.Duration // of done and ignored events
	Node       string        // this process, in reservations and leases
	// Spool, if not empty, is a folder for events that the database cannot take.
	Spool string
	// Accepted is called after each commit with the new events, in order.
	// Their Pos is set if the database is embedded, else zero.
	Accepted func([]*Event)
}

// New inbox. Run must be called for Put to work.
func New(db *database.DB, o Options) (*Inbox, error) {
	spool, err := openSpool(o.Spool)
	if err != nil {
		return nil, err
	}
	return &Inbox{db: db, options: o, flushes: make(chan *post, maxRows), spool: spool}, nil
}

// NewID for an event that is about to be put.
func (in *Inbox) NewID() int64 { return in.source.Next() }

// Now is the database's time in microseconds.
func (in *Inbox) Now(ctx context.Context) (int64, error) { return in.db.Read(ctx).Now() }
