package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/database/databasetest"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	databasetest.Each(t, func(t *testing.T, open func(testing.TB) *database.DB) {
		db := open(t)
		write := func(fn func(*sqlstore.Store) error) error {
			return db.Write(context.Background(), database.Steps, func(tx *database.Tx) error { return fn(sqlstore.New(tx)) })
		}
		now := time.UnixMicro(1700000000000001).UTC()
		c := &contacts.Contact{ID: "con_1", BusinessID: "b", Values: contacts.Values{"name": "José O'Brien", "email": "a@b.c", "size": 2.5, "ok": true}, CreatedAt: now, UpdatedAt: now, BlockedUntil: now}
		require.NoError(t, write(func(s *sqlstore.Store) error { return s.PutContacts([]*contacts.Contact{c}) }))
		require.EqualValues(t, 1, c.Version)
		c2 := &contacts.Contact{ID: "con_2", BusinessID: "b", Values: contacts.Values{"phone": "+44"}, CreatedAt: now}
		c.Status = "x"
		require.NoError(t, write(func(s *sqlstore.Store) error { return s.PutContacts([]*contacts.Contact{c, c2}) }))
		got, err := sqlstore.New(db.Read(t.Context())).Contacts([]string{"con_1", "con_2", "é", "nope"})
		require.NoError(t, err)
		require.Equal(t, map[string]*contacts.Contact{"con_1": c, "con_2": c2}, got)
		c.Version = 1
		require.ErrorIs(t, write(func(s *sqlstore.Store) error { return s.PutContacts([]*contacts.Contact{c, c2}) }), contacts.ErrConflict)
	})
}
