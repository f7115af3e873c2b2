package database_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

// column is what both dialects must agree on.
type column struct {
	kind     string // text, bytes or whole
	nullable bool
	key      bool // part of the primary key
}

// TestDialectsHaveOneSchema migrates both and compares tables and columns.
func TestDialectsHaveOneSchema(t *testing.T) {
	t.Parallel()
	lite := schema(t, databasetest.SQLite(t), `SELECT m.name, c.name, c.type, c."notnull"=0, c.pk>0
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type='table' AND m.name NOT LIKE 'sqlite!_%' ESCAPE '!'`)
	my := schema(t, databasetest.MySQL(t), `SELECT table_name, column_name, data_type, is_nullable='YES', column_key='PRI'
		FROM information_schema.columns WHERE table_schema=DATABASE()`)
	// With MySQL guests are in Redis.
	for _, only := range []string{"guests", "guest_lines"} {
		require.Contains(t, lite, only)
		delete(lite, only)
	}
	// On MySQL only bytes compare trailing blanks.
	require.Equal(t, "bytes", my["sessions"]["session"].kind)
	session := my["sessions"]["session"]
	session.kind = "text"
	my["sessions"]["session"] = session
	require.Equal(t, lite, my)
}

func schema(t *testing.T, db *database.DB, query string) map[string]map[string]column {
	t.Helper()
	tables := map[string]map[string]column{}
	err := db.Read(t.Context()).Query(func(r *sql.Rows) error {
		var table, name, kind string
		var c column
		if err := r.Scan(&table, &name, &kind, &c.nullable, &c.key); err != nil {
			return err
		}
		if strings.HasPrefix(table, "goose_") { // the migration tool's own
			return nil
		}
		if tables[table] == nil {
			tables[table] = map[string]column{}
		}
		switch kind = strings.ToLower(kind); {
		case strings.Contains(kind, "int"):
			c.kind = "whole"
		case strings.Contains(kind, "blob") || strings.Contains(kind, "binary"):
			c.kind = "bytes"
		case kind == "varchar" || kind == "text":
			c.kind = "text"
		default:
			c.kind = kind
		}
		tables[table][name] = c
		return nil
	}, query)
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	return tables
}

// TestMigrateTwice: several nodes start at once, and again.
func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		salt, err := db.Salt(t.Context())
		require.NoError(t, err)
		applied, err := db.Migrate(t.Context())
		require.NoError(t, err)
		require.Empty(t, applied)
		again, err := db.Salt(t.Context())
		require.NoError(t, err)
		require.Equal(t, salt, again, "the salt never changes")
	})
}

// TestNodesMigrateAtOnce: whoever comes first does it, the others wait.
func TestNodesMigrateAtOnce(t *testing.T) {
	t.Parallel()
	cfg := databasetest.Schema(t)
	var nodes errgroup.Group
	salts := make([][]byte, 3)
	for i := range salts {
		nodes.Go(func() error {
			db, err := database.OpenMySQL(t.Context(), cfg)
			if err != nil {
				return err
			}
			defer db.Close()
			if _, err := db.Migrate(t.Context()); err != nil {
				return err
			}
			salts[i], err = db.Salt(t.Context())
			return err
		})
	}
	require.NoError(t, nodes.Wait())
	require.Equal(t, salts[0], salts[1])
	require.Equal(t, salts[0], salts[2])
}
