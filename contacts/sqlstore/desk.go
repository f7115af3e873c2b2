package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// DeskRow is a conversation that was handed to people, as lists find it: a
// guest's too, which has no other row.
type DeskRow struct {
	ID         string // of the conversation
	Business   string
	Channel    string
	ExternalID string
	ContactID  string // empty: a guest's
	Handling   contacts.Handling
	contacts.Desk
	UpdatedAt time.Time
	ExpiresAt time.Time // the guest's end; zero for a contact's
}

// conversation is what a list shows of a guest's row.
func (d DeskRow) conversation() *contacts.Conversation {
	desk := d.Desk
	return &contacts.Conversation{ID: d.ID, BusinessID: d.Business, Channel: d.Channel, ExternalID: d.ExternalID, ContactID: d.ContactID,
		Handling: d.Handling, State: contacts.State{Said: contacts.Values{}, Desk: &desk}, CreatedAt: d.Since, UpdatedAt: d.UpdatedAt}
}

const (
	deskColumns = "id, business_id, channel, external_id, contact_id, handling, team, assignee_id, since, updated_at, expires_at"
	deskWidth   = 11
)

func scanDesk(r *sql.Rows, more ...any) (DeskRow, error) {
	var d DeskRow
	var since, updated, expires int64
	err := r.Scan(append([]any{&d.ID, &d.Business, &d.Channel, &d.ExternalID, &d.ContactID, &d.Handling, &d.Team, &d.AssigneeID,
		&since, &updated, &expires}, more...)...)
	d.Since, d.UpdatedAt, d.ExpiresAt = fromMicros(since), fromMicros(updated), fromMicros(expires)
	return d, err
}

func (d DeskRow) args() []any {
	return []any{d.ID, d.Business, d.Channel, d.ExternalID, d.ContactID, string(d.Handling), d.Team, d.AssigneeID,
		micros(d.Since), micros(d.UpdatedAt), micros(d.ExpiresAt)}
}

// PutDesk writes rows, each in the place of the one that its conversation has.
func (s *Store) PutDesk(rows []DeskRow) error {
	// In the order of keys: two nodes with the same rows wait, not deadlock.
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b DeskRow) int { return strings.Compare(a.ID, b.ID) })
	var set []string
	for _, c := range strings.Split(deskColumns, ", ")[1:] {
		if s.tx.Dialect == database.SQLite {
			set = append(set, c+"=excluded."+c)
		} else {
			set = append(set, c+"=VALUES("+c+")")
		}
	}
	replace := " ON DUPLICATE KEY UPDATE " + strings.Join(set, ",")
	if s.tx.Dialect == database.SQLite {
		replace = " ON CONFLICT DO UPDATE SET " + strings.Join(set, ",")
	}
	return s.batches(len(rows), nil, func(from, to int) error {
		args := make([]any, 0, deskWidth*(to-from))
		for _, d := range rows[from:to] {
			args = append(args, d.args()...)
		}
		if _, err := s.tx.Run("INSERT INTO desk ("+deskColumns+") VALUES "+database.Placeholders(to-from, deskWidth)+replace, args...); err != nil {
			return fmt.Errorf("put desk: %w", err)
		}
		return nil
	})
}

// AssignDesk gives a conversation that waits for anybody to an agent. It is
// false if it does not wait any more, or is somebody's.
func (s *Store) AssignDesk(conversation, agentID string) (bool, error) {
	n, err := s.tx.Run("UPDATE desk SET assignee_id=?, handling=? WHERE id=? AND assignee_id='' AND handling=?",
		agentID, string(contacts.ByAgent), idOrNone(conversation), string(contacts.Queued))
	if err != nil {
		return false, fmt.Errorf("assign: %w", err)
	}
	return n > 0, nil
}

// Waiting returns conversations of a business that wait for anybody, those that
// have waited for longest first.
func (s *Store) Waiting(business string, limit int) ([]DeskRow, error) {
	var rows []DeskRow
	err := s.tx.Query(func(r *sql.Rows) error {
		d, err := scanDesk(r)
		rows = append(rows, d)
		return err
	}, "SELECT "+deskColumns+" FROM desk WHERE business_id=? AND handling=? AND assignee_id='' ORDER BY since, id LIMIT ?",
		business, string(contacts.Queued), limit)
	if err != nil {
		return nil, fmt.Errorf("read desk: %w", err)
	}
	return rows, nil
}

// DropDesk forgets the rows of conversations; those that have none are passed
// over.
func (s *Store) DropDesk(conversations []string) error {
	conversations = slices.Sorted(slices.Values(conversations))
	err := among(idsOf(conversations), func(list string, args []any) error {
		_, err := s.tx.Run("DELETE FROM desk WHERE id IN "+list, args...)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop from desk: %w", err)
	}
	return nil
}

// DeskOf returns the row of one of a business's conversations, or
// contacts.ErrNotFound.
func (s *Store) DeskOf(business, conversation string) (DeskRow, error) {
	var d DeskRow
	err := s.tx.Query(func(r *sql.Rows) (err error) {
		d, err = scanDesk(r)
		return err
	}, "SELECT "+deskColumns+" FROM desk WHERE business_id=? AND id=?", business, idOrNone(conversation))
	if err == nil && d.ID == "" {
		err = contacts.ErrNotFound
	}
	if err != nil {
		return DeskRow{}, fmt.Errorf("read desk: %w", err)
	}
	return d, nil
}

// SweepDesk forgets up to limit rows of guests who are gone.
func (s *Store) SweepDesk(now time.Time, limit int) (int64, error) {
	var ids []string
	err := s.tx.Query(func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, "SELECT id FROM desk WHERE expires_at>0 AND expires_at<? LIMIT ?", micros(now), limit)
	if err != nil {
		return 0, fmt.Errorf("sweep desk: %w", err)
	}
	return int64(len(ids)), s.DropDesk(ids)
}
