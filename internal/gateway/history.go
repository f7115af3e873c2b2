package gateway

import (
	"slices"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// remember notes what of the turn's contact has changed, and where from. before
// is the contact as it was; nil: it is new.
func (t *turn) remember(before *contacts.Contact) {
	changes := contacts.Changes(before, t.contact, t.now)
	for i := range changes {
		changes[i].Source = t.sourceOf(changes[i].Field)
	}
	t.history = &history{t.contact, changes}
}

// history is what a write of a contact changes.
type history struct {
	contact *contacts.Contact
	changes []contacts.Change
}

// historyOf is what a write changes that has one source. by: the agent or key
// that asked for it. before nil: the contact is new.
func historyOf(before, after *contacts.Contact, source contacts.Source, by string) *history {
	changes := contacts.Changes(before, after, after.UpdatedAt)
	for i := range changes {
		changes[i].Source, changes[i].By = source, by
	}
	return &history{after, changes}
}

// addHistory writes histories of contacts that have been written in the same
// transaction.
func addHistory(people *sqlstore.Store, all []*history) error {
	var rows []sqlstore.HistoryRow
	for _, h := range all {
		if h != nil && len(h.changes) > 0 {
			rows = append(rows, sqlstore.HistoryRow{ContactID: h.contact.ID, Version: h.contact.Version, At: h.changes[0].At, Changes: h.changes})
		}
	}
	return people.AddHistory(rows)
}

// sourceOf is where a field's new value came from: this turn, else what the
// guest said before. What is worked out comes from the channel.
func (t *turn) sourceOf(field string) contacts.Source {
	names := []string{field}
	switch field {
	case "name", "first_name", "middle_name", "last_name":
		names = append(names, "name", "first_name", "middle_name", "last_name")
	}
	for _, name := range names {
		for _, c := range slices.Backward(t.heard) {
			if c.field == name {
				return c.source
			}
		}
		if source, ok := t.said[name]; ok {
			return source
		}
	}
	if source, ok := t.effects.sources[field]; ok {
		return source
	}
	return contacts.Source{Channel: t.ch.ID, Via: "channel"}
}
