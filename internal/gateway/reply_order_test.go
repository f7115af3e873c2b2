package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/internal/outbox"
)

func replyAt(id string, pos int64) outbox.Reply {
	return outbox.Reply{ID: id, Conversation: "cnv_a", Part: 7, Pos: pos}
}

// order takes all replies that can be sent now, as if each was.
func order(t *testing.T, r *replies) []string {
	t.Helper()
	var sent []string
	for len(r.queues) > 0 {
		reply, ok := r.next(t.Context())
		require.True(t, ok)
		sent = append(sent, reply.ID)
		r.done(reply, outbox.ReplySent)
	}
	return sent
}

// A reply that was just written waits until older ones of its partition, which
// a dead node left, are listed.
func TestReplyOfNewPartitionWaits(t *testing.T) {
	t.Parallel()
	r := newReplies()
	since := int64(5)
	held := func(int) (int64, bool) { return since, true }
	r.offer([]outbox.Reply{replyAt("new", 3)}, held)
	require.Empty(t, order(t, r))

	r.listing()
	r.offer([]outbox.Reply{replyAt("newer", 4)}, held) // while the rows are read
	r.listed([]outbox.Reply{replyAt("old", 1), replyAt("new", 3)}, map[int]int64{7: since}, true)
	r.offer([]outbox.Reply{replyAt("newest", 5)}, held)
	require.Equal(t, []string{"old", "new"}, order(t, r))

	r.listing()
	r.listed([]outbox.Reply{replyAt("newer", 4), replyAt("newest", 5)}, map[int]int64{7: since}, true)
	r.offer([]outbox.Reply{replyAt("next", 6)}, held)
	require.Equal(t, []string{"newer", "newest", "next"}, order(t, r))

	since++ // it was another node's for a while
	r.offer([]outbox.Reply{replyAt("after", 7)}, held)
	require.Empty(t, order(t, r))
}

// What another node answered goes before what comes after it.
func TestReplyFromElsewhere(t *testing.T) {
	t.Parallel()
	r := newReplies()
	parts := map[int]int64{7: 1}
	r.listed(nil, parts, true)
	r.elsewhere(7)
	r.offer([]outbox.Reply{replyAt("b", 2)}, func(int) (int64, bool) { return 1, true })
	require.Empty(t, order(t, r))
	r.listing()
	r.listed([]outbox.Reply{replyAt("a", 1), replyAt("b", 2)}, parts, true)
	require.Equal(t, []string{"a", "b"}, order(t, r))
}

// An older reply that is listed while a newer one is on its way goes next, and
// is not taken for the one that was sent.
func TestOlderReplyWhileSending(t *testing.T) {
	t.Parallel()
	r := newReplies()
	r.listed([]outbox.Reply{replyAt("b", 2), replyAt("c", 3)}, map[int]int64{7: 1}, true)
	b, ok := r.next(t.Context())
	require.True(t, ok)
	r.listed([]outbox.Reply{replyAt("a", 1)}, map[int]int64{7: 1}, true)
	r.done(b, outbox.ReplySent)
	require.Equal(t, []string{"a", "c"}, order(t, r))
}

// What was sent while its row was being listed is not sent again.
func TestSettledWhileListing(t *testing.T) {
	t.Parallel()
	r := newReplies()
	a := replyAt("a", 1)
	r.listed([]outbox.Reply{a}, map[int]int64{7: 1}, true)
	r.listing()
	require.Equal(t, []string{"a"}, order(t, r))
	r.gone = append(r.gone, "a")
	r.listed([]outbox.Reply{a}, map[int]int64{7: 1}, true)
	require.Empty(t, order(t, r))
	r.listing()
	require.Empty(t, r.known)
}
