package inbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func renew(t *testing.T, in *Inbox) []int {
	t.Helper()
	parts, _, err := in.Renew(t.Context())
	require.NoError(t, err)
	return parts
}

func TestEmbeddedNodeHoldsAll(t *testing.T) {
	t.Parallel()
	in := start(t, databasetest.SQLite(t), Options{Node: "only"})
	require.Len(t, renew(t, in), database.Partitions)
	require.NoError(t, in.Leave(t.Context()))
	require.Len(t, renew(t, in), database.Partitions)
}

func TestNodesShareThePartitions(t *testing.T) {
	t.Parallel()
	dbA, dbB := twoHandles(t)
	a, b := start(t, dbA, Options{Node: "node_a"}), start(t, dbB, Options{Node: "node_b"})
	require.Len(t, renew(t, a), database.Partitions, "alone, it has all")
	require.Empty(t, renew(t, b), "nothing is free yet")
	mine := renew(t, a)
	yours := renew(t, b)
	require.Len(t, append(mine, yours...), database.Partitions)
	all := map[int]bool{}
	for _, p := range append(mine, yours...) {
		require.False(t, all[p], "partition %d is worked on twice", p)
		all[p] = true
	}
	require.Len(t, all, database.Partitions)
	require.Greater(t, len(mine), database.Partitions/4, "about half each")
	require.Greater(t, len(yours), database.Partitions/4)

	// A clean end frees them at once.
	require.NoError(t, b.Leave(t.Context()))
	require.Len(t, renew(t, a), database.Partitions)
}

func TestDeadNodesPartitionsAreTaken(t *testing.T) {
	t.Parallel()
	dbA, dbB := twoHandles(t)
	a, b := start(t, dbA, Options{Node: "node_a"}), start(t, dbB, Options{Node: "node_b"})
	renew(t, a)
	renew(t, b)
	renew(t, a)
	require.NotEmpty(t, renew(t, b))
	// b dies; a goes on renewing.
	died := time.Now()
	require.Eventually(t, func() bool { return len(renew(t, a)) == database.Partitions }, LeaseTime+soon, LeaseRenew/4)
	require.Greater(t, time.Since(died), LeaseTime-LeaseRenew, "not while b may be working")
	// It comes back under a new name, as a restarted process does.
	c := start(t, dbB, Options{Node: "node_c"})
	renew(t, c)
	mine := renew(t, a)
	require.Len(t, renew(t, c), database.Partitions-len(mine))
}

func TestManyNodesRenewAtOnce(t *testing.T) {
	t.Parallel()
	dbA, dbB := twoHandles(t)
	var all []*Inbox
	for i := range 6 {
		all = append(all, start(t, []*database.DB{dbA, dbB}[i%2], Options{Node: fmt.Sprint("node_", i)}))
	}
	held := make([][]int, len(all))
	for range 5 {
		var round errgroup.Group
		for i, in := range all {
			round.Go(func() (err error) {
				held[i], _, err = in.Renew(t.Context())
				return err
			})
		}
		require.NoError(t, round.Wait())
	}
	owner := map[int]int{}
	for i, parts := range held {
		for _, p := range parts {
			require.NotContains(t, owner, p)
			owner[p] = i
		}
	}
	require.Len(t, owner, database.Partitions)
}
