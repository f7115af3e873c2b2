package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"usher/contacts"
)

// ConversationFilter selects conversations; everything that is given must hold.
type ConversationFilter struct {
	Handling   contacts.Handling
	Channel    string
	ContactID  string
	AssigneeID string // of the conversation, else of its contact
}

// ListConversations returns a page of a business's conversations, those with the
// latest activity first, and the cursor of the next page. Of guests' only those
// are here that were handed to people: of these it has what the desk knows, the
// rest is with the guest.
func (s *Store) ListConversations(business string, f ConversationFilter, p Page) (list []*contacts.Conversation, next string, total int, err error) {
	p.Sort = p.Sort.orNewest("updated_at")
	if p.Sort.Field.Name != "updated_at" || !p.Sort.Desc {
		return nil, "", 0, fmt.Errorf("%w: sorted by %q", ErrFilter, p.Sort)
	}
	people, guests := f.ofContacts(business), f.ofGuests(business)
	list, more, err := page(s, "conversations", conversationColumns, people, p, func(r *sql.Rows, at any) (*contacts.Conversation, string, error) {
		c, err := scanConversation(r, at)
		if err != nil {
			return nil, "", err
		}
		return c, c.ID, nil
	})
	var handed []*contacts.Conversation
	var moreHanded string
	if err == nil && f.ContactID == "" {
		handed, moreHanded, err = page(s, "desk", deskColumns, guests, p, func(r *sql.Rows, at any) (*contacts.Conversation, string, error) {
			d, err := scanDesk(r, at)
			return d.conversation(), d.ID, err
		})
	}
	total = -1
	if err == nil && p.Count {
		total, err = s.count("conversations", people)
		if err == nil && f.ContactID == "" {
			var n int
			n, err = s.count("desk", guests)
			total += n
		}
	}
	if err != nil {
		return nil, "", 0, fmt.Errorf("list conversations: %w", err)
	}
	list, next = latest(append(list, handed...), p, more != "" || moreHanded != "")
	return list, next, total, nil
}

// latest is the page of two that were put together.
func latest(list []*contacts.Conversation, p Page, more bool) ([]*contacts.Conversation, string) {
	slices.SortFunc(list, func(a, b *contacts.Conversation) int {
		return cmp.Or(b.UpdatedAt.Compare(a.UpdatedAt), cmp.Compare(b.ID, a.ID))
	})
	if limit := p.limit(); len(list) > limit {
		list, more = list[:limit], true
	}
	if !more || len(list) == 0 {
		return list, ""
	}
	last := list[len(list)-1]
	return list, cursor{p.Sort.String(), json.RawMessage(strconv.FormatInt(micros(last.UpdatedAt), 10)), last.ID}.String()
}

// ofContacts selects among the conversations of contacts. Those in the hands of
// people are few and found at the desk.
func (f ConversationFilter) ofContacts(business string) expr {
	all := []expr{{"business_id=?", []any{business}}}
	and := func(sql string, args ...any) { all = append(all, expr{sql, args}) }
	switch f.Handling {
	case "":
	case contacts.Queued, contacts.ByAgent, contacts.FollowUp:
		and("id IN (SELECT id FROM desk WHERE business_id=? AND handling=?)", business, string(f.Handling))
	default:
		and("handling=?", idOrNone(string(f.Handling)))
	}
	if f.Channel != "" {
		and("channel=?", f.Channel)
	}
	if f.ContactID != "" {
		and("contact_id=?", idOrNone(f.ContactID))
	}
	if f.AssigneeID != "" {
		and("(id IN (SELECT id FROM desk WHERE business_id=? AND assignee_id=?) OR"+
			" contact_id IN (SELECT id FROM contacts WHERE business_id=? AND assignee_id=?) AND"+
			" id NOT IN (SELECT id FROM desk WHERE business_id=? AND assignee_id<>''))",
			business, idOrNone(f.AssigneeID), business, idOrNone(f.AssigneeID), business)
	}
	return join("AND", all)
}

// ofGuests selects among the desk's rows of guests.
func (f ConversationFilter) ofGuests(business string) expr {
	all := []expr{{"business_id=? AND contact_id=''", []any{business}}}
	and := func(sql string, args ...any) { all = append(all, expr{sql, args}) }
	if f.Handling != "" {
		and("handling=?", idOrNone(string(f.Handling)))
	}
	if f.Channel != "" {
		and("channel=?", f.Channel)
	}
	if f.AssigneeID != "" {
		and("assignee_id=?", idOrNone(f.AssigneeID))
	}
	return join("AND", all)
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
