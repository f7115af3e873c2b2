package outbox

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/crm"
	"usher/internal/database"
)

func TestAddOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		lead := delivery("con_1", crm.LeadCreated, "", past(0))
		lead.Changed, lead.Conversation = []string{"email", "name"}, "cnv_1"
		add(t, db, lead)
		again := lead
		again.Changed, again.DueAt = nil, past(30)
		add(t, db, again, again)
		add(t, db)
		got := get(t, db, lead.ID)
		require.Equal(t, Pending, got.State)
		require.Equal(t, []string{"email", "name"}, got.Changed, "what is there stays as it is")
		require.Equal(t, past(0).Truncate(time.Minute), got.DueAt.Truncate(time.Minute))
		require.Equal(t, "cnv_1", got.Conversation)
		require.Equal(t, "con_1", got.LeadKey)
		_, err := Get(db.Read(t.Context()), "globex", lead.ID)
		require.ErrorIs(t, err, ErrNotFound, "another business's")

		syncs := claim(t, db, "w")
		require.Len(t, syncs, 1)
		require.Len(t, syncs[0].Deliveries, 1)
		require.False(t, syncs[0].Unknown)
	})
}

func TestDeliveryIDsFollowFromTheirCause(t *testing.T) {
	t.Parallel()
	a := DeliveryID("hubspot", "con_1", crm.LeadCreated, "")
	require.Equal(t, a, DeliveryID("hubspot", "con_1", crm.LeadCreated, ""))
	for _, other := range []string{
		DeliveryID("sink", "con_1", crm.LeadCreated, ""), DeliveryID("hubspot", "con_2", crm.LeadCreated, ""),
		DeliveryID("hubspot", "con_1", crm.ContactUpdated, ""), DeliveryID("hubspot", "con_1", crm.LeadCreated, "evt_1"),
		DeliveryID("hubspotcon_1", "", crm.LeadCreated, ""),
	} {
		require.NotEqual(t, a, other)
	}
	require.NotContains(t, a, ".", "it is signed by Standard Webhooks, which separates with dots")
}

// TestWake: a sync is due when its earliest delivery is; one that comes later
// never puts it off.
func TestWake(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		due := func() (waiting int, at int64) {
			err := db.Read(t.Context()).Query(func(r *sql.Rows) error { return r.Scan(&waiting, &at) },
				"SELECT waiting, due_at FROM syncs WHERE id=?", SyncID("hubspot", "con_1"))
			require.NoError(t, err)
			return waiting, at
		}
		later := delivery("con_1", crm.ContactUpdated, "1", time.Now().Add(time.Hour))
		add(t, db, later)
		_, at := due()
		require.Equal(t, later.DueAt.UnixMicro(), at)
		require.Empty(t, claim(t, db, "w"), "not due yet")
		sooner := delivery("con_1", crm.ContactUpdated, "2", past(0))
		add(t, db, sooner)
		_, at = due()
		require.Equal(t, sooner.DueAt.UnixMicro(), at)
		add(t, db, delivery("con_1", crm.ContactUpdated, "3", time.Now().Add(2*time.Hour)))
		_, at = due()
		require.Equal(t, sooner.DueAt.UnixMicro(), at)

		// Once all is settled, it sleeps; the next one decides anew.
		syncs := claim(t, db, "w")
		require.Len(t, syncs, 1)
		for _, d := range syncs[0].Deliveries {
			d.State = Delivered
		}
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		waiting, _ := due()
		require.Zero(t, waiting)
		last := delivery("con_1", crm.ContactUpdated, "4", time.Now().Add(time.Hour))
		add(t, db, last)
		waiting, at = due()
		require.Equal(t, 1, waiting)
		require.Equal(t, last.DueAt.UnixMicro(), at)
	})
}

func TestClaimIsExclusive(t *testing.T) {
	t.Parallel()
	nodes(t, func(t *testing.T, dbA, dbB *database.DB) {
		const contacts, workers = 60, 20
		var all []Delivery
		for i := range contacts {
			all = append(all, delivery(fmt.Sprint("con_", i), crm.LeadCreated, "", past(0)))
		}
		add(t, dbA, all...)
		var mu sync.Mutex
		claims := map[string]int{}
		var group errgroup.Group
		for w := range workers {
			db := []*database.DB{dbA, dbB}[w%2]
			group.Go(func() error {
				for {
					syncs, err := Claim(t.Context(), db, "acme", "hubspot", fmt.Sprint("worker_", w), time.Minute, 7)
					if database.IsTransient(err) {
						continue
					}
					if err != nil || len(syncs) == 0 {
						return err
					}
					mu.Lock()
					for _, s := range syncs {
						claims[s.ID]++
						if len(s.Deliveries) != 1 {
							claims[s.ID] += 100
						}
					}
					mu.Unlock()
				}
			})
		}
		require.NoError(t, group.Wait())
		// Who found nothing left while others were claiming may have gone early.
		for _, s := range claim(t, dbA, "last") {
			claims[s.ID]++
		}
		require.Len(t, claims, contacts)
		for id, n := range claims {
			require.Equal(t, 1, n, id)
		}
	})
}

func TestClaimOnlyItsOwn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		mine := delivery("con_1", crm.LeadCreated, "", past(0))
		other := mine
		other.Destination, other.ID = "sink", DeliveryID("sink", "con_1", crm.LeadCreated, "")
		foreign := delivery("con_2", crm.LeadCreated, "", past(0))
		foreign.Business = "globex"
		add(t, db, mine, other, foreign)
		syncs := claim(t, db, "w")
		require.Len(t, syncs, 1)
		require.Equal(t, mine.ID, syncs[0].Deliveries[0].ID)
		busy, err := Claimed(db.Read(t.Context()), "con_1")
		require.NoError(t, err)
		require.Equal(t, map[string]bool{"hubspot": true}, busy)
	})
}

// TestExpiredClaim: whoever takes over does not know whether the push arrived,
// and whoever lost it changes nothing any more.
func TestExpiredClaim(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)))
		lost, err := Claim(t.Context(), db, "acme", "hubspot", "slow", time.Millisecond, 10)
		require.NoError(t, err)
		require.Len(t, lost, 1)
		var taken []*Sync
		require.Eventually(t, func() bool {
			taken = claim(t, db, "quick")
			return len(taken) == 1
		}, 10*time.Second, 2*time.Millisecond)
		require.True(t, taken[0].Unknown)

		lost[0].Deliveries[0].State, lost[0].RemoteID = Delivered, "r-lost"
		require.NoError(t, Settle(t.Context(), db, "slow", lost))
		require.Equal(t, Pending, get(t, db, lost[0].Deliveries[0].ID).State)
		require.Empty(t, claim(t, db, "third"), "it is still claimed")

		d := taken[0].Deliveries[0]
		d.State, d.AttemptCount, taken[0].RemoteID, taken[0].RemoteURL = Delivered, 1, "r-1", "https://crm.example/r-1"
		d.RemoteID = "r-1"
		d.Attempts = []Attempt{{At: past(1), Millis: 12, Outcome: "delivered", Status: 200}}
		require.NoError(t, Settle(t.Context(), db, "quick", taken))
		got := get(t, db, d.ID)
		require.Equal(t, Delivered, got.State)
		require.Equal(t, d.Attempts, got.Attempts)
		require.Equal(t, "r-1", got.RemoteID)

		// The record is remembered for what follows; the claim was clean.
		add(t, db, delivery("con_1", crm.ContactUpdated, "1", past(0)))
		next := claim(t, db, "w")
		require.Equal(t, "r-1", next[0].RemoteID)
		require.Equal(t, "https://crm.example/r-1", next[0].RemoteURL)
		require.False(t, next[0].Unknown)
	})
}

// TestReleaseAfterRestart: the embedded process starts anew and need not wait.
func TestReleaseAfterRestart(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)))
		require.Len(t, claim(t, db, "before"), 1)
		require.Empty(t, claim(t, db, "after"))
		require.NoError(t, Release(t.Context(), db))
		syncs := claim(t, db, "after")
		require.Len(t, syncs, 1)
		require.True(t, syncs[0].Unknown)
	})
}

// TestDeliveriesKeepTheirOrder: what waits behind a delivery that is retried
// waits with it.
func TestDeliveriesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		add(t, db, delivery("con_1", crm.LeadCreated, "", past(0)), delivery("con_1", crm.ContactUpdated, "1", past(1)),
			delivery("con_1", crm.ContactUpdated, "2", past(2)))
		syncs := claim(t, db, "w")
		var kinds []crm.Kind
		for _, d := range syncs[0].Deliveries {
			kinds = append(kinds, d.Kind)
		}
		require.Equal(t, []crm.Kind{crm.LeadCreated, crm.ContactUpdated, crm.ContactUpdated}, kinds)
		head := syncs[0].Deliveries[0]
		head.DueAt, head.AttemptCount = time.Now().Add(time.Hour), 1
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		require.Empty(t, claim(t, db, "w"))
		// Something new wakes it; the head still is not due, so it sleeps on.
		add(t, db, delivery("con_1", crm.ContactUpdated, "3", past(3)))
		syncs = claim(t, db, "w")
		require.Len(t, syncs, 1)
		require.Len(t, syncs[0].Deliveries, 4)
		require.True(t, syncs[0].Deliveries[0].DueAt.After(time.Now()))
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		require.Empty(t, claim(t, db, "w"))
	})
}

// TestNoWakeUpIsLost: deliveries are added while their sync is being settled;
// none may stay pending with nobody told.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	nodes(t, func(t *testing.T, dbA, dbB *database.DB) {
		const rounds = 60
		added := make(chan struct{})
		var group errgroup.Group
		group.Go(func() error {
			defer close(added)
			for i := range rounds {
				d := delivery("con_1", crm.ContactUpdated, fmt.Sprint(i), past(0))
				for {
					err := dbB.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return Add(tx, []Delivery{d}) })
					if err == nil {
						break
					}
					if !database.IsTransient(err) {
						return err
					}
				}
			}
			return nil
		})
		group.Go(func() error {
			for done := false; ; {
				syncs, err := Claim(t.Context(), dbA, "acme", "hubspot", "w", time.Minute, 10)
				if err != nil && !database.IsTransient(err) {
					return err
				}
				if len(syncs) == 0 {
					if done {
						return nil
					}
					select {
					case <-added:
						done = true // one more look
					default:
					}
					continue
				}
				for _, d := range syncs[0].Deliveries {
					d.State = Delivered
				}
				for {
					err := Settle(t.Context(), dbA, "w", syncs)
					if err == nil {
						break
					}
					if !database.IsTransient(err) {
						return err
					}
				}
			}
		})
		require.NoError(t, group.Wait())
		pending, err := List(dbA.Read(t.Context()), Query{Business: "acme", State: "pending", Limit: 100})
		require.NoError(t, err)
		require.Empty(t, pending)
		all, err := List(dbA.Read(t.Context()), Query{Business: "acme", Limit: 100})
		require.NoError(t, err)
		require.Len(t, all, rounds)
	})
}

// TestSettleTouchesWhatItPushed: what became of other deliveries of the sync
// meanwhile is not undone.
func TestSettleTouchesWhatItPushed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		first, second := delivery("con_1", crm.LeadCreated, "", past(0)), delivery("con_1", crm.InquiryCreated, "1", past(1))
		add(t, db, first, second)
		syncs := claim(t, db, "w")
		write(t, db, func(tx *database.Tx) error { return SetDestination(tx, "acme", "hubspot", "disabled", "gone") })
		head := syncs[0].Deliveries[0]
		head.State, head.AttemptCount = Delivered, 1
		require.NoError(t, Settle(t.Context(), db, "w", syncs))
		require.Equal(t, Delivered, get(t, db, first.ID).State, "it did arrive")
		require.Equal(t, Paused, get(t, db, second.ID).State)
	})
}
