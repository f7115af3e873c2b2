package inbox

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/internal/database"
	"usher/internal/database/databasetest"
)

// both runs a test on SQLite and on a MySQL server; open gives an inbox that
// takes events, on a database of its own.
func both(t *testing.T, test func(t *testing.T, in *Inbox)) {
	t.Helper()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		test(t, start(t, open(t), Options{Node: "node_a"}))
	})
}

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
		a, b := twoHandles(t)
		test(t, a, b)
	})
}

func twoHandles(t *testing.T) (a, b *database.DB) {
	t.Helper()
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
	return handles[0], handles[1]
}

// start makes an inbox and runs it until the test ends.
func start(t *testing.T, db *database.DB, o Options) *Inbox {
	t.Helper()
	in, err := New(db, o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return in
}

// event of a person, under a key; an empty key is never a duplicate.
func event(in *Inbox, person, key string) *Event {
	id := in.NewID()
	return &Event{ID: id, Business: "acme", Channel: "webchat/site", Dedupe: DedupeOf("acme", "webchat/site", key, id),
		Lane: LaneOf("acme", "webchat/site", person), Event: []byte(`{"text":"hello"}`), Raw: []byte(`{"raw":1}`)}
}

func put(t *testing.T, in *Inbox, events ...*Event) []int64 {
	t.Helper()
	stored, err := in.Put(t.Context(), events)
	require.NoError(t, err)
	require.Len(t, stored, len(events))
	return stored
}

// undone lists everything that is undone.
func undone(t *testing.T, in *Inbox) []Ref {
	t.Helper()
	refs, _, err := in.Undone(t.Context(), nil, nil, 0, 1_000_000)
	require.NoError(t, err)
	return refs
}

func load(t *testing.T, in *Inbox, id int64) *Event {
	t.Helper()
	found, err := in.Load(t.Context(), []int64{id})
	require.NoError(t, err)
	require.Contains(t, found, id)
	return found[id]
}

func finish(t *testing.T, in *Inbox, outcomes ...Outcome) error {
	t.Helper()
	return in.db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return Finish(tx, outcomes) })
}

// announced collects what an inbox says it has accepted.
type announced struct {
	mu     sync.Mutex
	events []*Event
}

func (a *announced) take(events []*Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, events...)
}

func (a *announced) ids() []int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ids []int64
	for _, e := range a.events {
		ids = append(ids, e.ID)
	}
	return ids
}

func person(i int) string { return fmt.Sprintf("person-%d", i) }

// soon is how long anything may take that ought to happen at once.
const soon = 10 * time.Second
