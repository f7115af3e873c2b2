package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func testBusinesses(t *testing.T, p *people) {
	b := sqlstore.Business{ID: p.business, Name: "Acme 🦊", Country: "GB", Timezone: "Europe/London", CreatedAt: at(1)}
	p.write(t, func(s *sqlstore.Store) error { return s.PutBusiness(b) })
	changed := b
	changed.Name, changed.CreatedAt = "Acme Ltd", at(9)
	p.write(t, func(s *sqlstore.Store) error { return s.PutBusiness(changed) })
	p.write(t, func(s *sqlstore.Store) error { return s.PutBusiness(changed) })
	got, err := p.read(t).Business(p.business)
	require.NoError(t, err)
	require.Equal(t, "Acme Ltd", got.Name)
	require.Equal(t, at(1), got.CreatedAt)
	all, err := p.read(t).Businesses()
	require.NoError(t, err)
	require.Contains(t, all, got)
	_, err = p.read(t).Business("é")
	require.ErrorIs(t, err, contacts.ErrNotFound)
}

func hashOf(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func testKeys(t *testing.T, p *people) {
	key := sqlstore.Key{ID: p.id("key", 1), Business: p.business, Name: "ops", Hash: hashOf(p.business), Scopes: []string{"admin", "bot"}, AgentID: "agt_1", CreatedAt: at(1)}
	p.write(t, func(s *sqlstore.Store) error { return s.CreateKey(key) })
	got, err := p.read(t).KeyByHash(key.Hash)
	require.NoError(t, err)
	require.Equal(t, key, got)
	same := key
	same.ID = p.id("key", 2)
	require.ErrorIs(t, p.try(t, func(s *sqlstore.Store) error { return s.CreateKey(same) }), sqlstore.ErrTaken)
	revoke := func(business string) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.RevokeKey(business, key.ID, at(5)) })
	}
	require.ErrorIs(t, revoke("another"), contacts.ErrNotFound)
	require.NoError(t, revoke(p.business))
	require.ErrorIs(t, revoke(p.business), contacts.ErrNotFound)
	_, err = p.read(t).KeyByHash(key.Hash)
	require.ErrorIs(t, err, contacts.ErrNotFound)

	file := func(names ...string) {
		var keys []sqlstore.Key
		for _, name := range names {
			keys = append(keys, sqlstore.Key{ID: p.id("key", fmt.Sprint(name, len(names))), Name: name, Hash: hashOf(p.business + name), Scopes: []string{"read"}})
		}
		p.write(t, func(s *sqlstore.Store) error { return s.PutFileKeys(p.business, keys, at(7)) })
	}
	works := func(name string) bool {
		_, err := p.read(t).KeyByHash(hashOf(p.business + name))
		return err == nil
	}
	file("a", "b")
	file("a", "b")
	require.True(t, works("a") && works("b"))
	file("b")
	require.True(t, !works("a") && works("b"))
	file("a", "b")
	require.True(t, works("a"), "given again")
	file()
	require.False(t, works("a") || works("b"))
	all, err := p.read(t).Keys(p.business)
	require.NoError(t, err)
	require.Len(t, all, 3)
}

func testFields(t *testing.T, p *people) {
	size := sqlstore.StoredField{Field: contacts.Field{Name: "company_size", Title: "Size", Type: contacts.Number, Settable: true}, CreatedAt: at(1)}
	add := func(f sqlstore.StoredField) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.AddField(p.business, f) })
	}
	put := func(f sqlstore.StoredField) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.PutField(p.business, f) })
	}
	require.NoError(t, add(size))
	require.ErrorIs(t, add(size), sqlstore.ErrTaken)
	size.Title, size.FromFile = "Employees", true
	require.NoError(t, put(size))
	require.NoError(t, put(size))
	other := size
	other.Type = contacts.Text
	require.ErrorIs(t, put(other), sqlstore.ErrFieldType)
	plan := sqlstore.StoredField{Field: contacts.Field{Name: "a_plan", Title: "Plan", Type: contacts.Text, Settable: true}, CreatedAt: at(2)}
	require.NoError(t, put(plan))
	all, err := p.read(t).Fields(p.business)
	require.NoError(t, err)
	require.Equal(t, []sqlstore.StoredField{size, plan}, all)
}

func (p *people) save(t *testing.T, flow, doc string) int {
	t.Helper()
	var version int
	p.write(t, func(s *sqlstore.Store) (err error) {
		version, err = s.SaveFlow(p.business, flow, []byte(doc), "key_1")
		return err
	})
	return version
}

func testFlowVersions(t *testing.T, p *people) {
	require.Equal(t, 1, p.save(t, "welcome", "one"))
	require.Equal(t, 2, p.save(t, "welcome", "two"))
	require.Equal(t, 1, p.save(t, "welcome", "one"), "the same document is the same version")
	require.Equal(t, 1, p.save(t, "other", "two"))
	doc, err := p.read(t).FlowVersion(p.business, "welcome", 2)
	require.NoError(t, err)
	require.Equal(t, "two", string(doc.Document))
	require.Equal(t, "key_1", doc.Author)
	require.NotZero(t, doc.CreatedAt)
	require.Zero(t, doc.PublishedAt)
	for _, missing := range []struct {
		business, flow string
		version        int
	}{{p.business, "welcome", 3}, {p.business, "é", 1}, {"another", "welcome", 1}} {
		_, err = p.read(t).FlowVersion(missing.business, missing.flow, missing.version)
		require.ErrorIs(t, err, contacts.ErrNotFound)
	}
	all, err := p.read(t).FlowVersions(p.business, "")
	require.NoError(t, err)
	require.Len(t, all, 3)
	one, err := p.read(t).FlowVersions(p.business, "welcome")
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, []int{one[0].Version, one[1].Version})
}

// testFlows: draft, published, rollback; what the configuration declares is
// published, what it declares no more is not.
func testFlows(t *testing.T, p *people) {
	for _, doc := range []string{"one", "two"} {
		p.save(t, "welcome", doc)
	}
	_, err := p.read(t).Flow(p.business, "welcome")
	require.ErrorIs(t, err, contacts.ErrNotFound)
	flow := sqlstore.Flow{ID: "welcome", Name: "Welcome 🦊", Draft: 1, CreatedAt: at(1), UpdatedAt: at(1)}
	put := func() { p.write(t, func(s *sqlstore.Store) error { return s.PutFlow(p.business, flow) }) }
	put()
	put()
	flow.Draft, flow.UpdatedAt = 2, at(2)
	put()
	publish := func(id string, version int) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.PublishFlow(p.business, id, version, "key_1", at(3)) })
	}
	require.NoError(t, publish("welcome", 2))
	require.NoError(t, publish("welcome", 1))
	require.ErrorIs(t, publish("welcome", 3), contacts.ErrNotFound)
	require.ErrorIs(t, publish("é", 1), contacts.ErrNotFound)
	flow.Published, flow.UpdatedAt = 1, at(3)
	got, err := p.read(t).Flow(p.business, "welcome")
	require.NoError(t, err)
	require.Equal(t, flow, got)
	version, err := p.read(t).FlowVersion(p.business, "welcome", 2)
	require.NoError(t, err)
	require.Equal(t, []any{"key_1", at(3)}, []any{version.PublishedBy, version.PublishedAt})

	p.save(t, "faq", "three")
	declare := func(now int, flows ...sqlstore.Flow) {
		p.write(t, func(s *sqlstore.Store) error { return s.PutFileFlows(p.business, flows, at(now)) })
	}
	published := func() map[string]int {
		all, err := p.read(t).PublishedFlows()
		require.NoError(t, err)
		return all[p.business]
	}
	faq := sqlstore.Flow{ID: "faq", Name: "FAQ", Draft: 1}
	declare(4, faq)
	declare(5, faq)
	require.Equal(t, map[string]int{"welcome": 1, "faq": 1}, published())
	got, err = p.read(t).Flow(p.business, "faq")
	require.NoError(t, err)
	require.Equal(t, sqlstore.Flow{ID: "faq", Name: "FAQ", Draft: 1, Published: 1, FromFile: true, CreatedAt: at(4), UpdatedAt: at(4)}, got)
	version, err = p.read(t).FlowVersion(p.business, "faq", 1)
	require.NoError(t, err)
	require.Equal(t, sqlstore.ByFile, version.PublishedBy)
	declare(6, sqlstore.Flow{ID: "welcome", Name: "Welcome", Draft: 2})
	require.Equal(t, map[string]int{"welcome": 2}, published())
	all, err := p.read(t).Flows(p.business)
	require.NoError(t, err)
	require.Equal(t, []sqlstore.Flow{
		{ID: "faq", Name: "FAQ", Draft: 1, CreatedAt: at(4), UpdatedAt: at(6)},
		{ID: "welcome", Name: "Welcome", Draft: 2, Published: 2, FromFile: true, CreatedAt: at(1), UpdatedAt: at(6)},
	}, all)
}

func testFlowRace(t *testing.T, p *people) {
	var all sync.WaitGroup
	versions := make([]int, 8)
	for i := range versions {
		all.Go(func() { versions[i] = p.save(t, "welcome", fmt.Sprint("document ", i%4)) })
	}
	all.Wait()
	for i := range 4 {
		require.Equal(t, versions[i], versions[i+4])
	}
	list, err := p.read(t).FlowVersions(p.business, "welcome")
	require.NoError(t, err)
	require.Len(t, list, 4)
}

func testIdempotency(t *testing.T, p *people) {
	reserve := func(hash string) (a *sqlstore.Answer, err error) {
		err = p.try(t, func(s *sqlstore.Store) error {
			a, err = s.Reserve(p.business, "request 🦊", hashOf(hash))
			return err
		})
		return a, err
	}
	_, err := p.read(t).Lookup(p.business, "request 🦊", hashOf("a"))
	require.ErrorIs(t, err, contacts.ErrNotFound)
	a, err := reserve("a")
	require.NoError(t, err)
	require.Nil(t, a)
	_, err = reserve("a")
	require.ErrorIs(t, err, sqlstore.ErrRunning)
	_, err = reserve("b")
	require.ErrorIs(t, err, sqlstore.ErrOtherRequest)
	p.write(t, func(s *sqlstore.Store) error { return s.Forget(p.business, "request 🦊") })
	a, err = reserve("b")
	require.NoError(t, err)
	require.Nil(t, a)
	want := sqlstore.Answer{Status: 201, Location: "/v1/contacts/con_1", Body: bytes.Repeat([]byte{0, 255}, 999)}
	p.write(t, func(s *sqlstore.Store) error { return s.Finish(p.business, "request 🦊", want) })
	p.write(t, func(s *sqlstore.Store) error { return s.Forget(p.business, "request 🦊") })
	a, err = reserve("b")
	require.NoError(t, err)
	require.Equal(t, &want, a, "what is finished is not forgotten")
	_, err = reserve("a")
	require.ErrorIs(t, err, sqlstore.ErrOtherRequest)
}

func testReserveRace(t *testing.T, p *people) {
	var won atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := p.try(t, func(s *sqlstore.Store) error {
				_, err := s.Reserve(p.business, "k", hashOf("a"))
				return err
			})
			if err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}
