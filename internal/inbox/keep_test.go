package inbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/internal/database"
	"usher/internal/ids"
)

func TestListAndGet(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		var all []int64
		for i := range 6 {
			all = append(all, put(t, in, event(in, person(i%2), ""))[0])
		}
		other := event(in, "eve", "")
		other.Business = "globex"
		put(t, in, other)
		require.NoError(t, finish(t, in, Outcome{ID: all[0], State: Done}, Outcome{ID: all[1], State: Quarantined, Reason: "odd"}))
		list := func(q Query) []int64 {
			q.Business = "acme"
			if q.Limit == 0 {
				q.Limit = 100
			}
			events, err := in.List(t.Context(), q)
			require.NoError(t, err)
			out := []int64{}
			for _, e := range events {
				out = append(out, e.ID)
			}
			return out
		}
		newestFirst := []int64{all[5], all[4], all[3], all[2], all[1], all[0]}
		require.Equal(t, newestFirst, list(Query{}))
		require.Equal(t, all, list(Query{Ascending: true}))
		require.Equal(t, newestFirst[2:4], list(Query{After: all[4], Limit: 2}))
		require.Equal(t, all[5:], list(Query{After: all[4], Ascending: true}))
		for state, want := range map[State]int{Accepted: 4, Done: 1, Ignored: 0, Quarantined: 1} {
			require.Len(t, list(Query{State: &state}), want, state.String())
		}
		require.Len(t, list(Query{Channel: "webchat/site"}), 6)
		require.Empty(t, list(Query{Channel: "webchat/none"}))
		require.Equal(t, []int64{all[4], all[2], all[0]}, list(Query{Lanes: []int64{LaneOf("acme", "webchat/site", person(0))}}))
		require.Empty(t, list(Query{Lanes: []int64{}}))

		e, err := in.Get(t.Context(), "acme", all[1])
		require.NoError(t, err)
		require.Equal(t, "odd", e.Reason)
		_, err = in.Get(t.Context(), "acme", other.ID)
		require.ErrorIs(t, err, ErrNotFound, "another business's")
		_, err = in.Get(t.Context(), "acme", 1)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestAgain(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		var all []int64
		for range 5 {
			all = append(all, put(t, in, event(in, "ada", ""))[0])
		}
		require.NoError(t, in.CountAttempts(t.Context(), all[:2]))
		require.NoError(t, finish(t, in, Outcome{ID: all[0], State: Quarantined, Reason: "odd"}, Outcome{ID: all[1], State: Ignored}, Outcome{ID: all[2], State: Done}))
		in.Ended(3)
		require.NoError(t, in.Again(t.Context(), all[0]))
		require.NoError(t, in.Again(t.Context(), all[1]))
		require.ErrorIs(t, in.Again(t.Context(), all[1]), ErrConflict, "it is going to run")
		require.ErrorIs(t, in.Again(t.Context(), all[2]), ErrConflict, "a done one never runs again")
		require.Equal(t, 4, in.Backlog())
		var order []int64
		for _, r := range undone(t, in) {
			order = append(order, r.ID)
			require.Zero(t, r.Attempts)
		}
		require.Equal(t, []int64{all[3], all[4], all[0], all[1]}, order, "at the end of the conversation")
		require.Empty(t, load(t, in, all[0]).Reason)
		late := put(t, in, event(in, "ada", ""))[0]
		refs := undone(t, in)
		require.Equal(t, late, refs[len(refs)-1].ID)
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		const old = 2*sweepRows + 3
		before := time.Now().Add(-time.Hour)
		var events []*Event
		for i := range old {
			e := event(in, "ada", "")
			e.ID = ids.After(before.Add(-time.Hour)) + int64(i)
			e.State = []State{Done, Ignored}[i%2]
			events = append(events, e)
		}
		kept := map[string]*Event{}
		for name, state := range map[string]State{"accepted": Accepted, "quarantined": Quarantined} {
			e := event(in, "ada", "")
			e.ID = ids.After(before.Add(-2*time.Hour)) + int64(state)
			e.State, kept[name] = state, e
			events = append(events, e)
		}
		kept["recent"] = event(in, "ada", "")
		kept["recent"].State = Done
		put(t, in, append(events, kept["recent"])...)
		require.NoError(t, in.Prune(t.Context(), before))
		left, err := in.List(t.Context(), Query{Business: "acme", Limit: 10_000})
		require.NoError(t, err)
		require.Len(t, left, len(kept))
		for name, e := range kept {
			require.NotNil(t, load(t, in, e.ID), name)
		}
	})
}

func TestBlank(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		now := time.Now()
		people := []string{"gone", "stays", "contact", "nobody knows"}
		byName := map[string][]int64{}
		for _, name := range people {
			byName[name] = put(t, in, event(in, name, name+"-done"), event(in, name, name+"-odd"), event(in, name, name+"-undone"))
			require.NoError(t, finish(t, in, Outcome{ID: byName[name][0], State: Done, Answer: []byte("a"), Trace: []byte("t")},
				Outcome{ID: byName[name][1], State: Quarantined}))
		}
		lane := func(name string) int64 { return LaneOf("acme", "webchat/site", name) }
		note := func(do func(tx *database.Tx) error) {
			require.NoError(t, in.db.Write(t.Context(), database.Steps, do))
		}
		note(func(tx *database.Tx) error {
			return Expire(tx, map[int64]time.Time{lane("gone"): now.Add(time.Hour), lane("stays"): now.Add(-time.Minute), lane("contact"): now.Add(-time.Minute)})
		})
		note(func(tx *database.Tx) error {
			return Expire(tx, map[int64]time.Time{lane("gone"): now.Add(-time.Minute), lane("stays"): now.Add(time.Minute)})
		})
		note(func(tx *database.Tx) error { return Unexpire(tx, []int64{lane("contact")}) })
		note(func(tx *database.Tx) error { return Unexpire(tx, nil) })

		require.NoError(t, in.Blank(t.Context(), now, keepAll))
		for _, name := range people {
			done := load(t, in, byName[name][0])
			if name != "gone" {
				require.NotEmpty(t, done.Event, name)
				continue
			}
			require.Nil(t, done.Event)
			require.Nil(t, done.Raw)
			require.Nil(t, done.Answer)
			require.Nil(t, done.Trace)
			require.NotEmpty(t, load(t, in, byName[name][1]).Event, "quarantined: somebody decides")
			require.NotEmpty(t, load(t, in, byName[name][2]).Event, "still to be run")
		}
		require.Equal(t, byName["gone"][:1], put(t, in, event(in, "gone", "gone-done")), "a redelivery is still known")
		require.NoError(t, in.Blank(t.Context(), now.Add(time.Hour), keepAll))
		require.Nil(t, load(t, in, byName["stays"][0]).Event)
	})
}

// TestBlankMany: more lanes than one transaction takes.
func TestBlankMany(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, in *Inbox) {
		now := time.Now()
		ends := map[int64]time.Time{}
		var events []*Event
		for i := range 2*sweepRows + 1 {
			e := event(in, person(i), "")
			e.State = Done
			ends[e.Lane] = now.Add(-time.Hour)
			events = append(events, e)
		}
		put(t, in, events...)
		require.NoError(t, in.db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error { return Expire(tx, ends) }))
		require.NoError(t, in.Blank(t.Context(), now, keepAll))
		all, err := in.List(t.Context(), Query{Business: "acme", Limit: 10_000})
		require.NoError(t, err)
		require.Len(t, all, len(events))
		for _, e := range all {
			require.Nil(t, e.Event)
		}
	})
}

// keepAll: nothing else is kept of a lane.
func keepAll(*database.Tx, []int64) error { return nil }
