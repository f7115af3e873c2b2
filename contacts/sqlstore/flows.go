package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"usher/internal/database"
)

// ByFile is the author of what the configuration declares.
const ByFile = "file"

// Flow is where a business's flow stands.
type Flow struct {
	ID        string
	Name      string
	Draft     int  // the version that is worked on
	Published int  // the version that new runs get; 0: none
	FromFile  bool // the configuration declares it
	CreatedAt time.Time
	UpdatedAt time.Time
}

type flowRow struct {
	BusinessID string
	ID         string
	Name       string
	Draft      int
	Published  int
	FromFile   bool
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	UpdatedAt  int64 `gorm:"autoUpdateTime:false"`
}

func (flowRow) TableName() string { return "flows" }

func (r *flowRow) flow() Flow {
	return Flow{ID: r.ID, Name: r.Name, Draft: r.Draft, Published: r.Published, FromFile: r.FromFile,
		CreatedAt: fromMicros(r.CreatedAt), UpdatedAt: fromMicros(r.UpdatedAt)}
}

// Flow returns one of a business's flows, or contacts.ErrNotFound.
func (s *Store) Flow(business, id string) (Flow, error) {
	var row flowRow
	if err := found(s.tx.Where("business_id = ? AND id = ?", business, id).Take(&row)); err != nil {
		return Flow{}, fmt.Errorf("flow %s: %w", id, err)
	}
	return row.flow(), nil
}

// Flows returns a business's flows by their ids.
func (s *Store) Flows(business string) ([]Flow, error) {
	var rows []flowRow
	if err := s.tx.Where("business_id = ?", business).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("flows: %w", err)
	}
	all := make([]Flow, len(rows))
	for i, r := range rows {
		all[i] = r.flow()
	}
	return all, nil
}

// nameLength of a flow is kept where it is listed, in characters.
const nameLength = 255

// PutFlow stores where a flow stands; CreatedAt is kept from the first time.
func (s *Store) PutFlow(business string, f Flow) error {
	if name := []rune(f.Name); len(name) > nameLength {
		f.Name = string(name[:nameLength])
	}
	row := flowRow{business, f.ID, f.Name, f.Draft, f.Published, f.FromFile, micros(f.CreatedAt), micros(f.UpdatedAt)}
	for try := 1; ; try++ {
		err := s.tx.Model(&flowRow{}).Where("business_id = ? AND id = ?", business, f.ID).
			Select("name", "draft", "published", "from_file", "updated_at").Updates(&row).Error
		if err == nil {
			var there int64
			err = s.tx.Model(&flowRow{}).Where("business_id = ? AND id = ?", business, f.ID).Count(&there).Error
			if err == nil && there == 0 {
				err = s.tx.Create(&row).Error
			}
		}
		if err == nil {
			return nil
		}
		if !database.IsDuplicate(err) || try == saveTries { // another node made it meanwhile
			return fmt.Errorf("put flow %s: %w", f.ID, err)
		}
	}
}

// PublishFlow makes new runs of a flow get a version of it and notes who did.
// Error: contacts.ErrNotFound.
func (s *Store) PublishFlow(business, id string, version int, by string, at time.Time) error {
	if _, err := s.FlowVersion(business, id, version); err != nil {
		return err
	}
	err := s.tx.Model(&versionRow{}).Where("business_id = ? AND flow = ? AND version = ?", business, id, version).
		Updates(map[string]any{"published_by": by, "published_at": micros(at)}).Error
	if err == nil {
		err = s.tx.Model(&flowRow{}).Where("business_id = ? AND id = ?", business, id).
			Updates(map[string]any{"published": version, "updated_at": micros(at)}).Error
	}
	if err != nil {
		return fmt.Errorf("publish flow %s version %d: %w", id, version, err)
	}
	return nil
}

// PutFileFlows makes a business's flows of the configuration be the given ones,
// in these versions; those left out are published no more.
func (s *Store) PutFileFlows(business string, files []Flow, now time.Time) error {
	stored, err := s.Flows(business)
	if err != nil {
		return err
	}
	for _, f := range files {
		i := slices.IndexFunc(stored, func(o Flow) bool { return o.ID == f.ID })
		was := Flow{CreatedAt: now}
		if i >= 0 {
			was = stored[i]
		}
		f.FromFile, f.Published, f.CreatedAt, f.UpdatedAt = true, f.Draft, was.CreatedAt, was.UpdatedAt
		if f == was {
			continue
		}
		f.UpdatedAt = now
		if err := s.PutFlow(business, f); err != nil {
			return err
		}
		if f.Published != was.Published {
			if err := s.PublishFlow(business, f.ID, f.Published, ByFile, now); err != nil {
				return err
			}
		}
	}
	for _, was := range stored {
		if was.FromFile && !slices.ContainsFunc(files, func(f Flow) bool { return f.ID == was.ID }) {
			was.FromFile, was.Published, was.UpdatedAt = false, 0, now
			if err := s.PutFlow(business, was); err != nil {
				return err
			}
		}
	}
	return nil
}

// PublishedFlows returns, by business and id, the versions that new runs get.
func (s *Store) PublishedFlows() (map[string]map[string]int, error) {
	all := map[string]map[string]int{}
	err := s.tx.Query(func(r *sql.Rows) error {
		var business, id string
		var version int
		if err := r.Scan(&business, &id, &version); err != nil {
			return err
		}
		if all[business] == nil {
			all[business] = map[string]int{}
		}
		all[business][id] = version
		return nil
	}, "SELECT business_id, id, published FROM flows WHERE published > 0")
	if err != nil {
		return nil, fmt.Errorf("published flows: %w", err)
	}
	return all, nil
}
