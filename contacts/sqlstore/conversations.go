package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"usher/contacts"
)

func conversationTable() table {
	return table{
		name:     "conversations",
		fixed:    []string{"business_id", "channel", "external_id", "created_at"},
		changing: []string{"contact_id", "linked", "handling", "state", "updated_at"},
	}
}

const conversationColumns = "id, business_id, channel, external_id, contact_id, version, linked, handling, state, created_at, updated_at"

// Conversations returns those of the given ids that exist.
func (s *Store) Conversations(ids []string) (map[string]*contacts.Conversation, error) {
	found := make(map[string]*contacts.Conversation, len(ids))
	err := among(idsOf(ids), func(list string, args []any) error {
		return s.tx.Query(func(r *sql.Rows) error {
			c, err := scanConversation(r)
			if err == nil {
				found[c.ID] = c
			}
			return err
		}, "SELECT "+conversationColumns+" FROM conversations WHERE id IN "+list, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	return found, nil
}

// PutConversations writes conversations as they were read: Version is the one
// that was read, 0 for one that must not exist yet, and becomes the new one. If
// any was changed in between the error is contacts.ErrConflict; then no Version
// is touched and the transaction must be rolled back.
func (s *Store) PutConversations(all []*contacts.Conversation) error {
	rows := make([]row, len(all))
	for i, c := range all {
		state, err := json.Marshal(c.State)
		if err != nil {
			return fmt.Errorf("conversation %s: %w", c.ID, err)
		}
		rows[i] = row{
			id: c.ID, version: c.Version, size: len(state) + len(c.ExternalID),
			fixed:    []any{c.BusinessID, c.Channel, c.ExternalID, micros(c.CreatedAt)},
			changing: []any{c.ContactID, flag(c.Linked), string(c.Handling), state, micros(c.UpdatedAt)},
		}
	}
	if err := s.replace(conversationTable(), rows); err != nil {
		return err
	}
	for _, c := range all {
		c.Version++
	}
	return nil
}

func scanConversation(r *sql.Rows, more ...any) (*contacts.Conversation, error) {
	var c contacts.Conversation
	var state sql.RawBytes
	var created, updated int64
	err := r.Scan(append([]any{&c.ID, &c.BusinessID, &c.Channel, &c.ExternalID, &c.ContactID, &c.Version, &c.Linked,
		&c.Handling, &state, &created, &updated}, more...)...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(state, &c.State); err != nil {
		return nil, fmt.Errorf("conversation %s: %w", c.ID, err)
	}
	if c.State.Said == nil {
		c.State.Said = contacts.Values{}
	}
	c.CreatedAt, c.UpdatedAt = fromMicros(created), fromMicros(updated)
	return &c, nil
}
