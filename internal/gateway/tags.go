package gateway

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
)

const (
	// tagMax bounds a tag, in characters; tagsMax the tags of one contact.
	tagMax, tagsMax = 64, 100
)

// checkTags refuses what is no tag: blank, too long, of more than one line.
func checkTags(tags []string) error {
	if len(tags) > tagsMax {
		return &connectors.FieldError{Field: "tags", Code: "too_many", Detail: "a contact has at most 100 tags"}
	}
	for _, tag := range tags {
		if tag == "" || tag != strings.TrimSpace(tag) || !utf8.ValidString(tag) || utf8.RuneCountInString(tag) > tagMax ||
			strings.ContainsFunc(tag, unicode.IsControl) {
			return &connectors.FieldError{Field: "tags", Code: "invalid", Detail: "want 1 to 64 characters on one line, without blanks around them"}
		}
	}
	return nil
}

// AddTag makes a tag; made is false if it was there. Error: *connectors.FieldError.
func (g *Gateway) AddTag(ctx context.Context, b *Business, tag string) (made bool, err error) {
	if err := checkTags([]string{tag}); err != nil {
		return false, err
	}
	err = g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		n, err := sqlstore.New(tx).AddTags(b.ID, []string{tag}, time.Now())
		made = n > 0
		return err
	})
	return made, err
}

// TagContact gives a contact a tag, and makes the tag if it is a new one. by: the
// agent or key that wants it. Errors: contacts.ErrNotFound, *connectors.FieldError.
func (g *Gateway) TagContact(ctx context.Context, b *Business, id, tag, by string) (made bool, err error) {
	if _, err := sqlstore.New(g.DB.Read(ctx)).Contact(b.ID, id); err != nil {
		return false, err
	}
	if made, err = g.AddTag(ctx, b, tag); err != nil {
		return false, err
	}
	_, err = g.change(ctx, b, id, "manual", by, func(c *contacts.Contact) error {
		c.Tags = union(c.Tags, []string{tag})
		slices.Sort(c.Tags)
		return checkTags(c.Tags)
	})
	return made, err
}

// UntagContact takes a tag off a contact. Error: contacts.ErrNotFound.
func (g *Gateway) UntagContact(ctx context.Context, b *Business, id, tag, by string) error {
	_, err := g.change(ctx, b, id, "manual", by, func(c *contacts.Contact) error {
		c.Tags = without(c.Tags, []string{tag})
		return nil
	})
	return err
}

// tagsOf are the tags that turns gave contacts, by business.
func tagsOf(turns []*turn) map[string][]string {
	var all map[string][]string
	for _, t := range turns {
		if t.contact != nil && len(t.contact.Tags) > 0 && (t.isNew || t.tagsChanged) {
			if all == nil {
				all = map[string][]string{}
			}
			all[t.ch.Business.ID] = append(all[t.ch.Business.ID], t.contact.Tags...)
		}
	}
	return all
}

func addTags(people *sqlstore.Store, all map[string][]string) error {
	for _, business := range sortedKeys(all) {
		if _, err := people.AddTags(business, all[business], time.Now()); err != nil {
			return err
		}
	}
	return nil
}
