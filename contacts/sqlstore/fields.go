package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// ErrFieldType: a field exists with another type, and that does not change.
var ErrFieldType = errors.New("the field has another type, and that does not change")

// StoredField is a custom field of a business.
type StoredField struct {
	contacts.Field
	FromFile  bool // given in the configuration
	CreatedAt time.Time
}

type fieldRow struct {
	BusinessID, Name, Title, Type string
	FromFile                      int
	CreatedAt                     int64 `gorm:"autoCreateTime:false"`
}

func (fieldRow) TableName() string { return "fields" }

// Fields returns a business's custom fields in the order in which they were
// made.
func (s *Store) Fields(business string) ([]StoredField, error) {
	var rows []fieldRow
	if err := s.tx.Where("business_id = ?", business).Order("created_at, name").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	all := make([]StoredField, len(rows))
	for i, r := range rows {
		all[i] = StoredField{
			contacts.Field{Name: r.Name, Title: r.Title, Type: contacts.FieldType(r.Type), Settable: true},
			r.FromFile != 0, fromMicros(r.CreatedAt),
		}
	}
	return all, nil
}

// AddField makes a custom field. A name that the business has already is
// ErrTaken.
func (s *Store) AddField(business string, f StoredField) error {
	row := fieldRow{business, f.Name, f.Title, string(f.Type), flag(f.FromFile), micros(f.CreatedAt)}
	err := s.tx.Create(&row).Error
	if database.IsDuplicate(err) {
		err = ErrTaken
	}
	if err != nil {
		return fmt.Errorf("add field %s: %w", f.Name, err)
	}
	return nil
}

// PutField makes a custom field or changes its title. Another type than it has
// is ErrFieldType.
func (s *Store) PutField(business string, f StoredField) error {
	var row fieldRow
	err := found(s.tx.Where("business_id = ? AND name = ?", business, f.Name).Take(&row))
	switch {
	case errors.Is(err, contacts.ErrNotFound):
		return s.AddField(business, f)
	case err == nil && row.Type != string(f.Type):
		err = ErrFieldType
	case err == nil:
		err = s.tx.Model(&fieldRow{}).Where("business_id = ? AND name = ?", business, f.Name).
			Updates(map[string]any{"title": f.Title, "from_file": flag(f.FromFile)}).Error
	}
	if err != nil {
		return fmt.Errorf("put field %s: %w", f.Name, err)
	}
	return nil
}
