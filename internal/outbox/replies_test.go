package outbox

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/internal/database"
)

func reply(id string, pos int64, place int) Reply {
	return Reply{ID: id, Business: "acme", Channel: "whatsapp/acme", Conversation: "cnv_1", Part: int(pos % 4), Pos: pos, Place: place,
		DueAt: 100, Address: []byte(`{"external_id":"447700900123"}`), Body: []byte(`{"text":"Hi!"}`), CreatedAt: 1000 + pos}
}

func addReplies(t *testing.T, db *database.DB, replies ...Reply) {
	t.Helper()
	write(t, db, func(tx *database.Tx) error { return AddReplies(tx, replies) })
}

func pending(t *testing.T, db *database.DB, parts []int) []string {
	t.Helper()
	found, err := PendingReplies(t.Context(), db, parts, 1000)
	require.NoError(t, err)
	out := []string{}
	for _, r := range found {
		out = append(out, r.ID)
	}
	return out
}

func settleReply(t *testing.T, db *database.DB, r Reply, state ReplyState) {
	t.Helper()
	write(t, db, func(tx *database.Tx) error { return SettleReplies(tx, []Settlement{{r, state}}) })
}

func TestRepliesInOrder(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		addReplies(t, db, reply("c", 3, 0), reply("b2", 2, 1), reply("b1", 2, 0), reply("a", 1, 0))
		addReplies(t, db)
		require.Equal(t, []string{"a", "b1", "b2", "c"}, pending(t, db, nil))
		require.Equal(t, []string{"b1", "b2", "c"}, pending(t, db, []int{2, 3}))
		require.Empty(t, pending(t, db, []int{}))
		found, err := PendingReplies(t.Context(), db, nil, 1)
		require.NoError(t, err)
		want := reply("a", 1, 0)
		require.Equal(t, []Reply{want}, found)
	})
}

func TestRepliesAreAddedOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		r := reply("a", 1, 0)
		addReplies(t, db, r)
		r.PlatformID = "wamid.1"
		settleReply(t, db, r, ReplySent)
		addReplies(t, db, reply("a", 1, 0))
		require.Empty(t, pending(t, db, nil), "the same cause, run again, sends nothing again")
	})
}

func TestSettleReplyOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		addReplies(t, db, reply("a", 1, 0))
		r := reply("a", 1, 0)
		r.Attempts, r.LastError, r.DueAt = 1, "503", 5000
		settleReply(t, db, r, ReplyPending)
		found, err := PendingReplies(t.Context(), db, nil, 10)
		require.NoError(t, err)
		require.Equal(t, 1, found[0].Attempts)
		require.Equal(t, int64(5000), found[0].DueAt)
		require.NotEmpty(t, found[0].Body)

		r.Attempts, r.LastError, r.PlatformID = 2, "", "wamid.1"
		settleReply(t, db, r, ReplySent)
		// Somebody who also believed to be sending comes late.
		r.LastError, r.PlatformID = "boom", "wamid.2"
		settleReply(t, db, r, ReplyFailed)
		progress := func() Progress {
			all, err := ProgressOfReplies(db.Read(t.Context()), []string{"a", "b"})
			require.NoError(t, err)
			require.Len(t, all, 1)
			return all["a"]
		}
		require.Equal(t, Sent, progress())
		note := func(business, channel, id string, p Progress) {
			write(t, db, func(tx *database.Tx) error {
				_, err := NoteProgress(tx, []Note{{Business: business, Channel: channel, PlatformID: id, Progress: p}})
				return err
			})
		}
		for _, other := range [][3]string{{"acme", "whatsapp/acme", "wamid.2"}, {"acme", "whatsapp/b", "wamid.1"}, {"globex", "whatsapp/acme", "wamid.1"}} {
			note(other[0], other[1], other[2], Read)
			require.Equal(t, Sent, progress(), "somebody else's message")
		}
		note("acme", "whatsapp/acme", "wamid.1", Read)
		note("acme", "whatsapp/acme", "wamid.1", DeliveredToPerson)
		require.Equal(t, Read, progress(), "a late status does not undo a later one")
		all, err := RepliesByID(db.Read(t.Context()), []string{"a", "none"})
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, []any{"wamid.1", Read}, []any{all["a"].PlatformID, all["a"].Progress})
	})
}

func TestReviveReplies(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		addReplies(t, db, reply("sent", 1, 0), reply("failed", 1, 1), reply("waits", 1, 2), reply("other", 2, 0))
		settleReply(t, db, reply("sent", 1, 0), ReplySent)
		failed := reply("failed", 1, 1)
		failed.Attempts = 30
		settleReply(t, db, failed, ReplyFailed)
		settleReply(t, db, reply("other", 2, 0), ReplyFailed)
		require.Equal(t, []string{"waits"}, pending(t, db, nil))
		write(t, db, func(tx *database.Tx) error { return ReviveReplies(tx, 1) })
		require.ElementsMatch(t, []string{"failed", "waits"}, pending(t, db, nil), "what was sent is not sent again")
		found, err := PendingReplies(t.Context(), db, nil, 10)
		require.NoError(t, err)
		for _, r := range found {
			require.Zero(t, r.Attempts)
			require.NotEmpty(t, r.Body)
		}
	})
}

func TestPruneReplies(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		for i := range int64(10) {
			r := reply(fmt.Sprint(i), i, 0)
			addReplies(t, db, r)
			if i%2 == 0 {
				settleReply(t, db, r, []ReplyState{ReplySent, ReplyFailed}[i/2%2])
			}
		}
		n, err := PruneReplies(t.Context(), db, 1006, 2)
		require.NoError(t, err)
		require.Equal(t, int64(2), n)
		n, err = PruneReplies(t.Context(), db, 1006, 100)
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Len(t, pending(t, db, nil), 5, "what waits is kept")
	})
}

func TestRetryReply(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, db *database.DB) {
		given, late, fine := reply("msg_given", 1, 0), reply("msg_late", 2, 0), reply("msg_fine", 3, 0)
		addReplies(t, db, given, late, fine)
		failed := func(r Reply) error {
			_, err := FailedReply(db.Read(t.Context()), r.Business, r.ID)
			return err
		}
		require.ErrorIs(t, failed(given), ErrState, "on its way")
		given.LastError, late.PlatformID, fine.PlatformID = "no such number", "wamid.late", "wamid.fine"
		write(t, db, func(tx *database.Tx) error {
			return SettleReplies(tx, []Settlement{{given, ReplyFailed}, {late, ReplySent}, {fine, ReplySent}})
		})
		write(t, db, func(tx *database.Tx) error {
			_, err := NoteProgress(tx, []Note{
				{Business: late.Business, Channel: late.Channel, PlatformID: "wamid.late", Progress: Failed},
				{Business: fine.Business, Channel: fine.Channel, Reply: fine.ID, Progress: Read},
			})
			return err
		})
		require.ErrorIs(t, failed(fine), ErrState)
		require.ErrorIs(t, failed(Reply{ID: given.ID, Business: "another"}), ErrNotFound)
		for _, r := range []Reply{given, late} {
			got, err := FailedReply(db.Read(t.Context()), r.Business, r.ID)
			require.NoError(t, err)
			require.Equal(t, r.ID == given.ID, got.Body != nil, "a sent one has lost its text")
			got.Body = []byte(`{"text":"again"}`)
			write(t, db, func(tx *database.Tx) error { return RetryReply(tx, got) })
			require.ErrorIs(t, db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return RetryReply(tx, got) }), ErrState, "twice")
		}
		pending, err := PendingReplies(t.Context(), db, nil, 10)
		require.NoError(t, err)
		require.Len(t, pending, 2)
		for _, r := range pending {
			require.Equal(t, []any{`{"text":"again"}`, 0, ""}, []any{string(r.Body), r.Attempts, r.LastError})
		}
		progress, err := ProgressOfReplies(db.Read(t.Context()), []string{late.ID})
		require.NoError(t, err)
		require.Equal(t, InOutbox, progress[late.ID])
	})
}
