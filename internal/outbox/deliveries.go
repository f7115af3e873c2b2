package outbox

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"usher/crm"
	"usher/internal/database"
)

// DeliveryState of a delivery. That one is being pushed right now is seen on
// its sync, not here.
type DeliveryState string

// The states of a delivery.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Dead      DeliveryState = "dead"
	Paused    DeliveryState = "paused"
	Cancelled DeliveryState = "cancelled"
)

// Delivery is one document for one destination.
type Delivery struct {
	ID             string
	Business       string
	Destination    string
	ContactID      string
	Conversation   string // empty: not caused by one
	Kind           crm.Kind
	LeadKey        string
	State          DeliveryState
	Changed        []string
	Detail         json.RawMessage // what the kind says besides the contact; nil: nothing
	AttemptCount   int
	FirstAttemptAt time.Time
	DueAt          time.Time
	LastError      string
	RemoteID       string
	RemoteURL      string
	Attempts       []Attempt
	CreatedAt      time.Time
	UpdatedAt      time.Time

	stored int // AttemptCount, as it was read
}

// untouched: no attempt was made since it was read.
func (d *Delivery) untouched() bool { return d.State == Pending && d.AttemptCount == d.stored }

// Attempt is one try at a delivery.
type Attempt struct {
	ID      string    `json:"id,omitempty"`
	At      time.Time `json:"at"`
	Millis  int64     `json:"ms"`
	Outcome string    `json:"outcome"` // delivered, coalesced, retry, unknown, dead, paused
	Status  int       `json:"http_status,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// maxAttempts is how many attempts a delivery's row remembers: the first and
// the newest ones.
const maxAttempts = 30

// DeliveryID is derived from the cause, so that the same cause makes the same
// delivery: cause "" is for kinds that a destination gets once a contact.
func DeliveryID(destination, contactID string, kind crm.Kind, cause string) string {
	sum := sha256.Sum256([]byte(destination + "\x00" + contactID + "\x00" + string(kind) + "\x00" + cause))
	return "dlv_" + hex.EncodeToString(sum[:12])
}

// SyncID of a destination and contact.
func SyncID(destination, contactID string) string { return contactID + "/" + destination }

// Add puts deliveries and wakes their syncs; a delivery that is there already
// stays as it is.
func Add(tx *database.Tx, deliveries []Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	rows := make([][]any, len(deliveries))
	syncs := make([][]any, 0, len(deliveries))
	place := map[string]int{}
	for i, d := range deliveries {
		rows[i] = []any{d.ID, d.Business, d.Destination, d.ContactID, d.Conversation, string(d.Kind), d.LeadKey, string(Pending),
			cut(strings.Join(d.Changed, ","), 2000), []byte(d.Detail), micros(d.DueAt), micros(d.CreatedAt), micros(d.CreatedAt)}
		id := SyncID(d.Destination, d.ContactID)
		if _, ok := place[id]; !ok {
			place[id] = len(syncs)
			syncs = append(syncs, []any{id, d.Business, d.Destination, d.ContactID, 1, micros(d.DueAt)})
		}
	}
	err := insert(tx, "deliveries", "id,business_id,destination,contact_id,conversation_id,kind,lead_key,state,changed,detail,due_at,created_at,updated_at",
		keep(tx), rows)
	if err != nil {
		return fmt.Errorf("put deliveries: %w", err)
	}
	// The sync comes second: whoever settles it locks it first and then looks
	// for deliveries, so one of the two sees the other.
	wake := " ON DUPLICATE KEY UPDATE due_at=IF(waiting=1,LEAST(due_at,VALUES(due_at)),VALUES(due_at)), waiting=1"
	if tx.Dialect == database.SQLite {
		wake = " ON CONFLICT DO UPDATE SET due_at=CASE WHEN waiting=1 THEN min(due_at,excluded.due_at) ELSE excluded.due_at END, waiting=1"
	}
	if err := insert(tx, "syncs", "id,business_id,destination,contact_id,waiting,due_at", wake, syncs); err != nil {
		return fmt.Errorf("wake syncs: %w", err)
	}
	return nil
}

const deliveryColumns = "id,business_id,destination,contact_id,conversation_id,kind,lead_key,state,changed,detail,attempt_count," +
	"first_attempt_at,due_at,last_error,remote_id,remote_url,attempts,created_at,updated_at"

func queryDeliveries(tx *database.Tx, where string, args ...any) ([]*Delivery, error) {
	var found []*Delivery
	err := tx.Query(func(r *sql.Rows) error {
		d := &Delivery{}
		var changed string
		var attempts, detail []byte
		var first, due, created, updated int64
		err := r.Scan(&d.ID, &d.Business, &d.Destination, &d.ContactID, &d.Conversation, &d.Kind, &d.LeadKey, &d.State, &changed, &detail,
			&d.AttemptCount, &first, &due, &d.LastError, &d.RemoteID, &d.RemoteURL, &attempts, &created, &updated)
		if err != nil {
			return err
		}
		d.Detail = detail
		if changed != "" {
			d.Changed = strings.Split(changed, ",")
		}
		if len(attempts) > 0 {
			if err := json.Unmarshal(attempts, &d.Attempts); err != nil {
				return fmt.Errorf("attempts of %s: %w", d.ID, err)
			}
		}
		d.FirstAttemptAt, d.DueAt, d.CreatedAt, d.UpdatedAt = instant(first), instant(due), instant(created), instant(updated)
		d.stored = d.AttemptCount
		found = append(found, d)
		return nil
	}, "SELECT "+deliveryColumns+" FROM deliveries "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return found, nil
}

// settleDeliveries writes what became of attempts: state, counters, remote ids and the
// list of attempts, in one statement a batch.
func settleDeliveries(tx *database.Tx, deliveries []*Delivery) error {
	columns := []string{"id", "state", "attempt_count", "first_attempt_at", "due_at", "last_error", "remote_id", "remote_url", "attempts", "updated_at"}
	for rest := deliveries; len(rest) > 0; {
		n := database.BatchSize(len(rest))
		args := make([]any, 0, n*len(columns))
		for _, d := range rest[:n] {
			if over := len(d.Attempts) - maxAttempts; over > 0 {
				d.Attempts = append(d.Attempts[:1:1], d.Attempts[1+over:]...)
			}
			attempts, err := json.Marshal(d.Attempts)
			if err != nil {
				return err
			}
			args = append(args, d.ID, string(d.State), d.AttemptCount, micros(d.FirstAttemptAt), micros(d.DueAt),
				cut(d.LastError, errorText), cut(d.RemoteID, 255), cut(d.RemoteURL, 512), attempts, micros(d.UpdatedAt))
		}
		rest = rest[n:]
		if _, err := tx.UpdateFrom("deliveries", columns, n, args); err != nil {
			return fmt.Errorf("settle deliveries: %w", err)
		}
	}
	return nil
}

// Erase takes a contact off its way to all destinations. What is under way to
// one is settled against rows that are gone, and so forgotten.
func Erase(tx *database.Tx, contactID string) error {
	var syncs []any
	err := tx.Query(func(r *sql.Rows) error {
		var destination string
		err := r.Scan(&destination)
		syncs = append(syncs, SyncID(destination, contactID))
		return err
	}, "SELECT DISTINCT destination FROM deliveries WHERE contact_id=?", contactID)
	if err == nil && len(syncs) > 0 {
		_, err = tx.Run("DELETE FROM syncs WHERE id IN "+database.Placeholders(1, len(syncs)), syncs...)
	}
	if err == nil {
		_, err = tx.Run("DELETE FROM deliveries WHERE contact_id=?", contactID)
	}
	if err != nil {
		return fmt.Errorf("erase deliveries: %w", err)
	}
	return nil
}
