package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema up to date and returns the names of the steps that
// it applied. Several nodes may call it at once: a table lock lets one work.
func (db *DB) Migrate(ctx context.Context) ([]string, error) {
	provider, err := db.provider()
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var applied []string
	for _, r := range results {
		applied = append(applied, r.Source.Path)
	}
	if err := db.install(ctx); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return applied, nil
}

// Pending says whether steps are missing.
func (db *DB) Pending(ctx context.Context) (bool, error) {
	provider, err := db.provider()
	if err != nil {
		return false, err
	}
	return provider.HasPending(ctx)
}

func (db *DB) provider() (*goose.Provider, error) {
	dir, dialect := "migrations/sqlite", goose.DialectSQLite3
	var options []goose.ProviderOption
	if db.Dialect == MySQL {
		dir, dialect = "migrations/mysql", goose.DialectMySQL
		locker, err := lock.NewMySQLTableLocker()
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		options = append(options, goose.WithLocker(locker))
	}
	steps, err := fs.Sub(migrations, dir)
	if err != nil {
		return nil, err
	}
	conn, err := db.write.DB()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, conn, steps, append(options, goose.WithDisableGlobalRegistry(true))...)
}

// install makes, once, what every node of one installation shares: the salt of
// derived ids and the rows of the partitions.
func (db *DB) install(ctx context.Context) error {
	return db.Write(ctx, Bulk, func(tx *Tx) error {
		salt := make([]byte, 32)
		if _, err := rand.Read(salt); err != nil {
			return err
		}
		same := "ON DUPLICATE KEY UPDATE name=name"
		samePart := "ON DUPLICATE KEY UPDATE part=part"
		if db.Dialect == SQLite {
			same, samePart = "ON CONFLICT DO NOTHING", "ON CONFLICT DO NOTHING"
		}
		if _, err := tx.Run("INSERT INTO installation (name, value) VALUES ('salt', ?) "+same, salt); err != nil {
			return err
		}
		args := make([]any, Partitions)
		for i := range args {
			args[i] = i
		}
		_, err := tx.Run("INSERT INTO partitions (part) VALUES "+Placeholders(Partitions, 1)+" "+samePart, args...)
		return err
	})
}

// Partitions is how many shares the conversations are dealt into. It is fixed:
// a conversation's share is stored with its events.
const Partitions = 256

// Salt of this installation's derived ids; the same on every node, for ever.
func (db *DB) Salt(ctx context.Context) ([]byte, error) {
	var salt []byte
	err := db.Read(ctx).Query(func(r *sql.Rows) error { return r.Scan(&salt) },
		"SELECT value FROM installation WHERE name = 'salt'")
	if err == nil && len(salt) == 0 {
		err = fmt.Errorf("the database has no schema yet: run usher migrate")
	}
	return salt, err
}
