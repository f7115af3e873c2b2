package gateway

import (
	"cmp"
	"context"
	"slices"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/ids"
)

// update keeps what the turn learnt with its contact.
func (g *Gateway) update(t *turn, holders map[sqlstore.Address]sqlstore.Holder) error {
	c := t.contact
	var before *contacts.Contact
	status := ""
	if !t.isNew {
		status = c.Status
		before = &contacts.Contact{Values: t.before, Status: c.Status, Tags: c.Tags, AssigneeID: c.AssigneeID, Archived: c.Archived}
		g.secure(t, holders)
		whole := seesAll(t.conv, c)
		if system, changed := addSystem(c.System, t.system, declined(t.conv.State.Consent)); whole && changed {
			c.System, t.dirty = system, true
		}
		if !whole && c.SoleConversation != "" {
			c.SoleConversation, t.dirty = "", true
		}
		for _, k := range t.captured {
			g.keepWith(t, k, whole, holders)
		}
		g.keepEffects(t, whole)
		if c.Archived && t.spoken() {
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
	if t.spoken() && t.now.Sub(c.LastSeenAt) > seenEvery {
		c.LastSeenAt, t.dirty = t.now, true
	}
	t.proveFields(changed)
	if t.statusChanged {
		changed = append(changed, "status")
	}
	if t.assigned {
		changed = append(changed, "assignee_id")
	}
	if t.tagsChanged {
		changed = append(changed, "tags")
	}
	if len(changed) > 0 {
		c.UpdatedAt, t.dirty = t.now, true
	}
	t.deliveries = append(t.deliveries, leadsFor(t.ch.Business, c, changed, t.conv.ID, t.work.row.ID, t.now)...)
	told, err := noticesFor(t.ch.Business, c, slices.Concat(statusNotice(status, c.Status), t.notices, t.deskNotice()), t.conv.ID, ids.Format("evt", t.work.row.ID), t.now)
	if err != nil {
		return err
	}
	t.dirty = t.dirty || len(t.deliveries) > 0
	t.deliveries = append(t.deliveries, told...)
	if t.isNew || t.dirty {
		t.remember(before)
	}
	return nil
}

// proveFields notes which of the contact's fields are proven now. One that took
// another value is not, unless this event vouches for it.
func (t *turn) proveFields(changed []string) {
	c := t.contact
	proven := without(c.Proven, changed)
	if seesAll(t.conv, c) {
		for _, field := range t.vouched {
			if c.Values[field] == t.conv.State.Said[field] && !slices.Contains(proven, field) {
				proven = append(proven, field)
			}
		}
	}
	if !slices.Equal(proven, c.Proven) {
		c.Proven, t.dirty = proven, true
	}
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
	if a := t.effects.assignee; a != nil && *a != c.AssigneeID && (whole || c.AssigneeID == "") {
		c.AssigneeID, t.assigned = *a, true
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
func (g *Gateway) takeAddress(people *sqlstore.Store, t *turn, k taking) (*history, error) {
	if t.contact == nil {
		return nil, nil
	}
	to := sqlstore.Holder{Kind: sqlstore.HolderContact, ID: t.contact.ID, Trust: contacts.Proven}
	if err := people.MoveAddress(t.ch.Business.ID, k.address, k.from, to); err != nil {
		return nil, err
	}
	found, err := people.Contacts([]string{k.from.ID})
	if err != nil {
		return nil, err
	}
	loser := found[k.from.ID]
	if loser == nil || contacts.AddressKey(k.address.Kind, loser.Values.Text(k.address.Kind)) != k.address.Value {
		return nil, nil
	}
	before := *loser
	before.Values = loser.Values.Clone()
	loser.Values.Set(k.address.Kind, nil)
	locateContact(loser)
	loser.UpdatedAt = t.now
	t.deliveries = append(t.deliveries, leadsFor(t.ch.Business, loser, []string{k.address.Kind}, "", t.work.row.ID, t.now)...)
	return historyOf(&before, loser, contacts.Source{Channel: t.ch.ID, Via: "channel"}, ""), people.PutContacts([]*contacts.Contact{loser})
}
