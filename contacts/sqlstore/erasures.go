package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// Erasure is the work of forgetting one person.
type Erasure struct {
	ID, Business string
	Todo         Remains
	CreatedAt    time.Time
	DoneAt       time.Time // zero: not done yet
}

// Remains are the places that still hold what an erased person said.
type Remains struct {
	Conversations []string `json:"conversations,omitempty"`
	Guests        []string `json:"guests,omitempty"`
	Lanes         []int64  `json:"lanes,omitempty"`
}

// ForgetContact takes a contact out of everything that is found by who it is. The row
// stays empty under its id, so that nobody becomes this contact again.
func (s *Store) ForgetContact(business, contactID string) error {
	empty := "UPDATE contacts SET business_id='', version=version+1, type='', status='', name='', name_key='', search='', email='', phone=''," +
		" customer_id='', channel='', flow='', assignee_id='', archived=1, doc=?, last_seen_at=0 WHERE id=? AND business_id=?"
	n, err := s.tx.Run(empty, []byte("{}"), contactID, business)
	if err != nil {
		return fmt.Errorf("forget contact: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("contact: %w", contacts.ErrNotFound)
	}
	if err := s.ReleaseAll(business, contactID); err != nil {
		return err
	}
	for _, table := range []string{"conversations", "notes", "contact_history", "desk"} {
		if _, err := s.tx.Run("DELETE FROM "+table+" WHERE contact_id=?", contactID); err != nil {
			return fmt.Errorf("forget contact: %s: %w", table, err)
		}
	}
	return nil
}

// PutErasure writes down what is to be done, or that it is.
func (s *Store) PutErasure(e Erasure) error {
	todo, err := json.Marshal(e.Todo)
	if err != nil {
		return fmt.Errorf("erasure %s: %w", e.ID, err)
	}
	if !e.DoneAt.IsZero() {
		_, err = s.tx.Run("UPDATE erasures SET todo=NULL, done_at=? WHERE id=?", micros(e.DoneAt), e.ID)
	} else {
		_, err = s.tx.Run("INSERT INTO erasures (id, business_id, todo, created_at) VALUES (?,?,?,?)", e.ID, e.Business, todo, micros(e.CreatedAt))
	}
	if err != nil {
		return fmt.Errorf("write erasure: %w", err)
	}
	return nil
}

// Erasure returns one of a business's erasures, or contacts.ErrNotFound.
func (s *Store) Erasure(business, id string) (Erasure, error) {
	found, err := s.erasures("business_id=? AND id=?", business, idOrNone(id))
	if err != nil {
		return Erasure{}, err
	}
	if len(found) == 0 {
		return Erasure{}, fmt.Errorf("erasure: %w", contacts.ErrNotFound)
	}
	return found[0], nil
}

// OpenErasures lists those that are not done, the oldest first.
func (s *Store) OpenErasures(limit int) ([]Erasure, error) {
	return s.erasures("done_at=0 ORDER BY created_at LIMIT ?", limit)
}

func (s *Store) erasures(where string, args ...any) ([]Erasure, error) {
	var found []Erasure
	err := s.tx.Query(func(r *sql.Rows) error {
		var e Erasure
		var todo []byte
		var created, done int64
		if err := r.Scan(&e.ID, &e.Business, &todo, &created, &done); err != nil {
			return err
		}
		e.CreatedAt, e.DoneAt = fromMicros(created), fromMicros(done)
		if len(todo) > 0 {
			if err := json.Unmarshal(todo, &e.Todo); err != nil {
				return err
			}
		}
		found = append(found, e)
		return nil
	}, "SELECT id, business_id, todo, created_at, done_at FROM erasures WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	return found, nil
}

// EmptyConversation deletes what was said in a conversation, and the replies in
// it that wait to be sent, some at a time; more: call it again.
func (s *Store) EmptyConversation(id string) (more bool, err error) {
	var seqs, ids []any
	err = s.tx.Query(func(r *sql.Rows) error {
		var seq int64
		var message string
		err := r.Scan(&seq, &message)
		seqs, ids = append(seqs, seq), append(ids, message)
		return err
	}, "SELECT seq, id FROM messages WHERE conversation_id=? ORDER BY seq LIMIT ?", id, emptyRows)
	if err != nil || len(seqs) == 0 {
		return false, err
	}
	in := database.Placeholders(1, len(seqs))
	if _, err := s.tx.Run("DELETE FROM replies WHERE id IN "+in, ids...); err != nil {
		return false, fmt.Errorf("delete replies: %w", err)
	}
	if _, err := s.tx.Run("DELETE FROM messages WHERE conversation_id=? AND seq IN "+in, append([]any{id}, seqs...)...); err != nil {
		return false, fmt.Errorf("delete messages: %w", err)
	}
	return true, nil
}

// emptyRows are deleted in one transaction.
const emptyRows = 100
