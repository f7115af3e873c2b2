package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/ids"
	"usher/internal/outbox"
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
		if t.ch != nil && !personal(t.ev) {
			t.note()
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
		t.conv.Version = 0 // it is new in SQL
		if err := g.bringHistory(ctx, t); err != nil {
			return err
		}
	}
	g.update(t, holders)
	g.enquire(t)
	return nil
}

// fillFrom adds to what a turn learnt what its guest had said before it proved to
// be a contact, where the contact lacks it.
func (t *turn) fillFrom(said contacts.Values) {
	source := contacts.Source{Channel: t.ch.ID, Via: "channel"}
	for _, field := range sortedKeys(said) {
		now := slices.ContainsFunc(t.captured, func(c capture) bool { return c.field == field })
		if !now && t.contact.Values[field] == nil {
			t.captured = append(t.captured, capture{field, said[field], source})
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
	source := contacts.Source{Channel: t.ch.ID, Via: "channel"}
	for _, field := range sortedKeys(t.conv.State.Said) {
		t.captured = append(t.captured, capture{field, t.conv.State.Said[field], source})
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
	c.Status, c.Tags, c.Consent, c.RawName = st.Status, st.Tags, st.Consent, st.RawName
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

// update keeps what the turn learnt with its contact.
func (g *Gateway) update(t *turn, holders map[sqlstore.Address]sqlstore.Holder) {
	c := t.contact
	if !t.isNew {
		g.secure(t, holders)
		whole := seesAll(t.conv, c)
		if !whole && c.SoleConversation != "" {
			c.SoleConversation, t.dirty = "", true
		}
		for _, k := range t.captured {
			g.keepWith(t, k, whole, holders)
		}
		g.keepEffects(t, whole)
		if c.Archived {
			c.Archived, t.dirty = false, true
		}
		if t.conv.State.Consent != nil && whole && t.ev.Given != nil {
			c.Consent, t.dirty = t.conv.State.Consent, true
		}
		if c.RawName == "" && t.conv.State.RawName != "" && whole {
			c.RawName, t.dirty = t.conv.State.RawName, true
		}
	}
	changed := contacts.Changed(t.before, c.Values)
	if t.isNew || len(changed) > 0 {
		locateContact(c)
		changed = contacts.Changed(t.before, c.Values)
	}
	if t.now.Sub(c.LastSeenAt) > seenEvery {
		c.LastSeenAt, t.dirty = t.now, true
	}
	if t.statusChanged {
		changed = append(changed, "status")
	}
	if t.tagsChanged {
		changed = append(changed, "tags")
	}
	if len(changed) > 0 {
		c.UpdatedAt, t.dirty = t.now, true
	}
	t.deliveries = append(t.deliveries, leadsFor(t.ch.Business, c, changed, t.conv.ID, t.work.row.ID, t.now)...)
	t.dirty = t.dirty || len(t.deliveries) > 0
}

// secure makes proven addresses the contact's own.
func (g *Gateway) secure(t *turn, holders map[sqlstore.Address]sqlstore.Holder) {
	for _, a := range t.proven {
		h, held := holders[a]
		switch {
		case !held:
			t.have(a, contacts.Proven)
		case h.ID == t.contact.ID && h.Trust != contacts.Proven:
			t.strengthen = append(t.strengthen, a)
		case h.ID != t.contact.ID:
			continue // taken over, or somebody's who is trusted
		}
		if t.contact.Values[a.Kind] == nil {
			t.contact.Values.Set(a.Kind, valueOf(t, a))
		}
		t.conv.Linked = true
	}
	for _, k := range t.take {
		if t.contact.Values[k.address.Kind] == nil {
			t.contact.Values.Set(k.address.Kind, valueOf(t, k.address))
		}
		t.conv.Linked = true
	}
}

// valueOf is an address as it was written, where the event has it.
func valueOf(t *turn, a sqlstore.Address) any {
	for _, said := range []string{t.ev.Email, t.ev.Phone, t.ev.CustomerID} {
		if said != "" && contacts.AddressKey(a.Kind, said) == a.Value {
			return said
		}
	}
	return a.Value
}

// keepWith keeps one value with the contact: the latest answer counts if the
// conversation is the person's, else only what was empty is filled. A typed
// address replaces no better one, and never one that another has.
func (g *Gateway) keepWith(t *turn, k capture, whole bool, holders map[sqlstore.Address]sqlstore.Holder) {
	c := t.contact
	current := c.Values[k.field]
	if whole {
		stated(c, k.field)
		delete(t.conv.State.Unsaved, k.field)
	}
	if current == k.value || (!whole && current != nil) {
		return
	}
	if !slices.Contains(addressKinds, k.field) {
		if !whole {
			c.Values.Fill(contacts.Values{k.field: k.value})
			return
		}
		c.Values.Set(k.field, k.value)
		return
	}
	text, _ := k.value.(string)
	if text == "" {
		return
	}
	a := sqlstore.Address{Kind: k.field, Value: contacts.AddressKey(k.field, text)}
	h, held := holders[a]
	proven := slices.Contains(t.proven, a)
	mine := held && h.ID == c.ID || proven
	old, _ := current.(string)
	was := sqlstore.Address{Kind: k.field, Value: contacts.AddressKey(k.field, old)}
	// The new one is a further address where a better one is: that stays first.
	further := old != "" && holders[was].Trust != contacts.Claimed && !proven
	switch {
	case held && !mine:
		if h.Kind == sqlstore.HolderContact && c.PossibleDuplicateOf == "" {
			c.PossibleDuplicateOf, t.dirty = h.ID, true
		}
		if whole && !further {
			t.unsaved(k.field, text)
		}
		return
	case !held && !proven:
		t.have(a, contacts.Claimed)
	}
	if further {
		return
	}
	if old != "" && was != a && holders[was].Trust == contacts.Claimed {
		t.release = append(t.release, was)
	}
	c.Values.Set(k.field, k.value)
}

// unsaved notes an address that somebody else has: the conversation goes on as
// if nobody had it.
func (t *turn) unsaved(field, value string) {
	if t.conv.State.Unsaved == nil {
		t.conv.State.Unsaved = contacts.Values{}
	}
	t.conv.State.Unsaved.Set(field, value)
}

// keepEffects takes over what the flow set besides fields.
func (g *Gateway) keepEffects(t *turn, whole bool) {
	c := t.contact
	if s := t.effects.status; s != nil && *s != c.Status && (whole || c.Status == "") {
		c.Status, t.statusChanged = *s, true
	}
	tags := c.Tags
	if whole {
		tags = without(union(c.Tags, t.effects.addTags), t.effects.removeTags)
	}
	if !slices.Equal(tags, c.Tags) {
		c.Tags, t.tagsChanged = tags, true
	}
}

// enquire turns the flow's push of a known lead into a further enquiry.
func (g *Gateway) enquire(t *turn) {
	for _, wanted := range t.effects.push {
		for _, d := range t.ch.Business.Destinations {
			if len(wanted) > 0 && !slices.Contains(wanted, d.ID) || !d.Send[inquiryCreated] {
				continue
			}
			if !slices.Contains(t.contact.Synced, d.ID) || !t.contact.CreatedAt.Before(t.conv.State.RunSince) {
				continue // this run's push is the lead itself
			}
			t.deliveries = append(t.deliveries, delivery(d, t.contact, inquiryCreated, nil, t.conv.ID, ids.Format("evt", t.work.row.ID), t.now))
		}
	}
}

// bringHistory moves the guest's transcript to the contact.
func (g *Gateway) bringHistory(ctx context.Context, t *turn) error {
	if t.guest == nil || !t.stored {
		return nil
	}
	past, err := g.guestStore().Transcript(ctx, t.guest.ID, 0, contacts.TranscriptLimit)
	if err != nil {
		return err
	}
	for i := range past {
		past[i].Conversation = t.conv.ID
	}
	t.lines = append(past, t.lines...)
	slices.SortFunc(t.lines, func(a, b contacts.Line) int { return cmp.Compare(a.Seq, b.Seq) })
	t.lines = slices.CompactFunc(t.lines, func(a, b contacts.Line) bool { return a.Seq == b.Seq })
	return nil
}

// takeAddress moves an address from whoever merely claimed it.
func (g *Gateway) takeAddress(people *sqlstore.Store, t *turn, k taking) error {
	if t.contact == nil {
		return nil
	}
	to := sqlstore.Holder{Kind: sqlstore.HolderContact, ID: t.contact.ID, Trust: contacts.Proven}
	if err := people.MoveAddress(t.ch.Business.ID, k.address, k.from, to); err != nil {
		return err
	}
	found, err := people.Contacts([]string{k.from.ID})
	if err != nil {
		return err
	}
	loser := found[k.from.ID]
	if loser == nil || contacts.AddressKey(k.address.Kind, loser.Values.Text(k.address.Kind)) != k.address.Value {
		return nil
	}
	loser.Values.Set(k.address.Kind, nil)
	locateContact(loser)
	loser.UpdatedAt = t.now
	t.deliveries = append(t.deliveries, leadsFor(t.ch.Business, loser, []string{k.address.Kind}, "", t.work.row.ID, t.now)...)
	return people.PutContacts([]*contacts.Contact{loser})
}

// note keeps what an event that is no part of a conversation says.
func (t *turn) note() {
	switch t.ev.Kind {
	case connectors.KindIdentity:
		t.outcome.State, t.outcome.Reason = ignored, "changes of a person's ids are not followed"
	case connectors.KindStatus:
		if progress, ok := outbox.ProgressOf(t.ev.Status); ok && t.ev.MessageID != "" {
			t.notes = append(t.notes, outbox.Note{Business: t.ch.Business.ID, Channel: t.ch.ID, PlatformID: t.ev.MessageID, Progress: progress})
		}
	}
}
