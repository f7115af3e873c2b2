// Package timers is the durable list of what runs of flows wait for outside of
// their conversation: a time, the answer of another service, a person to take
// over. A row is written in the transaction of the event that began the wait and
// goes when the wait is over. It knows rows and who has them, not what they are
// for.
package timers

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/internal/database"
)

// Timer is one wait of a run.
type Timer struct {
	ID           string // see IDOf
	Business     string
	Channel      string
	ExternalID   string // of the person
	Session      string // of a bot that names its conversations
	Conversation string
	Lane         int64 // of the conversation
	Part         int   // of the lane
	Run          int64
	Visit        int
	Cause        string // timer, call, bot, handover
	// Stage is how far it is, for causes of more than one.
	Stage int
	DueAt int64 // microseconds, node time: clocks agree to seconds
	// Attempts counts claims, Failures those of them that ended, and failed.
	Attempts, Failures int
	EventID            int64  // of the event that began the wait
	Detail             []byte // JSON, for whoever brings it about
	CreatedAt          int64
}

// IDOf is the id of a run's wait: the same whoever writes it, and however often.
func IDOf(conversation string, run int64, visit int) string {
	sum := sha256.Sum256([]byte(conversation + "/" + strconv.FormatInt(run, 10) + "/" + strconv.Itoa(visit)))
	return "tmr_" + hex.EncodeToString(sum[:16])
}

const (
	columns = "id,business_id,channel,external_id,session,conversation_id,lane,part,run,visit,cause,stage,due_at,attempts,failures," +
		"event_id,detail,created_at"
	width = 18
	// listMost is the longest list in a condition: from 200 values on MySQL trusts
	// its statistics instead of the index.
	listMost = 100
)

// Add writes timers; one that is there already stays as it is.
func Add(tx *database.Tx, all []Timer) error {
	// In the order of keys: two nodes with the same rows wait, not deadlock.
	all = slices.SortedFunc(slices.Values(all), func(a, b Timer) int { return strings.Compare(a.ID, b.ID) })
	same := " ON DUPLICATE KEY UPDATE id=id"
	if tx.Dialect == database.SQLite {
		same = " ON CONFLICT DO NOTHING"
	}
	for len(all) > 0 {
		n := database.BatchSize(len(all))
		args := make([]any, 0, n*width)
		for _, t := range all[:n] {
			detail := t.Detail
			if detail == nil {
				detail = []byte{}
			}
			args = append(args, t.ID, t.Business, t.Channel, t.ExternalID, t.Session, t.Conversation, t.Lane, t.Part, t.Run, t.Visit,
				t.Cause, t.Stage, t.DueAt, t.Attempts, t.Failures, t.EventID, detail, t.CreatedAt)
		}
		all = all[n:]
		if _, err := tx.Run("INSERT INTO timers ("+columns+") VALUES "+database.Placeholders(n, width)+same, args...); err != nil {
			return fmt.Errorf("add timers: %w", err)
		}
	}
	return nil
}

// Drop deletes timers, whoever has them; those that are gone are passed over.
func Drop(tx *database.Tx, ids []string) error {
	for some := range slices.Chunk(slices.Sorted(slices.Values(ids)), listMost) {
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = id
		}
		if _, err := tx.Run("DELETE FROM timers WHERE id IN "+database.Placeholders(1, len(args)), args...); err != nil {
			return fmt.Errorf("drop timers: %w", err)
		}
	}
	return nil
}

// DropLanes deletes all timers of conversations that are gone.
func DropLanes(tx *database.Tx, lanes []int64) error {
	for some := range slices.Chunk(lanes, listMost) {
		args := make([]any, len(some))
		for i, lane := range some {
			args[i] = lane
		}
		if _, err := tx.Run("DELETE FROM timers WHERE lane IN "+database.Placeholders(1, len(args)), args...); err != nil {
			return fmt.Errorf("drop timers: %w", err)
		}
	}
	return nil
}

// Query selects the timers that a node may take up.
type Query struct {
	Parts []int // partitions; nil: all
	Until int64 // due by then
	// Full names businesses that take no more of the causes Bounded for now.
	Full    []string
	Bounded []string
	Limit   int
}

// Due lists timers that nobody has claimed, the earliest first.
func Due(ctx context.Context, db *database.DB, q Query) ([]Timer, error) {
	if q.Parts != nil && len(q.Parts) == 0 || q.Limit <= 0 {
		return nil, nil
	}
	tx := db.Read(ctx)
	where, args := " WHERE due_at<=? AND until<"+tx.NowSQL(), []any{q.Until}
	if len(q.Parts) > 0 && len(q.Parts) < database.Partitions {
		where += " AND part IN " + database.Placeholders(1, len(q.Parts))
		for _, p := range q.Parts {
			args = append(args, p)
		}
	}
	if len(q.Full) > 0 && len(q.Bounded) > 0 {
		where += " AND NOT (business_id IN " + database.Placeholders(1, len(q.Full)) + " AND cause IN " + database.Placeholders(1, len(q.Bounded)) + ")"
		for _, list := range [][]string{q.Full, q.Bounded} {
			for _, s := range list {
				args = append(args, s)
			}
		}
	}
	return query(tx, where+" ORDER BY due_at, id LIMIT ?", append(args, q.Limit)...)
}

// Claim takes those of the timers that nobody else has, for a time, under a token
// that nobody else uses, and returns them as they are now.
func Claim(ctx context.Context, db *database.DB, token string, ids []string, lease time.Duration) ([]Timer, error) {
	var claimed []Timer
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		claimed = nil
		now, err := tx.Now()
		if err != nil {
			return err
		}
		for some := range slices.Chunk(slices.Sorted(slices.Values(ids)), listMost) {
			keys := make([]any, len(some))
			for i, id := range some {
				keys[i] = id
			}
			in := " IN " + database.Placeholders(1, len(keys))
			until := now + lease.Microseconds()
			n, err := tx.Run("UPDATE timers SET owner=?, until=?, attempts=attempts+1 WHERE until<? AND id"+in, append([]any{token, until, now}, keys...)...)
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			// By the end of the claim too: an earlier one of the same token may be
			// under way still.
			ours, err := query(tx, " WHERE owner=? AND until=? AND id"+in, append([]any{token, until}, keys...)...)
			if err != nil {
				return err
			}
			claimed = append(claimed, ours...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim timers: %w", err)
	}
	return claimed, nil
}

// Extend makes a claim last longer. It is false if the claim is lost.
func Extend(ctx context.Context, db *database.DB, token, id string, lease time.Duration) (bool, error) {
	held := false
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		n, err := tx.Run("UPDATE timers SET until=? WHERE id=? AND owner=? AND until>=?", now+lease.Microseconds(), id, token, now)
		held = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("extend claim of timer: %w", err)
	}
	return held, nil
}

// Settle gives claimed timers back: those that are over go, the others are due
// again as they now say. One whose claim was lost is left to whoever has it.
func Settle(ctx context.Context, db *database.DB, token string, over []string, again []Timer) error {
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		// What is over is over for everybody.
		if err := Drop(tx, over); err != nil {
			return err
		}
		set := []string{"id", "stage", "due_at", "attempts", "failures", "until"}
		for len(again) > 0 {
			n := database.BatchSize(len(again))
			args := make([]any, 0, n*len(set))
			for _, t := range again[:n] {
				args = append(args, t.ID, t.Stage, t.DueAt, t.Attempts, t.Failures, 0)
			}
			again = again[n:]
			if _, err := tx.UpdateFrom("timers", set, n, append(args, token), "t.owner=?"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle timers: %w", err)
	}
	return nil
}

// Release lets timers that this process's forerunner claimed be taken at once.
// Only for the embedded database, whose one process has just started.
func Release(ctx context.Context, db *database.DB) error {
	return db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE timers SET until=0 WHERE until>0")
		return err
	})
}

// Count says how many timers of each cause there are.
func Count(ctx context.Context, db *database.DB) (map[string]int, error) {
	counts := map[string]int{}
	err := db.Read(ctx).Query(func(r *sql.Rows) error {
		var cause string
		var n int
		err := r.Scan(&cause, &n)
		counts[cause] = n
		return err
	}, "SELECT cause, COUNT(*) FROM timers GROUP BY cause")
	if err != nil {
		return nil, fmt.Errorf("count timers: %w", err)
	}
	return counts, nil
}

// Of returns one timer; ok is false if it is gone.
func Of(tx *database.Tx, id string) (t Timer, ok bool, err error) {
	found, err := query(tx, " WHERE id=?", id)
	if err != nil || len(found) == 0 {
		return Timer{}, false, err
	}
	return found[0], true, nil
}

func query(tx *database.Tx, where string, args ...any) ([]Timer, error) {
	var all []Timer
	err := tx.Query(func(r *sql.Rows) error {
		var t Timer
		err := r.Scan(&t.ID, &t.Business, &t.Channel, &t.ExternalID, &t.Session, &t.Conversation, &t.Lane, &t.Part, &t.Run, &t.Visit,
			&t.Cause, &t.Stage, &t.DueAt, &t.Attempts, &t.Failures, &t.EventID, &t.Detail, &t.CreatedAt)
		all = append(all, t)
		return err
	}, "SELECT "+columns+" FROM timers"+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read timers: %w", err)
	}
	return all, nil
}
