package sqlstore

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"usher/contacts"
	"usher/internal/database"
)

// Session is what a bot calls one of its conversations; ExternalID is the
// person that it belongs to.
type Session struct {
	Business, Channel, Session string
	ExternalID                 string
	SeenAt                     time.Time
}

// SessionOf returns the person that a session belongs to, or
// contacts.ErrNotFound.
func (s *Store) SessionOf(business, channel, session string) (externalID string, err error) {
	if !utf8.ValidString(session) { // MySQL would refuse to look
		return "", fmt.Errorf("session: %w", contacts.ErrNotFound)
	}
	found := false
	err = s.tx.Query(func(r *sql.Rows) error {
		found = true
		return r.Scan(&externalID)
	}, "SELECT external_id FROM sessions WHERE business_id=? AND channel=? AND session=?", business, channel, session)
	if err != nil {
		return "", fmt.Errorf("read session: %w", err)
	}
	if !found {
		return "", fmt.Errorf("session: %w", contacts.ErrNotFound)
	}
	return externalID, nil
}

// PutSessions remembers sessions; the last of a call wins.
func (s *Store) PutSessions(all []Session) error {
	// In the order of keys: two nodes with the same rows wait, not deadlock.
	all = slices.Clone(all)
	slices.SortStableFunc(all, compareSessions)
	update := " ON DUPLICATE KEY UPDATE external_id=VALUES(external_id), seen_at=VALUES(seen_at)"
	if s.tx.Dialect == database.SQLite {
		update = " ON CONFLICT DO UPDATE SET external_id=excluded.external_id, seen_at=excluded.seen_at"
	}
	return s.batches(len(all), nil, func(from, to int) error {
		args := make([]any, 0, 5*(to-from))
		for _, x := range all[from:to] {
			args = append(args, x.Business, x.Channel, x.Session, x.ExternalID, micros(x.SeenAt))
		}
		_, err := s.tx.Run("INSERT INTO sessions (business_id, channel, session, external_id, seen_at) VALUES "+
			database.Placeholders(to-from, 5)+update, args...)
		if err != nil {
			return fmt.Errorf("put sessions: %w", err)
		}
		return nil
	})
}

// SweepSessions forgets up to limit sessions that were last seen before a time.
func (s *Store) SweepSessions(before time.Time, limit int) (int64, error) {
	query := "DELETE FROM sessions WHERE seen_at < ? LIMIT ?"
	if s.tx.Dialect == database.SQLite {
		query = "DELETE FROM sessions WHERE (business_id, channel, session) IN" +
			" (SELECT business_id, channel, session FROM sessions WHERE seen_at < ? LIMIT ?)"
	}
	n, err := s.tx.Run(query, micros(before), limit)
	if err != nil {
		return 0, fmt.Errorf("sweep sessions: %w", err)
	}
	return n, nil
}

func compareSessions(a, b Session) int {
	return cmp.Or(cmp.Compare(a.Business, b.Business), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Session, b.Session))
}
