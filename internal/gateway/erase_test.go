package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/inbox"
)

// Whoever is erased is gone from every place at once or after the job, a
// redelivery brings nothing back, and what they write next is a new person's.
func TestErase(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		const who = "447700900150"
		first := fromPhone("+"+who, "Ada", "Hi")
		first.DedupeKey = "m-first"
		require.NoError(t, w.post("phone/acme", first))
		require.NoError(t, w.post("phone/acme", fromPhone("+"+who, "Ada", "20")))
		w.idle()
		ada := w.onlyContact()
		conv, _ := w.conv("phone/acme", who)
		w.pushed(len(w.crm.got()))

		e, err := w.g.Erase(t.Context(), w.b, ada.ID)
		require.NoError(t, err)
		require.False(t, e.DoneAt.IsZero())
		people := sqlstore.New(w.g.DB.Read(t.Context()))
		_, err = people.Contact(w.b.ID, ada.ID)
		require.ErrorIs(t, err, contacts.ErrNotFound)
		holders, err := people.Holders(w.b.ID, []sqlstore.Address{{Kind: "phone", Value: "+" + who}})
		require.NoError(t, err)
		require.Empty(t, holders)
		lines, err := people.Lines(conv.ID, 0, 100)
		require.NoError(t, err)
		require.Empty(t, lines)
		for _, state := range []inbox.State{inbox.Done, inbox.Ignored} {
			for _, row := range w.events(state) {
				require.Empty(t, row.Event)
				require.Empty(t, row.Raw)
				require.Empty(t, row.ContactID)
			}
		}
		require.Empty(t, w.deliveries(DeliveryQuery{}))

		require.NoError(t, w.post("phone/acme", first), "a redelivery")
		w.idle()
		require.Empty(t, w.people())

		require.NoError(t, w.post("phone/acme", fromPhone("+"+who, "", "Hello again")))
		w.idle()
		again := w.onlyContact()
		require.NotEqual(t, ada.ID, again.ID)
		require.Nil(t, again.Values["company_size"])
		require.Nil(t, again.Values["name"])
		_, err = w.g.Erase(t.Context(), w.b, ada.ID)
		require.ErrorIs(t, err, contacts.ErrNotFound, "twice")
	})
}
