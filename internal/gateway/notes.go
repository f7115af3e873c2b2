package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/ids"
)

// maxGuestNotes bounds what flows write down about somebody who is no contact
// yet.
const maxGuestNotes = 20

// write notes down what a flow says about its person. A guest keeps it until it
// is a contact.
func (t *turn) write(flow, text string) {
	st := &t.conv.State
	if t.contact == nil && len(st.Notes) >= maxGuestNotes {
		return
	}
	t.noted++
	if n := []rune(text); len(n) > contacts.NoteLimit {
		text = string(n[:contacts.NoteLimit])
	}
	st.Notes = append(st.Notes, contacts.Note{ID: ids.Of("nte", t.work.row.ID, t.noted), Text: text, Author: "flow:" + flow, CreatedAt: t.now})
}

// keepNotes moves what was written down to the contact.
func (t *turn) keepNotes() []sqlstore.NoteRow {
	st := &t.conv.State
	rows := make([]sqlstore.NoteRow, len(st.Notes))
	for i, n := range st.Notes {
		rows[i] = sqlstore.NoteRow{Business: t.ch.Business.ID, ContactID: t.contact.ID, Note: n}
	}
	st.Notes = nil
	return rows
}

// assign finds the agent whose the contact is to be, whom a flow has named by id
// or e-mail.
func (g *Gateway) assign(ctx context.Context, t *turn) error {
	named := t.conv.State.Assignee
	if named == nil {
		return nil
	}
	t.conv.State.Assignee = nil
	id, err := agentNamed(sqlstore.New(g.DB.Read(ctx)), t.ch.Business, *named)
	switch {
	case errors.Is(err, contacts.ErrNotFound):
		t.trace = append(t.trace, traceLine{Kind: "set", Did: "passed over", Detail: "assignee: there is no such agent"})
	case err != nil:
		return err
	case t.isNew:
		t.contact.AssigneeID = id
	default:
		t.effects.assignee = &id
	}
	return nil
}

// agentNamed finds an agent by id or e-mail; empty names nobody. Error:
// contacts.ErrNotFound.
func agentNamed(people *sqlstore.Store, b *Business, name string) (string, error) {
	if !strings.Contains(name, "@") {
		if name == "" {
			return "", nil
		}
		a, err := people.Agent(b.ID, name)
		if err != nil {
			return "", err
		}
		return a.ID, nil
	}
	address := sqlstore.Address{Kind: "email", Value: contacts.AddressKey("email", name)}
	holders, err := people.Holders(b.ID, []sqlstore.Address{address})
	if err != nil {
		return "", err
	}
	if h := holders[address]; h.Kind == sqlstore.HolderAgent {
		return h.ID, nil
	}
	return "", fmt.Errorf("agent: %w", contacts.ErrNotFound)
}

// AddNote writes a note about a contact. Author is the id of the agent or key.
// Errors: contacts.ErrNotFound, *connectors.FieldError.
func (g *Gateway) AddNote(ctx context.Context, b *Business, contactID, author, text string) (contacts.Note, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return contacts.Note{}, &connectors.FieldError{Field: "text", Code: "required", Detail: "text is required"}
	case utf8.RuneCountInString(text) > contacts.NoteLimit:
		return contacts.Note{}, &connectors.FieldError{Field: "text", Code: "too_long", Detail: fmt.Sprintf("want at most %d characters", contacts.NoteLimit)}
	}
	n := contacts.Note{ID: ids.Format("nte", g.inbox.NewID()), Text: text, Author: author, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		c, err := people.Contact(b.ID, contactID)
		if err != nil {
			return err
		}
		return people.AddNotes([]sqlstore.NoteRow{{Business: b.ID, ContactID: c.ID, Note: n}})
	})
	return n, err
}
