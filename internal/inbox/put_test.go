package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func TestPutIsStoredWhenItReturns(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		before, err := in.Now(t.Context())
		require.NoError(t, err)
		e := event(in, "ada", "m-1")
		require.Equal(t, []int64{e.ID}, put(t, in, e))
		after, err := in.Now(t.Context())
		require.NoError(t, err)

		got := load(t, in, e.ID)
		require.Equal(t, e.Event, got.Event)
		require.Equal(t, e.Raw, got.Raw)
		require.Equal(t, e.Dedupe, got.Dedupe)
		require.Equal(t, e.Lane, got.Lane)
		require.Equal(t, Accepted, got.State)
		require.GreaterOrEqual(t, got.ReceivedAt().UnixMicro(), before, "its place is the database's time")
		require.LessOrEqual(t, got.ReceivedAt().UnixMicro(), after)
		require.Equal(t, 1, in.Backlog())

		found, err := in.ByDedupe(t.Context(), e.Dedupe)
		require.NoError(t, err)
		require.Equal(t, e.ID, found.ID)
		_, err = in.ByDedupe(t.Context(), DedupeOf("acme", "webchat/site", "other", 0))
		require.ErrorIs(t, err, ErrNotFound)

		none, err := in.Put(t.Context(), nil)
		require.NoError(t, err)
		require.Empty(t, none)
	})
}

// TestPutsShareFlushes: with a writer that is busy, those that wait are
// committed together, each with all of its rows.
func TestPutsShareFlushes(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		var batches [][]*Event
		in := start(t, open(t), Options{Accepted: func(events []*Event) { batches = append(batches, events) }})
		const posts, each = 200, 3
		var all errgroup.Group
		for i := range posts {
			all.Go(func() error {
				events := make([]*Event, each)
				for j := range events {
					events[j] = event(in, person(i), "")
				}
				stored, err := in.Put(t.Context(), events)
				if err != nil {
					return err
				}
				found, err := in.Load(t.Context(), stored)
				if err == nil && len(found) != each {
					err = fmt.Errorf("%d of %d rows are there when Put returns", len(found), each)
				}
				return err
			})
		}
		require.NoError(t, all.Wait())
		require.Len(t, undone(t, in), posts*each)
		total := 0
		for _, b := range batches {
			total += len(b)
			require.LessOrEqual(t, len(b), maxRows)
		}
		require.Equal(t, posts*each, total)
		require.Less(t, len(batches), posts, "flushes are shared")
	})
}

func TestPutLargerThanAFlush(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		for name, size := range map[string]struct{ rows, bytes int }{
			"many rows":         {3*maxRows + 7, 10},
			"many bytes":        {40, maxBytes / 8},
			"one of many bytes": {1, 3 * maxBytes},
		} {
			events := make([]*Event, size.rows)
			for i := range events {
				events[i] = event(in, name, "")
				events[i].Raw = bytes.Repeat([]byte("x"), size.bytes)
			}
			stored := put(t, in, events...)
			refs, err := in.UndoneOf(t.Context(), events[0].Lane, 10_000)
			require.NoError(t, err)
			var order []int64
			for _, r := range refs {
				order = append(order, r.ID)
			}
			require.Equal(t, stored, order, "%s: in the order in which they were given", name)
		}
	})
}

func TestOrderIsTheDatabases(t *testing.T) {
	t.Parallel()
	nodes(t, func(t *testing.T, dbA, dbB *database.DB) {
		a, b := start(t, dbA, Options{Node: "a"}), start(t, dbB, Options{Node: "b"})
		var given []int64
		for i := range 60 {
			in := []*Inbox{a, b}[i%2]
			// The ids of one post are given backwards: they do not decide.
			second, first := event(in, "ada", ""), event(in, "ada", "")
			given = append(given, put(t, in, first, second)...)
		}
		var order []int64
		var places []int64
		for _, r := range undone(t, b) {
			order, places = append(order, r.ID), append(places, r.Pos)
		}
		require.Equal(t, given, order)
		require.True(t, slices.IsSorted(places))
		require.Len(t, slices.Compact(places), len(given), "no two have one place")
	})
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		first, again := event(in, "ada", "m-1"), event(in, "ada", "m-1")
		other := event(in, "ada", "m-2")
		// Ids that rise and ids that fall: the first given is the one kept.
		require.Equal(t, []int64{first.ID, first.ID, other.ID}, put(t, in, first, again, other))
		late := event(in, "ada", "m-1")
		require.Equal(t, []int64{first.ID}, put(t, in, late))
		require.Len(t, undone(t, in), 2)
		require.Equal(t, 2, in.Backlog(), "duplicates are no work")

		// The same key elsewhere is another event.
		elsewhere := event(in, "ada", "m-1")
		elsewhere.Channel = "webchat/other"
		elsewhere.Dedupe = DedupeOf("acme", elsewhere.Channel, "m-1", elsewhere.ID)
		require.Equal(t, []int64{elsewhere.ID}, put(t, in, elsewhere))

		// Without a key each is its own event, whatever it says.
		x, y := event(in, "ada", ""), event(in, "ada", "")
		require.Equal(t, []int64{x.ID, y.ID}, put(t, in, x, y))

		// A duplicate of a final event changes nothing.
		require.NoError(t, finish(t, in, Outcome{ID: first.ID, State: Done}))
		require.Equal(t, []int64{first.ID}, put(t, in, event(in, "ada", "m-1")))
		require.Equal(t, Done, load(t, in, first.ID).State)
	})
}

func TestFirstOfOnePutIsKept(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		var events []*Event
		for i := range 200 {
			events = append(events, event(in, "ada", fmt.Sprint(i*i%7)))
		}
		first := map[[32]byte]int64{}
		for i, id := range put(t, in, events...) {
			key := events[i].Dedupe
			if first[key] == 0 {
				first[key] = events[i].ID
			}
			require.Equal(t, first[key], id)
		}
	})
}

func TestDuplicatesInParallel(t *testing.T) {
	t.Parallel()
	nodes(t, func(t *testing.T, dbA, dbB *database.DB) {
		var told announced
		a := start(t, dbA, Options{Node: "a", Accepted: told.take})
		b := start(t, dbB, Options{Node: "b", Accepted: told.take})
		const keys, times = 20, 50
		var mu sync.Mutex
		owners := map[int]map[int64]bool{}
		var all errgroup.Group
		for i := range times {
			in := []*Inbox{a, b}[i%2]
			all.Go(func() error {
				events := make([]*Event, keys)
				for k := range events {
					events[(k+i)%keys] = event(in, "ada", fmt.Sprint("m-", k))
				}
				stored, err := in.Put(t.Context(), events)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				for k := range keys {
					if owners[k] == nil {
						owners[k] = map[int64]bool{}
					}
					owners[k][stored[(k+i)%keys]] = true
				}
				return nil
			})
		}
		require.NoError(t, all.Wait())
		for k, ids := range owners {
			require.Len(t, ids, 1, "key %d: everybody is told the same event", k)
		}
		require.Len(t, undone(t, a), keys)
		require.Len(t, told.ids(), keys, "each is announced once")
	})
}

// TestBadRowFailsAlone: one row that the database refuses spoils no other post.
func TestBadRowFailsAlone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		refuse(t, in)
		var all errgroup.Group
		for i := range 60 {
			all.Go(func() error {
				events := []*Event{event(in, person(i), fmt.Sprint(i, "-a")), event(in, person(i), fmt.Sprint(i, "-b"))}
				bad := i%20 == 7
				if bad {
					events[1] = refused(in)
				}
				_, err := in.Put(t.Context(), events)
				switch {
				case bad && err == nil:
					return errors.New("the database took a row that it cannot hold")
				case bad && !database.IsData(err):
					return fmt.Errorf("not a fault of the data: %w", err)
				case bad:
					return nil
				}
				return err
			})
		}
		require.NoError(t, all.Wait())
		require.Len(t, undone(t, in), 2*57+3, "the good neighbour of a bad row is stored: it may be sent again")
	})
}

// refused is an event that its table does not take: the channel is too long for
// MySQL's column, and for SQLite, which has no such bound, refuse makes one.
func refused(in *Inbox) *Event {
	e := event(in, "bad", "")
	e.Channel = strings.Repeat("x", 200)
	return e
}

func refuse(t *testing.T, in *Inbox) {
	t.Helper()
	if in.db.Dialect != database.SQLite {
		return
	}
	err := in.db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error {
		_, err := tx.Run("CREATE TRIGGER bound BEFORE INSERT ON events WHEN length(NEW.channel) > 128" +
			" BEGIN SELECT RAISE(ABORT, 'too long'); END")
		return err
	})
	require.NoError(t, err)
}

func TestUsedIDFails(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		e := event(in, "ada", "m-1")
		put(t, in, e)
		clash := event(in, "bob", "m-2")
		clash.ID = e.ID
		_, err := in.Put(t.Context(), []*Event{clash})
		require.Error(t, err, "two nodes made one id: the sender must come again")
		require.Equal(t, e.Lane, load(t, in, e.ID).Lane)
	})
}

func TestClosing(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		in, err := New(open(t), Options{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- in.Run(ctx) }()
		var mu sync.Mutex
		var taken []int64
		refusals := 0
		var all errgroup.Group
		for i := range 40 {
			all.Go(func() error {
				for {
					stored, err := in.Put(t.Context(), []*Event{event(in, person(i), "")})
					if err != nil {
						mu.Lock()
						refusals++
						mu.Unlock()
						if errors.Is(err, ErrClosed) {
							return nil
						}
						return err
					}
					mu.Lock()
					taken = append(taken, stored...)
					if len(taken) == 100 {
						cancel()
					}
					mu.Unlock()
				}
			})
		}
		require.NoError(t, all.Wait())
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, 40, refusals)
		require.Len(t, undone(t, in), len(taken), "what was taken is stored, what was refused is not")
		_, err = in.Put(t.Context(), []*Event{event(in, "ada", "")})
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestBacklogIsBounded(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		in := start(t, open(t), Options{MaxBacklog: 5})
		var last int64
		for range 5 {
			last = put(t, in, event(in, "ada", ""))[0]
		}
		_, err := in.Put(t.Context(), []*Event{event(in, "ada", "")})
		require.ErrorIs(t, err, ErrFull)
		require.NoError(t, finish(t, in, Outcome{ID: last, State: Done}))
		in.Ended(1)
		put(t, in, event(in, "ada", ""))
		require.NoError(t, in.CountBacklog(t.Context()))
		require.Equal(t, 5, in.Backlog())
		// What other nodes did is counted.
		for _, r := range undone(t, in)[:3] {
			require.NoError(t, finish(t, in, Outcome{ID: r.ID, State: Ignored}))
		}
		require.NoError(t, in.CountBacklog(t.Context()))
		require.Equal(t, 2, in.Backlog())
	})
}

func TestQuarantinedFromTheStart(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		var told announced
		in := start(t, open(t), Options{Accepted: told.take})
		e := event(in, "ada", "m-1")
		e.State, e.Reason = Quarantined, "nobody knows what it is"
		good := event(in, "ada", "m-2")
		put(t, in, e, good)
		require.Equal(t, []int64{good.ID}, told.ids())
		require.Len(t, undone(t, in), 1)
		require.Equal(t, 1, in.Backlog())
		got := load(t, in, e.ID)
		require.Equal(t, "nobody knows what it is", got.Reason)
		require.Equal(t, "quarantined", got.State.String())
	})
}
