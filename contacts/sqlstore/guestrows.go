package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// guestRow is one guest about to be written.
type guestRow struct {
	id      string
	version int64
	record  []byte
	expires int64
	lines   []guestLine
}

type guestLine struct {
	seq    int64
	record []byte
}

// versionsOf reads the stored versions; a guest that has expired has none.
func versionsOf(tx *database.Tx, writes []contacts.GuestWrite, now int64) (map[string]int64, error) {
	ids := make([]string, len(writes))
	for i, w := range writes {
		ids[i] = w.Guest.ID
	}
	versions := make(map[string]int64, len(ids))
	err := among(ids, func(list string, args []any) error {
		return tx.Query(func(r *sql.Rows) error {
			var id string
			var version int64
			err := r.Scan(&id, &version)
			versions[id] = version
			return err
		}, "SELECT id, version FROM guests WHERE id IN "+list+" AND expires_at>?", append(args, now)...)
	})
	return versions, err
}

// alive refuses a guest that would not live at all.
func alive(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("a guest cannot live for %v", ttl)
	}
	return nil
}

func rowOf(w contacts.GuestWrite, now int64) (guestRow, error) {
	if err := alive(w.TTL); err != nil {
		return guestRow{}, err
	}
	stored := *w.Guest // the caller's stays as it is
	stored.Conversation.Version++
	stored.ExpiresAt = fromMicros(now).Add(w.TTL)
	record, err := stored.Marshal()
	if err != nil {
		return guestRow{}, err
	}
	row := guestRow{id: stored.ID, version: stored.Conversation.Version, record: record, expires: micros(stored.ExpiresAt)}
	for _, l := range w.Lines[max(0, len(w.Lines)-contacts.TranscriptLimit):] {
		record, err := l.Marshal(row.id)
		if err != nil {
			return guestRow{}, err
		}
		row.lines = append(row.lines, guestLine{l.Seq, record})
	}
	return row, nil
}

func (s *Store) putGuests(rows []guestRow) error {
	var born []string
	for _, r := range rows {
		if r.version == 1 {
			born = append(born, r.id)
		}
	}
	// What is left of an expired guest with the same id belongs to nobody.
	if err := s.dropLines(born); err != nil {
		return err
	}
	err := s.batches(len(rows), nil, func(from, to int) error {
		args := make([]any, 0, 4*(to-from))
		for _, r := range rows[from:to] {
			args = append(args, r.id, r.version, r.record, r.expires)
		}
		_, err := s.tx.Run("INSERT INTO guests (id, version, record, expires_at) VALUES "+database.Placeholders(to-from, 4)+
			" ON CONFLICT DO UPDATE SET version=excluded.version, record=excluded.record, expires_at=excluded.expires_at", args...)
		return err
	})
	if err != nil {
		return err
	}
	return s.putGuestLines(rows)
}

func (s *Store) putGuestLines(rows []guestRow) error {
	var args []any
	long := map[string]bool{}
	for _, r := range rows {
		for _, l := range r.lines {
			args = append(args, r.id, l.seq, l.record)
			long[r.id] = long[r.id] || l.seq > contacts.TranscriptLimit
		}
	}
	err := s.batches(len(args)/3, nil, func(from, to int) error {
		_, err := s.tx.Run("INSERT INTO guest_lines (guest_id, seq, line) VALUES "+database.Placeholders(to-from, 3)+
			" ON CONFLICT DO UPDATE SET line=excluded.line", args[3*from:3*to]...)
		return err
	})
	if err != nil {
		return err
	}
	for id, is := range long {
		if !is {
			continue
		}
		_, err := s.tx.Run("DELETE FROM guest_lines WHERE guest_id=?1 AND seq<=(SELECT seq FROM guest_lines WHERE guest_id=?1"+
			" ORDER BY seq DESC LIMIT 1 OFFSET ?2)", id, contacts.TranscriptLimit)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dropGuests(ids []string) error {
	err := among(ids, func(list string, args []any) error {
		_, err := s.tx.Run("DELETE FROM guests WHERE id IN "+list, args...)
		return err
	})
	return errors.Join(err, s.dropLines(ids))
}

func (s *Store) dropLines(ids []string) error {
	return among(ids, func(list string, args []any) error {
		_, err := s.tx.Run("DELETE FROM guest_lines WHERE guest_id IN "+list, args...)
		return err
	})
}
