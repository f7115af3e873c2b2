package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"usher/internal/database"
)

// Sync is one destination's view of one contact: what a worker claims, so that
// one push at a time is in flight for a lead.
type Sync struct {
	ID          string
	Business    string
	Destination string
	ContactID   string
	RemoteID    string
	RemoteURL   string
	// Unknown: the claim was taken over from a worker that did not finish, so
	// its push may have arrived.
	Unknown bool
	// Deliveries that are pending, oldest first, due or not.
	Deliveries []*Delivery
}

// headFirst is the order in which a sync's deliveries go: the lead before what
// follows it, also where two nodes' clocks differ.
const headFirst = " ORDER BY CASE WHEN kind='lead.created' THEN 0 ELSE 1 END, created_at, id"

// Claim takes up to limit syncs of a destination that are due, for the given
// time, under a token that nobody else uses.
func Claim(ctx context.Context, db *database.DB, business, destination, token string, lease time.Duration, limit int) ([]*Sync, error) {
	var claimed []*Sync
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		due := map[string]*Sync{}
		var keys []any
		err = tx.Query(func(r *sql.Rows) error {
			s := &Sync{Business: business, Destination: destination}
			var owner string
			if err := r.Scan(&s.ID, &s.ContactID, &s.RemoteID, &s.RemoteURL, &owner); err != nil {
				return err
			}
			s.Unknown = owner != ""
			due[s.ID] = s
			keys = append(keys, s.ID)
			return nil
		}, "SELECT id, contact_id, remote_id, remote_url, owner FROM syncs WHERE business_id=? AND destination=?"+
			" AND waiting=1 AND due_at<=? AND until<? ORDER BY due_at LIMIT ?", business, destination, now, now, limit)
		if err != nil || len(due) == 0 {
			return err
		}
		in := database.Placeholders(1, len(keys))
		_, err = tx.Run("UPDATE syncs SET owner=?, until=? WHERE until<? AND waiting=1 AND id IN "+in,
			append([]any{token, now + lease.Microseconds(), now}, keys...)...)
		if err != nil {
			return err
		}
		byContact := map[string]*Sync{}
		var contactIDs []any
		err = tx.Query(func(r *sql.Rows) error {
			var id string
			if err := r.Scan(&id); err != nil {
				return err
			}
			s := due[id]
			claimed = append(claimed, s)
			byContact[s.ContactID] = s
			contactIDs = append(contactIDs, s.ContactID)
			return nil
		}, "SELECT id FROM syncs WHERE owner=? AND id IN "+in, append([]any{token}, keys...)...)
		if err != nil || len(claimed) == 0 {
			return err
		}
		pending, err := queryDeliveries(tx, "WHERE destination=? AND state='pending' AND contact_id IN "+
			database.Placeholders(1, len(contactIDs))+headFirst, append([]any{destination}, contactIDs...)...)
		for _, d := range pending {
			if s := byContact[d.ContactID]; s != nil && d.Business == business {
				s.Deliveries = append(s.Deliveries, d)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim leads for %s: %w", destination, err)
	}
	return claimed, nil
}

// Settle gives claimed syncs back with what became of their deliveries. A sync
// whose claim was lost meanwhile is left to whoever has it: its deliveries are
// not touched, the push will be repeated under the same ids.
func Settle(ctx context.Context, db *database.DB, token string, syncs []*Sync) error {
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		held, err := heldSyncs(tx, token, syncs)
		if err != nil || len(held) == 0 {
			return err
		}
		var settled []*Delivery
		for _, s := range held {
			for _, d := range s.Deliveries {
				if !d.untouched() { // others may have been paused meanwhile
					settled = append(settled, d)
				}
			}
		}
		if err := settleDeliveries(tx, settled); err != nil {
			return err
		}
		next, err := nextDue(tx, held)
		if err != nil {
			return err
		}
		columns := []string{"id", "remote_id", "remote_url", "waiting", "due_at", "owner", "until"}
		for rest := held; len(rest) > 0; {
			n := database.BatchSize(len(rest))
			args := make([]any, 0, n*len(columns))
			for _, s := range rest[:n] {
				due, waiting := next[s.ID]
				args = append(args, s.ID, cut(s.RemoteID, 255), cut(s.RemoteURL, 512), waiting, due, "", 0)
			}
			rest = rest[n:]
			if _, err := tx.UpdateFrom("syncs", columns, n, args); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle leads: %w", err)
	}
	return nil
}

// heldSyncs locks the syncs that the token still holds.
func heldSyncs(tx *database.Tx, token string, syncs []*Sync) ([]*Sync, error) {
	byID := make(map[string]*Sync, len(syncs))
	keys := make([]any, 0, len(syncs)+1)
	for _, s := range syncs {
		byID[s.ID] = s
		keys = append(keys, s.ID)
	}
	query := "SELECT id FROM syncs WHERE id IN " + database.Placeholders(1, len(keys)) + " AND owner=? ORDER BY id"
	if tx.Dialect == database.MySQL {
		query += " FOR UPDATE"
	}
	var held []*Sync
	err := tx.Query(func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		held = append(held, byID[id])
		return nil
	}, query, append(keys, token)...)
	return held, err
}

// nextDue tells when the oldest pending delivery of each sync is due.
func nextDue(tx *database.Tx, syncs []*Sync) (map[string]int64, error) {
	keys := make([]any, len(syncs))
	for i, s := range syncs {
		keys[i] = s.ContactID
	}
	next := map[string]int64{}
	err := tx.Query(func(r *sql.Rows) error {
		var contact, destination string
		var due int64
		if err := r.Scan(&contact, &destination, &due); err != nil {
			return err
		}
		if id := SyncID(destination, contact); next[id] == 0 {
			next[id] = due // rows come oldest first: the head's time counts
		}
		return nil
	}, "SELECT contact_id, destination, due_at FROM deliveries WHERE state='pending' AND contact_id IN "+
		database.Placeholders(1, len(keys))+headFirst, keys...)
	return next, err
}

// Release lets syncs that this process's forerunner claimed be taken at once.
// Only for the embedded database, whose one process has just started. Their
// owner stays, so that their outcome counts as unknown.
func Release(ctx context.Context, db *database.DB) error {
	return db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE syncs SET until=0 WHERE owner<>''")
		return err
	})
}
