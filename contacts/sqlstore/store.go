// Package sqlstore keeps people in SQL, MySQL's dialect or SQLite's: contacts,
// their addresses, conversations and transcripts, and what a business set up.
// It stores what it is given; whose an address is and who may see what is
// decided elsewhere.
package sqlstore

import (
	"math/bits"
	"strings"
	"time"

	"usher/internal/database"
)

const (
	// batchRows bounds the rows of a statement: beyond it they get slower on
	// MySQL, which from 200 values in a list on trusts its statistics instead of
	// the index, and may read a whole table that has just grown.
	batchRows = 100
	// batchBytes bounds a statement's values: doubled by escaping it still
	// passes the 16 MiB that a MySQL server accepts by default.
	batchBytes = 4 << 20
	// keptRows bounds the rows of a statement on SQLite, which keeps statements
	// prepared: batches are cut into powers of two, so that few exist.
	keptRows = 128
)

// Store reads and writes people, inside a write transaction or, for reading
// only, outside of one.
type Store struct{ tx *database.Tx }

// New returns a store that works in tx.
func New(tx *database.Tx) *Store { return &Store{tx} }

// batches calls do for consecutive parts of n rows that fit one statement each.
// size tells a row's bytes, roughly; nil: small.
func (s *Store) batches(n int, size func(i int) int, do func(from, to int) error) error {
	for from := 0; from < n; {
		rows := min(n-from, batchRows)
		if s.tx.Dialect == database.SQLite {
			rows = min(1<<(bits.Len(uint(n-from))-1), keptRows)
		} else if size != nil {
			rows = fitting(from, rows, size)
		}
		if err := do(from, from+rows); err != nil {
			return err
		}
		from += rows
	}
	return nil
}

// fitting is how many of the rows at from stay within batchBytes; at least one.
func fitting(from, rows int, size func(i int) int) int {
	total := 0
	for i := range rows {
		if total += size(from + i); total > batchBytes && i > 0 {
			return i
		}
	}
	return rows
}

// among calls do for parts of ids with a list for IN and its arguments. Lists
// are filled up with repetitions, so that few distinct statements exist.
func among(ids []string, do func(list string, args []any) error) error {
	for len(ids) > 0 {
		n := min(len(ids), batchRows)
		size := n
		if n < keptRows {
			size = 1 << bits.Len(uint(n-1))
		}
		args := make([]any, size)
		for i := range args {
			args[i] = ids[min(i, n-1)]
		}
		if err := do(database.Placeholders(1, size), args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// idsOf drops what cannot be an id of ours: MySQL refuses to compare an ASCII
// column with other text, and people put anything into a path.
func idsOf(ids []string) []string {
	var kept []string
	for i, id := range ids {
		switch {
		case isID(id):
			if kept != nil {
				kept = append(kept, id)
			}
		case kept == nil:
			kept = append(make([]string, 0, len(ids)), ids[:i]...)
		}
	}
	if kept == nil {
		return ids
	}
	return kept
}

func isID(id string) bool {
	return id != "" && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// idOrNone is an id, or one that nothing has if it cannot be ours.
func idOrNone(id string) string {
	if isID(id) {
		return id
	}
	return "-"
}

// micros is a time as the database has it; 0 is none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
