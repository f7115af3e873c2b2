package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/internal/database"
)

// lookback is how far behind the newest event the undone ones are listed again:
// one may become visible later than a neighbour with a later place. It must
// exceed flushTimeout by more than clocks differ.
const lookback = 6 * time.Second

// Undone lists accepted events of the given partitions (nil: all) in order,
// from the place from on, without those of the given lanes. Next is the place to
// list from the next time, when all listed now are known to the caller.
func (in *Inbox) Undone(ctx context.Context, parts []int, without []int64, from int64, limit int) (refs []Ref, next int64, err error) {
	tx := in.db.Read(ctx)
	query := "SELECT id, lane, pos, attempts, reserved_by, reserved_until FROM events WHERE state = 0 AND pos >= ?"
	args := []any{from}
	if limit <= 0 || parts != nil && len(parts) == 0 {
		return nil, from, nil
	}
	if len(without) > 0 {
		query += " AND lane NOT IN " + database.Placeholders(1, len(without))
		for _, l := range without {
			args = append(args, l)
		}
	}
	if len(parts) > 0 && len(parts) < database.Partitions {
		query += " AND part IN " + database.Placeholders(1, len(parts))
		for _, p := range parts {
			args = append(args, p)
		}
	}
	now, err := tx.Now()
	if err != nil {
		return nil, from, fmt.Errorf("list undone events: %w", err)
	}
	err = tx.Query(func(r *sql.Rows) error {
		var ref Ref
		if err := r.Scan(&ref.ID, &ref.Lane, &ref.Pos, &ref.Attempts, &ref.ReservedBy, &ref.ReservedUntil); err != nil {
			return err
		}
		refs = append(refs, ref)
		return nil
	}, query+" ORDER BY pos, id LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, from, fmt.Errorf("list undone events: %w", err)
	}
	safe := (now - lookback.Microseconds()) * placesPerTick
	if len(refs) == limit {
		safe = min(safe, refs[len(refs)-1].Pos)
	}
	return refs, max(from, safe), nil
}

// Load reads whole events; those that are gone are missing.
func (in *Inbox) Load(ctx context.Context, eventIDs []int64) (map[int64]*Event, error) {
	found := make(map[int64]*Event, len(eventIDs))
	for len(eventIDs) > 0 {
		n := min(len(eventIDs), listMost)
		args := make([]any, n)
		for i, id := range eventIDs[:n] {
			args[i] = id
		}
		eventIDs = eventIDs[n:]
		err := in.query(ctx, func(e *Event) { found[e.ID] = e }, "WHERE id IN "+database.Placeholders(1, n), args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ByDedupe finds the event that was stored under a dedupe key.
func (in *Inbox) ByDedupe(ctx context.Context, key [32]byte) (*Event, error) {
	var found *Event
	err := in.query(ctx, func(e *Event) { found = e }, "WHERE dedupe = ?", key[:])
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

const wholeEvent = "SELECT id,business_id,channel,dedupe,lane,pos,state,attempts,reserved_by,reserved_until," +
	"reason,done_at,guest_id,contact_id,event,raw,answer,trace FROM events "

func (in *Inbox) query(ctx context.Context, each func(*Event), where string, args ...any) error {
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error {
		e := &Event{}
		var key []byte
		err := r.Scan(&e.ID, &e.Business, &e.Channel, &key, &e.Lane, &e.Pos, &e.State, &e.Attempts, &e.ReservedBy,
			&e.ReservedUntil, &e.Reason, &e.DoneAt, &e.GuestID, &e.ContactID, &e.Event, &e.Raw, &e.Answer, &e.Trace)
		if err != nil {
			return err
		}
		copy(e.Dedupe[:], key)
		each(e)
		return nil
	}, wholeEvent+where, args...)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return nil
}

// Earlier says whether a lane has undone events before pos.
func (in *Inbox) Earlier(ctx context.Context, lane, pos int64) (bool, error) {
	var n int
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error { return r.Scan(&n) },
		"SELECT COUNT(*) FROM events WHERE lane = ? AND pos < ? AND state = 0", lane, pos)
	if err != nil {
		return false, fmt.Errorf("look for earlier events: %w", err)
	}
	return n > 0, nil
}

// History returns the done events of a lane after pos, oldest first, at most
// limit of the newest.
func (in *Inbox) History(ctx context.Context, lane, after int64, limit int) ([]*Event, error) {
	var newest []*Event
	err := in.query(ctx, func(e *Event) { newest = append(newest, e) },
		"WHERE lane = ? AND pos > ? AND state <> 0 AND state = 1 ORDER BY pos DESC, id DESC LIMIT ?", lane, after, limit)
	if err != nil {
		return nil, err
	}
	for i, j := 0, len(newest)-1; i < j; i, j = i+1, j-1 {
		newest[i], newest[j] = newest[j], newest[i]
	}
	return newest, nil
}

// LastDone returns the place of the last done event of each lane that has one.
func (in *Inbox) LastDone(ctx context.Context, lanes []int64) (map[int64]int64, error) {
	last := make(map[int64]int64, len(lanes))
	for len(lanes) > listMost {
		some, err := in.LastDone(ctx, lanes[:listMost])
		if err != nil {
			return nil, err
		}
		maps.Copy(last, some)
		lanes = lanes[listMost:]
	}
	if len(lanes) == 0 {
		return last, nil
	}
	args := make([]any, len(lanes))
	for i, l := range lanes {
		args[i] = l
	}
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error {
		var lane, pos int64
		if err := r.Scan(&lane, &pos); err != nil {
			return err
		}
		last[lane] = pos
		return nil
	}, "SELECT lane, MAX(pos) FROM events WHERE state <> 0 AND state = 1 AND lane IN "+database.Placeholders(1, len(args))+" GROUP BY lane", args...)
	if err != nil {
		return nil, fmt.Errorf("read last events: %w", err)
	}
	return last, nil
}

// listMost is the longest list in a condition: from 200 values on MySQL trusts
// its statistics instead of the index, and may read a whole table that has just
// grown.
const listMost = 100

// CountAttempts adds one attempt to undone events, before they are run.
func (in *Inbox) CountAttempts(ctx context.Context, eventIDs []int64) error {
	if len(eventIDs) == 0 {
		return nil
	}
	return in.db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		for part := range slices.Chunk(eventIDs, listMost) {
			args := make([]any, len(part))
			for i, id := range part {
				args[i] = id
			}
			_, err := tx.Run("UPDATE events SET attempts = attempts + 1 WHERE state = 0 AND id IN "+
				database.Placeholders(1, len(args)), args...)
			if err != nil {
				return fmt.Errorf("count attempts: %w", err)
			}
		}
		return nil
	})
}

// Outcome is how an event ended.
type Outcome struct {
	ID        int64
	State     State
	Reason    string
	GuestID   string
	ContactID string
	Answer    []byte
	Trace     []byte
	Blank     bool // what it said is not kept
}

// Finish ends events inside the transaction of their effects. If one of them
// was ended before, it returns ErrConflict and the caller rolls back.
func Finish(tx *database.Tx, outcomes []Outcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	now, err := tx.Now()
	if err != nil {
		return fmt.Errorf("finish events: %w", err)
	}
	columns := []string{"id", "state", "reason", "guest_id", "contact_id", "answer", "trace", "done_at"}
	var changed int64
	for rest := outcomes; len(rest) > 0; {
		n := database.BatchSize(len(rest))
		args := make([]any, 0, n*len(columns))
		for _, o := range rest[:n] {
			args = append(args, o.ID, int(o.State), cut(o.Reason, 500), o.GuestID, o.ContactID, o.Answer, o.Trace, now)
		}
		rest = rest[n:]
		did, err := tx.UpdateFrom("events", columns, n, args, "t.state=0")
		if err != nil {
			return fmt.Errorf("finish events: %w", err)
		}
		changed += did
	}
	if int(changed) != len(outcomes) {
		return ErrConflict
	}
	return blank(tx, outcomes)
}

func blank(tx *database.Tx, outcomes []Outcome) error {
	var args []any
	for _, o := range outcomes {
		if o.Blank {
			args = append(args, o.ID)
		}
	}
	for part := range slices.Chunk(args, listMost) {
		if _, err := tx.Run("UPDATE events SET event=NULL, raw=NULL WHERE id IN "+database.Placeholders(1, len(part)), part...); err != nil {
			return fmt.Errorf("blank events: %w", err)
		}
	}
	return nil
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// UndoneOf lists the accepted events of one lane in order.
func (in *Inbox) UndoneOf(ctx context.Context, lane int64, limit int) ([]Ref, error) {
	var refs []Ref
	err := in.db.Read(ctx).Query(func(r *sql.Rows) error {
		var ref Ref
		if err := r.Scan(&ref.ID, &ref.Lane, &ref.Pos, &ref.Attempts, &ref.ReservedBy, &ref.ReservedUntil); err != nil {
			return err
		}
		refs = append(refs, ref)
		return nil
	}, "SELECT id, lane, pos, attempts, reserved_by, reserved_until FROM events WHERE lane = ? AND state = 0 ORDER BY pos, id LIMIT ?", lane, limit)
	if err != nil {
		return nil, fmt.Errorf("list undone events: %w", err)
	}
	return refs, nil
}
