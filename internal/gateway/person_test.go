package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
)

func TestGuestBecomesContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("web/site", "v1", "Hi", "20")
		require.Empty(t, w.people(), "nothing that could reach the person is known")
		guest := w.guest("web/site", "v1")
		require.Equal(t, 20.0, guest.Conversation.State.Said["company_size"])

		w.say("web/site", "v1", "Ada@Example.com")
		c := w.onlyContact()
		require.Equal(t, contacts.ContactIDOf(guest.ID), c.ID, "the suffix stays")
		require.Equal(t, "ada@example.com", c.Values.Text("email"))
		require.Equal(t, 20.0, c.Values["company_size"])
		require.Equal(t, contacts.TypeGuest, c.Type(), "an e-mail alone is no lead")
		require.Equal(t, contacts.Source{Channel: "web/site", Flow: "enquiry", Step: "mail", Via: "ask"}, c.Source)
		_, err := w.g.Guest(t.Context(), w.b, guest.ID)
		var moved *MovedError
		require.ErrorAs(t, err, &moved)
		require.Equal(t, c.ID, moved.To)

		w.say("web/site", "v1", "Ada Lovelace", "07700 900123")
		c = w.onlyContact()
		require.Equal(t, contacts.TypeLead, c.Type())
		require.Equal(t, "+447700900123", c.Values.Text("phone"))
		require.Equal(t, "Lovelace", c.Values.Text("last_name"))
		require.Equal(t, []string{"< Hi", "> Hello stranger!", "> How many people?", "< 20", "> Your e-mail?", "< Ada@Example.com", "> Your name?",
			"< Ada Lovelace", "> Your phone?", "< 07700 900123", "> Thank you!"}, w.transcript("web/site", "v1"), "nothing said as a guest is lost")
		w.pushed(1)
	})
}

func TestPhonePersonIsContactAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "Hi"), fromPhone("+447700900124", "", "Hi")))
		w.idle()
		all := map[string]*contacts.Contact{}
		for _, c := range w.people() {
			all[c.Values.Text("phone")] = c
		}
		require.Len(t, all, 2)
		ada, bob := all["+447700900123"], all["+447700900124"]
		require.Equal(t, []string{"Ada", "Lovelace"}, []string{ada.Values.Text("first_name"), ada.Values.Text("last_name")})
		require.Equal(t, contacts.TypeLead, ada.Type())
		require.Equal(t, contacts.TypeGuest, bob.Type())
		require.Nil(t, bob.Values["name"])
		require.Equal(t, "Europe/London", ada.Values.Text("timezone"))
		require.True(t, ada.TimezoneApproximate)
		conv, _ := w.conv("phone/acme", "447700900123")
		require.True(t, conv.Linked)
		// Again, and redelivered: still one person each.
		ev := fromPhone("+447700900123", "A.", "again")
		ev.DedupeKey = "wamid.1"
		for range 3 {
			require.NoError(t, w.post("phone/acme", ev))
		}
		w.idle()
		require.Len(t, w.people(), 2)
		require.Equal(t, "Ada Lovelace", w.contact(ada.ID).Values.Text("name"))
		require.Equal(t, []string{"< Hi", "< again"}, w.transcript("phone/acme", "447700900123"))
	})
}

// TestWhoIsIt goes through who may hold an address and how it may be given.
func TestWhoIsIt(t *testing.T) {
	t.Parallel()
	type want struct {
		contacts int  // in the end
		same     bool // the holder is the conversation's contact
		linked   bool
		trust    contacts.Trust // of the address in the end
	}
	for name, c := range map[string]struct {
		holder string // none, claimed, vouched, proven, agent
		proven bool
		want   want
	}{
		"nobody, typed":    {"none", false, want{1, false, false, contacts.Claimed}},
		"nobody, proven":   {"none", true, want{1, false, true, contacts.Proven}},
		"claimed, typed":   {"claimed", false, want{1, true, false, contacts.Claimed}},
		"claimed, proven":  {"claimed", true, want{2, false, true, contacts.Proven}},
		"vouched, typed":   {"vouched", false, want{1, true, false, contacts.Vouched}},
		"vouched, proven":  {"vouched", true, want{1, true, true, contacts.Proven}},
		"proven, typed":    {"proven", false, want{1, true, false, contacts.Proven}},
		"proven, proven":   {"proven", true, want{1, true, true, contacts.Proven}},
		"an agent, typed":  {"agent", false, want{0, false, false, contacts.Vouched}},
		"an agent, proven": {"agent", true, want{0, false, false, contacts.Vouched}},
	} {
		for _, kind := range []string{"email", "phone"} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				value := map[string]string{"email": "ada@example.com", "phone": "+447700900123"}[kind]
				address := sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, value)}
				w := setup(t, embedded(t), silent)
				given := func(person string, verified bool) connectors.Event {
					ev := message(person, "Hi")
					ev.Verified = verified
					if kind == "email" {
						ev.Email = value
					} else {
						ev.Phone = value
					}
					return ev
				}
				var holder string
				switch c.holder {
				case "claimed", "proven":
					w.turn(given("first", c.holder == "proven"))
					holder = w.onlyContact().ID
				case "vouched":
					made, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{kind: value, "name": "Ada Lovelace"}, Via: "api"})
					require.NoError(t, err)
					holder = made.ID
				case "agent":
					addAgent(t, w, address)
				}
				turn := w.turn(given("second", c.proven))
				require.Len(t, w.people(), c.want.contacts)
				conv, person := w.conv("bot/site", "second")
				require.Equal(t, c.want.linked, conv.Linked)
				if c.want.contacts == 0 {
					require.Nil(t, person)
				} else {
					require.Equal(t, c.want.same, person.ID == holder)
				}
				held, err := sqlstore.New(w.g.DB.Read(t.Context())).Holders(w.b.ID, []sqlstore.Address{address})
				require.NoError(t, err)
				require.Equal(t, c.want.trust, held[address].Trust)
				if person != nil {
					require.Equal(t, person.ID, held[address].ID)
				}
				if c.want.linked {
					require.Equal(t, person.ID, *turn.ContactID)
				} else {
					require.Nil(t, turn.ContactID)
					require.NotNil(t, turn.GuestID)
				}
				// Whoever merely claimed it has lost it.
				if c.holder == "claimed" && c.proven {
					require.Nil(t, w.contact(holder).Values[kind])
				}
				require.Equal(t, value, w.known("bot/site", "second").Values[kind], "what was said is known where it was said")
			})
		}
	}
}

// A bot or a page numbers its messages as it likes; that costs nobody a lead.
func TestMessageIDInAnyScript(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		ev := message("v1", "Hi")
		ev.MessageID = "nächste-1"
		require.NoError(t, w.post("web/site", ev))
		w.idle()
		w.say("web/site", "v1", "20", "ada@example.com")
		require.Equal(t, "ada@example.com", w.onlyContact().Values.Text("email"))
		require.Empty(t, w.events(inbox.Quarantined))
	})
}

// An event that became visible after a later one had run does not make a rebuild
// run the later one twice.
func TestLateEventThenRestart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("web/site", "v1", "Hi", "20")
		late := inbox.Event{ID: w.g.inbox.NewID(), Business: w.b.ID, Channel: "web/site", State: inbox.Quarantined,
			Lane: inbox.LaneOf(w.b.ID, "web/site", "v1"), Event: []byte(`{"kind":"capture","external_id":"v1","parameters":{"company":"Late"}}`)}
		late.Dedupe = inbox.DedupeOf(w.b.ID, late.Channel, "", late.ID)
		_, err := w.g.inbox.Put(t.Context(), []*inbox.Event{&late})
		require.NoError(t, err)
		before := w.guest("web/site", "v1").AppliedPos - 1
		require.NoError(t, w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
			_, err := tx.Run("UPDATE events SET state=0, pos=? WHERE id=?", before, late.ID)
			return err
		}))
		w.g.lanes.fallBehind()
		w.g.Bus.Publish(topicInbox)
		w.idle()
		require.Equal(t, "Late", w.guest("web/site", "v1").Conversation.State.Said["company"])

		w.g.fresh.mu.Lock() // a restart knows of no guest that it is up to date
		w.g.fresh.now, w.g.fresh.old = nil, nil
		w.g.fresh.mu.Unlock()
		w.say("web/site", "v1", "ada@example.com")
		require.Equal(t, []string{"< Hi", "> Hello stranger!", "> How many people?", "< 20", "> Your e-mail?",
			"< ada@example.com", "> Your name?"}, w.transcript("web/site", "v1"))
	})
}
