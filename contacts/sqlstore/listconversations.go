package sqlstore

import (
	"database/sql"
	"fmt"

	"usher/contacts"
)

// ConversationFilter selects conversations; everything that is given must hold.
type ConversationFilter struct {
	Handling   contacts.Handling
	Channel    string
	ContactID  string
	AssigneeID string // of the contact
}

// ListConversations returns a page of a business's conversations, unless sorted
// otherwise those with the latest activity first, and the cursor of the next
// page. Only conversations of contacts are here; those of guests are with them.
func (s *Store) ListConversations(business string, f ConversationFilter, p Page) (list []*contacts.Conversation, next string, total int, err error) {
	p.Sort = p.Sort.orNewest("updated_at")
	if name := p.Sort.Field.Name; !isInstant(p.Sort.Field) || name == "last_seen_at" {
		return nil, "", 0, fmt.Errorf("%w: sorted by %q", ErrFilter, name)
	}
	all := []expr{{"business_id=?", []any{business}}}
	and := func(sql string, args ...any) { all = append(all, expr{sql, args}) }
	if f.Handling != "" {
		and("handling=?", idOrNone(string(f.Handling)))
	}
	if f.Channel != "" {
		and("channel=?", f.Channel)
	}
	if f.ContactID != "" {
		and("contact_id=?", idOrNone(f.ContactID))
	}
	if f.AssigneeID != "" {
		and("contact_id IN (SELECT id FROM contacts WHERE business_id=? AND assignee_id=?)", business, idOrNone(f.AssigneeID))
	}
	where := join("AND", all)
	list, next, err = page(s, "conversations", conversationColumns, where, p, func(r *sql.Rows, at any) (*contacts.Conversation, string, error) {
		c, err := scanConversation(r, at)
		if err != nil {
			return nil, "", err
		}
		return c, c.ID, nil
	})
	total = -1
	if err == nil && p.Count {
		total, err = s.count("conversations", where)
	}
	if err != nil {
		return nil, "", 0, fmt.Errorf("list conversations: %w", err)
	}
	return list, next, total, nil
}

// Conversation returns one of a business's conversations, or
// contacts.ErrNotFound: also if it is another's.
func (s *Store) Conversation(business, id string) (*contacts.Conversation, error) {
	found, err := s.Conversations([]string{id})
	if err != nil {
		return nil, err
	}
	if c := found[id]; c != nil && c.BusinessID == business {
		return c, nil
	}
	return nil, fmt.Errorf("conversation: %w", contacts.ErrNotFound)
}

// ConversationsOf returns the conversations of each of the given contacts,
// oldest first.
func (s *Store) ConversationsOf(contactIDs []string) (map[string][]*contacts.Conversation, error) {
	found := make(map[string][]*contacts.Conversation, len(contactIDs))
	err := among(idsOf(contactIDs), func(list string, args []any) error {
		return s.tx.Query(func(r *sql.Rows) error {
			c, err := scanConversation(r)
			if err == nil {
				found[c.ContactID] = append(found[c.ContactID], c)
			}
			return err
		}, "SELECT "+conversationColumns+" FROM conversations WHERE contact_id IN "+list+" ORDER BY created_at, id", args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read conversations: %w", err)
	}
	return found, nil
}
