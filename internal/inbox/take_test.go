package inbox

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/internal/database"
)

func TestUndone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		var ids []int64
		for i := range 10 {
			ids = append(ids, put(t, in, event(in, person(i%3), ""))...)
		}
		idsOf := func(refs []Ref) []int64 {
			out := []int64{}
			for _, r := range refs {
				out = append(out, r.ID)
			}
			return out
		}
		list := func(parts []int, without []int64, from int64, limit int) []Ref {
			refs, _, err := in.Undone(t.Context(), parts, without, from, limit)
			require.NoError(t, err)
			return refs
		}
		all := list(nil, nil, 0, 100)
		require.Equal(t, ids, idsOf(all))
		require.Equal(t, ids[:4], idsOf(list(nil, nil, 0, 4)))
		require.Equal(t, ids[6:], idsOf(list(nil, nil, all[6].Pos, 100)), "from a place on, with it")
		require.Equal(t, ids, idsOf(list(allPartitions(), nil, 0, 100)))
		require.Empty(t, list([]int{}, nil, 0, 100))
		require.Empty(t, list(nil, nil, 0, 0))

		lane := LaneOf("acme", "webchat/site", person(1))
		ofOne := []int64{ids[1], ids[4], ids[7]}
		without := list(nil, []int64{lane}, 0, 100)
		require.Len(t, without, 7)
		require.NotSubset(t, idsOf(without), ofOne)
		require.Subset(t, idsOf(list([]int{PartOf(lane)}, nil, 0, 100)), ofOne)
		others := []int{}
		for _, p := range allPartitions() {
			if p != PartOf(lane) {
				others = append(others, p)
			}
		}
		for _, r := range list(others, nil, 0, 100) {
			require.NotEqual(t, lane, r.Lane)
		}
		one, err := in.UndoneOf(t.Context(), lane, 2)
		require.NoError(t, err)
		require.Equal(t, ofOne[:2], idsOf(one))

		earlier, err := in.Earlier(t.Context(), lane, all[1].Pos)
		require.NoError(t, err)
		require.False(t, earlier)
		earlier, err = in.Earlier(t.Context(), lane, all[4].Pos)
		require.NoError(t, err)
		require.True(t, earlier)

		require.NoError(t, finish(t, in, Outcome{ID: ids[1], State: Done}, Outcome{ID: ids[0], State: Ignored}, Outcome{ID: ids[2], State: Quarantined}))
		require.Equal(t, ids[3:], idsOf(list(nil, nil, 0, 100)))
		earlier, err = in.Earlier(t.Context(), lane, all[4].Pos)
		require.NoError(t, err)
		require.False(t, earlier)
	})
}

// TestUndoneLooksBack: what becomes visible late is still listed, for the next
// listing begins well before the newest that was seen.
func TestUndoneLooksBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		put(t, in, event(in, "ada", ""))
		refs, next, err := in.Undone(t.Context(), nil, nil, 0, 100)
		require.NoError(t, err)
		newest := refs[0].Pos
		require.Less(t, next, newest)
		require.GreaterOrEqual(t, TimeOf(newest).Sub(TimeOf(next)), flushTimeout, "a flush may take so long")
		require.Less(t, TimeOf(newest).Sub(TimeOf(next)), 2*lookback)

		// A full page: the next one begins with its last row.
		old := event(in, "bob", "")
		put(t, in, old)
		age(t, in, old.ID, time.Hour)
		refs, next, err = in.Undone(t.Context(), nil, nil, 0, 1)
		require.NoError(t, err)
		require.Equal(t, old.ID, refs[0].ID)
		require.Equal(t, refs[0].Pos, next)
		// It never goes back.
		_, again, err := in.Undone(t.Context(), nil, nil, newest+1, 100)
		require.NoError(t, err)
		require.Equal(t, newest+1, again)
	})
}

// age moves an event into the past.
func age(t *testing.T, in *Inbox, id int64, by time.Duration) {
	t.Helper()
	err := in.db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE events SET pos = pos - ? WHERE id = ?", by.Microseconds()*placesPerTick, id)
		return err
	})
	require.NoError(t, err)
}

func TestReservation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		e := event(in, "ada", "")
		e.ReservedBy, e.ReservedUntil = "node_a", time.Minute.Microseconds()
		free := event(in, "ada", "")
		put(t, in, e, free)
		now, err := in.Now(t.Context())
		require.NoError(t, err)
		refs := undone(t, in)
		require.Equal(t, "node_a", refs[0].ReservedBy)
		require.InDelta(t, float64(now+time.Minute.Microseconds()), float64(refs[0].ReservedUntil), float64(10*time.Second.Microseconds()))
		require.Zero(t, refs[1].ReservedUntil)
	})
}

func TestFinish(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		var outcomes []Outcome
		var events []*Event
		for range 100 { // more than one statement takes
			e := event(in, "ada", "")
			events = append(events, e)
			outcomes = append(outcomes, Outcome{ID: e.ID, State: Done, GuestID: "gst_1", Answer: []byte("yes"), Trace: []byte("[]")})
		}
		outcomes[7] = Outcome{ID: events[7].ID, State: Ignored, Reason: strings.Repeat("ä", 400), ContactID: "con_1"}
		put(t, in, events...)
		require.NoError(t, finish(t, in, outcomes...))
		got := load(t, in, events[3].ID)
		require.Equal(t, Done, got.State)
		require.Equal(t, "gst_1", got.GuestID)
		require.Equal(t, []byte("yes"), got.Answer)
		require.NotZero(t, got.DoneAt)
		got = load(t, in, events[7].ID)
		require.Equal(t, "con_1", got.ContactID)
		require.Equal(t, strings.Repeat("ä", 250), got.Reason, "cut between two letters")

		// One that is final already undoes the whole transaction.
		fresh := event(in, "ada", "")
		put(t, in, fresh)
		require.ErrorIs(t, finish(t, in, Outcome{ID: fresh.ID, State: Done}, Outcome{ID: events[0].ID, State: Done}), ErrConflict)
		require.Equal(t, Accepted, load(t, in, fresh.ID).State)
		require.ErrorIs(t, finish(t, in, Outcome{ID: 4711, State: Done}), ErrConflict)
		require.NoError(t, finish(t, in))
	})
}

// TestFinishOnce: of many that finish one event, one does.
func TestFinishOnce(t *testing.T) {
	t.Parallel()
	nodes(t, func(t *testing.T, dbA, dbB *database.DB) {
		in := start(t, dbA, Options{})
		e := event(in, "ada", "")
		put(t, in, e)
		won := make(chan struct{}, 20)
		var all errgroup.Group
		for i := range 20 {
			db := []*database.DB{dbA, dbB}[i%2]
			all.Go(func() error {
				err := db.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
					return Finish(tx, []Outcome{{ID: e.ID, State: Done}})
				})
				if err == nil {
					won <- struct{}{}
				}
				return nil
			})
		}
		require.NoError(t, all.Wait())
		require.Len(t, won, 1)
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		lane := LaneOf("acme", "webchat/site", "ada")
		none, err := in.LastDone(t.Context(), []int64{lane})
		require.NoError(t, err)
		require.Empty(t, none)
		var ids []int64
		for range 6 {
			ids = append(ids, put(t, in, event(in, "ada", ""), event(in, "bob", ""))[0])
		}
		for _, id := range ids[:5] {
			require.NoError(t, finish(t, in, Outcome{ID: id, State: Done}))
		}
		require.NoError(t, finish(t, in, Outcome{ID: ids[5], State: Ignored}))
		history := func(after int64, limit int) []int64 {
			rows, err := in.History(t.Context(), lane, after, limit)
			require.NoError(t, err)
			out := []int64{}
			for _, e := range rows {
				require.NotEmpty(t, e.Event)
				out = append(out, e.ID)
			}
			return out
		}
		require.Equal(t, ids[:5], history(0, 100))
		require.Equal(t, ids[3:5], history(0, 2), "the newest, oldest first")
		third := load(t, in, ids[2]).Pos
		require.Equal(t, ids[3:5], history(third, 100))
		last, err := in.LastDone(t.Context(), []int64{lane, LaneOf("acme", "webchat/site", "bob")})
		require.NoError(t, err)
		require.Equal(t, map[int64]int64{lane: load(t, in, ids[4]).Pos}, last)
	})
}

func TestCountAttempts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		a, b := event(in, "ada", ""), event(in, "bob", "")
		put(t, in, a, b)
		require.NoError(t, in.CountAttempts(t.Context(), []int64{a.ID, b.ID}))
		require.NoError(t, finish(t, in, Outcome{ID: b.ID, State: Done}))
		require.NoError(t, in.CountAttempts(t.Context(), []int64{a.ID, b.ID}))
		require.NoError(t, in.CountAttempts(t.Context(), nil))
		require.Equal(t, 2, undone(t, in)[0].Attempts)
		require.Equal(t, 1, load(t, in, b.ID).Attempts, "a final event is not run any more")
	})
}
