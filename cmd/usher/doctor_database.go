package main

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"usher/internal/database"
)

const (
	// packetLeast takes the largest batch that is written, doubled by escaping.
	packetLeast = 16 << 20
	// clockMost is how far a node's clock may be from the database's: order and
	// leases are the database's, but waits and ends of guests are the node's.
	clockMost = 2 * time.Second
)

// database looks at the database and returns it if it can be worked with.
func (d *doctor) database(ctx context.Context) *database.DB {
	if !d.cfg.Database.IsMySQL() {
		path := sqliteFile(d.cfg)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			d.disk()
			d.ok("database", "%s does not exist yet: usher serve makes it", path)
			return nil
		}
	}
	opening, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	db, err := openDatabase(opening, d.cfg)
	if err != nil {
		d.fail("database", "%v", err)
		return nil
	}
	// An empty write proves that the database takes one now.
	if err := db.Write(ctx, database.Bulk, func(*database.Tx) error { return nil }); err != nil {
		d.fail("database", "takes no writes: %v", err)
		db.Close()
		return nil
	}
	if db.Dialect == database.SQLite {
		d.sqlite(ctx, db)
	} else {
		d.mysql(ctx, db)
	}
	if _, err := db.Salt(ctx); err != nil { // of an installation; reading it makes no table
		d.warn("schema", "none yet: usher serve or usher migrate makes it")
		db.Close()
		return nil
	}
	pending, err := db.Pending(ctx)
	switch {
	case err != nil:
		d.fail("schema", "%v", err)
	case pending:
		d.warn("schema", "out of date: usher serve or usher migrate brings it up to date")
	default:
		d.ok("schema", "up to date")
		return db
	}
	db.Close()
	return nil
}

func (d *doctor) sqlite(ctx context.Context, db *database.DB) {
	d.disk()
	journal, jerr := one(ctx, db, "PRAGMA journal_mode")
	sync, serr := one(ctx, db, "PRAGMA synchronous")
	switch err := errors.Join(jerr, serr); {
	case err != nil:
		d.fail("database", "%v", err)
	case journal != "wal":
		d.fail("database", "journal_mode is %s, not wal: the file's system cannot share memory between processes", journal)
	case sync != "2":
		d.fail("database", "synchronous is %s, not 2 (FULL): an answered webhook would not survive power loss", sync)
	default:
		d.ok("database", "%s, journal_mode wal, synchronous full: an answered webhook survives power loss", sqliteFile(d.cfg))
	}
}

func (d *doctor) mysql(ctx context.Context, db *database.DB) {
	before := time.Now()
	now, err := db.Read(ctx).Now()
	if err != nil {
		d.fail("database", "%v", err)
		return
	}
	middle := before.Add(time.Since(before) / 2)
	vars, err := variables(ctx, db)
	if err != nil {
		d.fail("database", "%v", err)
		return
	}
	if enough, known := mysqlIsNewEnough(vars["version"]); known && !enough {
		d.fail("database", "%s is too old: MySQL 8.0 or MariaDB 10.6 at least", vars["version"])
	} else {
		d.ok("database", "%s answers as %s", d.cfg.Database, vars["version"])
	}
	switch value := vars["innodb_flush_log_at_trx_commit"]; value {
	case "1", "": // a server without InnoDB's settings has ways of its own
	default:
		d.fail("durability", "innodb_flush_log_at_trx_commit is %s, not 1: an answered webhook would not survive a crash of the server", value)
	}
	if value := vars["sync_binlog"]; vars["log_bin"] == "ON" && value != "1" {
		d.warn("durability", "sync_binlog is %s, not 1: after power loss replicas may lack what was answered", value)
	}
	if vars["innodb_flush_log_at_trx_commit"] == "1" && (vars["log_bin"] != "ON" || vars["sync_binlog"] == "1") {
		d.ok("durability", "an answered webhook survives a crash of the server")
	}
	if size, err := strconv.ParseInt(vars["max_allowed_packet"], 10, 64); err == nil && size < packetLeast {
		d.fail("max_allowed_packet", "%d bytes; batches need %d (16M)", size, packetLeast)
	}
	if gap := time.UnixMicro(now).Sub(middle).Abs(); gap > clockMost {
		d.warn("clock", "%s away from the database's: run a time service on both", gap.Round(time.Millisecond))
	} else {
		d.ok("clock", "%s away from the database's", gap.Round(time.Millisecond))
	}
}

func variables(ctx context.Context, db *database.DB) (map[string]string, error) {
	vars := map[string]string{}
	err := db.Read(ctx).Query(func(r *sql.Rows) error {
		var name, value string
		err := r.Scan(&name, &value)
		vars[strings.ToLower(name)] = value
		return err
	}, "SHOW VARIABLES WHERE Variable_name IN ('version','innodb_flush_log_at_trx_commit','sync_binlog','log_bin','max_allowed_packet')")
	return vars, err
}

// mysqlIsNewEnough reads the version of MySQL or MariaDB; of other servers it is
// not known.
func mysqlIsNewEnough(version string) (enough, known bool) {
	m := regexp.MustCompile(`^(?:5\.5\.5-)?(\d+)\.(\d+)`).FindStringSubmatch(version)
	if m == nil || strings.Contains(version, "TiDB") || strings.Contains(version, "Vitess") {
		return false, false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if strings.Contains(version, "MariaDB") {
		return major > 10 || major == 10 && minor >= 6, true
	}
	return major >= 8, true
}

func one(ctx context.Context, db *database.DB, query string) (text string, err error) {
	err = db.Read(ctx).Query(func(r *sql.Rows) error { return r.Scan(&text) }, query)
	return text, err
}
