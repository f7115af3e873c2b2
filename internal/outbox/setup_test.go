package outbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/crm"
	"usher/internal/database"
	"usher/internal/database/databasetest"
)

// nodes opens a database twice, as two nodes do. The embedded file has one
// process, so there both share its handle.
func nodes(t *testing.T, test func(t *testing.T, a, b *database.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		db := databasetest.SQLite(t)
		test(t, db, db)
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		cfg := databasetest.Schema(t)
		handles := make([]*database.DB, 2)
		for i := range handles {
			db, err := database.OpenMySQL(t.Context(), cfg)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			handles[i] = db
		}
		_, err := handles[0].Migrate(t.Context())
		require.NoError(t, err)
		test(t, handles[0], handles[1])
	})
}

// both is nodes for tests that need one.
func both(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	nodes(t, func(t *testing.T, a, _ *database.DB) { test(t, a) })
}

func write(t *testing.T, db *database.DB, do func(tx *database.Tx) error) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), database.Steps, do))
}

// delivery of a contact to the destination hubspot, due at a time.
func delivery(contact string, kind crm.Kind, cause string, due time.Time) Delivery {
	return Delivery{ID: DeliveryID("hubspot", contact, kind, cause), Business: "acme", Destination: "hubspot", ContactID: contact,
		Kind: kind, LeadKey: contact, DueAt: due, CreatedAt: due}
}

func add(t *testing.T, db *database.DB, deliveries ...Delivery) {
	t.Helper()
	write(t, db, func(tx *database.Tx) error { return Add(tx, deliveries) })
}

func claim(t *testing.T, db *database.DB, token string) []*Sync {
	t.Helper()
	syncs, err := Claim(t.Context(), db, "acme", "hubspot", token, time.Minute, 100)
	require.NoError(t, err)
	return syncs
}

func get(t *testing.T, db *database.DB, id string) *Delivery {
	t.Helper()
	d, err := Get(db.Read(t.Context()), "acme", id)
	require.NoError(t, err)
	return d
}

// past is due already; its order is by the minute.
func past(minute int) time.Time {
	return time.Now().UTC().Truncate(time.Millisecond).Add(time.Duration(minute)*time.Minute - time.Hour)
}
