package database

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
)

// Priority orders writers of the embedded database, which has one at a time.
type Priority int

// Intake goes before steps, steps before bulk work. None starves another: see
// gate.
const (
	Intake Priority = iota
	Steps
	Bulk
	priorities
)

// Tx is a transaction, or outside of one a handle for reading. Besides gorm it
// has the two calls that batches use.
type Tx struct {
	*gorm.DB
	Dialect Dialect

	ctx   context.Context
	clock func() int64
}

// Turn is the right to write, which the embedded database gives to one at a
// time; with a server everybody has it.
type Turn struct{ db *DB }

// Turn waits until it is this writer's turn. End must follow.
func (db *DB) Turn(ctx context.Context, p Priority) (Turn, error) {
	if db.writer != nil {
		if err := db.writer.gate.enter(ctx, p); err != nil {
			return Turn{}, err
		}
	}
	return Turn{db}, nil
}

// End gives the turn to the next.
func (t Turn) End() {
	if t.db.writer != nil {
		t.db.writer.gate.leave()
	}
}

// Write runs fn in a transaction, as DB.Write does.
func (t Turn) Write(ctx context.Context, fn func(*Tx) error) error {
	if t.db.writer != nil {
		return t.db.writer.transact(ctx, func() error { return fn(t.db.writing(ctx)) })
	}
	return t.db.write.WithContext(ctx).Transaction(func(g *gorm.DB) error {
		return fn(&Tx{DB: g, Dialect: t.db.Dialect, ctx: ctx})
	})
}

// Write runs fn in a transaction: committed if fn returns nil, rolled back
// otherwise. It never runs fn twice.
func (db *DB) Write(ctx context.Context, p Priority, fn func(*Tx) error) error {
	turn, err := db.Turn(ctx, p)
	if err != nil {
		return err
	}
	defer turn.End()
	return turn.Write(ctx, fn)
}

// writing is the handle inside a transaction of the embedded writer.
func (db *DB) writing(ctx context.Context) *Tx {
	g := db.write.WithContext(ctx)
	g.Statement.ConnPool = db.writer
	return &Tx{DB: g, Dialect: db.Dialect, ctx: ctx, clock: db.clock}
}

// Run executes one statement and returns the number of rows that it changed.
func (tx *Tx) Run(query string, args ...any) (int64, error) {
	res, err := tx.Statement.ConnPool.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Query reads rows; scan is called for each.
func (tx *Tx) Query(scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.Statement.ConnPool.QueryContext(tx.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Context of the transaction.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Now is the database's time in microseconds since 1970: what leases and the
// order of events are compared with, never a node's own clock. The embedded
// file has its process's clock, which only rises.
func (tx *Tx) Now() (int64, error) {
	if tx.clock != nil {
		return tx.clock(), nil
	}
	var now int64
	err := tx.Query(func(r *sql.Rows) error { return r.Scan(&now) }, "SELECT "+mysqlNow)
	return now, err
}

// NowSQL is an expression for Now inside a statement.
func (tx *Tx) NowSQL() string {
	if tx.clock != nil {
		return fmt.Sprint(tx.clock())
	}
	return mysqlNow
}

const mysqlNow = "CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS SIGNED)"

// Values is a derived table of the given rows and columns, for joining a batch
// of values: "(VALUES …)" or "(SELECT … UNION ALL …)", with its columns named.
func (tx *Tx) Values(alias string, rows int, columns ...string) string {
	if tx.Dialect == SQLite {
		var b strings.Builder
		b.WriteString("(SELECT ")
		for i, c := range columns {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "column%d AS %s", i+1, c)
		}
		b.WriteString(" FROM (VALUES " + Placeholders(rows, len(columns)) + ")) AS " + alias)
		return b.String()
	}
	first := "SELECT ? AS " + strings.Join(columns, ", ? AS ")
	more := " UNION ALL SELECT " + strings.Repeat("?,", len(columns)-1) + "?"
	return "(" + first + strings.Repeat(more, rows-1) + ") AS " + alias
}

// UpdateFrom updates n rows of a table at once: columns[0] is the key, the
// others are set; args has n rows of these columns. Extra is ANDed to the
// condition. It returns the number of rows changed.
func (tx *Tx) UpdateFrom(table string, columns []string, n int, args []any, extra ...string) (int64, error) {
	var sets []string
	prefix := ""
	if tx.Dialect == MySQL {
		prefix = "t."
	}
	for _, c := range columns[1:] {
		sets = append(sets, prefix+c+"=v."+c)
	}
	v := tx.Values("v", n, columns...)
	if tx.Dialect == SQLite {
		where := "t." + columns[0] + "=v." + columns[0] + strings.Join(prepend(" AND ", extra), "")
		return tx.Run("UPDATE "+table+" AS t SET "+strings.Join(sets, ", ")+" FROM "+v+" WHERE "+where, args...)
	}
	where := strings.Join(extra, " AND ")
	if where != "" {
		where = " WHERE " + where
	}
	key := "v." + columns[0]
	if _, text := args[0].(string); text {
		// Ids are ascii columns; compared with utf8mb4 they may lose their index.
		key = "CONVERT(" + key + " USING ascii) COLLATE ascii_bin"
	}
	return tx.Run("UPDATE "+table+" t JOIN "+v+" ON t."+columns[0]+"="+key+" SET "+strings.Join(sets, ", ")+where, args...)
}

func prepend(prefix string, list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = prefix + s
	}
	return out
}

// BatchSize is the next statement's number of rows out of n that are left: of
// few sizes, so that the embedded writer keeps their statements prepared.
func BatchSize(n int) int {
	size := 1
	for size < 64 && size*4 <= n {
		size *= 4
	}
	return size
}

// risingClock is a clock in microseconds that never repeats nor goes back.
func risingClock() func() int64 {
	var mu sync.Mutex
	var last int64
	return func() int64 {
		mu.Lock()
		defer mu.Unlock()
		last = max(last+1, time.Now().UnixMicro())
		return last
	}
}
