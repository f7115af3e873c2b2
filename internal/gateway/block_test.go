package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/internal/inbox"
)

// B-004-13: what a blocked contact writes does not arrive and is not kept; once
// the block has ended it does again.
func TestBlockedContactsDoNotArrive(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		const who = "447700900140"
		require.NoError(t, w.post("phone/acme", fromPhone("+"+who, "", "Hi")))
		w.idle()
		ada := w.onlyContact()
		before := w.transcript("phone/acme", who)

		_, err := w.g.BlockContact(t.Context(), w.b, ada.ID, time.Time{}, "key_x")
		require.NoError(t, err)
		require.NoError(t, w.post("phone/acme", fromPhone("+"+who, "", "Are you there?")))
		w.idle()
		require.Equal(t, before, w.transcript("phone/acme", who))
		shut := w.events(inbox.Ignored)
		require.Len(t, shut, 1)
		require.Equal(t, "the contact is blocked", shut[0].Reason)
		require.Empty(t, shut[0].Event)
		require.Empty(t, shut[0].Raw)

		_, err = w.g.BlockContact(t.Context(), w.b, ada.ID, time.Now().Add(-time.Second), "key_x")
		require.NoError(t, err)
		require.NoError(t, w.post("phone/acme", fromPhone("+"+who, "", "20")))
		w.idle()
		require.Greater(t, len(w.transcript("phone/acme", who)), len(before))
	})
}
