package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/internal/database"
)

// Destination is what is stored of a configured destination.
type Destination struct {
	State     string // active, disabled
	Reason    string
	CreatedAt time.Time
}

// PutDestination remembers a configured destination and returns what is stored:
// when it was first seen decides which contacts are its leads.
func PutDestination(ctx context.Context, db *database.DB, business, id, kind string) (Destination, error) {
	var d Destination
	err := db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		keep := " ON DUPLICATE KEY UPDATE type=VALUES(type)"
		if tx.Dialect == database.SQLite {
			keep = " ON CONFLICT DO UPDATE SET type=excluded.type"
		}
		_, err = tx.Run("INSERT INTO destinations (business_id,id,type,state,created_at) VALUES (?,?,?,'active',?)"+keep, business, id, kind, now)
		if err != nil {
			return err
		}
		return tx.Query(func(r *sql.Rows) error {
			var created int64
			err := r.Scan(&d.State, &d.Reason, &created)
			d.CreatedAt = instant(created)
			return err
		}, "SELECT state, reason, created_at FROM destinations WHERE business_id=? AND id=?", business, id)
	})
	if err != nil {
		return d, fmt.Errorf("put destination %s: %w", id, err)
	}
	return d, nil
}

// SetDestination stores a destination's state. Deliveries of a disabled one are
// paused, and pending again once it is active.
func SetDestination(tx *database.Tx, business, id, state, reason string) error {
	if _, err := tx.Run("UPDATE destinations SET state=?, reason=? WHERE business_id=? AND id=?", state, cut(reason, 500), business, id); err != nil {
		return fmt.Errorf("set destination: %w", err)
	}
	from, to, waiting := Pending, Paused, 0
	if state == "active" {
		from, to, waiting = Paused, Pending, 1
	}
	if _, err := tx.Run("UPDATE deliveries SET state=? WHERE business_id=? AND destination=? AND state=?", string(to), business, id, string(from)); err != nil {
		return fmt.Errorf("set deliveries: %w", err)
	}
	if waiting == 0 {
		return nil
	}
	_, err := tx.Run("UPDATE syncs SET waiting=1, due_at=0 WHERE business_id=? AND destination=? AND contact_id IN"+
		" (SELECT contact_id FROM deliveries WHERE business_id=? AND destination=? AND state='pending')", business, id, business, id)
	if err != nil {
		return fmt.Errorf("wake syncs: %w", err)
	}
	return nil
}

// PauseDue pauses what has become due to a destination that is disabled, up to
// limit contacts.
func PauseDue(ctx context.Context, db *database.DB, business, destination string, limit int) error {
	due := func(tx *database.Tx, lock string) (syncs, contacts []any, err error) {
		now, err := tx.Now()
		if err != nil {
			return nil, nil, err
		}
		err = tx.Query(func(r *sql.Rows) error {
			var id, contact string
			err := r.Scan(&id, &contact)
			syncs, contacts = append(syncs, id), append(contacts, contact)
			return err
		}, "SELECT id, contact_id FROM syncs WHERE business_id=? AND destination=? AND waiting=1 AND due_at<=? ORDER BY id LIMIT ?"+lock,
			business, destination, now, limit)
		return syncs, contacts, err
	}
	// Mostly there is nothing, and a look is cheaper than a transaction.
	if found, _, err := due(db.Read(ctx), ""); err != nil || len(found) == 0 {
		return err
	}
	err := db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		lock := " FOR UPDATE"
		if tx.Dialect == database.SQLite {
			lock = ""
		}
		syncs, contacts, err := due(tx, lock)
		if err != nil || len(syncs) == 0 {
			return err
		}
		in := database.Placeholders(1, len(syncs))
		_, err = tx.Run("UPDATE deliveries SET state='paused' WHERE business_id=? AND destination=? AND state='pending' AND contact_id IN "+in,
			append([]any{business, destination}, contacts...)...)
		if err != nil {
			return err
		}
		_, err = tx.Run("UPDATE syncs SET waiting=0 WHERE id IN "+in, syncs...)
		return err
	})
	if err != nil {
		return fmt.Errorf("pause deliveries to %s: %w", destination, err)
	}
	return nil
}

// Query selects deliveries; zero values select all.
type Query struct {
	Business    string
	State       string
	Destination string
	ContactID   string
	Before      time.Time // created before, exclusive with BeforeID for the same instant
	BeforeID    string
	Limit       int
}

// where selects what the query does, from the newest.
func (q Query) where() (string, []any) {
	where, args := "WHERE business_id=?", []any{q.Business}
	for _, f := range []struct{ column, value string }{{"state", q.State}, {"destination", q.Destination}, {"contact_id", q.ContactID}} {
		if f.value == "" {
			continue
		}
		value := f.value
		if strings.ContainsFunc(value, func(r rune) bool { return r > '~' }) {
			where += " AND 1=0" // no id of ours; MySQL would not even compare it
			continue
		}
		if value == "delivering" {
			where += " AND state='pending' AND id IN (SELECT d.id FROM deliveries d JOIN syncs s ON s.contact_id=d.contact_id" +
				" AND s.destination=d.destination WHERE s.owner<>'' AND d.state='pending')"
			continue
		}
		where += " AND " + f.column + "=?"
		args = append(args, value)
	}
	return where, args
}

// Count says how many deliveries there are; Before and Limit do not matter.
func Count(tx *database.Tx, q Query) (int, error) {
	where, args := q.where()
	n := 0
	if err := tx.Query(func(r *sql.Rows) error { return r.Scan(&n) }, "SELECT COUNT(*) FROM deliveries "+where, args...); err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}

// List returns deliveries, newest first.
func List(tx *database.Tx, q Query) ([]*Delivery, error) {
	where, args := q.where()
	if !q.Before.IsZero() {
		where += " AND (created_at<? OR created_at=? AND id<?)"
		args = append(args, micros(q.Before), micros(q.Before), q.BeforeID)
	}
	return queryDeliveries(tx, where+" ORDER BY created_at DESC, id DESC LIMIT ?", append(args, q.Limit)...)
}

// Get returns one of a business's deliveries.
func Get(tx *database.Tx, business, id string) (*Delivery, error) {
	found, err := queryDeliveries(tx, "WHERE id=? AND business_id=?", id, business)
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// ByID returns those of a business's deliveries with the given ids that exist.
func ByID(tx *database.Tx, business string, ids []string) (map[string]*Delivery, error) {
	found := make(map[string]*Delivery, len(ids))
	for part := range slices.Chunk(ids, askMost) {
		all, err := queryDeliveries(tx, "WHERE business_id=? AND id IN "+database.Placeholders(1, len(part)), append([]any{business}, texts(part)...)...)
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			found[d.ID] = d
		}
	}
	return found, nil
}

// Claimed says which syncs of a contact are being pushed now.
func Claimed(tx *database.Tx, contactID string) (map[string]bool, error) {
	now, err := tx.Now()
	if err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	err = tx.Query(func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		claimed[id] = true
		return err
	}, "SELECT destination FROM syncs WHERE contact_id=? AND owner<>'' AND until>=?", contactID, now)
	return claimed, err
}

// Replay makes a delivery pending again, due now, with its attempts counted from
// the start; its ids and its lead key stay. A delivered one needs force.
func Replay(tx *database.Tx, business, id string, force bool) error {
	d, err := Get(tx, business, id)
	if err != nil {
		return err
	}
	switch d.State {
	case Pending, Paused:
		return ErrState
	case Delivered, Cancelled:
		if !force {
			return ErrState
		}
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	n, err := tx.Run("UPDATE deliveries SET state='pending', due_at=?, attempt_count=0, first_attempt_at=0, updated_at=? WHERE id=? AND state=?",
		now, now, id, string(d.State))
	if err != nil {
		return fmt.Errorf("replay delivery: %w", err)
	}
	if n == 0 {
		return ErrState
	}
	_, err = tx.Run("UPDATE syncs SET waiting=1, due_at=? WHERE id=?", now, SyncID(d.Destination, d.ContactID))
	return err
}
