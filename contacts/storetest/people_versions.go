package storetest

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// full is a contact of which everything is known.
func full(p *people) *contacts.Contact {
	return &contacts.Contact{
		ID: p.id("con", "full"), BusinessID: p.business, RawName: "Ada 🦊", Status: "qualified",
		Values: contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com",
			"phone": "+447700900123", "customer_id": "C-1", "company_size": 20.5, "vip": true, "birthday": "1815-12-10"},
		Tags: []string{"vip", "<b>", "naïve"}, AssigneeID: "agt_1", Consent: &contacts.Consent{Given: true, At: at(2)},
		System: map[string]any{"city": "London", "zip": "EC1A"}, TimezoneApproximate: true, CountryDerived: true, DoNotContact: true,
		BlockedUntil: at(3), Archived: true, Source: contacts.Source{Channel: "whatsapp/acme", Flow: "welcome", Step: "size", Via: "ask"},
		SoleConversation: "cnv_1", Synced: []string{"hubspot"}, Proven: []string{"phone"}, PossibleDuplicateOf: "con_2",
		CreatedAt: at(4), UpdatedAt: at(5), LastSeenAt: at(6),
	}
}

func testRoundTrip(t *testing.T, p *people) {
	c, bare := full(p), p.contact("bare", contacts.Values{})
	p.put(t, c, bare)
	require.EqualValues(t, 1, c.Version)
	found, err := p.read(t).Contacts([]string{c.ID, bare.ID, p.id("con", "nobody")})
	require.NoError(t, err)
	require.Equal(t, map[string]*contacts.Contact{c.ID: c, bare.ID: bare}, found)

	c.Values, c.Tags, c.Consent, c.Archived, c.Status = contacts.Values{"phone": "+1"}, nil, nil, false, ""
	p.put(t, c)
	one, err := p.read(t).Contact(p.business, c.ID)
	require.NoError(t, err)
	require.Equal(t, c, one)
	require.EqualValues(t, 2, one.Version)
	_, err = p.read(t).Contact("another", c.ID)
	require.ErrorIs(t, err, contacts.ErrNotFound)
}

func testCompareAndSet(t *testing.T, p *people) {
	a, b := p.contact("a", contacts.Values{"name": "A"}), p.contact("b", contacts.Values{"name": "B"})
	p.put(t, a, b)
	put := func(all ...*contacts.Contact) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.PutContacts(all) })
	}
	for name, stale := range map[string]*contacts.Contact{
		"made before":  {ID: a.ID, BusinessID: p.business},
		"older":        {ID: a.ID, BusinessID: p.business, Version: 7},
		"not there":    {ID: p.id("con", "c"), BusinessID: p.business, Version: 1},
		"given twice":  {ID: b.ID, BusinessID: p.business, Version: 1},
		"another kind": {ID: a.ID, BusinessID: p.business, Version: -1},
	} {
		before := stale.Version
		require.ErrorIs(t, put(b, stale), contacts.ErrConflict, name)
		require.EqualValues(t, 1, b.Version, "%s: nothing is written", name)
		require.Equal(t, before, stale.Version, name)
	}
	found, err := p.read(t).Contacts([]string{a.ID, b.ID})
	require.NoError(t, err)
	require.Equal(t, map[string]*contacts.Contact{a.ID: a, b.ID: b}, found)
}

func testBatches(t *testing.T, p *people) {
	for _, n := range []int{0, 1, 3, 200, 455} {
		var all []*contacts.Contact
		var ids []string
		var talks []*contacts.Conversation
		for i := range n {
			// Large enough for the bytes of a statement to matter.
			c := p.contact([2]int{n, i}, contacts.Values{"name": "N", "note": strings.Repeat("x", 30<<10)})
			c.ID = strings.NewReplacer(" ", "_", "[", "", "]", "").Replace(c.ID)
			talk := p.conversation(strings.TrimPrefix(c.ID, "con_"))
			all, ids, talks = append(all, c), append(ids, c.ID), append(talks, talk)
		}
		put := func(s *sqlstore.Store) error { return errors.Join(s.PutContacts(all), s.PutConversations(talks)) }
		p.write(t, put)
		p.write(t, put)
		found, err := p.read(t).Contacts(ids)
		require.NoError(t, err)
		require.Len(t, found, n)
		for _, c := range all {
			require.EqualValues(t, 2, found[c.ID].Version)
			require.Equal(t, c.Values, found[c.ID].Values)
		}
	}
}

func testVersionRace(t *testing.T, p *people) {
	c, talk := p.contact("a", contacts.Values{"n": 0.0}), p.conversation("a")
	p.put(t, c)
	p.write(t, func(s *sqlstore.Store) error { return s.PutConversations([]*contacts.Conversation{talk}) })
	const writers, rounds = 10, 20
	var won atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				err := p.try(t, func(s *sqlstore.Store) error {
					found, err := s.Contacts([]string{c.ID})
					if err != nil {
						return err
					}
					mine := found[c.ID]
					mine.Values["n"] = mine.Values["n"].(float64) + 1
					return s.PutContacts([]*contacts.Contact{mine})
				})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, contacts.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	found, err := p.read(t).Contacts([]string{c.ID})
	require.NoError(t, err)
	require.EqualValues(t, won.Load(), found[c.ID].Values["n"], "no update is lost")
	require.Equal(t, won.Load()+1, found[c.ID].Version)
}

func testStrangeIDs(t *testing.T, p *people) {
	c := p.contact("a", contacts.Values{"phone": "+1"})
	p.put(t, c)
	found, err := p.read(t).Contacts([]string{"", "é", "con 1", "\x00", "\xff", strings.Repeat("x", 9999), c.ID, c.ID + " ", strings.ToUpper(c.ID)})
	require.NoError(t, err)
	require.Len(t, found, 1)
	for _, id := range []string{"é", "' OR 1=1 --", ""} {
		_, err = p.read(t).Contact(p.business, id)
		require.ErrorIs(t, err, contacts.ErrNotFound)
		_, err = p.read(t).Conversation(p.business, id)
		require.ErrorIs(t, err, contacts.ErrNotFound)
		_, _, _, err = p.read(t).ListContacts(p.business, sqlstore.Filter{AssigneeID: id, Type: contacts.Type(id)}, sqlstore.Page{})
		require.NoError(t, err)
		_, _, _, err = p.read(t).ListConversations(p.business, sqlstore.ConversationFilter{ContactID: id, Handling: contacts.Handling(id), AssigneeID: id}, sqlstore.Page{})
		require.NoError(t, err)
	}
}

func testConversations(t *testing.T, p *people) {
	talk := p.conversation("a")
	talk.Linked = true
	talk.State = contacts.State{
		Said: contacts.Values{"email": "a@b.example", "size": 3.0}, Status: "qualified", Tags: []string{"vip"},
		Runs: map[string][]byte{"": {0, 1, 255}, "s-1": []byte("run")}, Pending: []byte{9}, Seq: 12,
		Consent: &contacts.Consent{At: at(1)}, Address: []byte(`{"id":"1"}`), RawName: "Ada 🦊",
		Desk: &contacts.Desk{Team: "sales", AssigneeID: "agt_1", Since: at(1)},
	}
	put := func(all ...*contacts.Conversation) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.PutConversations(all) })
	}
	require.NoError(t, put(talk))
	talk.Handling, talk.ContactID, talk.UpdatedAt = contacts.ByAgent, p.id("con", "other"), at(9)
	require.NoError(t, put(talk))
	found, err := p.read(t).Conversations([]string{talk.ID})
	require.NoError(t, err)
	require.Equal(t, map[string]*contacts.Conversation{talk.ID: talk}, found)
	require.EqualValues(t, 2, talk.Version)
	stale := *talk
	stale.Version = 1
	require.ErrorIs(t, put(&stale), contacts.ErrConflict)
	stale.Version = 0
	require.ErrorIs(t, put(&stale), contacts.ErrConflict)
	one, err := p.read(t).Conversation(p.business, talk.ID)
	require.NoError(t, err)
	require.Equal(t, talk, one)
}
