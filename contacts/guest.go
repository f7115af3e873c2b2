package contacts

import (
	"context"
	"time"
)

// Guest is an anonymous person on one channel with its conversation.
type Guest struct {
	ID           string
	Conversation Conversation
	// Pseudonym seed: the event that made the guest.
	Seed int64
	// Applied is the last event whose effects State has, and Effects what it
	// caused, so that running it again causes the same.
	Applied int64
	// AppliedPos is the place of Applied in the inbox.
	AppliedPos int64
	Effects    []byte
	// MovedTo is the contact that the guest became.
	MovedTo   string
	ExpiresAt time.Time
}

// GuestWrite replaces a guest if its stored version is still Guest's Version.
type GuestWrite struct {
	Guest *Guest // with the version that was read; 0: it must not exist
	Lines []Line // new lines of the transcript
	TTL   time.Duration
}

// GuestStore keeps guests, each with its own end of life. Implementations are
// safe for concurrent use; an error that is none of the sentinels means that the
// store could not be reached, and unreachable is not empty.
type GuestStore interface {
	// Load returns the guests with the given ids that exist.
	Load(ctx context.Context, ids []string) (map[string]*Guest, error)
	// Save writes each guest whose version is unchanged and stores it as
	// version+1; the others are ErrConflict. One answer a write, in order.
	Save(ctx context.Context, writes []GuestWrite) []error
	// Transcript returns the lines after seq, oldest first.
	Transcript(ctx context.Context, id string, after int64, limit int) ([]Line, error)
	// Move marks guests as moved to a contact and drops what else is kept of
	// them. The mark lives for ttl.
	Move(ctx context.Context, moved map[string]string, ttl time.Duration) error
	// Delete forgets guests entirely.
	Delete(ctx context.Context, ids []string) error
}

// TranscriptLimit is how many lines of a guest's transcript are kept.
const TranscriptLimit = 100
