package sqlstore

import (
	"fmt"
	"strings"
	"time"

	"usher/contacts"
	"usher/internal/database"
)

// Key is an API key; of its secret only a hash is known.
type Key struct {
	ID       string
	Business string
	Name     string
	Hash     []byte // SHA-256 of the key
	Scopes   []string
	AgentID  string // empty: nobody's own
	FromFile bool   // given in the configuration
	// RevokedAt is zero while the key works.
	CreatedAt, RevokedAt time.Time
}

type keyRow struct {
	ID         string
	BusinessID string
	Name       string
	Hash       []byte
	Scopes     string
	AgentID    string
	FromFile   int
	CreatedAt  int64 `gorm:"autoCreateTime:false"`
	RevokedAt  int64
}

func (keyRow) TableName() string { return "api_keys" }

func rowOfKey(k Key) keyRow {
	return keyRow{k.ID, k.Business, k.Name, k.Hash, strings.Join(k.Scopes, " "), k.AgentID, flag(k.FromFile),
		micros(k.CreatedAt), micros(k.RevokedAt)}
}

func (r keyRow) key() Key {
	return Key{r.ID, r.BusinessID, r.Name, r.Hash, strings.Fields(r.Scopes), r.AgentID, r.FromFile != 0,
		fromMicros(r.CreatedAt), fromMicros(r.RevokedAt)}
}

// CreateKey adds a key. The id or hash of another one is ErrTaken.
func (s *Store) CreateKey(k Key) error {
	row := rowOfKey(k)
	err := s.tx.Create(&row).Error
	if database.IsDuplicate(err) {
		err = ErrTaken
	}
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	return nil
}

// KeyByHash returns the key with that hash, whose ever it is, or
// contacts.ErrNotFound, also if it was revoked.
func (s *Store) KeyByHash(hash []byte) (Key, error) {
	var row keyRow
	if err := found(s.tx.Where("hash = ? AND revoked_at = 0", hash).Take(&row)); err != nil {
		return Key{}, fmt.Errorf("key: %w", err)
	}
	return row.key(), nil
}

// Keys returns a business's keys, revoked ones too, in the order in which they
// were made.
func (s *Store) Keys(business string) ([]Key, error) {
	var rows []keyRow
	if err := s.tx.Where("business_id = ?", business).Order("created_at, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	all := make([]Key, len(rows))
	for i, r := range rows {
		all[i] = r.key()
	}
	return all, nil
}

// RevokeKey ends a key; contacts.ErrNotFound if the business has no such key
// that still works.
func (s *Store) RevokeKey(business, id string, at time.Time) error {
	g := s.tx.Model(&keyRow{}).Where("business_id = ? AND id = ? AND revoked_at = 0", business, idOrNone(id)).
		Update("revoked_at", micros(at))
	if g.Error == nil && g.RowsAffected == 0 {
		g.Error = contacts.ErrNotFound
	}
	if g.Error != nil {
		return fmt.Errorf("revoke key: %w", g.Error)
	}
	return nil
}

// PutFileKeys makes a business's keys of the configuration be the given ones:
// known by their hash they keep their ids; those left out are revoked.
func (s *Store) PutFileKeys(business string, keys []Key, now time.Time) error {
	var hashes [][]byte
	for _, k := range keys {
		hashes = append(hashes, k.Hash)
		k.Business, k.FromFile, k.CreatedAt = business, true, now
		row := rowOfKey(k)
		g := s.tx.Model(&keyRow{}).Where("hash = ? AND business_id = ?", k.Hash, business).
			Select("name", "scopes", "agent_id", "from_file", "revoked_at").Updates(&row)
		if g.Error != nil {
			return fmt.Errorf("put keys: %w", g.Error)
		}
		known, err := s.knowsHash(business, k.Hash)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		if err := s.CreateKey(k); err != nil {
			return err
		}
	}
	g := s.tx.Model(&keyRow{}).Where("business_id = ? AND from_file = 1 AND revoked_at = 0", business)
	if len(hashes) > 0 {
		g = g.Where("hash NOT IN ?", hashes)
	}
	if err := g.Update("revoked_at", micros(now)).Error; err != nil {
		return fmt.Errorf("put keys: %w", err)
	}
	return nil
}

func (s *Store) knowsHash(business string, hash []byte) (bool, error) {
	var n int64
	if err := s.tx.Model(&keyRow{}).Where("hash = ? AND business_id = ?", hash, business).Count(&n).Error; err != nil {
		return false, fmt.Errorf("put keys: %w", err)
	}
	return n > 0, nil
}
