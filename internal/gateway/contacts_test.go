package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func (w *world) create(values map[string]any) *contacts.Contact {
	w.t.Helper()
	c, err := w.g.CreateContact(w.t.Context(), w.b, Draft{Via: "api", Values: values})
	require.NoError(w.t, err)
	return c
}

func (w *world) patch(id string, values map[string]any) *contacts.Contact {
	w.t.Helper()
	c, err := w.g.PatchContact(w.t.Context(), w.b, id, Patch{Via: "api", Values: values})
	require.NoError(w.t, err)
	return c
}

// TestArchivedContactWrites: it is back, under the name that it had.
func TestArchivedContactWrites(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "Hi")))
		w.idle()
		c := w.onlyContact()
		require.NoError(t, w.g.ArchiveContact(t.Context(), w.b, c.ID, ""))
		require.True(t, w.contact(c.ID).Archived)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "A.", "Hi again")))
		w.idle()
		again := w.onlyContact()
		require.Equal(t, c.ID, again.ID)
		require.False(t, again.Archived)
		require.Equal(t, "Ada Lovelace", again.Values.Text("name"))

		// On webchat it is not recognised until it gives what is known.
		mail := w.create(map[string]any{"email": "bob@example.com", "name": "Bob Bobson"})
		require.NoError(t, w.g.ArchiveContact(t.Context(), w.b, mail.ID, ""))
		ev := message("v1", "Hi")
		require.NoError(t, w.post("web/site", ev))
		w.idle()
		require.True(t, w.contact(mail.ID).Archived)
		ev.Email = "Bob@Example.com"
		require.NoError(t, w.post("web/site", ev))
		w.idle()
		require.False(t, w.contact(mail.ID).Archived)
	})
}

// TestNumberTakenOff: whoever writes from it then is somebody new.
func TestNumberTakenOff(t *testing.T) {
	t.Parallel()
	for name, number := range map[string]any{"cleared": nil, "replaced": "+447700900555"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, be backend) {
				w := setup(t, be, silent)
				ev := fromPhone("+447700900123", "Ada Lovelace", "Hi")
				ev.Parameters = map[string]any{"plan": "gold"}
				require.NoError(t, w.post("phone/acme", ev))
				w.idle()
				old := w.onlyContact()
				tags := []string{"vip"}
				_, err := w.g.PatchContact(t.Context(), w.b, old.ID, Patch{Tags: &tags, Values: map[string]any{"phone": number, "email": "ada@example.com"}})
				require.NoError(t, err)
				before := w.contact(old.ID)

				require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "", "It is me")))
				w.idle()
				require.Len(t, w.people(), 2)
				conv, c := w.conv("phone/acme", "447700900123")
				require.NotEqual(t, old.ID, c.ID)
				require.True(t, conv.Linked)
				require.Equal(t, "+447700900123", c.Values.Text("phone"))
				require.Nil(t, c.Values["name"], "nameless")
				require.Nil(t, c.Values["plan"])
				require.Empty(t, c.Tags)
				require.Equal(t, before, w.contact(old.ID), "the old one is untouched")
				// And from here on it is that new one.
				require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Bob", "again")))
				w.idle()
				require.Len(t, w.people(), 2)
			})
		})
	}
}

// TestFurtherNumber: a person who proves another number is still the same.
func TestFurtherNumber(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	w.turn(verified("ada@example.com", "+447700900123"))
	w.turn(verified("", "+447700900777"))
	c := w.onlyContact()
	require.Equal(t, "+447700900777", c.Values.Text("phone"), "the latest that is proven")
	require.Equal(t, "ada@example.com", c.Values.Text("email"))
}

// TestCustomerIDDecides: before the e-mail, which is before the phone.
func TestCustomerIDDecides(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	byID := w.create(map[string]any{"customer_id": "c-1", "email": "one@example.com"})
	byMail := w.create(map[string]any{"email": "ada@example.com", "name": "Ada"})
	login := func(person, id, mail string) string {
		ev := message(person, "")
		ev.Verified, ev.CustomerID, ev.Email = true, id, mail
		w.turn(ev)
		_, c := w.conv("bot/site", person)
		return c.ID
	}
	require.Equal(t, byMail.ID, login("p", "", "ada@example.com"))
	require.Equal(t, byID.ID, login("p", "c-1", "ada@example.com"), "the id decides: they are that contact now")
	require.Equal(t, "ada@example.com", w.contact(byMail.ID).Values.Text("email"))
	require.Equal(t, "one@example.com", w.contact(byID.ID).Values.Text("email"))
	require.Len(t, w.people(), 2)

	// A shared device: somebody else logs in.
	other := login("p", "c-2", "")
	require.Len(t, w.people(), 3)
	require.NotEqual(t, byID.ID, other)
	require.Equal(t, "c-2", w.contact(other).Values.Text("customer_id"))
	require.Equal(t, "c-1", w.contact(byID.ID).Values.Text("customer_id"))
	require.Equal(t, byID.ID, login("p", "c-1", ""))
}

// TestGuestProvesToBeContact: what the guest said joins the contact.
func TestGuestProvesToBeContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace", "plan": "gold"})
		w.turn(typed("Hi"))
		w.turn(typed("20"))
		w.turn(parameters(map[string]any{"plan": "iron"}))
		turn := w.turn(verified("ada@example.com", ""))
		require.Equal(t, c.ID, *turn.ContactID)
		require.Equal(t, "gold", turn.Values["plan"], "what the contact has stays")
		require.Equal(t, 20.0, turn.Values["company_size"], "what it lacks is filled")
		got := w.onlyContact()
		require.Equal(t, 20.0, got.Values["company_size"])
		require.Equal(t, "< Hi", w.transcript("bot/site", "s-1")[0])
		require.Empty(t, w.events(quarantined))
		require.Equal(t, "Ada Lovelace", w.turn(typed("more")).Values["name"])
	})
}

func TestTakenAddresses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		ada := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
		bob := w.create(map[string]any{"phone": "+447700900001", "name": "Bob Bobson"})
		taken := func(err error, kind, holderKind, holder string) {
			t.Helper()
			var fault *sqlstore.TakenError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, kind, fault.Address.Kind)
			require.Equal(t, holderKind, fault.Holder.Kind)
			require.Equal(t, holder, fault.Holder.ID)
		}
		_, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"email": "ADA@example.com", "name": "X Y"}})
		taken(err, "email", sqlstore.HolderContact, ada.ID)
		_, err = w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"phone": "07700 900001", "name": "X Y"}})
		taken(err, "phone", sqlstore.HolderContact, bob.ID)
		_, err = w.g.PatchContact(t.Context(), w.b, bob.ID, Patch{Values: map[string]any{"email": "Ada@example.com", "plan": "gold"}})
		taken(err, "email", sqlstore.HolderContact, ada.ID)
		require.Nil(t, w.contact(bob.ID).Values["plan"], "nothing of it is kept")
		require.NoError(t, w.g.ArchiveContact(t.Context(), w.b, ada.ID, ""))
		_, err = w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"email": "ada@example.com", "name": "X Y"}})
		taken(err, "email", sqlstore.HolderContact, ada.ID)
		addAgent(t, w, sqlstore.Address{Kind: "email", Value: "agent@example.com"})
		_, err = w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"email": "agent@example.com", "name": "X Y"}})
		taken(err, "email", sqlstore.HolderAgent, "agt_1")
		require.Len(t, w.people(), 2)

		// Freed addresses are free.
		w.patch(bob.ID, map[string]any{"phone": nil})
		w.create(map[string]any{"phone": "+447700900001", "name": "Eve Evil"})
		// Of many at once one gets it, and the others are told who.
		var group errgroup.Group
		made := make(chan string, 20)
		told := make(chan string, 20)
		for range 20 {
			group.Go(func() error {
				c, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"email": "race@example.com", "phone": "+447700900002", "name": "Race Racer"}})
				if err == nil {
					made <- c.ID
					return nil
				}
				var fault *sqlstore.TakenError
				require.ErrorAs(t, err, &fault)
				require.NotNil(t, fault.Holder)
				told <- fault.Holder.ID
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Len(t, made, 1)
		winner := <-made
		for range 19 {
			require.Equal(t, winner, <-told)
		}
	})
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
	seen := w.contact(c.ID).Version
	changed, err := w.g.PatchContact(t.Context(), w.b, c.ID, Patch{IfVersion: seen, Values: map[string]any{"plan": "gold"}})
	require.NoError(t, err)
	_, err = w.g.PatchContact(t.Context(), w.b, c.ID, Patch{IfVersion: seen, Values: map[string]any{"plan": "iron"}})
	require.ErrorIs(t, err, ErrPrecondition)
	require.Equal(t, w.contact(c.ID).Version, changed.Version, "the version that is answered is the one to send next")
	_, err = w.g.PatchContact(t.Context(), w.b, c.ID, Patch{IfVersion: changed.Version, Values: map[string]any{"plan": "tin"}})
	require.NoError(t, err)
	_, err = w.g.PatchContact(t.Context(), w.b, "con_none", Patch{})
	require.ErrorIs(t, err, contacts.ErrNotFound)
}

func TestPatchPlace(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	c := w.create(map[string]any{"phone": "+447700900001", "name": "Ada Lovelace"})
	require.Equal(t, "GB", c.Values.Text("country"))
	c = w.patch(c.ID, map[string]any{"country": "JP"})
	require.Equal(t, "Asia/Tokyo", c.Values.Text("timezone"), "the zone follows the country")
	c = w.patch(c.ID, map[string]any{"phone": "+33612345678"})
	require.Equal(t, "JP", c.Values.Text("country"), "what was said stays")
	c = w.patch(c.ID, map[string]any{"timezone": "America/New_York"})
	require.Equal(t, "America/New_York", c.Values.Text("timezone"))
	require.False(t, c.TimezoneApproximate)
	c = w.patch(c.ID, map[string]any{"country": nil, "timezone": nil})
	require.Equal(t, []string{"FR", "Europe/Paris"}, []string{c.Values.Text("country"), c.Values.Text("timezone")})
	require.True(t, c.TimezoneApproximate)
}

// TestLatestAnswerCounts, but nobody types a proven number away.
func TestLatestAnswerCounts(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	say := func(values map[string]any, number string) {
		ev := fromPhone("+447700900123", "", "Hi")
		ev.Parameters = values
		require.NoError(t, w.post("phone/acme", ev))
		w.idle()
	}
	say(map[string]any{"plan": "gold", "email": "one@example.com"}, "")
	say(map[string]any{"plan": "iron", "email": "two@example.com"}, "")
	c := w.onlyContact()
	require.Equal(t, "iron", c.Values.Text("plan"))
	require.Equal(t, "two@example.com", c.Values.Text("email"))
	say(map[string]any{"phone": "+447700900999"}, "")
	require.Equal(t, "+447700900123", w.onlyContact().Values.Text("phone"), "proven beats typed")
	// What an agent corrected is not undone by a bot that repeats itself.
	w.patch(c.ID, map[string]any{"plan": "platinum"})
	say(map[string]any{"plan": "iron"}, "")
	require.Equal(t, "platinum", w.onlyContact().Values.Text("plan"))
	say(map[string]any{"plan": "tin"}, "")
	require.Equal(t, "tin", w.onlyContact().Values.Text("plan"))
}

// TestKnownFromElsewhereIsNotAsked: whatever the person proved to be has said on
// any channel.
func TestKnownFromElsewhereIsNotAsked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "Hi")))
		w.idle()
		w.say("phone/acme", "447700900123", "20", "ada@example.com")
		require.Equal(t, "Thank you!", w.transcriptEnd("phone/acme", "447700900123"))
		turn := w.turn(verified("", "+447700900123"))
		require.Equal(t, []string{"Hello Ada!", "Thank you!"}, texts(turn), "nothing is left to ask")
		require.Nil(t, turn.WaitingFor)
		require.Equal(t, 20.0, turn.Values["company_size"])
		// A claim skips nothing.
		ev := message("stranger", "Hi")
		ev.Email = "ada@example.com"
		turn = w.turn(ev)
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, texts(turn))
	})
}

// TestViewNarrows: once anybody else has written a contact, a conversation that
// proved nothing sees no more of it than was said there.
func TestViewNarrows(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	ev := claimed("ada@example.com", "")
	ev.Parameters = map[string]any{"plan": "gold"}
	w.turn(ev)
	c := w.onlyContact()
	require.NotEmpty(t, c.SoleConversation)
	w.patch(c.ID, map[string]any{"plan": "platinum", "company_size": 500})
	require.Empty(t, w.onlyContact().SoleConversation)
	view := w.known("bot/site", "s-1")
	require.Equal(t, "gold", view.Values["plan"])
	require.Nil(t, view.Values["company_size"])
	require.False(t, view.Known["company_size"])
	// Who proves it takes it: it was only typed, and the contact may be anybody's.
	turn := w.turn(verified("ada@example.com", ""))
	require.NotEqual(t, c.ID, *turn.ContactID)
	require.Equal(t, "gold", turn.Values["plan"])
	require.Nil(t, w.contact(c.ID).Values["email"])
}
