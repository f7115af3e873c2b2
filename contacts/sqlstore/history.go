package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// HistoryRow is what one write of a contact changed.
type HistoryRow struct {
	ContactID string
	Version   int64 // of the contact that the write made
	At        time.Time
	Changes   []contacts.Change // at least one, made at the same time
}

// change is one of a row's changes as it is kept.
type change struct {
	Field  string           `json:"field"`
	Old    any              `json:"old,omitempty"`
	New    any              `json:"new,omitempty"`
	Source *contacts.Source `json:"source,omitempty"` // nil: that of the change before
	By     string           `json:"by,omitempty"`
}

const historyColumns = "contact_id, version, at, fields, changes"

// AddHistory adds to histories what writes changed, in one statement for many.
func (s *Store) AddHistory(rows []HistoryRow) error {
	docs := make([][]byte, len(rows))
	for i, row := range rows {
		kept := make([]change, len(row.Changes))
		var before contacts.Source
		for j, c := range row.Changes {
			kept[j] = change{Field: c.Field, Old: c.Old, New: c.New, By: c.By}
			if c.Source != before || j == 0 {
				source := c.Source
				kept[j].Source, before = &source, source
			}
		}
		doc, err := json.Marshal(kept)
		if err != nil {
			return fmt.Errorf("history of contact %s: %w", row.ContactID, err)
		}
		docs[i] = doc
	}
	return s.batches(len(rows), func(i int) int { return len(docs[i]) }, func(from, to int) error {
		args := make([]any, 0, 5*(to-from))
		for i := from; i < to; i++ {
			args = append(args, rows[i].ContactID, rows[i].Version, micros(rows[i].At), len(rows[i].Changes), docs[i])
		}
		if _, err := s.tx.Run("INSERT INTO contact_history ("+historyColumns+") VALUES "+database.Placeholders(to-from, 5), args...); err != nil {
			return fmt.Errorf("add history: %w", err)
		}
		return nil
	})
}

// History returns a page of what changed about a contact, the latest first, and
// the cursor of the next page. Sort is fixed. Error: ErrFilter. total is -1
// unless the page counts.
func (s *Store) History(contactID string, p Page) (page []contacts.Change, next string, total int, err error) {
	total = -1
	contactID = idOrNone(contactID)
	version, skip, err := historyCursor(p.Cursor)
	if err != nil {
		return nil, "", total, err
	}
	if p.Count {
		err := s.tx.Query(func(r *sql.Rows) error { return r.Scan(&total) },
			"SELECT COALESCE(SUM(fields), 0) FROM contact_history WHERE contact_id=?", contactID)
		if err != nil {
			return nil, "", total, fmt.Errorf("count history: %w", err)
		}
	}
	limit := p.limit()
	var last int64 // the version that the page has come to, and how many of its changes
	taken := 0
	err = s.tx.Query(func(r *sql.Rows) error {
		var of, at int64
		var fields int
		var doc sql.RawBytes
		if err := r.Scan(&of, &at, &fields, &doc); err != nil || next != "" {
			return err
		}
		changes, err := readChanges(doc, fromMicros(at))
		if err != nil {
			return err
		}
		last, taken = of, 0
		if of == version {
			taken = min(skip, len(changes))
		}
		room := limit + 1 - len(page)
		page = append(page, changes[taken:min(taken+room, len(changes))]...)
		if len(page) > limit {
			page = page[:limit]
			next = strconv.FormatInt(last, 10) + "." + strconv.Itoa(taken+room-1)
		}
		return nil
	}, "SELECT version, at, fields, changes FROM contact_history WHERE contact_id=? AND version<=? ORDER BY version DESC LIMIT ?",
		contactID, version, limit+2)
	if err != nil {
		return nil, "", total, fmt.Errorf("read history: %w", err)
	}
	return page, next, total, nil
}

func readChanges(doc []byte, at time.Time) ([]contacts.Change, error) {
	var kept []change
	if err := json.Unmarshal(doc, &kept); err != nil {
		return nil, err
	}
	changes := make([]contacts.Change, len(kept))
	for i, c := range kept {
		changes[i] = contacts.Change{Field: c.Field, Old: c.Old, New: c.New, By: c.By, At: at}
		switch {
		case c.Source != nil:
			changes[i].Source = *c.Source
		case i > 0:
			changes[i].Source = changes[i-1].Source
		}
	}
	return changes, nil
}

// historyCursor is a version and how many of its changes were shown.
func historyCursor(cursor string) (version int64, skip int, err error) {
	if cursor == "" {
		return 1<<63 - 1, 0, nil
	}
	of, shown, _ := strings.Cut(cursor, ".")
	version, err = strconv.ParseInt(of, 10, 64)
	if err == nil {
		skip, err = strconv.Atoi(shown)
	}
	if err != nil || skip < 0 {
		return 0, 0, fmt.Errorf("%w: the cursor is not of this list", ErrFilter)
	}
	return version, skip, nil
}
