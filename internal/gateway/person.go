package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
)

// movedMark is how long a guest that became a contact is remembered as such.
const movedMark = 24 * time.Hour

// load finds whose conversation each event belongs to. SQL is asked first and
// wins; only who is not there is looked up among the guests.
func (g *Gateway) load(ctx context.Context, turns []*turn) error {
	people := sqlstore.New(g.DB.Read(ctx))
	var ids []string
	for _, t := range turns {
		if t.ch == nil || t.own || !personal(t.ev) {
			continue
		}
		b := t.ch.Business.ID
		t.conv = &contacts.Conversation{
			ID: contacts.ConversationID(g.Salt, b, t.ch.ID, t.ev.ExternalID), BusinessID: b, Channel: t.ch.ID,
			ExternalID: t.ev.ExternalID, Handling: contacts.ByFlow, CreatedAt: t.now, UpdatedAt: t.now,
		}
		ids = append(ids, t.conv.ID)
		t.proven = provenAddresses(t)
	}
	if len(ids) == 0 {
		return nil
	}
	known, err := people.Conversations(ids)
	if err != nil {
		return err
	}
	var strangers []*turn
	for _, t := range turns {
		if t.conv == nil {
			continue
		}
		if c := known[t.conv.ID]; c != nil {
			t.conv = c
		} else {
			strangers = append(strangers, t)
		}
	}
	if err := g.loadGuests(ctx, strangers); err != nil {
		if len(strangers) == len(ids) || !isUnavailable(err) {
			return err
		}
		// Contacts need nothing of the guests' store: they go on without it.
		for _, t := range strangers {
			t.away = err
		}
		turns = slices.DeleteFunc(slices.Clone(turns), func(t *turn) bool { return t.away != nil })
	}
	return g.loadContacts(people, turns)
}

// loadGuests finds the guests of conversations that are no contact's, rebuilds
// those that are missing or behind, and makes the others.
func (g *Gateway) loadGuests(ctx context.Context, turns []*turn) error {
	if len(turns) == 0 {
		return nil
	}
	ids := make([]string, len(turns))
	for i, t := range turns {
		ids[i] = guestIDOf(t.conv)
	}
	found, err := g.loadStored(ctx, ids)
	if err != nil {
		return err
	}
	var doubtful []*turn
	for i, t := range turns {
		if guest := found[ids[i]]; guest != nil && guest.MovedTo == "" {
			t.guest, t.stored = guest, true
			t.conv = &guest.Conversation
		} else {
			if guest != nil { // a mark whose contact is gone
				if err := g.guestStore().Delete(ctx, []string{guest.ID}); err != nil {
					return err
				}
			}
			t.guest = newGuest(t.conv, t.work.row, t.now)
			t.conv = &t.guest.Conversation
		}
		// A guest in the database is as far as its events: they commit together.
		if g.Guests != nil && !g.fresh.has(t.guest.ID, t.conv.Version) {
			doubtful = append(doubtful, t)
		}
	}
	return g.rebuild(ctx, doubtful)
}

// loadStored reads guests from their store, unless that was away just now.
func (g *Gateway) loadStored(ctx context.Context, ids []string) (map[string]*contacts.Guest, error) {
	if g.Guests == nil {
		return g.guestStore().Load(ctx, ids)
	}
	if err := g.guestsAway.ask(); err != nil {
		return nil, err
	}
	found, err := g.Guests.Load(ctx, ids)
	g.guestsAway.tell(err)
	return found, err
}

// guestIDOf is the guest whose conversation this is or was.
func guestIDOf(c *contacts.Conversation) string { return "gst_" + contacts.SuffixOf(c.ID) }

func newGuest(conv *contacts.Conversation, row *inbox.Event, now time.Time) *contacts.Guest {
	guest := &contacts.Guest{ID: guestIDOf(conv), Conversation: *conv, Seed: row.ID}
	guest.Conversation.State = contacts.State{Said: contacts.Values{}}
	guest.Conversation.CreatedAt, guest.Conversation.UpdatedAt = now, now
	guest.Conversation.Version = 0
	return guest
}

// loadContacts reads the contacts that conversations belong to, and links a
// conversation to whoever holds an address that the event proves.
func (g *Gateway) loadContacts(people *sqlstore.Store, turns []*turn) error {
	wanted := map[string][]sqlstore.Address{}
	for _, t := range turns {
		if len(t.proven) > 0 {
			wanted[t.ch.Business.ID] = append(wanted[t.ch.Business.ID], t.proven...)
		}
	}
	holders := map[string]map[sqlstore.Address]sqlstore.Holder{}
	for business, addresses := range wanted {
		found, err := people.Holders(business, addresses)
		if err != nil {
			return err
		}
		holders[business] = found
	}
	var ids []string
	for _, t := range turns {
		if t.conv == nil {
			continue
		}
		t.holders = holders[t.ch.Business.ID]
		if t.conv.ContactID != "" {
			ids = append(ids, t.conv.ContactID)
		}
		for _, a := range t.proven {
			if h := holders[t.ch.Business.ID][a]; h.Kind == sqlstore.HolderContact {
				ids = append(ids, h.ID)
			}
		}
	}
	found, err := people.Contacts(ids)
	if err != nil {
		return err
	}
	for _, t := range turns {
		if t.conv != nil {
			g.identify(t, holders[t.ch.Business.ID], found)
		}
	}
	return nil
}

// taking is an address that somebody holds only by claim and that a
// conversation has proven to be its own.
type taking struct {
	address sqlstore.Address
	from    sqlstore.Holder
}

// identify decides, from what the event proves, whose the conversation is:
// customer id before e-mail before phone. A holder that is trusted is the
// person; one that merely claimed the address loses it.
func (g *Gateway) identify(t *turn, holders map[sqlstore.Address]sqlstore.Holder, found map[string]*contacts.Contact) {
	own := t.conv.ContactID
	mine := found[own] != nil && seesAll(t.conv, found[own])
	var holder string
	other, lost := false, false
	for _, a := range t.proven {
		h, held := holders[a]
		switch {
		case !held && a.Kind == "customer_id":
			// Somebody else has logged in where a person did before.
			other = mine && found[own].Values["customer_id"] != nil
		case !held:
			// The number that this conversation has always had is with nobody:
			// it was taken off the contact on purpose.
			said := contacts.AddressKey(a.Kind, t.conv.State.Said.Text(a.Kind))
			lost = lost || t.conv.Linked && own != "" && a.Kind == "phone" && said == a.Value
		case h.Kind != sqlstore.HolderContact:
			// An agent's: no contact can have it.
		case h.ID == own && own != "" && (mine || h.Trust != contacts.Claimed):
			holder = cmp.Or(holder, own)
		case h.Trust == contacts.Claimed:
			t.take = append(t.take, taking{a, h})
		case holder == "":
			holder = h.ID
		}
	}
	switch {
	case holder != "" && !other:
		if c := found[holder]; c != nil {
			t.contact = c
			t.conv.ContactID, t.conv.Linked = c.ID, true
		}
	case other, lost:
		// A new person from here on; what was said before stays with the old.
		st := &t.conv.State
		t.conv.ContactID, t.conv.Linked = "", false
		*st = contacts.State{Said: contacts.Values{}, Seq: st.Seq, Address: st.Address, Desk: st.Desk}
	case mine || len(t.proven) == 0:
		t.contact = found[own]
	default:
		// It merely claimed to be that contact, and proves to be somebody.
		t.conv.ContactID = ""
	}
	if t.contact != nil {
		t.before = t.contact.Values.Clone()
	}
}

// provenAddresses are the addresses that an event proves to be its person's, in
// the order in which they decide.
func provenAddresses(t *turn) []sqlstore.Address {
	var proven []sqlstore.Address
	add := func(kind, value string) {
		if value != "" {
			proven = append(proven, sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, value)})
		}
	}
	if t.ev.Verified {
		add("customer_id", t.ev.CustomerID)
		add("email", t.ev.Email)
	}
	if t.ev.Verified || t.ev.Kind != connectors.KindCapture && vouchesForPhone(t.ch, t.ev) {
		add("phone", t.ev.Phone)
	}
	return proven
}

// vouchesForPhone says whether a phone number on a channel's events is the
// platform's word. A bot's is its user's, unless verified; so is a form's.
func vouchesForPhone(ch *Channel, ev *connectors.Event) bool {
	_, web := ch.Connector.(connectors.Visitors)
	_, relay := ch.Connector.(connectors.Relay)
	return !web && !relay && responderOf(ch, ev) == nil
}

// view is what a conversation may know of its person: all of the contact if it
// carries a proven address of it, else what was said in it. That is the same
// for a contact's only source, whose every value was said there.
func (t *turn) view() contacts.Values { return viewOf(t.conv, t.contact) }

func viewOf(conv *contacts.Conversation, c *contacts.Contact) contacts.Values {
	if c == nil || !conv.Linked {
		view := contacts.Values{}
		view.Fill(conv.State.Said)
		locate(view, false, false) // what a contact of its own would derive
		return view
	}
	view := c.Values.Clone()
	for field, value := range conv.State.Unsaved {
		view.Set(field, value)
	}
	if len(conv.State.Unsaved) > 0 {
		locate(view, c.CountryDerived, c.TimezoneApproximate)
	}
	return view
}

// locate works out country and time zone where nobody said them: the country
// from the phone number, the zone from the country. Told which of them were
// worked out before, it does so anew, and tells which are now.
func locate(v contacts.Values, countryDerived, zoneDerived bool) (country, zone bool) {
	if v["email"] == nil && v["phone"] == nil && v["customer_id"] == nil {
		return countryDerived, zoneDerived // guests have what they said and no more
	}
	if countryDerived {
		v.Set("country", nil)
	}
	if zoneDerived {
		v.Set("timezone", nil)
	}
	if v["country"] == nil {
		v.Set("country", contacts.CountryOfPhone(v.Text("phone")))
		country = v["country"] != nil
	}
	if v["timezone"] == nil {
		v.Set("timezone", contacts.TimezoneOf(v.Text("country")))
		zone = v["timezone"] != nil
	}
	return country, zone
}

// locateContact does that for a contact.
func locateContact(c *contacts.Contact) {
	c.CountryDerived, c.TimezoneApproximate = locate(c.Values, c.CountryDerived, c.TimezoneApproximate)
}

// stated notes that a field was said, so that it is not worked out any more.
func stated(c *contacts.Contact, field string) {
	switch field {
	case "country":
		c.CountryDerived = false
	case "timezone":
		c.TimezoneApproximate = false
	}
}

func seesAll(conv *contacts.Conversation, c *contacts.Contact) bool {
	return conv.Linked || c.SoleConversation == conv.ID
}

// ttlOf is how long a guest lives from now.
func (g *Gateway) ttlOf(guest *contacts.Guest) time.Duration {
	if c := guest.Conversation.State.Consent; c != nil && !c.Given {
		return g.NoConsent
	}
	return g.GuestTTL
}

// endOf is when the turn's guest is forgotten if nothing more is heard of it.
// What usher does by itself makes no guest live longer.
func (g *Gateway) endOf(t *turn) time.Time {
	end := t.now.Add(g.ttlOf(t.guest))
	if was := t.guest.ExpiresAt; !t.spoken() && !was.IsZero() && was.Before(end) {
		return was
	}
	return end
}

// saveGuests stores the guests of a chunk: in their own store before the
// transaction (tx nil), or inside it where the database keeps them.
func (g *Gateway) saveGuests(ctx context.Context, tx *database.Tx, turns []*turn) error {
	if (g.Guests == nil) != (tx != nil) {
		return nil
	}
	store := g.Guests
	if tx != nil {
		store = sqlstore.NewGuests(tx)
	}
	var writes []contacts.GuestWrite
	var saved []*turn
	for _, t := range turns {
		if t.guest == nil || t.contact != nil || t.rerun {
			continue
		}
		t.guest.ExpiresAt = g.endOf(t)
		writes = append(writes, contacts.GuestWrite{Guest: t.guest, Lines: t.lines, TTL: max(t.guest.ExpiresAt.Sub(t.now), time.Second)})
		saved = append(saved, t)
	}
	if len(writes) == 0 {
		return nil
	}
	for i, err := range store.Save(ctx, writes) {
		if err != nil {
			return fmt.Errorf("save guest %s: %w", saved[i].guest.ID, err)
		}
	}
	return nil
}

// guestStore for reading: the guests' own, or the database.
func (g *Gateway) guestStore() contacts.GuestStore {
	if g.Guests != nil {
		return g.Guests
	}
	return sqlstore.OpenGuests(g.DB)
}

// noteEnds notes when what guests said is to be blanked in the inbox: where they
// end before the inbox forgets it anyway. A contact's is kept.
func (g *Gateway) noteEnds(tx *database.Tx, turns []*turn) error {
	ends := map[int64]time.Time{}
	var kept []int64
	for _, t := range turns {
		if t.nobody { // it came late for somebody who is forgotten
			ends[t.work.row.Lane] = t.now
		}
		if t.guest == nil {
			continue
		}
		consent := t.conv.State.Consent
		switch {
		case t.contact == nil && g.ttlOf(t.guest) < g.Retention:
			ends[t.work.row.Lane] = g.endOf(t)
		case consent != nil || g.GuestTTL < g.Retention: // else nothing was noted
			kept = append(kept, t.work.row.Lane)
		}
	}
	if err := inbox.Expire(tx, ends); err != nil {
		return err
	}
	slices.Sort(kept)
	return inbox.Unexpire(tx, kept)
}
