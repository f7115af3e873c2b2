package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func email(s string) sqlstore.Address { return sqlstore.Address{Kind: "email", Value: s} }
func phone(s string) sqlstore.Address { return sqlstore.Address{Kind: "phone", Value: s} }

func holder(id string, trust contacts.Trust) sqlstore.Holder {
	return sqlstore.Holder{Kind: sqlstore.HolderContact, ID: id, Trust: trust}
}

func (p *people) add(t *testing.T, rows ...sqlstore.AddressRow) error {
	return p.try(t, func(s *sqlstore.Store) error { return s.AddAddresses(rows) })
}

func (p *people) holders(t *testing.T, addrs ...sqlstore.Address) map[sqlstore.Address]sqlstore.Holder {
	t.Helper()
	found, err := p.read(t).Holders(p.business, addrs)
	require.NoError(t, err)
	return found
}

func testAddresses(t *testing.T, p *people) {
	a, b := holder(p.id("con", "a"), contacts.Claimed), holder(p.id("con", "b"), contacts.Proven)
	require.NoError(t, p.add(t,
		sqlstore.AddressRow{Business: p.business, Address: phone("+44"), Holder: a},
		sqlstore.AddressRow{Business: p.business, Address: email("é@x"), Holder: a},
		sqlstore.AddressRow{Business: p.business, Address: email("b@x"), Holder: b},
		sqlstore.AddressRow{Business: p.business + "2", Address: phone("+44"), Holder: b}))
	require.Equal(t, map[sqlstore.Address]sqlstore.Holder{phone("+44"): a, email("é@x"): a, email("b@x"): b},
		p.holders(t, phone("+44"), email("é@x"), email("b@x"), email("B@X"), email("e@x"), phone("b@x")))
	of, err := p.read(t).AddressesOf([]string{a.ID, "con_nobody"})
	require.NoError(t, err)
	require.Equal(t, map[string][]sqlstore.AddressRow{a.ID: {
		{Business: p.business, Address: email("é@x"), Holder: a}, {Business: p.business, Address: phone("+44"), Holder: a},
	}}, of)

	p.write(t, func(s *sqlstore.Store) error {
		return errors.Join(
			s.Strengthen(p.business, a.ID, []sqlstore.Address{phone("+44"), email("b@x")}, contacts.Vouched),
			s.Strengthen(p.business, b.ID, []sqlstore.Address{email("b@x")}, contacts.Vouched))
	})
	got := p.holders(t, phone("+44"), email("b@x"))
	require.Equal(t, contacts.Vouched, got[phone("+44")].Trust)
	require.Equal(t, b, got[email("b@x")], "trust never falls")

	move := func(from, to sqlstore.Holder) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.MoveAddress(p.business, email("é@x"), from, to) })
	}
	require.ErrorIs(t, move(b, a), contacts.ErrConflict)
	require.ErrorIs(t, move(holder(a.ID, contacts.Proven), b), contacts.ErrConflict, "no longer trusted like that")
	require.NoError(t, move(a, b))
	require.Equal(t, b, p.holders(t, email("é@x"))[email("é@x")])

	p.write(t, func(s *sqlstore.Store) error {
		return s.Release(p.business, a.ID, []sqlstore.Address{phone("+44"), email("b@x")})
	})
	require.NotContains(t, p.holders(t, phone("+44")), phone("+44"))
	require.Contains(t, p.holders(t, email("b@x")), email("b@x"), "another's")
	p.write(t, func(s *sqlstore.Store) error { return s.ReleaseAll(p.business, b.ID) })
	require.Empty(t, p.holders(t, email("b@x"), email("é@x")))
	of, err = p.read(t).AddressesOf([]string{b.ID})
	require.NoError(t, err)
	require.Len(t, of[b.ID], 1, "the other business's stays")
}

func testAddressTwice(t *testing.T, p *people) {
	a, b := holder(p.id("con", "a"), contacts.Claimed), holder(p.id("con", "b"), contacts.Proven)
	row := func(address sqlstore.Address, h sqlstore.Holder) sqlstore.AddressRow {
		return sqlstore.AddressRow{Business: p.business, Address: address, Holder: h}
	}
	require.NoError(t, p.add(t, row(phone("+1"), a), row(phone("+1"), a)), "by the same: once")
	err := p.add(t, row(phone("+2"), b), row(phone("+1"), b))
	require.ErrorIs(t, err, sqlstore.ErrTaken)
	var taken *sqlstore.TakenError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, phone("+1"), taken.Address)
	require.Equal(t, &a, taken.Holder)
	require.NotContains(t, err.Error(), "+1")
	require.Empty(t, p.holders(t, phone("+2")), "all or nothing")

	err = p.add(t, row(phone("+3"), a), row(phone("+3"), b))
	require.ErrorAs(t, err, &taken)
	require.Equal(t, &a, taken.Holder)
}

func testPhoneRace(t *testing.T, p *people) {
	const promotions = 20
	var won atomic.Int64
	var all sync.WaitGroup
	for i := range promotions {
		all.Go(func() {
			c := p.contact(i, contacts.Values{"phone": "+447700900123"})
			err := p.try(t, func(s *sqlstore.Store) error {
				return errors.Join(
					s.PutContacts([]*contacts.Contact{c}),
					s.AddAddresses([]sqlstore.AddressRow{
						{Business: p.business, Address: email(fmt.Sprint(i, "@x")), Holder: holder(c.ID, contacts.Claimed)},
						{Business: p.business, Address: phone("+447700900123"), Holder: holder(c.ID, contacts.Claimed)},
					}))
			})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, sqlstore.ErrTaken) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	_, _, total, err := p.read(t).ListContacts(p.business, sqlstore.Filter{}, sqlstore.Page{Count: true})
	require.NoError(t, err)
	require.Equal(t, 1, total, "what lost left nothing")
}
