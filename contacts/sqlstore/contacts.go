package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"usher/contacts"
)

func contactTable() table {
	return table{
		name:  "contacts",
		fixed: []string{"business_id", "created_at"},
		changing: []string{"type", "status", "name", "name_key", "search", "email", "phone", "customer_id",
			"channel", "flow", "assignee_id", "archived", "doc", "updated_at", "last_seen_at"},
	}
}

const contactColumns = "id, business_id, version, status, assignee_id, archived, doc, created_at, updated_at, last_seen_at"

// Widths of the columns that copy a value for lists. The value itself is kept
// whole in the document, so a longer copy is cut.
const (
	nameWidth   = 255
	searchWidth = 1024
)

// document is what the columns of a contact do not hold. Values are kept here
// whole; type, name, email, phone, customer_id, channel and flow have columns
// besides, to be listed by.
type document struct {
	Values              contacts.Values   `json:"values,omitempty"`
	RawName             string            `json:"raw_name,omitempty"`
	Tags                []string          `json:"tags,omitempty"`
	Consent             *contacts.Consent `json:"consent,omitempty"`
	System              map[string]any    `json:"system,omitempty"`
	TimezoneApproximate bool              `json:"timezone_approximate,omitempty"`
	CountryDerived      bool              `json:"country_derived,omitempty"`
	DoNotContact        bool              `json:"do_not_contact,omitempty"`
	BlockedUntil        int64             `json:"blocked_until,omitempty"` // microseconds
	Source              contacts.Source   `json:"source"`
	SoleConversation    string            `json:"sole_conversation,omitempty"`
	Synced              []string          `json:"synced,omitempty"`
	Proven              []string          `json:"proven,omitempty"`
	PossibleDuplicateOf string            `json:"possible_duplicate_of,omitempty"`
}

// Contacts returns those of the given ids that exist, archived ones too.
func (s *Store) Contacts(ids []string) (map[string]*contacts.Contact, error) {
	found := make(map[string]*contacts.Contact, len(ids))
	err := among(idsOf(ids), func(list string, args []any) error {
		return s.tx.Query(func(r *sql.Rows) error {
			c, err := scanContact(r)
			if err == nil {
				found[c.ID] = c
			}
			return err
		}, "SELECT "+contactColumns+" FROM contacts WHERE id IN "+list, args...)
	})
	if err != nil {
		return nil, fmt.Errorf("read contacts: %w", err)
	}
	return found, nil
}

// Contact returns one of a business's contacts, or contacts.ErrNotFound: also
// if it is another's.
func (s *Store) Contact(business, id string) (*contacts.Contact, error) {
	found, err := s.Contacts([]string{id})
	if err != nil {
		return nil, err
	}
	if c := found[id]; c != nil && c.BusinessID == business {
		return c, nil
	}
	return nil, fmt.Errorf("contact: %w", contacts.ErrNotFound)
}

// PutContacts writes contacts as they were read: Version is the one that was
// read, 0 for one that must not exist yet, and becomes the new one. If any was
// changed in between the error is contacts.ErrConflict; then no Version is
// touched and the transaction must be rolled back.
func (s *Store) PutContacts(all []*contacts.Contact) error {
	rows := make([]row, len(all))
	for i, c := range all {
		r, err := contactRow(c)
		if err != nil {
			return fmt.Errorf("contact %s: %w", c.ID, err)
		}
		rows[i] = r
	}
	if err := s.replace(contactTable(), rows); err != nil {
		return err
	}
	for _, c := range all {
		c.Version++
	}
	return nil
}

func contactRow(c *contacts.Contact) (row, error) {
	doc, err := json.Marshal(document{
		Values: c.Values, RawName: c.RawName, Tags: c.Tags, Consent: c.Consent, System: c.System,
		TimezoneApproximate: c.TimezoneApproximate, CountryDerived: c.CountryDerived, DoNotContact: c.DoNotContact,
		BlockedUntil: micros(c.BlockedUntil), Source: c.Source, SoleConversation: c.SoleConversation,
		Synced: c.Synced, Proven: c.Proven, PossibleDuplicateOf: c.PossibleDuplicateOf,
	})
	if err != nil {
		return row{}, err
	}
	name := c.Values.Text("name")
	return row{
		id: c.ID, version: c.Version, size: len(doc) + searchWidth,
		fixed: []any{c.BusinessID, micros(c.CreatedAt)},
		changing: []any{string(c.Type()), c.Status, cut(name, nameWidth), cut(fold(name), nameWidth),
			cut(searchable(c), searchWidth), c.Values.Text("email"), c.Values.Text("phone"),
			c.Values.Text("customer_id"), c.Source.Channel, c.Source.Flow, c.AssigneeID, flag(c.Archived),
			doc, micros(c.UpdatedAt), micros(c.LastSeenAt)},
	}, nil
}

func scanContact(r *sql.Rows, more ...any) (*contacts.Contact, error) {
	var c contacts.Contact
	var doc sql.RawBytes
	var created, updated, seen int64
	err := r.Scan(append([]any{&c.ID, &c.BusinessID, &c.Version, &c.Status, &c.AssigneeID, &c.Archived, &doc,
		&created, &updated, &seen}, more...)...)
	if err != nil {
		return nil, err
	}
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("contact %s: %w", c.ID, err)
	}
	c.Values, c.RawName, c.Tags, c.Consent, c.System = d.Values, d.RawName, d.Tags, d.Consent, d.System
	c.TimezoneApproximate, c.CountryDerived, c.DoNotContact = d.TimezoneApproximate, d.CountryDerived, d.DoNotContact
	c.BlockedUntil, c.Source, c.SoleConversation = fromMicros(d.BlockedUntil), d.Source, d.SoleConversation
	c.Synced, c.Proven, c.PossibleDuplicateOf = d.Synced, d.Proven, d.PossibleDuplicateOf
	c.CreatedAt, c.UpdatedAt, c.LastSeenAt = fromMicros(created), fromMicros(updated), fromMicros(seen)
	if c.Values == nil {
		c.Values = contacts.Values{}
	}
	return &c, nil
}

// cut shortens s to n characters, and to what a column of UTF-8 takes.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
