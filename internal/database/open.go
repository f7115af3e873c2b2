// Package database opens the SQL database, whichever of the two it is, keeps
// its schema up to date and runs transactions. It knows no table's meaning.
package database

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/gormlite"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Dialect is the SQL that a database speaks.
type Dialect string

// The two dialects. MySQL stands for everything that speaks its protocol.
const (
	SQLite Dialect = "sqlite"
	MySQL  Dialect = "mysql"
)

const (
	// readers of the embedded file: more only queue for the two or four cores
	// of the machines that it is meant for.
	sqliteReaders = 4
	// connections to a MySQL server: batches make many of them slower
	// (16 beat 64 and 256 where it was measured).
	mysqlConns = 16
	// dialTimeout is for the connection and the login.
	dialTimeout = 5 * time.Second
	// silence is how long a server may say nothing to a statement.
	silence = time.Minute
)

// DB is an open database.
type DB struct {
	Dialect Dialect

	write  *gorm.DB
	read   *gorm.DB
	writer *writer // of the embedded file; a server orders writers itself
	clock  func() int64
}

// OpenSQLite opens the embedded file, made if missing: WAL, synchronous=FULL
// (an answered webhook survives power loss), one writer, a few readers.
func OpenSQLite(path string) (*DB, error) {
	// busy_timeout comes first: the other pragmas may already meet a lock.
	dsn := "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(2)&_pragma=cache_size(-8000)&_pragma=temp_store(2)" +
		fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)&_pragma=journal_size_limit(%d)", lastResort, longLog*4096)
	write, err := openGorm(gormlite.Open(dsn), 2)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	read, err := openGorm(gormlite.Open(dsn+"&_pragma=query_only(1)"), sqliteReaders)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	conn, err := write.DB()
	if err != nil {
		return nil, err
	}
	w, err := newWriter(conn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &DB{Dialect: SQLite, write: write, read: read, writer: w, clock: risingClock()}, nil
}

// OpenMySQL opens a server that speaks the MySQL protocol. Its errors never
// name the password.
func OpenMySQL(ctx context.Context, cfg *driver.Config) (*DB, error) {
	cfg = cfg.Clone()
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.InterpolateParams = true // one round trip, no state in proxies
	cfg.MultiStatements = false
	cfg.MaxAllowedPacket = 0 // ask the server
	// A server that says nothing more must not hold a worker for ever.
	if cfg.Timeout == 0 {
		cfg.Timeout = dialTimeout
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout, cfg.WriteTimeout = silence, silence
	}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["time_zone"] = "'+00:00'"
	conn, err := dial(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("database at %s: %w", cfg.Addr, err)
	}
	g, err := openGorm(mysql.New(mysql.Config{Conn: conn, DisableWithReturning: true}), mysqlConns)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("database at %s: %w", cfg.Addr, err)
	}
	return &DB{Dialect: MySQL, write: g, read: g}, nil
}

// dial connects without gap locks: two nodes that insert neighbours must not
// deadlock. The setting has two names: MariaDB before 11.1 knows only the second.
func dial(ctx context.Context, cfg *driver.Config) (*sql.DB, error) {
	var refused error
	for _, isolation := range []string{"transaction_isolation", "tx_isolation"} {
		named := cfg.Clone()
		named.Params[isolation] = "'READ-COMMITTED'"
		connector, err := driver.NewConnector(named)
		if err != nil {
			return nil, err
		}
		conn := sql.OpenDB(connector)
		if refused = conn.PingContext(ctx); refused == nil {
			return conn, nil
		}
		conn.Close()
		var my *driver.MySQLError
		if !errors.As(refused, &my) || my.Number != unknownVariable {
			break
		}
	}
	return nil, refused
}

// unknownVariable is the server's error for a setting that it does not have.
const unknownVariable = 1193

func openGorm(d gorm.Dialector, conns int) (*gorm.DB, error) {
	g, err := gorm.Open(d, &gorm.Config{
		TranslateError:         true,
		SkipDefaultTransaction: true,
		Logger:                 logger.Discard, // statements carry people's data
	})
	if err != nil {
		return nil, err
	}
	conn, err := g.DB()
	if err != nil {
		return nil, err
	}
	conn.SetMaxOpenConns(conns)
	conn.SetMaxIdleConns(conns)
	return g, nil
}

// Close closes the database; for the embedded file this folds its log back in.
func (db *DB) Close() error {
	var errs []error
	handles := []*gorm.DB{db.read}
	if db.writer != nil {
		errs = append(errs, db.writer.close())
		handles = append(handles, db.write)
	}
	for _, g := range handles {
		conn, err := g.DB()
		if err == nil {
			err = conn.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Ping tells whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	conn, err := db.read.DB()
	if err != nil {
		return err
	}
	return conn.PingContext(ctx)
}

// Read returns a handle for reading outside a transaction.
func (db *DB) Read(ctx context.Context) *Tx {
	return &Tx{DB: db.read.WithContext(ctx), Dialect: db.Dialect, ctx: ctx, clock: db.clock}
}

// IsTransient says whether the whole transaction may simply be run again: a
// deadlock, a lock that took too long, a write conflict between nodes.
func IsTransient(err error) bool {
	var my *driver.MySQLError
	if errors.As(err, &my) {
		switch my.Number {
		case 1205, 1213, 9007, 8002, 8022: // lock wait, deadlock; TiDB's write conflicts
			return true
		}
	}
	return errors.Is(err, sqlite3.BUSY)
}

// IsDuplicate says whether a unique key refused a row.
func IsDuplicate(err error) bool {
	var my *driver.MySQLError
	if errors.As(err, &my) {
		return my.Number == 1062
	}
	return errors.Is(err, gorm.ErrDuplicatedKey) ||
		errors.Is(err, sqlite3.CONSTRAINT_UNIQUE) || errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY)
}

// IsData says whether a row itself is at fault (too long, wrong type) rather
// than the database: trying it again cannot help.
func IsData(err error) bool {
	var my *driver.MySQLError
	if errors.As(err, &my) {
		switch my.Number {
		case 1062, 1264, 1265, 1292, 1366, 1406, 1048:
			return true
		}
		return false
	}
	return errors.Is(err, sqlite3.CONSTRAINT) || errors.Is(err, sqlite3.TOOBIG) || errors.Is(err, sqlite3.MISMATCH)
}

// IsOutage says whether the database could not be reached or could not work (full
// disk, shutting down, read-only), so that the same call may succeed later. An
// error that no database gave counts as one: it came from the way there.
func IsOutage(err error) bool {
	var my *driver.MySQLError
	if errors.As(err, &my) {
		switch my.Number {
		case 1021, 1030, 1040, 1041, 1045, 1047, 1053, 1077, 1105, 1114, 1129, 1135, 1158, 1159, 1160, 1161, 1180, 1203, 1205,
			1213, 1226, 1290, 1317, 1836, 1927, 1969, 2006, 2013, 3024, 3100, 9001, 9005: // the last two: proxies, TiDB
			return true
		}
		return false
	}
	var lite *sqlite3.Error
	if errors.As(err, &lite) {
		switch lite.Code() {
		case sqlite3.IOERR, sqlite3.FULL, sqlite3.BUSY, sqlite3.LOCKED, sqlite3.CANTOPEN, sqlite3.NOMEM, sqlite3.READONLY, sqlite3.INTERRUPT, sqlite3.PROTOCOL:
			return true
		}
		return false
	}
	return !errors.Is(err, gorm.ErrDuplicatedKey)
}

// IsUnreachable says whether an error is one of the way to a server rather than
// an answer of it.
func IsUnreachable(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, driver.ErrInvalidConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Placeholders returns "(?,?),(?,?)" for rows of n values.
func Placeholders(rows, n int) string {
	one := "(" + strings.Repeat("?,", n-1) + "?)"
	return strings.Repeat(one+",", rows-1) + one
}
