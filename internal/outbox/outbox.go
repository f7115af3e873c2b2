// Package outbox is the durable list of what must leave: replies to people and
// leads to CRMs, written in the transaction of what caused them. It knows rows
// and their order, not how anything is sent.
package outbox

import (
	"errors"
	"strings"
	"time"

	"usher/internal/database"
)

// Sentinels.
var (
	ErrNotFound = errors.New("not found")
	// ErrState: the row's state does not allow that.
	ErrState = errors.New("not possible in this state")
)

// errorText is how much of an error is kept: what a receiver said is cut
// further where it is classified.
const errorText = 1000

// keep is the clause that makes an insert leave rows that exist as they are.
// Only for tables whose one unique key is their id.
func keep(tx *database.Tx) string {
	if tx.Dialect == database.SQLite {
		return " ON CONFLICT DO NOTHING"
	}
	return " ON DUPLICATE KEY UPDATE id=id"
}

// insert writes rows of equal length in statements of few sizes.
func insert(tx *database.Tx, table, columns, conflict string, rows [][]any) error {
	n := strings.Count(columns, ",") + 1
	for len(rows) > 0 {
		size := database.BatchSize(len(rows))
		args := make([]any, 0, size*n)
		for _, r := range rows[:size] {
			args = append(args, r...)
		}
		_, err := tx.Run("INSERT INTO "+table+" ("+columns+") VALUES "+database.Placeholders(size, n)+conflict, args...)
		if err != nil {
			return err
		}
		rows = rows[size:]
	}
	return nil
}

// texts as arguments of a statement.
func texts(all []string) []any {
	args := make([]any, len(all))
	for i, s := range all {
		args[i] = s
	}
	return args
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
