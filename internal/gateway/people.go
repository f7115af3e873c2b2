package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/ids"
	"usher/internal/outbox"
)

// Draft is a contact that the API, an agent or an import makes.
type Draft struct {
	Values     map[string]any // raw JSON values by flat field name
	Status     string
	Tags       []string
	AssigneeID string
	Via        string // api, manual, import
	By         string // id of the agent or key
}

// Patch changes a contact. What is absent stays.
type Patch struct {
	Values       map[string]any // nil clears
	Status       *string
	Tags         *[]string
	AssigneeID   *string
	DoNotContact *bool
	IfVersion    int64 // 0: whatever the version
	Via          string
	By           string // id of the agent or key
}

// statuses that a contact can have, besides none.
var statuses = []string{"qualified", "marketing_qualified", "sales_qualified", "disqualified"}

// CreateContact makes a contact. Errors: *connectors.FieldError, or
// *sqlstore.TakenError with the holder of a phone or e-mail.
func (g *Gateway) CreateContact(ctx context.Context, b *Business, d Draft) (*contacts.Contact, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	c := &contacts.Contact{
		ID: ids.Format("con", g.inbox.NewID()), BusinessID: b.ID, Values: contacts.Values{}, Status: d.Status, Tags: d.Tags,
		AssigneeID: d.AssigneeID, Source: contacts.Source{Via: d.Via}, CreatedAt: now, UpdatedAt: now,
	}
	if err := errors.Join(checkStatus(d.Status), checkAssignee(d.AssigneeID), checkTags(d.Tags)); err != nil {
		return nil, err
	}
	if err := setValues(b, c.Values, d.Values); err != nil {
		return nil, err
	}
	locateContact(c)
	cause := g.inbox.NewID()
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		addresses := addressesOf(c)
		if err := g.mustBeFree(people, b, c.ID, addresses); err != nil {
			return err
		}
		deliveries := leadsFor(b, c, nil, "", cause, now)
		told, err := noticesFor(b, c, statusNotice("", c.Status), "", ids.Format("evt", cause), now)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, told...)
		return inOrder(
			func() error { return people.PutContacts([]*contacts.Contact{c}) },
			func() error { return addHistory(people, []*history{historyOf(nil, c, c.Source, d.By)}) },
			func() error { return people.AddAddresses(rowsFor(b, c, addresses)) },
			func() error { return addTags(people, map[string][]string{b.ID: c.Tags}) },
			func() error { return outbox.Add(tx, deliveries) },
		)
	})
	if err != nil {
		return nil, g.withHolder(ctx, b, err)
	}
	g.Bus.Publish(topicLeads)
	return c, nil
}

// PatchContact changes a contact. Errors: contacts.ErrNotFound, ErrPrecondition,
// *connectors.FieldError, *sqlstore.TakenError.
func (g *Gateway) PatchContact(ctx context.Context, b *Business, id string, p Patch) (*contacts.Contact, error) {
	return g.change(ctx, b, id, p.Via, p.By, func(c *contacts.Contact) error {
		if p.IfVersion != 0 && p.IfVersion != c.Version {
			return ErrPrecondition
		}
		if p.Status != nil {
			if err := checkStatus(*p.Status); err != nil {
				return err
			}
			c.Status = *p.Status
		}
		if p.Tags != nil {
			c.Tags = slices.Compact(slices.Sorted(slices.Values(*p.Tags)))
			if err := checkTags(c.Tags); err != nil {
				return err
			}
		}
		if p.DoNotContact != nil {
			c.DoNotContact = *p.DoNotContact
		}
		if p.AssigneeID != nil {
			if err := checkAssignee(*p.AssigneeID); err != nil {
				return err
			}
			c.AssigneeID = *p.AssigneeID
		}
		for name := range p.Values {
			stated(c, name)
		}
		return setValues(b, c.Values, p.Values)
	})
}

// ArchiveContact takes a contact off the lists; its addresses stay its own. by:
// the agent or key that wants it.
func (g *Gateway) ArchiveContact(ctx context.Context, b *Business, id, by string) error {
	_, err := g.change(ctx, b, id, "manual", by, func(c *contacts.Contact) error {
		c.Archived = true
		return nil
	})
	return err
}

// RestoreContact puts an archived contact back on the lists.
func (g *Gateway) RestoreContact(ctx context.Context, b *Business, id, by string) (*contacts.Contact, error) {
	return g.change(ctx, b, id, "manual", by, func(c *contacts.Contact) error {
		c.Archived = false
		return nil
	})
}

// maxTries is how often a change by hand is repeated when a conversation writes
// the contact at the same time.
const maxTries = 20

func (g *Gateway) change(ctx context.Context, b *Business, id, via, by string, apply func(*contacts.Contact) error) (*contacts.Contact, error) {
	for try := 1; ; try++ {
		c, err := g.changeOnce(ctx, b, id, via, by, apply)
		if try < maxTries && (errors.Is(err, contacts.ErrConflict) || database.IsTransient(err)) {
			continue
		}
		return c, g.withHolder(ctx, b, err)
	}
}

func (g *Gateway) changeOnce(ctx context.Context, b *Business, id, via, by string, apply func(*contacts.Contact) error) (*contacts.Contact, error) {
	var changed *contacts.Contact
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		c, err := people.Contact(b.ID, id)
		if err != nil {
			return err
		}
		before := *c
		before.Values, before.Tags = c.Values.Clone(), slices.Clone(c.Tags)
		if err := apply(c); err != nil {
			return err
		}
		locateContact(c)
		changed = c
		names := contacts.Changed(before.Values, c.Values)
		if before.Status != c.Status {
			names = append(names, "status")
		}
		if !slices.Equal(before.Tags, c.Tags) {
			names = append(names, "tags")
		}
		if len(names) == 0 && before.Archived == c.Archived && before.AssigneeID == c.AssigneeID &&
			before.BlockedUntil.Equal(c.BlockedUntil) && before.DoNotContact == c.DoNotContact {
			return nil
		}
		// Somebody else than its conversation has written it.
		c.SoleConversation = ""
		c.UpdatedAt = time.Now().UTC().Truncate(time.Microsecond)
		c.Proven = without(c.Proven, names)
		added, gone := moveAddresses(&before, c)
		if err := g.mustBeFree(people, b, c.ID, added); err != nil {
			return err
		}
		cause := g.inbox.NewID()
		deliveries := leadsFor(b, c, names, "", cause, c.UpdatedAt)
		told, err := noticesFor(b, c, statusNotice(before.Status, c.Status), "", ids.Format("evt", cause), c.UpdatedAt)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, told...)
		return inOrder(
			func() error { return people.Release(b.ID, c.ID, gone) },
			func() error { return people.AddAddresses(rowsFor(b, c, added)) },
			func() error { return addTags(people, map[string][]string{b.ID: c.Tags}) },
			func() error { return people.PutContacts([]*contacts.Contact{c}) },
			func() error {
				return addHistory(people, []*history{historyOf(&before, c, contacts.Source{Via: via}, by)})
			},
			func() error { return outbox.Add(tx, deliveries) },
		)
	})
	if err != nil {
		return nil, err
	}
	g.Bus.Publish(topicLeads)
	return changed, nil
}

// setValues parses and sets raw values; null and blank clear.
func setValues(b *Business, values contacts.Values, raw map[string]any) error {
	for _, name := range inNameOrder(raw) {
		f, ok := b.Fields.Lookup(name)
		if !ok || !f.IsValue() {
			return &connectors.FieldError{Field: name, Code: "unknown", Detail: "there is no such field to set"}
		}
		value, err := f.Parse(raw[name], b.locale())
		if invalid := asInvalid(err); invalid != nil {
			return &connectors.FieldError{Field: name, Code: invalid.Code, Detail: invalid.Detail}
		}
		if err != nil {
			value = nil // blank
		}
		values.Set(name, value)
	}
	return nil
}

// inNameOrder puts name before its parts, so that parts given beside it count.
func inNameOrder(raw map[string]any) []string {
	names := sortedKeys(raw)
	if i := slices.Index(names, "name"); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, "name")
	}
	return names
}

func checkStatus(status string) error {
	if status == "" || slices.Contains(statuses, status) {
		return nil
	}
	return &connectors.FieldError{Field: "status", Code: "invalid", Detail: "want one of qualified, marketing_qualified, sales_qualified, disqualified"}
}

// checkAssignee refuses what cannot be an id of ours.
func checkAssignee(id string) error {
	for _, r := range id {
		if r <= ' ' || r > '~' || len(id) > 64 {
			return &connectors.FieldError{Field: "assignee_id", Code: "invalid", Detail: "want the id of an agent"}
		}
	}
	return nil
}

func asInvalid(err error) *contacts.Invalid {
	var invalid *contacts.Invalid
	if errors.As(err, &invalid) {
		return invalid
	}
	return nil
}

func addressesOf(c *contacts.Contact) []sqlstore.Address {
	var all []sqlstore.Address
	for _, kind := range addressKinds {
		if text := c.Values.Text(kind); text != "" {
			all = append(all, sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, text)})
		}
	}
	return all
}

func rowsFor(b *Business, c *contacts.Contact, addresses []sqlstore.Address) []sqlstore.AddressRow {
	rows := make([]sqlstore.AddressRow, len(addresses))
	for i, a := range addresses {
		rows[i] = sqlstore.AddressRow{Business: b.ID, Address: a,
			Holder: sqlstore.Holder{Kind: sqlstore.HolderContact, ID: c.ID, Trust: contacts.Vouched}}
	}
	return rows
}

// moveAddresses tells which addresses a change adds and which it gives up.
func moveAddresses(before, after *contacts.Contact) (added, gone []sqlstore.Address) {
	was, is := addressesOf(before), addressesOf(after)
	for _, a := range is {
		if !slices.Contains(was, a) {
			added = append(added, a)
		}
	}
	for _, a := range was {
		if !slices.Contains(is, a) {
			gone = append(gone, a)
		}
	}
	return added, gone
}

// mustBeFree refuses addresses that somebody else has. A further address that
// the contact itself has is its own.
func (g *Gateway) mustBeFree(people *sqlstore.Store, b *Business, id string, addresses []sqlstore.Address) error {
	if len(addresses) == 0 {
		return nil
	}
	holders, err := people.Holders(b.ID, addresses)
	if err != nil {
		return err
	}
	var own []sqlstore.Address
	for _, a := range addresses {
		h, held := holders[a]
		switch {
		case held && h.ID == id:
			own = append(own, a)
		case held:
			return &sqlstore.TakenError{Address: a, Holder: &h}
		}
	}
	return people.Release(b.ID, id, own) // put back as the main one
}

// withHolder adds to a race that was lost who won it.
func (g *Gateway) withHolder(ctx context.Context, b *Business, err error) error {
	var taken *sqlstore.TakenError
	if !errors.As(err, &taken) || taken.Holder != nil {
		return err
	}
	holders, herr := sqlstore.New(g.DB.Read(ctx)).Holders(b.ID, []sqlstore.Address{taken.Address})
	if h, ok := holders[taken.Address]; herr == nil && ok {
		taken.Holder = &h
	}
	return err
}

// ContactDocument is a contact as the API shows it.
func (g *Gateway) ContactDocument(ctx context.Context, b *Business, c *contacts.Contact) (map[string]any, error) {
	docs, err := g.ContactDocuments(ctx, b, []*contacts.Contact{c})
	if err != nil {
		return nil, err
	}
	return docs[0], nil
}

// ContactDocuments is ContactDocument for a page of contacts.
func (g *Gateway) ContactDocuments(ctx context.Context, b *Business, all []*contacts.Contact) ([]map[string]any, error) {
	byID := make(map[string]*contacts.Contact, len(all))
	for _, c := range all {
		byID[c.ID] = c
	}
	identities, err := g.identities(sqlstore.New(g.DB.Read(ctx)), byID)
	if err != nil {
		return nil, err
	}
	docs := make([]map[string]any, len(all))
	for i, c := range all {
		docs[i] = c.Document(b.Fields, identities[c.ID])
	}
	return docs, nil
}

// identities of contacts: the channels that they write on and their addresses.
func (g *Gateway) identities(people *sqlstore.Store, persons map[string]*contacts.Contact) (map[string][]contacts.Identity, error) {
	ids := sortedKeys(persons)
	found := map[string][]contacts.Identity{}
	conversations, err := people.ConversationsOf(ids)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	for id, all := range conversations {
		for _, conv := range all {
			found[id] = append(found[id], contacts.Identity{
				Kind: "channel", Channel: conv.Channel, Value: conv.ExternalID, Proven: seesAll(conv, persons[id]),
			})
		}
	}
	addresses, err := people.AddressesOf(ids)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	for id, rows := range addresses {
		for _, r := range rows {
			found[id] = append(found[id], contacts.Identity{Kind: r.Address.Kind, Value: r.Address.Value, Proven: r.Holder.Trust == contacts.Proven})
		}
	}
	return found, nil
}
