package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"time"

	"usher/internal/database"
)

// Leases say which node works on which partitions. They only keep nodes out of
// each other's way: what two nodes do to one conversation at once is settled by
// its version.
const (
	// LeaseTime is how long a dead node's partitions stay unworked.
	LeaseTime = 5 * time.Second
	// LeaseRenew is how often a node says that it lives.
	LeaseRenew = 1 * time.Second
)

// Renew tells the others that this node lives, keeps its partitions, gives up
// those beyond its share and takes what is free. It returns the partitions held
// until at least LeaseTime − LeaseRenew from now, and the place in the order of
// events that now is. The embedded node, being alone, holds all and asks nobody.
func (in *Inbox) Renew(ctx context.Context) (held []int, place int64, err error) {
	if in.db.Dialect == database.SQLite {
		now, err := in.Now(ctx)
		return allPartitions(), now * placesPerTick, err
	}
	node := in.options.Node
	nodes, err := in.show(ctx, node)
	if err != nil {
		return nil, 0, fmt.Errorf("renew leases: %w", err)
	}
	err = in.db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		place = now * placesPerTick
		mine := share(nodes, node)
		until := now + LeaseTime.Microseconds()
		var keep, give []any
		// All are locked, in one order: nodes that renew at once take turns.
		err = tx.Query(func(r *sql.Rows) error {
			var part int
			var owner string
			var end int64
			if err := r.Scan(&part, &owner, &end); err != nil {
				return err
			}
			switch {
			case mine[part] && (owner == node || owner == "" || end < now):
				keep = append(keep, part)
			case !mine[part] && owner == node:
				give = append(give, part)
			}
			return nil
		}, "SELECT part, owner, until FROM partitions ORDER BY part FOR UPDATE")
		if err != nil {
			return err
		}
		if len(give) > 0 {
			_, err := tx.Run("UPDATE partitions SET owner='', until=0 WHERE owner=? AND part IN "+
				database.Placeholders(1, len(give)), append([]any{node}, give...)...)
			if err != nil {
				return err
			}
		}
		if len(keep) == 0 {
			return nil
		}
		_, err = tx.Run("UPDATE partitions SET owner=?, until=? WHERE (owner=? OR owner='' OR until<?) AND part IN "+
			database.Placeholders(1, len(keep)), append([]any{node, until, node, now}, keep...)...)
		if err != nil {
			return err
		}
		return tx.Query(func(r *sql.Rows) error {
			var part int
			if err := r.Scan(&part); err != nil {
				return err
			}
			held = append(held, part)
			return nil
		}, "SELECT part FROM partitions WHERE owner=? ORDER BY part", node)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("renew leases: %w", err)
	}
	return held, place, nil
}

// Leave gives up this node's partitions at once, for a clean end.
func (in *Inbox) Leave(ctx context.Context) error {
	if in.db.Dialect == database.SQLite {
		return nil
	}
	return in.db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		if _, err := tx.Run("UPDATE partitions SET owner='', until=0 WHERE owner=?", in.options.Node); err != nil {
			return fmt.Errorf("give up leases: %w", err)
		}
		_, err := tx.Run("DELETE FROM nodes WHERE id=?", in.options.Node)
		return err
	})
}

// show says that a node lives and returns those that do. Each statement commits
// by itself: nodes that hold their own row and look at all others deadlock.
func (in *Inbox) show(ctx context.Context, node string) ([]string, error) {
	tx := in.db.Read(ctx)
	now, err := tx.Now()
	if err != nil {
		return nil, err
	}
	if _, err := tx.Run("INSERT INTO nodes (id, seen_at) VALUES (?, ?) ON DUPLICATE KEY UPDATE seen_at=VALUES(seen_at)", node, now); err != nil {
		return nil, err
	}
	if _, err := tx.Run("DELETE FROM nodes WHERE seen_at < ?", now-12*LeaseTime.Microseconds()); err != nil {
		return nil, err
	}
	var nodes []string
	err = tx.Query(func(r *sql.Rows) error {
		var id string
		if err := r.Scan(&id); err != nil {
			return err
		}
		nodes = append(nodes, id)
		return nil
	}, "SELECT id FROM nodes WHERE seen_at >= ? ORDER BY id", now-LeaseTime.Microseconds())
	return nodes, err
}

// share deals the partitions by highest random weight: each node computes the
// same, and one that comes or goes moves only its own.
func share(nodes []string, node string) map[int]bool {
	mine := make(map[int]bool, database.Partitions)
	for part := range database.Partitions {
		best, weight := "", uint64(0)
		for _, n := range nodes {
			h := fnv.New64a()
			fmt.Fprintf(h, "%d/%s", part, n)
			if w := mix(h.Sum64()); best == "" || w > weight {
				best, weight = n, w
			}
		}
		if best == node {
			mine[part] = true
		}
	}
	return mine
}

// mix spreads FNV's poor high bits.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func allPartitions() []int {
	parts := make([]int, database.Partitions)
	for i := range parts {
		parts[i] = i
	}
	return parts
}
