package sqlstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/contacts/storetest"
	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func guest(id string, version int64) *contacts.Guest {
	g := &contacts.Guest{ID: id}
	g.Conversation = contacts.Conversation{ID: contacts.ConversationIDOf(id), BusinessID: "b", Channel: "webchat/site",
		ExternalID: "x-" + id, Version: version, Handling: contacts.ByFlow}
	g.Conversation.State.Said = contacts.Values{"company_size": 20.0}
	return g
}

func lines(id string, from, to int64) []contacts.Line {
	var all []contacts.Line
	for seq := from; seq <= to; seq++ {
		all = append(all, contacts.Line{ID: fmt.Sprint("m", seq), Seq: seq, Body: []byte(`{}`), At: time.UnixMilli(seq).UTC(),
			Conversation: contacts.ConversationIDOf(id)})
	}
	return all
}

func TestGuestExpires(t *testing.T) {
	t.Parallel()
	ctx, db := t.Context(), databasetest.SQLite(t)
	store := sqlstore.OpenGuests(db)
	save := func(g *contacts.Guest, ttl time.Duration, lines []contacts.Line) error {
		return store.Save(ctx, []contacts.GuestWrite{{Guest: g, TTL: ttl, Lines: lines}})[0]
	}
	require.Error(t, save(guest("gst_a", 0), 0, nil))
	require.NoError(t, save(guest("gst_a", 0), time.Hour, lines("gst_a", 1, 3)))
	require.NoError(t, db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE guests SET expires_at=1")
		return err
	}))
	require.NoError(t, save(guest("gst_b", 0), time.Hour, lines("gst_b", 1, 130)))
	found, err := store.Load(ctx, []string{"gst_a", "gst_b"})
	require.NoError(t, err)
	require.NotContains(t, found, "gst_a")
	require.EqualValues(t, 1, found["gst_b"].Conversation.Version)
	said, err := store.Transcript(ctx, "gst_a", 0, 10)
	require.NoError(t, err)
	require.Empty(t, said)
	said, err = store.Transcript(ctx, "gst_b", 0, 1000)
	require.NoError(t, err)
	require.Len(t, said, contacts.TranscriptLimit)
	require.EqualValues(t, 31, said[0].Seq)

	require.ErrorIs(t, save(guest("gst_a", 1), time.Hour, nil), contacts.ErrConflict, "what expired has no version")
	require.NoError(t, save(guest("gst_a", 0), time.Hour, nil))
	said, err = store.Transcript(ctx, "gst_a", 0, 10)
	require.NoError(t, err)
	require.Empty(t, said, "the former guest's lines are gone")

	n, err := store.SweepGuests(ctx, time.Now().Add(2*time.Hour), 1)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	n, err = store.SweepGuests(ctx, time.Now().Add(2*time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestGuestCommitsWithTheRest(t *testing.T) {
	t.Parallel()
	ctx, db := t.Context(), databasetest.SQLite(t)
	undone := fmt.Errorf("undone")
	err := db.Write(ctx, database.Steps, func(tx *database.Tx) error {
		guests := sqlstore.NewGuests(tx)
		if err := guests.Save(ctx, []contacts.GuestWrite{{Guest: guest("gst_a", 0), TTL: time.Hour}})[0]; err != nil {
			return err
		}
		found, err := guests.Load(ctx, []string{"gst_a"})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("found %d guests: %w", len(found), err)
		}
		return undone
	})
	require.ErrorIs(t, err, undone)
	found, err := sqlstore.OpenGuests(db).Load(context.Background(), []string{"gst_a"})
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestMovedGuestIsNeverWrittenAgain(t *testing.T) {
	t.Parallel()
	ctx, store := t.Context(), sqlstore.OpenGuests(databasetest.SQLite(t))
	require.NoError(t, store.Move(ctx, map[string]string{"gst_a": "con_a"}, time.Hour))
	found, err := store.Load(ctx, []string{"gst_a"})
	require.NoError(t, err)
	require.Equal(t, "con_a", found["gst_a"].MovedTo)
	for _, version := range []int64{0, 1, found["gst_a"].Conversation.Version} {
		errs := store.Save(ctx, []contacts.GuestWrite{{Guest: guest("gst_a", version), TTL: time.Hour}})
		require.ErrorIs(t, errs[0], contacts.ErrConflict)
	}
}

func TestGuests(t *testing.T) {
	t.Parallel()
	store := sqlstore.OpenGuests(databasetest.SQLite(t))
	t.Run("store", func(t *testing.T) {
		storetest.RunGuests(t, func(*testing.T) contacts.GuestStore { return store })
	})
}
