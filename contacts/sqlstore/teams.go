package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"usher/contacts"
	"usher/internal/database"
)

const teamColumns = "business_id, id, version, name, enabled, auto_assign, hours, created_at"

// PutTeam writes a team with its members as it was read: Version is the one that
// was read, 0 for a new one, and becomes the new one. The id of another team is
// ErrTaken, a version that is not the stored one contacts.ErrConflict; the
// transaction must then be rolled back.
func (s *Store) PutTeam(t *contacts.Team) error {
	hours, err := json.Marshal(t.Hours)
	if err != nil {
		return fmt.Errorf("put team: %w", err)
	}
	if t.Version == 0 {
		_, err = s.tx.Run("INSERT INTO teams ("+teamColumns+") VALUES (?,?,1,?,?,?,?,?)",
			t.BusinessID, t.ID, t.Name, flag(t.Enabled), flag(t.AutoAssign), hours, micros(t.CreatedAt))
		if database.IsDuplicate(err) {
			err = ErrTaken
		}
	} else {
		var changed int64
		changed, err = s.tx.Run("UPDATE teams SET version=version+1, name=?, enabled=?, auto_assign=?, hours=? WHERE business_id=? AND id=? AND version=?",
			t.Name, flag(t.Enabled), flag(t.AutoAssign), hours, t.BusinessID, idOrNone(t.ID), t.Version)
		if err == nil && changed == 0 {
			err = contacts.ErrConflict
		}
	}
	if err != nil {
		return fmt.Errorf("put team: %w", err)
	}
	if err := s.setMembers(t); err != nil {
		return err
	}
	t.Version++
	return nil
}

func (s *Store) setMembers(t *contacts.Team) error {
	if _, err := s.tx.Run("DELETE FROM team_members WHERE business_id=? AND team=?", t.BusinessID, idOrNone(t.ID)); err != nil {
		return fmt.Errorf("put members: %w", err)
	}
	members := slices.Compact(slices.Sorted(slices.Values(t.Members)))
	return s.batches(len(members), nil, func(from, to int) error {
		var args []any
		for _, id := range members[from:to] {
			args = append(args, t.BusinessID, t.ID, id)
		}
		if _, err := s.tx.Run("INSERT INTO team_members (business_id, team, agent_id) VALUES "+database.Placeholders(to-from, 3), args...); err != nil {
			return fmt.Errorf("put members: %w", err)
		}
		return nil
	})
}

// Team returns one of a business's teams, or contacts.ErrNotFound.
func (s *Store) Team(business, id string) (*contacts.Team, error) {
	all, err := s.teams(business, " AND id=?", idOrNone(id))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("team: %w", contacts.ErrNotFound)
	}
	return all[0], nil
}

// Teams returns a business's teams in the order in which they were made.
func (s *Store) Teams(business string) ([]*contacts.Team, error) { return s.teams(business, "") }

func (s *Store) teams(business, where string, args ...any) ([]*contacts.Team, error) {
	var all []*contacts.Team
	byID := map[string]*contacts.Team{}
	err := s.tx.Query(func(r *sql.Rows) error {
		t := &contacts.Team{Members: []string{}}
		var hours sql.RawBytes
		var created int64
		if err := r.Scan(&t.BusinessID, &t.ID, &t.Version, &t.Name, &t.Enabled, &t.AutoAssign, &hours, &created); err != nil {
			return err
		}
		t.CreatedAt = fromMicros(created)
		all, byID[t.ID] = append(all, t), t
		return json.Unmarshal(hours, &t.Hours)
	}, "SELECT "+teamColumns+" FROM teams WHERE business_id=?"+where+" ORDER BY created_at, id", append([]any{business}, args...)...)
	if err == nil && len(all) > 0 {
		err = s.tx.Query(func(r *sql.Rows) error {
			var team, agent string
			err := r.Scan(&team, &agent)
			if t := byID[team]; t != nil {
				t.Members = append(t.Members, agent)
			}
			return err
		}, "SELECT team, agent_id FROM team_members WHERE business_id=? ORDER BY team, agent_id", business)
	}
	if err != nil {
		return nil, fmt.Errorf("read teams: %w", err)
	}
	return all, nil
}

// DeleteTeam forgets a team; contacts.ErrNotFound if the business has none of
// that id.
func (s *Store) DeleteTeam(business, id string) error {
	gone, err := s.tx.Run("DELETE FROM teams WHERE business_id=? AND id=?", business, idOrNone(id))
	if err == nil && gone == 0 {
		err = contacts.ErrNotFound
	}
	if err == nil {
		_, err = s.tx.Run("DELETE FROM team_members WHERE business_id=? AND team=?", business, idOrNone(id))
	}
	if err != nil {
		return fmt.Errorf("delete team: %w", err)
	}
	return nil
}
