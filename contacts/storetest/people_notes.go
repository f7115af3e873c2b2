package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func testNotes(t *testing.T, p *people) {
	ada, bob := p.id("con", "ada"), p.id("con", "bob")
	var want []contacts.Note
	var rows []sqlstore.NoteRow
	for n := range 7 {
		note := contacts.Note{ID: p.id("nte", n), Text: fmt.Sprint("é 🦊 ' \" \\ ", n), Author: "agt_1", CreatedAt: at(n / 2)} // two at a time
		rows = append(rows, sqlstore.NoteRow{Business: p.business, ContactID: ada, Note: note})
		want = append([]contacts.Note{note}, want...)
	}
	longest := contacts.Note{ID: p.id("nte", "long"), Text: strings.Repeat("🦊", contacts.NoteLimit), Author: "flow:welcome", CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	rows = append(rows, sqlstore.NoteRow{Business: p.business, ContactID: bob, Note: longest})
	add := func(s *sqlstore.Store) error { return s.AddNotes(rows) }
	p.write(t, add)
	rows[0].Text = "another"
	p.write(t, add) // what is there stays

	var got []contacts.Note
	cursor := ""
	for {
		page, next, total, err := p.read(t).Notes(ada, sqlstore.Page{Limit: 3, Cursor: cursor, Count: true})
		require.NoError(t, err)
		require.Equal(t, 7, total)
		got = append(got, page...)
		if cursor = next; next == "" {
			break
		}
		require.Len(t, page, 3)
	}
	require.Equal(t, want, got)
	page, _, total, err := p.read(t).Notes(bob, sqlstore.Page{})
	require.NoError(t, err)
	require.Equal(t, []contacts.Note{longest}, page)
	require.Equal(t, -1, total)
	_, _, _, err = p.read(t).Notes(ada, sqlstore.Page{Cursor: "x"})
	require.ErrorIs(t, err, sqlstore.ErrFilter)
}
