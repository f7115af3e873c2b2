package timers

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func each(t *testing.T, test func(t *testing.T, db *database.DB)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) { test(t, open(t)) })
}

// timer of a conversation, due in a while.
func timer(n int, due time.Duration) Timer {
	conversation := fmt.Sprintf("cnv_%d", n)
	return Timer{ID: IDOf(conversation, 7, 1), Business: "acme", Channel: "web/site", ExternalID: "Zoë " + fmt.Sprint(n), Session: "s 1 ",
		Conversation: conversation, Lane: int64(n), Part: n % database.Partitions, Run: 7, Visit: 1, Cause: "call",
		DueAt: time.Now().Add(due).UnixMicro(), EventID: 9, Detail: []byte(`{"team":"sales"}`), CreatedAt: 5}
}

func add(t *testing.T, db *database.DB, all ...Timer) {
	t.Helper()
	require.NoError(t, db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return Add(tx, all) }))
}

func due(t *testing.T, db *database.DB, q Query) []Timer {
	t.Helper()
	if q.Until == 0 {
		q.Until = time.Now().UnixMicro()
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	found, err := Due(t.Context(), db, q)
	require.NoError(t, err)
	return found
}

func claim(t *testing.T, db *database.DB, token string, lease time.Duration, ids ...string) []Timer {
	t.Helper()
	claimed, err := Claim(t.Context(), db, token, ids, lease)
	require.NoError(t, err)
	return claimed
}

func ids(all []Timer) []string {
	out := []string{}
	for _, t := range all {
		out = append(out, t.ID)
	}
	return out
}

func TestIDs(t *testing.T) {
	t.Parallel()
	require.Equal(t, IDOf("cnv_1", 7, 1), IDOf("cnv_1", 7, 1))
	seen := map[string]bool{}
	for _, id := range []string{IDOf("cnv_1", 7, 1), IDOf("cnv_2", 7, 1), IDOf("cnv_1", 8, 1), IDOf("cnv_1", 7, 2), IDOf("cnv_1", 71, 1)} {
		require.False(t, seen[id])
		require.LessOrEqual(t, len(id), 64)
		seen[id] = true
	}
}

func TestAddTwice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		first := timer(1, -time.Minute)
		add(t, db, first)
		second := first
		second.DueAt, second.Detail, second.Stage = 1, nil, 1
		add(t, db, second, timer(2, time.Hour))
		require.Equal(t, []Timer{first}, due(t, db, Query{}), "what is there stays as it is; what is not due is not listed")
		require.Len(t, due(t, db, Query{Until: time.Now().Add(2 * time.Hour).UnixMicro()}), 2)
		got, ok, err := Of(db.Read(t.Context()), first.ID)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, first, got)
	})
}

func TestDueSelects(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		late, early, other, pause := timer(1, -time.Minute), timer(2, -time.Hour), timer(3, -time.Second), timer(4, -2*time.Hour)
		other.Business, pause.Cause = "other", "timer"
		add(t, db, late, early, other, pause)
		require.Equal(t, ids([]Timer{pause, early, late, other}), ids(due(t, db, Query{})), "the earliest first")
		require.Equal(t, ids([]Timer{pause, early}), ids(due(t, db, Query{Limit: 2})))
		require.Equal(t, ids([]Timer{early, other}), ids(due(t, db, Query{Parts: []int{2, 3}})))
		require.Empty(t, due(t, db, Query{Parts: []int{}}))
		require.Equal(t, ids([]Timer{pause, other}), ids(due(t, db, Query{Full: []string{"acme"}, Bounded: []string{"call", "bot"}})),
			"a business that is full keeps nobody else waiting, nor its own pauses")
	})
}

func TestClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		one, two := timer(1, -time.Minute), timer(2, -time.Minute)
		add(t, db, one, two)
		claimed := claim(t, db, "node_a", time.Minute, one.ID, "tmr_gone")
		require.Len(t, claimed, 1)
		require.Equal(t, 1, claimed[0].Attempts)
		require.Equal(t, []string{two.ID}, ids(due(t, db, Query{})), "what is claimed is not listed")
		require.Equal(t, []string{two.ID}, ids(claim(t, db, "node_b", -time.Second, one.ID, two.ID)), "nor claimed again")
		again := claim(t, db, "node_a", time.Minute, one.ID, two.ID)
		require.Equal(t, []string{two.ID}, ids(again), "by whoever has it neither; a claim that ran out is free")
		require.Equal(t, 2, again[0].Attempts)

		held, err := Extend(t.Context(), db, "node_a", one.ID, time.Hour)
		require.NoError(t, err)
		require.True(t, held)
		held, err = Extend(t.Context(), db, "node_b", one.ID, time.Hour)
		require.NoError(t, err)
		require.False(t, held, "somebody else's")
		require.NoError(t, Release(t.Context(), db))
		require.Len(t, due(t, db, Query{}), 2)
	})
}

func TestSettle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		var all []Timer
		var names []string
		for n := range 7 {
			all = append(all, timer(n, -time.Minute))
			names = append(names, all[n].ID)
		}
		add(t, db, all...)
		claimed := claim(t, db, "node_a", time.Minute, names...)
		require.Len(t, claimed, 7)
		var again []Timer
		for _, c := range claimed[:5] {
			c.Stage, c.DueAt, c.Failures = 1, time.Now().Add(-time.Second).UnixMicro(), 2
			again = append(again, c)
		}
		require.NoError(t, Settle(t.Context(), db, "node_b", []string{claimed[5].ID, "tmr_gone"}, again))
		require.Empty(t, due(t, db, Query{}), "what another has is left to it")
		require.NoError(t, Settle(t.Context(), db, "node_a", nil, again))
		found := due(t, db, Query{})
		require.Len(t, found, 5)
		for _, f := range found {
			require.Equal(t, []int{1, 2, 1}, []int{f.Stage, f.Failures, f.Attempts})
		}
		counts, err := Count(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, map[string]int{"call": 6}, counts, "what is over is over")
		require.NoError(t, db.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
			return DropLanes(tx, []int64{all[0].Lane, all[1].Lane, 99})
		}))
		counts, err = Count(t.Context(), db)
		require.NoError(t, err)
		require.Equal(t, map[string]int{"call": 4}, counts)
	})
}

// TestClaimedOnce has nodes claim the same timers at once.
func TestClaimedOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *database.DB) {
		const count, nodes = 150, 4
		var names []string
		var all []Timer
		for n := range count {
			all = append(all, timer(n, -time.Minute))
			names = append(names, all[n].ID)
		}
		add(t, db, all...)
		var mu sync.Mutex
		owners := map[string][]string{}
		var crew sync.WaitGroup
		for node := range nodes {
			crew.Go(func() {
				token := fmt.Sprintf("node_%d", node)
				for {
					got, err := Claim(t.Context(), db, token, names, time.Minute)
					if database.IsTransient(err) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					for _, c := range got {
						owners[c.ID] = append(owners[c.ID], token)
					}
					done := len(owners) == count
					mu.Unlock()
					if done || len(got) == 0 {
						return
					}
				}
			})
		}
		crew.Wait()
		require.Len(t, owners, count)
		for id, by := range owners {
			require.Len(t, by, 1, "%s: %s", id, strings.Join(by, " "))
		}
	})
}
