package sqlstore

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"usher/contacts"
	"usher/internal/database"
)

// NoteRow is a note with the contact that it is about.
type NoteRow struct {
	Business, ContactID string
	contacts.Note
}

// AddNotes writes notes; one whose id is there already stays as it is.
func (s *Store) AddNotes(all []NoteRow) error {
	same := " ON DUPLICATE KEY UPDATE id=id"
	if s.tx.Dialect == database.SQLite {
		same = " ON CONFLICT DO NOTHING"
	}
	return s.batches(len(all), func(i int) int { return len(all[i].Text) }, func(from, to int) error {
		args := make([]any, 0, 6*(to-from))
		for _, n := range all[from:to] {
			args = append(args, n.ID, n.Business, n.ContactID, n.Text, n.Author, micros(n.CreatedAt))
		}
		_, err := s.tx.Run("INSERT INTO notes (id, business_id, contact_id, text, author, created_at) VALUES "+
			database.Placeholders(to-from, 6)+same, args...)
		if err != nil {
			return fmt.Errorf("add notes: %w", err)
		}
		return nil
	})
}

// Notes returns a page of the notes about a contact, the newest first, and the
// cursor of the next page. Sort is fixed. Error: ErrFilter. total is -1 unless
// the page counts.
func (s *Store) Notes(contactID string, p Page) (page []contacts.Note, next string, total int, err error) {
	total = -1
	contactID = idOrNone(contactID)
	where, args := " FROM notes WHERE contact_id=?", []any{contactID}
	if p.Count {
		err := s.tx.Query(func(r *sql.Rows) error { return r.Scan(&total) }, "SELECT COUNT(*)"+where, args...)
		if err != nil {
			return nil, "", total, fmt.Errorf("count notes: %w", err)
		}
	}
	if p.Cursor != "" {
		at, id, _ := strings.Cut(p.Cursor, ".")
		before, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, "", total, fmt.Errorf("%w: the cursor is not of this list", ErrFilter)
		}
		where += " AND (created_at<? OR created_at=? AND id<?)"
		args = append(args, before, before, idOrNone(id))
	}
	err = s.tx.Query(func(r *sql.Rows) error {
		var n contacts.Note
		var at int64
		err := r.Scan(&n.ID, &n.Text, &n.Author, &at)
		n.CreatedAt = fromMicros(at)
		page = append(page, n)
		return err
	}, "SELECT id, text, author, created_at"+where+" ORDER BY created_at DESC, id DESC LIMIT ?", append(args, p.limit()+1)...)
	if err != nil {
		return nil, "", total, fmt.Errorf("read notes: %w", err)
	}
	if len(page) > p.limit() {
		page = page[:p.limit()]
		last := page[len(page)-1]
		next = strconv.FormatInt(micros(last.CreatedAt), 10) + "." + last.ID
	}
	return page, next, total, nil
}
