package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// Guests keeps guests in the embedded database; with MySQL they are in Redis.
// It is a contacts.GuestStore.
type Guests struct {
	write func(context.Context, func(*database.Tx) error) error
	read  func(context.Context) *database.Tx
}

// NewGuests returns a store that works in tx, so that a guest commits with what
// else its event caused. The contexts given to its methods are not used.
func NewGuests(tx *database.Tx) *Guests {
	return &Guests{
		write: func(_ context.Context, do func(*database.Tx) error) error { return do(tx) },
		read:  func(context.Context) *database.Tx { return tx },
	}
}

// OpenGuests returns a store whose calls are transactions of their own.
func OpenGuests(db *database.DB) *Guests {
	return &Guests{
		write: func(ctx context.Context, do func(*database.Tx) error) error { return db.Write(ctx, database.Steps, do) },
		read:  db.Read,
	}
}

var _ contacts.GuestStore = (*Guests)(nil)

// Load returns the guests with the given ids that exist and have not expired.
func (g *Guests) Load(ctx context.Context, ids []string) (map[string]*contacts.Guest, error) {
	tx := g.read(ctx)
	now, err := tx.Now()
	if err != nil {
		return nil, fmt.Errorf("load guests: %w", err)
	}
	found := make(map[string]*contacts.Guest, len(ids))
	err = among(ids, func(list string, args []any) error {
		return tx.Query(func(r *sql.Rows) error {
			var id string
			var record sql.RawBytes
			var expires int64
			if err := r.Scan(&id, &record, &expires); err != nil {
				return err
			}
			guest, err := contacts.UnmarshalGuest(id, record)
			if err != nil {
				return err
			}
			guest.ExpiresAt = fromMicros(expires)
			found[id] = guest
			return nil
		}, "SELECT id, record, expires_at FROM guests WHERE id IN "+list+" AND expires_at>?", append(args, now)...)
	})
	if err != nil {
		return nil, fmt.Errorf("load guests: %w", err)
	}
	return found, nil
}

// Save writes each guest whose version is unchanged and stores it as version+1;
// the others are contacts.ErrConflict. One answer a write, in order.
func (g *Guests) Save(ctx context.Context, writes []contacts.GuestWrite) []error {
	answers := make([]error, len(writes))
	err := g.write(ctx, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err != nil {
			return err
		}
		versions, err := versionsOf(tx, writes, now)
		if err != nil {
			return err
		}
		var rows []guestRow
		for i, w := range writes {
			version := w.Guest.Conversation.Version
			if version != versions[w.Guest.ID] || version == contacts.MovedVersion {
				answers[i] = contacts.ErrConflict
				continue
			}
			row, err := rowOf(w, now)
			if err != nil {
				answers[i] = err
				continue
			}
			versions[row.id] = row.version
			rows = append(rows, row)
		}
		return (&Store{tx}).putGuests(rows)
	})
	if err != nil {
		for i := range answers {
			answers[i] = fmt.Errorf("save guest: %w", err)
		}
	}
	return answers
}

// Transcript returns the lines after seq, oldest first.
func (g *Guests) Transcript(ctx context.Context, id string, after int64, limit int) ([]contacts.Line, error) {
	tx := g.read(ctx)
	now, err := tx.Now()
	if err != nil {
		return nil, fmt.Errorf("transcript of %s: %w", id, err)
	}
	var lines []contacts.Line
	err = tx.Query(func(r *sql.Rows) error {
		var record sql.RawBytes
		if err := r.Scan(&record); err != nil {
			return err
		}
		line, err := contacts.UnmarshalLine(id, record)
		lines = append(lines, line)
		return err
	}, "SELECT line FROM guest_lines WHERE guest_id=? AND seq>?"+
		" AND EXISTS (SELECT 1 FROM guests WHERE id=guest_id AND expires_at>?) ORDER BY seq LIMIT ?", id, after, now, limit)
	if err != nil {
		return nil, fmt.Errorf("transcript of %s: %w", id, err)
	}
	return lines, nil
}

// Move marks guests as moved to a contact and drops what else is kept of them.
// The mark lives for ttl and is never written over.
func (g *Guests) Move(ctx context.Context, moved map[string]string, ttl time.Duration) error {
	err := g.write(ctx, func(tx *database.Tx) error {
		now, err := tx.Now()
		if err := errors.Join(err, alive(ttl)); err != nil {
			return err
		}
		ids := slices.Sorted(maps.Keys(moved))
		rows := make([]guestRow, len(ids))
		for i, id := range ids {
			mark := contacts.Guest{ID: id, MovedTo: moved[id], ExpiresAt: fromMicros(now).Add(ttl)}
			mark.Conversation.Version = contacts.MovedVersion
			record, err := mark.Marshal()
			if err != nil {
				return err
			}
			rows[i] = guestRow{id, contacts.MovedVersion, record, micros(mark.ExpiresAt), nil}
		}
		s := &Store{tx}
		return errors.Join(s.putGuests(rows), s.dropLines(ids))
	})
	if err != nil {
		return fmt.Errorf("move guests: %w", err)
	}
	return nil
}

// Delete forgets guests entirely.
func (g *Guests) Delete(ctx context.Context, ids []string) error {
	err := g.write(ctx, func(tx *database.Tx) error { return (&Store{tx}).dropGuests(ids) })
	if err != nil {
		return fmt.Errorf("delete guests: %w", err)
	}
	return nil
}

// SweepGuests forgets up to limit guests that expired before now and says how
// many they were.
func (g *Guests) SweepGuests(ctx context.Context, now time.Time, limit int) (int, error) {
	var ids []string
	err := g.write(ctx, func(tx *database.Tx) error {
		err := tx.Query(func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}, "SELECT id FROM guests WHERE expires_at<=? ORDER BY expires_at LIMIT ?", micros(now), limit)
		if err != nil {
			return err
		}
		return (&Store{tx}).dropGuests(ids)
	})
	if err != nil {
		return 0, fmt.Errorf("sweep guests: %w", err)
	}
	return len(ids), nil
}
