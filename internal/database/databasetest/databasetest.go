// Package databasetest opens throw-away databases of both dialects for tests:
// a file in the test's own directory, and a schema of its own on a server.
package databasetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"usher/internal/database"
)

const (
	// serverVariable names the server of MySQL; its user may create databases.
	serverVariable = "USHER_TEST_MYSQL"
	serverDefault  = "mysql://root@127.0.0.1:3306/test"
	// requireVariable, if 1, turns a missing server from a skip into a failure.
	requireVariable = "USHER_TEST_REQUIRE_SERVICES"
	// dialTimeout is short: a server for tests is near or not there.
	dialTimeout = 5 * time.Second
)

// Each runs a test on both dialects, in parallel; open makes a new, migrated
// database.
func Each(t *testing.T, test func(t *testing.T, open func(testing.TB) *database.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite)
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		Server(t) // skip the whole suite, not each of its tests
		test(t, MySQL)
	})
}

// SQLite opens a new, migrated file that goes with the test.
func SQLite(t testing.TB) *database.DB {
	t.Helper()
	db := EmptySQLite(t)
	_, err := db.Migrate(t.Context())
	require.NoError(t, err)
	return db
}

// EmptySQLite is SQLite without the schema.
func EmptySQLite(t testing.TB) *database.DB {
	t.Helper()
	db, err := database.OpenSQLite(filepath.Join(t.TempDir(), "usher.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// MySQL opens a new, migrated schema that is dropped after the test. Without a
// server the test is skipped, or fails if services are required.
func MySQL(t testing.TB) *database.DB {
	t.Helper()
	db, err := database.OpenMySQL(t.Context(), Schema(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.Migrate(t.Context())
	require.NoError(t, err)
	return db
}

// Schema makes an empty schema with a random name, dropped after the test, and
// returns how to reach it: for tests of several nodes on one database.
func Schema(t testing.TB) *driver.Config {
	t.Helper()
	cfg := Server(t)
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails
	name := "usher_test_" + hex.EncodeToString(random)
	run(t, t.Context(), cfg, "CREATE DATABASE "+name)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		run(t, ctx, cfg, "DROP DATABASE "+name)
	})
	cfg.DBName = name
	return cfg
}

// Server returns how to reach the server for tests, without a schema; it skips
// or fails the test if there is none.
func Server(t testing.TB) *driver.Config {
	t.Helper()
	address := os.Getenv(serverVariable)
	if address == "" {
		address = serverDefault
	}
	u, err := url.Parse(address)
	require.NoError(t, err, serverVariable)
	cfg := driver.NewConfig()
	cfg.Net, cfg.Addr, cfg.Timeout = "tcp", u.Host, dialTimeout
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	if !strings.Contains(cfg.Addr, ":") {
		cfg.Addr += ":3306"
	}
	conn := connect(t, cfg)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
	defer cancel()
	if err := conn.PingContext(ctx); err != nil {
		if os.Getenv(requireVariable) == "1" {
			t.Fatalf("no MySQL server at %s: %v", cfg.Addr, err)
		}
		t.Skipf("no MySQL server at %s (set %s): %v", cfg.Addr, serverVariable, err)
	}
	return cfg
}

func run(t testing.TB, ctx context.Context, cfg *driver.Config, statement string) {
	t.Helper()
	conn := connect(t, cfg)
	defer conn.Close()
	_, err := conn.ExecContext(ctx, statement)
	require.NoError(t, err)
}

func connect(t testing.TB, cfg *driver.Config) *sql.DB {
	t.Helper()
	cfg = cfg.Clone()
	cfg.DBName = ""
	connector, err := driver.NewConnector(cfg)
	require.NoError(t, err)
	return sql.OpenDB(connector)
}
