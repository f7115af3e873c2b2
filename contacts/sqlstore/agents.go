package sqlstore

import (
	"database/sql"
	"fmt"

	"usher/contacts"
)

func agentTable() table {
	return table{
		name:     "agents",
		fixed:    []string{"business_id", "created_at"},
		changing: []string{"name", "email", "phone", "role", "availability", "max_conversations", "assigned_at"},
	}
}

const agentColumns = "id, business_id, version, name, email, phone, role, availability, max_conversations, assigned_at, created_at"

// PutAgent writes an agent as it was read: Version is the one that was read, 0
// for a new one, and becomes the new one. If it was changed in between the error
// is contacts.ErrConflict and the transaction must be rolled back.
func (s *Store) PutAgent(a *contacts.Agent) error {
	err := s.replace(agentTable(), []row{{
		id: a.ID, version: a.Version, fixed: []any{a.BusinessID, micros(a.CreatedAt)},
		changing: []any{a.Name, a.Email, a.Phone, string(a.Role), string(a.Availability), a.MaxConversations, micros(a.AssignedAt)},
	}})
	if err != nil {
		return fmt.Errorf("put agent: %w", err)
	}
	a.Version++
	return nil
}

// Agent returns one of a business's agents, or contacts.ErrNotFound.
func (s *Store) Agent(business, id string) (*contacts.Agent, error) {
	all, err := s.agents(" WHERE business_id=? AND id=?", business, idOrNone(id))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("agent: %w", contacts.ErrNotFound)
	}
	return all[0], nil
}

// Agents returns a business's agents in the order in which they were made.
func (s *Store) Agents(business string) ([]*contacts.Agent, error) {
	return s.agents(" WHERE business_id=? ORDER BY created_at, id", business)
}

// MembersOf returns the agents of a team, who has not been given anything for
// longest first.
func (s *Store) MembersOf(business, team string) ([]*contacts.Agent, error) {
	return s.agents(" WHERE business_id=? AND id IN (SELECT agent_id FROM team_members WHERE business_id=? AND team=?)"+
		" ORDER BY assigned_at, created_at, id", business, business, idOrNone(team))
}

func (s *Store) agents(where string, args ...any) ([]*contacts.Agent, error) {
	var all []*contacts.Agent
	err := s.tx.Query(func(r *sql.Rows) error {
		var a contacts.Agent
		var assigned, created int64
		err := r.Scan(&a.ID, &a.BusinessID, &a.Version, &a.Name, &a.Email, &a.Phone, &a.Role, &a.Availability, &a.MaxConversations, &assigned, &created)
		a.AssignedAt, a.CreatedAt = fromMicros(assigned), fromMicros(created)
		all = append(all, &a)
		return err
	}, "SELECT "+agentColumns+" FROM agents"+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read agents: %w", err)
	}
	return all, nil
}

// DeleteAgent forgets an agent and takes it from its teams; its addresses are
// released apart. What it was given stays assigned to it. contacts.ErrNotFound
// if the business has no such agent.
func (s *Store) DeleteAgent(business, id string) error {
	gone, err := s.tx.Run("DELETE FROM agents WHERE business_id=? AND id=?", business, idOrNone(id))
	if err == nil && gone == 0 {
		err = contacts.ErrNotFound
	}
	if err == nil {
		_, err = s.tx.Run("DELETE FROM team_members WHERE agent_id=?", idOrNone(id))
	}
	if err != nil {
		return fmt.Errorf("delete agent: %w", err)
	}
	return nil
}

// OpenConversations says how many conversations each of a business's agents
// answers; who answers none is left out.
func (s *Store) OpenConversations(business string) (map[string]int, error) {
	open := map[string]int{}
	err := s.tx.Query(func(r *sql.Rows) error {
		var id string
		var n int
		err := r.Scan(&id, &n)
		open[id] = n
		return err
	}, "SELECT assignee_id, COUNT(*) FROM desk WHERE business_id=? AND handling=? AND assignee_id<>'' GROUP BY assignee_id",
		business, string(contacts.ByAgent))
	if err != nil {
		return nil, fmt.Errorf("count open conversations: %w", err)
	}
	return open, nil
}
