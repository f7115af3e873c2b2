package database

import (
	"context"
	"database/sql"
	"time"
)

const (
	// checkpointEvery is how often the log of the embedded file is folded in:
	// often enough to keep it short, seldom enough to fold pages that many
	// commits touch only once.
	checkpointEvery = 4 * time.Second
	// longLog, in pages, is a log that must come to its end: only one that is
	// folded in whole starts over, and that needs a moment without writers.
	longLog = 20000
	// lastResort, in pages, is where a commit folds the log in by itself; only a
	// process that does not run Checkpoint gets there.
	lastResort = 60000
)

// Checkpoint folds the log of the embedded file into it, beside the writer,
// until ctx ends. A commit that had to do that itself would keep webhooks
// waiting for tens of milliseconds. For a server there is nothing to do.
func (db *DB) Checkpoint(ctx context.Context) error {
	if db.writer == nil {
		return nil
	}
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		// An error (a full disk) is every writer's too, and is told there.
		if left, err := db.fold(ctx); err == nil && left > longLog {
			// Most is folded in already, so the writer is kept for a moment only.
			_ = db.writer.alone(ctx, func() error {
				_, err := db.fold(ctx)
				return err
			})
		}
	}
}

// fold writes back what it can without keeping anybody waiting and returns the
// length of the log in pages.
func (db *DB) fold(ctx context.Context) (pages int64, err error) {
	var busy, folded int64
	tx := &Tx{DB: db.write.WithContext(ctx), ctx: ctx}
	err = tx.Query(func(r *sql.Rows) error { return r.Scan(&busy, &pages, &folded) }, "PRAGMA wal_checkpoint(PASSIVE)")
	return pages, err
}
