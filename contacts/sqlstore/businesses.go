package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"usher/contacts"
)

// Business is a tenant; everything else belongs to one.
type Business struct {
	ID       string
	Name     string
	Country  string // ISO 3166-1 alpha-2
	Timezone string // IANA name
	// CreatedAt is kept from the first time.
	CreatedAt time.Time
}

type businessRow struct {
	ID, Name, Country, Timezone string
	CreatedAt                   int64 `gorm:"autoCreateTime:false"`
}

func (businessRow) TableName() string { return "businesses" }

func (r businessRow) business() Business {
	return Business{r.ID, r.Name, r.Country, r.Timezone, fromMicros(r.CreatedAt)}
}

// PutBusiness makes a business or changes its name, country and time zone.
func (s *Store) PutBusiness(b Business) error {
	row := businessRow{b.ID, b.Name, b.Country, b.Timezone, micros(b.CreatedAt)}
	err := s.tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "id"}},
		DoUpdates: clause.AssignmentColumns([]string{"name", "country", "timezone"}),
	}).Create(&row).Error
	if err != nil {
		return fmt.Errorf("put business %s: %w", b.ID, err)
	}
	return nil
}

// Business returns one business, or contacts.ErrNotFound.
func (s *Store) Business(id string) (Business, error) {
	var row businessRow
	if err := found(s.tx.Where("id = ?", idOrNone(id)).Take(&row)); err != nil {
		return Business{}, fmt.Errorf("business: %w", err)
	}
	return row.business(), nil
}

// Businesses returns all, in the order of their ids.
func (s *Store) Businesses() ([]Business, error) {
	var rows []businessRow
	if err := s.tx.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("businesses: %w", err)
	}
	all := make([]Business, len(rows))
	for i, r := range rows {
		all[i] = r.business()
	}
	return all, nil
}

// found turns a missing row into contacts.ErrNotFound.
func found(g *gorm.DB) error {
	if errors.Is(g.Error, gorm.ErrRecordNotFound) {
		return contacts.ErrNotFound
	}
	return g.Error
}
