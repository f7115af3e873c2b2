package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"usher/internal/database"
)

// Tag is a word that groups contacts.
type Tag struct {
	Name      string
	CreatedAt time.Time
}

// AddTags makes those that are not there yet and says how many it made.
func (s *Store) AddTags(business string, names []string, now time.Time) (made int64, err error) {
	if len(names) == 0 {
		return 0, nil
	}
	same := " ON DUPLICATE KEY UPDATE name=name"
	if s.tx.Dialect == database.SQLite {
		same = " ON CONFLICT DO NOTHING"
	}
	// In one order everywhere, so that writers do not deadlock.
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	args := make([]any, 0, 3*len(names))
	for _, name := range names {
		args = append(args, business, name, micros(now))
	}
	made, err = s.tx.Run("INSERT INTO tags (business_id, name, created_at) VALUES "+database.Placeholders(len(names), 3)+same, args...)
	if err != nil {
		return 0, fmt.Errorf("add tags: %w", err)
	}
	return made, nil
}

// Tags lists a business's tags by name.
func (s *Store) Tags(business string) ([]Tag, error) {
	var tags []Tag
	err := s.tx.Query(func(r *sql.Rows) error {
		var t Tag
		var at int64
		if err := r.Scan(&t.Name, &at); err != nil {
			return err
		}
		t.CreatedAt = fromMicros(at)
		tags = append(tags, t)
		return nil
	}, "SELECT name, created_at FROM tags WHERE business_id=? ORDER BY name", business)
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return tags, nil
}
