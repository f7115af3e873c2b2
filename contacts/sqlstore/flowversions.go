package sqlstore

import (
	"crypto/sha256"
	"fmt"
	"time"

	"gorm.io/gorm"

	"usher/contacts"
	"usher/internal/database"
)

// saveTries bounds how often SaveFlow takes a number that another node takes at
// the same time.
const saveTries = 5

// FlowVersion is one saved document of a flow: who made it and when, and who
// last made new runs get it; empty: nobody has.
type FlowVersion struct {
	Flow        string
	Version     int
	Author      string
	CreatedAt   time.Time
	PublishedBy string
	PublishedAt time.Time
	Document    []byte // not in lists
}

type versionRow struct {
	BusinessID  string
	Flow        string
	Version     int
	Hash        []byte
	Document    []byte
	Author      string
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	PublishedBy string
	PublishedAt int64
}

func (versionRow) TableName() string { return "flow_versions" }

func (r *versionRow) version() FlowVersion {
	return FlowVersion{Flow: r.Flow, Version: r.Version, Author: r.Author, CreatedAt: fromMicros(r.CreatedAt),
		PublishedBy: r.PublishedBy, PublishedAt: fromMicros(r.PublishedAt), Document: r.Document}
}

// SaveFlow keeps a flow's document and returns its version: a new one, or that
// of the same document before. Runs are pinned to versions, so none ever goes.
func (s *Store) SaveFlow(business, flow string, doc []byte, author string) (int, error) {
	hash := sha256.Sum256(doc)
	now, err := s.tx.Now()
	if err != nil {
		return 0, fmt.Errorf("save flow %s: %w", flow, err)
	}
	versions := func() *gorm.DB {
		return s.tx.Select("version").Where("business_id = ? AND flow = ?", business, flow).Order("version DESC").Limit(1)
	}
	for range saveTries {
		var same, last []versionRow
		if err := versions().Where("hash = ?", hash[:]).Find(&same).Error; err != nil {
			return 0, fmt.Errorf("save flow %s: %w", flow, err)
		}
		if len(same) > 0 {
			return same[0].Version, nil
		}
		if err := versions().Find(&last).Error; err != nil {
			return 0, fmt.Errorf("save flow %s: %w", flow, err)
		}
		row := versionRow{BusinessID: business, Flow: flow, Version: 1, Hash: hash[:], Document: doc, Author: author, CreatedAt: now}
		if len(last) > 0 {
			row.Version = last[0].Version + 1
		}
		err := s.tx.Create(&row).Error
		if err == nil {
			return row.Version, nil
		}
		if !database.IsDuplicate(err) {
			return 0, fmt.Errorf("save flow %s: %w", flow, err)
		}
	}
	return 0, fmt.Errorf("save flow %s: %w", flow, contacts.ErrConflict)
}

// FlowVersion returns a saved document, or contacts.ErrNotFound.
func (s *Store) FlowVersion(business, flow string, version int) (FlowVersion, error) {
	var row versionRow
	err := found(s.tx.Where("business_id = ? AND flow = ? AND version = ?", business, flow, version).Take(&row))
	if err != nil {
		return FlowVersion{}, fmt.Errorf("flow %s version %d: %w", flow, version, err)
	}
	return row.version(), nil
}

// FlowVersions returns the versions of a business's flow, or of all its flows if
// none is named, newest last, without their documents.
func (s *Store) FlowVersions(business, flow string) ([]FlowVersion, error) {
	g := s.tx.Select("flow", "version", "author", "created_at", "published_by", "published_at").Where("business_id = ?", business)
	if flow != "" {
		g = g.Where("flow = ?", flow)
	}
	var rows []versionRow
	if err := g.Order("flow, version").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("flow versions: %w", err)
	}
	all := make([]FlowVersion, len(rows))
	for i, r := range rows {
		all[i] = r.version()
	}
	return all, nil
}
