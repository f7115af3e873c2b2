package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/internal/database"
	"usher/internal/ids"
)

// sweepRows is how many rows one sweeping statement takes: a short transaction.
const sweepRows = 500

// Public is the public id of an event.
func Public(id int64) string { return ids.Format("evt", id) }

// TimeOf is when the database took the event at a place.
func TimeOf(pos int64) time.Time { return time.UnixMicro(pos / placesPerTick).UTC() }

// Ended tells the backlog that n events are done.
func (in *Inbox) Ended(n int) { in.backlog.add(-n) }

// Query selects events of a business; zero values select all.
type Query struct {
	Business string
	State    *State
	Channel  string
	Lanes    []int64
	// After is the id to go on after, in the direction of the order.
	After     int64
	Ascending bool // oldest first; else newest first
	Limit     int
}

// where selects what the query does, from the beginning.
func (q Query) where() (string, []any) {
	where, args := "WHERE business_id = ?", []any{q.Business}
	if q.State != nil {
		where += " AND state = ?"
		args = append(args, int(*q.State))
	}
	if q.Channel != "" {
		where += " AND channel = ?"
		args = append(args, q.Channel)
	}
	switch {
	case q.Lanes == nil:
	case len(q.Lanes) == 0:
		where += " AND 1 = 0"
	default:
		// The embedded file has one index of undone events and one of the others.
		in := " AND lane IN " + database.Placeholders(1, len(q.Lanes))
		where += " AND id IN (SELECT id FROM events WHERE state <> 0" + in +
			" UNION ALL SELECT id FROM events WHERE state = 0" + in + ")"
		for range 2 {
			for _, l := range q.Lanes {
				args = append(args, l)
			}
		}
	}
	return where, args
}

// Count says how many events there are; After, Ascending and Limit do not matter.
func (in *Inbox) Count(ctx context.Context, q Query) (int, error) {
	where, args := q.where()
	n := 0
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error { return r.Scan(&n) }, "SELECT COUNT(*) FROM events "+where, args...)
	if err != nil {
		return 0, fmt.Errorf("count events: %w", err)
	}
	return n, nil
}

// List returns events in the order of their acceptance.
func (in *Inbox) List(ctx context.Context, q Query) ([]*Event, error) {
	where, args := q.where()
	order := " ORDER BY id DESC LIMIT ?"
	if q.Ascending {
		order = " ORDER BY id LIMIT ?"
	}
	if q.After > 0 && q.Ascending {
		where += " AND id > ?"
		args = append(args, q.After)
	} else if q.After > 0 {
		where += " AND id < ?"
		args = append(args, q.After)
	}
	var events []*Event
	err := in.query(ctx, func(e *Event) { events = append(events, e) }, where+order, append(args, q.Limit)...)
	return events, err
}

// Get returns one of a business's events.
func (in *Inbox) Get(ctx context.Context, business string, id int64) (*Event, error) {
	found, err := in.Load(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	if e := found[id]; e != nil && e.Business == business {
		return e, nil
	}
	return nil, ErrNotFound
}

// Again makes a quarantined or ignored event accepted, at the end of its
// conversation. ErrConflict: it is in another state by now.
func (in *Inbox) Again(ctx context.Context, id int64) error {
	return in.db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		n, err := tx.Run("UPDATE events SET state = 0, pos = ?, attempts = 0, reserved_by = '', reserved_until = 0, reason = '', done_at = 0"+
			" WHERE id = ? AND state IN (2, 3)", now*placesPerTick, id)
		if err != nil {
			return fmt.Errorf("replay event: %w", err)
		}
		if n == 0 {
			return ErrConflict
		}
		in.backlog.add(1)
		return nil
	})
}

// Prune deletes done and ignored events that were accepted before a time. The
// ids rise with time, so the oldest are found without reading the others.
func (in *Inbox) Prune(ctx context.Context, before time.Time) error {
	return Repeat(func() (n int64, err error) {
		err = in.db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
			if tx.Dialect == database.SQLite {
				n, err = tx.Run("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ? AND state IN (1, 2) LIMIT ?)", ids.After(before), sweepRows)
			} else {
				n, err = tx.Run("DELETE FROM events WHERE id < ? AND state IN (1, 2) LIMIT ?", ids.After(before), sweepRows)
			}
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("prune events: %w", err)
		}
		return n, nil
	})
}

// Expire notes when the content of lanes is to be blanked: their guests' ends.
func Expire(tx *database.Tx, ends map[int64]time.Time) error {
	same := " ON DUPLICATE KEY UPDATE expires_at=VALUES(expires_at)"
	if tx.Dialect == database.SQLite {
		same = " ON CONFLICT DO UPDATE SET expires_at=excluded.expires_at"
	}
	// In one order: two nodes wait for each other, they do not deadlock.
	for rest := slices.Sorted(maps.Keys(ends)); len(rest) > 0; {
		n := database.BatchSize(len(rest))
		args := make([]any, 0, 2*n)
		for _, lane := range rest[:n] {
			args = append(args, lane, ends[lane].UnixMicro())
		}
		rest = rest[n:]
		if _, err := tx.Run("INSERT INTO expiries (lane, expires_at) VALUES "+database.Placeholders(n, 2)+same, args...); err != nil {
			return fmt.Errorf("note end of guest: %w", err)
		}
	}
	return nil
}

// Unexpire keeps the content of lanes whose person became a contact.
func Unexpire(tx *database.Tx, lanes []int64) error {
	if len(lanes) == 0 {
		return nil
	}
	args := make([]any, len(lanes))
	for i, l := range lanes {
		args[i] = l
	}
	_, err := tx.Run("DELETE FROM expiries WHERE lane IN "+database.Placeholders(1, len(lanes)), args...)
	return err
}

// Blank removes the content of the events of guests whose life has ended, and
// with it what else is kept of their lanes. Keys stay, so that a redelivery is
// still known.
func (in *Inbox) Blank(ctx context.Context, now time.Time, drop func(tx *database.Tx, lanes []int64) error) error {
	return Repeat(func() (n int64, err error) {
		err = in.db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
			var lanes []any
			var gone []int64
			err := tx.Query(func(r *sql.Rows) error {
				var lane int64
				err := r.Scan(&lane)
				lanes, gone = append(lanes, lane), append(gone, lane)
				return err
			}, "SELECT lane FROM expiries WHERE expires_at < ? ORDER BY expires_at LIMIT ?", now.UnixMicro(), sweepRows)
			if n = int64(len(lanes)); err != nil || n == 0 {
				return err
			}
			in := " IN " + database.Placeholders(1, len(lanes))
			_, err = tx.Run("UPDATE events SET event=NULL, raw=NULL, answer=NULL, trace=NULL"+
				" WHERE state <> 0 AND state IN (1, 2) AND event IS NOT NULL AND lane"+in, lanes...)
			if err != nil {
				return err
			}
			if err := drop(tx, gone); err != nil {
				return err
			}
			_, err = tx.Run("DELETE FROM expiries WHERE expires_at < ? AND lane"+in, append([]any{now.UnixMicro()}, lanes...)...)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("blank events: %w", err)
		}
		return n, nil
	})
}

// Repeat calls sweep until it finds nothing more, within bounds.
func Repeat(sweep func() (int64, error)) error {
	const most = 200
	for range most {
		n, err := sweep()
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// Erase empties the events of lanes and ends those that were still to run; their
// keys stay, so that a redelivery is still known.
func Erase(tx *database.Tx, lanes []int64) error {
	now, err := tx.Now()
	if err != nil {
		return err
	}
	for part := range slices.Chunk(lanes, listMost) {
		args := make([]any, len(part))
		for i, lane := range part {
			args[i] = lane
		}
		in := " IN " + database.Placeholders(1, len(part))
		for _, state := range []string{"=0", "<>0"} { // an index each in the embedded file
			_, err := tx.Run("UPDATE events SET event=NULL, raw=NULL, answer=NULL, trace=NULL, guest_id='', contact_id='',"+
				" reason=CASE WHEN state=0 THEN 'erased' ELSE reason END, done_at=CASE WHEN state=0 THEN ? ELSE done_at END,"+
				" state=CASE WHEN state=0 THEN 2 ELSE state END"+
				" WHERE state"+state+" AND lane"+in, append([]any{now}, args...)...)
			if err != nil {
				return fmt.Errorf("erase events: %w", err)
			}
		}
		if _, err := tx.Run("DELETE FROM expiries WHERE lane"+in, args...); err != nil {
			return fmt.Errorf("erase events: %w", err)
		}
	}
	return nil
}
