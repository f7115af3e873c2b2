package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func putNode(tx *database.Tx, id string, seen int64) error {
	_, err := tx.Run("INSERT INTO nodes (id, seen_at) VALUES (?, ?)", id, seen)
	return err
}

func nodesOf(t *testing.T, db *database.DB) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := db.Read(t.Context()).Query(func(r *sql.Rows) error {
		var id string
		var seen int64
		err := r.Scan(&id, &seen)
		found[id] = seen
		return err
	}, "SELECT id, seen_at FROM nodes")
	require.NoError(t, err)
	return found
}

func TestWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		fault := errors.New("no")
		err := db.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
			if err := putNode(tx, "a", 1); err != nil {
				return err
			}
			return fault
		})
		require.ErrorIs(t, err, fault)
		require.Empty(t, nodesOf(t, db))
		require.Panics(t, func() {
			_ = db.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
				if err := putNode(tx, "a", 1); err != nil {
					return err
				}
				panic("boom")
			})
		})
		require.Empty(t, nodesOf(t, db), "a panic undoes it, too, and leaves the writer free")
		require.NoError(t, db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return putNode(tx, "a", 1) }))
		err = db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return putNode(tx, "a", 2) })
		require.True(t, database.IsDuplicate(err), err)
		require.True(t, database.IsData(err), err)
		require.False(t, database.IsOutage(err), err)
		require.Equal(t, map[string]int64{"a": 1}, nodesOf(t, db))
	})
}

func TestUpdateFrom(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		const rows = 5
		err := db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error {
			for i := range rows {
				if err := putNode(tx, fmt.Sprint("n", i), int64(i)); err != nil {
					return err
				}
			}
			var args []any
			for i := range rows + 1 { // the last is not there
				args = append(args, fmt.Sprint("n", i), 100+i)
			}
			changed, err := tx.UpdateFrom("nodes", []string{"id", "seen_at"}, rows+1, args, "t.seen_at>1")
			require.Equal(t, int64(rows-2), changed)
			return err
		})
		require.NoError(t, err)
		require.Equal(t, map[string]int64{"n0": 0, "n1": 1, "n2": 102, "n3": 103, "n4": 104}, nodesOf(t, db))
	})
}

func TestNowRises(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		var last int64
		for range 50 {
			now, err := db.Read(t.Context()).Now()
			require.NoError(t, err)
			if db.Dialect == database.SQLite {
				require.Greater(t, now, last, "no two alike")
			} else {
				require.GreaterOrEqual(t, now, last)
			}
			last = now
		}
		require.WithinDuration(t, time.Now(), time.UnixMicro(last), time.Minute)
	})
}

// TestWritersTakeTurns: urgent ones first, and yet nobody waits for ever.
func TestWritersTakeTurns(t *testing.T) {
	t.Parallel()
	db := databasetest.SQLite(t)
	ctx, stop := context.WithCancel(t.Context())
	var flood errgroup.Group
	for range 8 {
		flood.Go(func() error {
			for ctx.Err() == nil {
				err := db.Write(ctx, database.Intake, func(*database.Tx) error { return nil })
				if err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	for i := range 20 {
		for _, p := range []database.Priority{database.Steps, database.Bulk} {
			require.NoError(t, db.Write(t.Context(), p, func(tx *database.Tx) error { return putNode(tx, fmt.Sprint(i, "-", p), 1) }))
		}
	}
	stop()
	require.NoError(t, flood.Wait())
	require.Len(t, nodesOf(t, db), 40)
}

// TestWaitingEndsWithTheContext and holds up nobody behind it.
func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	db := databasetest.SQLite(t)
	busy, release := make(chan struct{}), make(chan struct{})
	var first errgroup.Group
	first.Go(func() error {
		return db.Write(t.Context(), database.Steps, func(*database.Tx) error {
			close(busy)
			<-release
			return nil
		})
	})
	<-busy
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, db.Write(ctx, database.Steps, func(*database.Tx) error { return nil }), context.DeadlineExceeded)
	close(release)
	require.NoError(t, first.Wait())
	require.NoError(t, db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error { return putNode(tx, "a", 1) }))
}

func TestBatchSizes(t *testing.T) {
	t.Parallel()
	sizes := map[int]bool{}
	for n := 1; n <= 300; n++ {
		for left := n; left > 0; {
			size := database.BatchSize(left)
			require.Positive(t, size)
			require.LessOrEqual(t, size, left)
			sizes[size] = true
			left -= size
		}
	}
	require.Len(t, sizes, 4, "few, so that their statements stay prepared")
	require.Equal(t, "(?,?),(?,?)", database.Placeholders(2, 2))
}

func TestErrorsOfTheWayThere(t *testing.T) {
	t.Parallel()
	cfg := databasetest.Server(t)
	cfg.Addr, cfg.Passwd = "127.0.0.1:1", "swordfish"
	_, err := database.OpenMySQL(t.Context(), cfg)
	require.Error(t, err)
	require.True(t, database.IsOutage(err), err)
	require.False(t, strings.Contains(err.Error(), "swordfish"))
}
