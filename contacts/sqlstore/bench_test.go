package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/database/databasetest"
)

// batch is what the gateway writes at most in one transaction.
const batch = 200

func dialects(b *testing.B, bench func(*testing.B, *database.DB)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, databasetest.SQLite(b)) })
	b.Run("mysql", func(b *testing.B) { bench(b, databasetest.MySQL(b)) })
}

func write(b *testing.B, db *database.DB, do func(*sqlstore.Store) error) {
	b.Helper()
	require.NoError(b, db.Write(b.Context(), database.Steps, func(tx *database.Tx) error { return do(sqlstore.New(tx)) }))
}

func person(i int) *contacts.Contact {
	now := time.Now()
	return &contacts.Contact{
		ID: fmt.Sprintf("con_%016d", i), BusinessID: "default", Status: "qualified", Tags: []string{"vip"},
		Values: contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": fmt.Sprint("a", i, "@example.com"),
			"phone": fmt.Sprintf("+447%09d", i), "company_size": 20.0},
		Source: contacts.Source{Channel: "webchat/site", Flow: "welcome", Via: "form"}, CreatedAt: now, UpdatedAt: now, LastSeenAt: now,
	}
}

func talk(i int) *contacts.Conversation {
	now := time.Now()
	return &contacts.Conversation{
		ID: fmt.Sprintf("cnv_%016d", i), BusinessID: "default", Channel: "webchat/site", ExternalID: fmt.Sprint("visitor-", i),
		ContactID: fmt.Sprintf("con_%016d", i), Handling: contacts.ByFlow, CreatedAt: now, UpdatedAt: now,
		State: contacts.State{Said: contacts.Values{"name": "Ada Lovelace", "company_size": 20.0}, Seq: 12,
			Runs: map[string][]byte{"": make([]byte, 300)}, Address: []byte(`{"external_id":"visitor"}`)},
	}
}

func BenchmarkPutContacts(b *testing.B) {
	dialects(b, func(b *testing.B, db *database.DB) { benchPut(b, db, person, (*sqlstore.Store).PutContacts) })
}

func BenchmarkPutConversations(b *testing.B) {
	dialects(b, func(b *testing.B, db *database.DB) { benchPut(b, db, talk, (*sqlstore.Store).PutConversations) })
}

// benchPut writes 200 new rows, and the same 200 again and again.
func benchPut[T any](b *testing.B, db *database.DB, make1 func(int) *T, put func(*sqlstore.Store, []*T) error) {
	b.Run("insert", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			rows := make([]*T, batch)
			for i := range rows {
				n++
				rows[i] = make1(n)
			}
			write(b, db, func(s *sqlstore.Store) error { return put(s, rows) })
		}
		b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("update", func(b *testing.B) {
		rows := make([]*T, batch)
		for i := range rows {
			rows[i] = make1(100_000_000 + i)
		}
		write(b, db, func(s *sqlstore.Store) error { return put(s, rows) })
		b.ReportAllocs()
		for b.Loop() {
			write(b, db, func(s *sqlstore.Store) error { return put(s, rows) })
		}
		b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

func BenchmarkRead(b *testing.B) {
	dialects(b, func(b *testing.B, db *database.DB) {
		people, talks := make([]*contacts.Contact, batch), make([]*contacts.Conversation, batch)
		var ids []string
		var phones []sqlstore.Address
		for i := range people {
			people[i], talks[i] = person(i), talk(i)
			ids = append(ids, talks[i].ID)
			phones = append(phones, sqlstore.Address{Kind: "phone", Value: people[i].Values.Text("phone")})
		}
		write(b, db, func(s *sqlstore.Store) error { return s.PutConversations(talks) })
		b.Run("conversations", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				found, err := sqlstore.New(db.Read(b.Context())).Conversations(ids)
				require.NoError(b, err)
				require.Len(b, found, batch)
			}
		})
		b.Run("holders", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := sqlstore.New(db.Read(b.Context())).Holders("default", phones)
				require.NoError(b, err)
			}
		})
	})
}

func BenchmarkSaveGuests(b *testing.B) {
	store := sqlstore.OpenGuests(databasetest.SQLite(b))
	writes := make([]contacts.GuestWrite, batch)
	for i := range writes {
		id := fmt.Sprintf("gst_%016d", i)
		writes[i] = contacts.GuestWrite{Guest: guest(id, 0), TTL: time.Hour}
	}
	b.ReportAllocs()
	seq := int64(0)
	for b.Loop() {
		seq++
		for i := range writes {
			writes[i].Lines = lines(writes[i].Guest.ID, seq, seq)
		}
		for i, err := range store.Save(b.Context(), writes) {
			require.NoError(b, err)
			writes[i].Guest.Conversation.Version++
		}
	}
	b.ReportMetric(float64(batch*b.N)/b.Elapsed().Seconds(), "guests/s")
}
