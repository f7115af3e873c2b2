package gateway

import (
	"context"
	"slices"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/ids"
)

// seenEvery is how exact a contact's last_seen_at is: a busy conversation does
// not write its contact with every message.
const seenEvery = time.Minute

// settle decides whose each conversation is now and what that changes. It
// returns the turns that can be committed together; deferred are events that
// touch a person whom an earlier one of the chunk touches too.
func (g *Gateway) settle(ctx context.Context, turns []*turn) (kept []*turn, deferred []*work, err error) {
	people := sqlstore.New(g.DB.Read(ctx))
	holders, found, err := g.lookUpClaims(people, turns)
	if err != nil {
		return nil, nil, err
	}
	used := map[string]bool{}
	for _, t := range turns {
		if t.ch != nil && !t.own && !personal(t.ev) {
			if err := g.note(ctx, t); err != nil {
				return nil, nil, err
			}
		}
		if t.conv == nil {
			kept = append(kept, t)
			continue
		}
		mine := holders[t.ch.Business.ID]
		if touched := t.touches(mine); slices.ContainsFunc(touched, func(k string) bool { return used[k] }) {
			deferred = append(deferred, t.work)
			continue
		} else {
			for _, k := range touched {
				used[k] = true
			}
		}
		if err := g.decide(ctx, t, mine, found); err != nil {
			return nil, nil, err
		}
		if err := g.outcome(t); err != nil {
			return nil, nil, err
		}
		kept = append(kept, t)
	}
	return kept, deferred, nil
}

// claims are the addresses that a turn has to find a place for, in the order in
// which they decide: those proven now, and those said and not yet kept.
func (t *turn) claims() []sqlstore.Address {
	if !t.hasClaims {
		t.allClaims, t.hasClaims = t.findClaims(), true
	}
	return t.allClaims
}

func (t *turn) findClaims() []sqlstore.Address {
	var all []sqlstore.Address
	add := func(kind string, value any) {
		if text, ok := value.(string); ok && text != "" {
			a := sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, text)}
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	for _, a := range t.proven {
		add(a.Kind, a.Value)
	}
	if t.contact == nil || t.guest != nil {
		for _, kind := range addressKinds {
			add(kind, t.conv.State.Said[kind])
		}
		return all
	}
	for _, c := range t.captured {
		if slices.Contains(addressKinds, c.field) {
			add(c.field, c.value)
		}
	}
	return all
}

// addressKinds in the order in which they decide who a person is.
var addressKinds = []string{"customer_id", "email", "phone"}

// touches names everything that only one turn of a chunk may change.
func (t *turn) touches(holders map[sqlstore.Address]sqlstore.Holder) []string {
	var keys []string
	if t.contact != nil {
		keys = append(keys, t.contact.ID)
	}
	for _, a := range t.claims() {
		keys = append(keys, a.Kind+":"+a.Value)
		if h := holders[a]; h.ID != "" && (t.contact == nil || h.ID != t.contact.ID) {
			keys = append(keys, h.ID)
		}
	}
	return keys
}

// lookUpClaims reads who holds the addresses that turns claim, these people, and
// whether the ids of contacts to be are free.
func (g *Gateway) lookUpClaims(people *sqlstore.Store, turns []*turn) (map[string]map[sqlstore.Address]sqlstore.Holder, map[string]*contacts.Contact, error) {
	wanted := map[string][]sqlstore.Address{}
	var idsWanted []string
	for _, t := range turns {
		if t.conv == nil {
			continue
		}
		claims := t.claims()
		if t.contact != nil && len(claims) > len(t.proven) {
			// Who vouches for what the contact has decides what may replace it.
			for _, kind := range addressKinds {
				if v := t.contact.Values.Text(kind); v != "" {
					claims = append(claims, sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, v)})
				}
			}
		}
		for _, a := range claims {
			if !slices.Contains(t.proven, a) {
				wanted[t.ch.Business.ID] = append(wanted[t.ch.Business.ID], a)
			}
		}
		if t.contact == nil && len(claims) > 0 {
			idsWanted = append(idsWanted, contacts.ContactIDOf(guestIDOf(t.conv)))
		}
	}
	holders := map[string]map[sqlstore.Address]sqlstore.Holder{}
	for business, addresses := range wanted {
		if len(addresses) == 0 {
			continue
		}
		found, err := people.Holders(business, addresses)
		if err != nil {
			return nil, nil, err
		}
		holders[business] = found
		for _, h := range found {
			if h.Kind == sqlstore.HolderContact {
				idsWanted = append(idsWanted, h.ID)
			}
		}
	}
	for _, t := range turns {
		for _, a := range t.proven { // they were read before
			h, held := t.holders[a]
			if !held {
				continue
			}
			b := t.ch.Business.ID
			if holders[b] == nil {
				holders[b] = map[sqlstore.Address]sqlstore.Holder{}
			}
			holders[b][a] = h
			if h.Kind == sqlstore.HolderContact && (t.contact == nil || t.contact.ID != h.ID) {
				idsWanted = append(idsWanted, h.ID)
			}
		}
	}
	found, err := people.Contacts(idsWanted)
	return holders, found, err
}

// decide makes the guest a contact, attaches it to one, or keeps what was learnt
// with the contact that it is.
func (g *Gateway) decide(ctx context.Context, t *turn, holders map[sqlstore.Address]sqlstore.Holder, found map[string]*contacts.Contact) error {
	t.heard, t.said = t.captured, t.conv.State.Sources
	if t.contact == nil {
		free, others := t.sort(holders)
		switch {
		case len(others) > 0 && !t.hasProven(free):
			g.attach(t, others, found)
		case len(free) > 0:
			g.promote(t, free, found)
			t.duplicateOf(others)
		}
		if t.contact == nil {
			return nil // a guest still
		}
	} else if t.guest != nil {
		t.fillFrom(t.conv.State.Said)
	}
	if t.guest != nil {
		t.conv.State.Sources, t.conv.State.System = nil, nil // the contact's history and system data
		t.conv.Version = 0                                   // it is new in SQL
		if err := g.bringHistory(ctx, t); err != nil {
			return err
		}
	}
	if err := g.assign(ctx, t); err != nil {
		return err
	}
	if err := g.update(t, holders); err != nil {
		return err
	}
	g.enquire(t)
	t.kept = t.keepNotes()
	return nil
}

// fillFrom adds to what a turn learnt what its guest had said before it proved to
// be a contact, where the contact lacks it.
func (t *turn) fillFrom(said contacts.Values) {
	for _, field := range sortedKeys(said) {
		now := slices.ContainsFunc(t.captured, func(c capture) bool { return c.field == field })
		if !now && t.contact.Values[field] == nil {
			t.captured = append(t.captured, capture{field, said[field], t.sourceOf(field)})
		}
	}
}

// duplicateOf notes the first of others who is not the turn's contact.
func (t *turn) duplicateOf(others []sqlstore.Holder) {
	for _, h := range others {
		if h.ID != t.contact.ID && t.contact.PossibleDuplicateOf == "" {
			t.contact.PossibleDuplicateOf, t.dirty = h.ID, true
		}
	}
}

// sort splits the addresses of a guest into those it can have, proven ones
// first, and those of other contacts, by what decides. An agent's stay unsaved.
func (t *turn) sort(holders map[sqlstore.Address]sqlstore.Holder) (free []sqlstore.Address, others []sqlstore.Holder) {
	for _, a := range t.claims() {
		h, held := holders[a]
		switch {
		case !held, slices.Contains(t.proven, a) && h.Kind == sqlstore.HolderContact && h.Trust == contacts.Claimed:
			free = append(free, a)
		case h.Kind == sqlstore.HolderContact:
			others = append(others, h)
		}
	}
	return free, others
}

func (t *turn) hasProven(free []sqlstore.Address) bool {
	return slices.ContainsFunc(free, func(a sqlstore.Address) bool { return slices.Contains(t.proven, a) })
}

// attach puts a conversation that claims a contact's address under that contact
// for the operator. The claim links nobody: the conversation goes on seeing only
// what was said in it.
func (g *Gateway) attach(t *turn, others []sqlstore.Holder, found map[string]*contacts.Contact) {
	c := found[others[0].ID]
	if c == nil {
		return
	}
	t.contact, t.before = c, c.Values.Clone()
	t.conv.ContactID, t.conv.Linked = c.ID, false
	t.captured = nil
	for _, field := range sortedKeys(t.conv.State.Said) {
		t.captured = append(t.captured, capture{field, t.conv.State.Said[field], t.sourceOf(field)})
	}
	t.duplicateOf(others)
}

// promote makes the contact that a guest has become.
func (g *Gateway) promote(t *turn, free []sqlstore.Address, found map[string]*contacts.Contact) {
	id := contacts.ContactIDOf(guestIDOf(t.conv))
	if found[id] != nil {
		// Whoever was promoted from this address before is somebody else now.
		id = ids.Format("con", g.inbox.NewID())
	}
	c := &contacts.Contact{
		ID: id, BusinessID: t.ch.Business.ID, Values: contacts.Values{}, CreatedAt: t.now, UpdatedAt: t.now, LastSeenAt: t.now,
		SoleConversation: t.conv.ID, Source: contacts.Source{Channel: t.ch.ID, Via: "channel"},
	}
	c.Values.Fill(t.conv.State.Said)
	for _, kind := range addressKinds {
		if text := c.Values.Text(kind); text != "" && !slices.Contains(free, sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, text)}) {
			t.unsaved(kind, text)
			delete(c.Values, kind)
		}
	}
	for _, a := range free {
		if c.Values[a.Kind] == nil {
			c.Values.Set(a.Kind, valueOf(t, a))
		}
	}
	for _, cap := range t.captured {
		if slices.Contains(addressKinds, cap.field) {
			c.Source = cap.source
			break
		}
	}
	st := &t.conv.State
	c.Status, c.Tags, c.Consent, c.RawName, c.System = st.Status, st.Tags, st.Consent, st.RawName, st.System
	t.contact, t.isNew, t.before = c, true, c.Values.Clone()
	t.conv.ContactID, t.conv.Linked = c.ID, t.hasProven(free)
	for _, a := range free {
		trust := contacts.Claimed
		if slices.Contains(t.proven, a) {
			trust = contacts.Proven
		}
		t.have(a, trust)
	}
	t.captured = nil
}

// have gives the turn's contact an address, unless it is being taken over.
func (t *turn) have(a sqlstore.Address, trust contacts.Trust) {
	for _, k := range t.take {
		if k.address == a {
			return
		}
	}
	t.add = append(t.add, sqlstore.AddressRow{Business: t.ch.Business.ID, Address: a,
		Holder: sqlstore.Holder{Kind: sqlstore.HolderContact, ID: t.contact.ID, Trust: trust}})
}
