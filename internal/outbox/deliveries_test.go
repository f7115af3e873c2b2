package outbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/crm"
	"usher/internal/database"
)

// settle ends the only due sync with a state.
func settle(t *testing.T, db *database.DB, state DeliveryState) *Delivery {
	t.Helper()
	syncs := claim(t, db, "w")
	require.Len(t, syncs, 1)
	head := syncs[0].Deliveries[0]
	head.State, head.AttemptCount, head.FirstAttemptAt = state, head.AttemptCount+1, past(5)
	head.LastError = "503 not now"
	head.Attempts = append(head.Attempts, Attempt{At: past(5), Outcome: string(state)})
	require.NoError(t, Settle(t.Context(), db, "w", syncs))
	return head
}

func TestReplay(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		replay := func(id string, force bool) error {
			return db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return Replay(tx, "acme", id, force) })
		}
		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)))
		id := DeliveryID("hubspot", "con_1", crm.LeadCreated, "")
		require.ErrorIs(t, replay(id, true), ErrState, "it is under way already")
		settle(t, db, Dead)
		require.Empty(t, claim(t, db, "w"))

		require.NoError(t, replay(id, false))
		got := get(t, db, id)
		require.Equal(t, Pending, got.State)
		require.Zero(t, got.AttemptCount, "its attempts count from the start")
		require.True(t, got.FirstAttemptAt.IsZero())
		require.Len(t, got.Attempts, 1, "and are remembered")
		require.Equal(t, "con_1", got.LeadKey)
		settle(t, db, Delivered)
		require.ErrorIs(t, replay(id, false), ErrState)
		require.NoError(t, replay(id, true))
		require.Equal(t, id, claim(t, db, "w")[0].Deliveries[0].ID)

		require.ErrorIs(t, replay("dlv_none", true), ErrNotFound)
		err := db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return Replay(tx, "globex", id, true) })
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)))
		syncs := claim(t, db, "w")
		d := syncs[0].Deliveries[0]
		for i := range 100 {
			d.Attempts = append(d.Attempts, Attempt{Millis: int64(i)})
		}
		d.LastError, d.RemoteURL = strings.Repeat("ä", 2000), strings.Repeat("u", 2000)
		d.AttemptCount = 100
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		got := get(t, db, d.ID)
		require.Len(t, got.Attempts, maxAttempts)
		require.Zero(t, got.Attempts[0].Millis, "the first")
		require.Equal(t, int64(99), got.Attempts[maxAttempts-1].Millis, "and the newest")
		require.LessOrEqual(t, len(got.LastError), errorText)
	})
}

func TestListDeliveries(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		same := past(10)
		var all []Delivery
		for i := range 8 {
			d := delivery(fmt.Sprint("con_", i/2), crm.ContactUpdated, fmt.Sprint(i), past(i))
			if i > 4 {
				d.CreatedAt = same // made at the same instant
			}
			all = append(all, d)
		}
		foreign := delivery("con_9", crm.LeadCreated, "", past(0))
		foreign.Business = "globex"
		add(t, db, append(all, foreign)...)
		list := func(q Query) []string {
			q.Business = "acme"
			if q.Limit == 0 {
				q.Limit = 100
			}
			found, err := List(db.Read(t.Context()), q)
			require.NoError(t, err)
			out := []string{}
			for _, d := range found {
				out = append(out, d.ID)
			}
			return out
		}
		newest := list(Query{})
		require.Len(t, newest, 8)
		require.Equal(t, all[0].ID, newest[7])
		// Pages meet without a gap, also within one instant.
		var paged []string
		q := Query{Limit: 3}
		for {
			found, err := List(db.Read(t.Context()), Query{Business: "acme", Before: q.Before, BeforeID: q.BeforeID, Limit: 3})
			require.NoError(t, err)
			for _, d := range found {
				paged = append(paged, d.ID)
				q.Before, q.BeforeID = d.CreatedAt, d.ID
			}
			if len(found) < 3 {
				break
			}
		}
		require.Equal(t, newest, paged)
		require.Len(t, list(Query{ContactID: "con_1"}), 2)
		require.Len(t, list(Query{Destination: "hubspot"}), 8)
		require.Empty(t, list(Query{Destination: "sink"}))
		require.Len(t, list(Query{State: "pending"}), 8)
		require.Empty(t, list(Query{State: "delivering"}))

		syncs, err := Claim(t.Context(), db, "acme", "hubspot", "w", time.Minute, 1)
		require.NoError(t, err)
		require.Len(t, list(Query{State: "delivering"}), len(syncs[0].Deliveries))
		require.Equal(t, list(Query{State: "delivering", ContactID: syncs[0].ContactID}), list(Query{ContactID: syncs[0].ContactID}))
	})
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		first, err := PutDestination(t.Context(), db, "acme", "hubspot", "hubspot")
		require.NoError(t, err)
		require.Equal(t, "active", first.State)
		require.WithinDuration(t, time.Now(), first.CreatedAt, time.Minute)

		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)))
		add(t, db, delivery("con_2", crm.LeadCreated, "", past(1)))
		sink := delivery("con_1", crm.LeadCreated, "", past(0))
		sink.Destination, sink.ID = "sink", DeliveryID("sink", "con_1", crm.LeadCreated, "")
		add(t, db, sink)
		write(t, db, func(tx *database.Tx) error { return SetDestination(tx, "acme", "hubspot", "disabled", "410 gone") })
		for _, contact := range []string{"con_1", "con_2"} {
			require.Equal(t, Paused, get(t, db, DeliveryID("hubspot", contact, crm.LeadCreated, "")).State)
		}
		require.Equal(t, Pending, get(t, db, sink.ID).State)
		again, err := PutDestination(t.Context(), db, "acme", "hubspot", "hubspot")
		require.NoError(t, err)
		require.Equal(t, Destination{State: "disabled", Reason: "410 gone", CreatedAt: first.CreatedAt}, again)

		// What is due is claimed, has nothing to push, and sleeps.
		syncs := claim(t, db, "w")
		for _, s := range syncs {
			require.Empty(t, s.Deliveries)
		}
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		require.Empty(t, claim(t, db, "w"))

		write(t, db, func(tx *database.Tx) error { return SetDestination(tx, "acme", "hubspot", "active", "") })
		require.Len(t, claim(t, db, "w"), 2)
	})
}
