package sqlstore

import (
	"fmt"
	"slices"
	"strings"

	"usher/contacts"
	"usher/internal/database"
)

// table is one whose rows are replaced only as they were read: each has an id
// and a version that every write raises by one.
type table struct {
	name string
	// fixed columns are written once, changing ones each time.
	fixed, changing []string
}

// row of a table: version is the one that was read, 0 if there was none.
type row struct {
	id              string
	version         int64
	fixed, changing []any
	size            int // bytes, roughly
}

// replace inserts the rows that are new and updates the others, all or, if one
// is not as it was read, none that the caller may keep: it then returns
// contacts.ErrConflict and the transaction must be rolled back.
func (s *Store) replace(t table, rows []row) error {
	// In the order of keys: two nodes with the same rows wait, not deadlock.
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.id, b.id) })
	var fresh, known []row
	for _, r := range rows {
		if r.version == 0 {
			fresh = append(fresh, r)
		} else {
			known = append(known, r)
		}
	}
	if err := s.insert(t, fresh); err != nil {
		return fmt.Errorf("insert into %s: %w", t.name, err)
	}
	if err := s.update(t, known); err != nil {
		return fmt.Errorf("update %s: %w", t.name, err)
	}
	return nil
}

func (s *Store) insert(t table, rows []row) error {
	columns := slices.Concat([]string{"id", "version"}, t.fixed, t.changing)
	return s.batches(len(rows), sizes(rows), func(from, to int) error {
		args := make([]any, 0, (to-from)*len(columns))
		for _, r := range rows[from:to] {
			args = append(args, r.id, 1)
			args = append(append(args, r.fixed...), r.changing...)
		}
		_, err := s.tx.Run("INSERT INTO "+t.name+" ("+strings.Join(columns, ",")+") VALUES "+
			database.Placeholders(to-from, len(columns)), args...)
		if database.IsDuplicate(err) {
			return fmt.Errorf("%w: made by somebody else", contacts.ErrConflict)
		}
		return err
	})
}

func (s *Store) update(t table, rows []row) error {
	columns := slices.Concat([]string{"id", "version"}, t.changing)
	return s.batches(len(rows), sizes(rows), func(from, to int) error {
		args := make([]any, 0, (to-from)*len(columns))
		for _, r := range rows[from:to] {
			args = append(append(args, r.id, r.version), r.changing...)
		}
		changed, err := s.tx.Run(s.updateSQL(t, to-from, columns), args...)
		if err != nil {
			return err
		}
		if changed != int64(to-from) {
			return fmt.Errorf("%w: %d of %d rows are as they were read", contacts.ErrConflict, changed, to-from)
		}
		return nil
	})
}

func (s *Store) updateSQL(t table, rows int, columns []string) string {
	values := s.tx.Values("v", rows, columns...)
	var set strings.Builder
	if s.tx.Dialect == database.SQLite {
		for _, c := range t.changing {
			set.WriteString("," + c + "=v." + c)
		}
		return "UPDATE " + t.name + " AS t SET version=v.version+1" + set.String() + " FROM " + values +
			" WHERE t.id=v.id AND t.version=v.version"
	}
	for _, c := range t.changing {
		set.WriteString(",t." + c + "=v." + c)
	}
	// The literals are utf8mb4, the key is ASCII: unconverted, the server may
	// convert the column instead and read the whole table.
	return "UPDATE " + t.name + " t JOIN " + values + " ON t.id=CONVERT(v.id USING ascii) COLLATE ascii_bin" +
		" SET t.version=v.version+1" + set.String() + " WHERE t.version=v.version"
}

func sizes(rows []row) func(i int) int { return func(i int) int { return rows[i].size } }
