package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func testHistory(t *testing.T, p *people) {
	id := p.id("con", "a")
	ask := contacts.Source{Channel: "webchat/site", Flow: "welcome", Step: "size", Via: "ask"}
	var want []contacts.Change // the latest first
	var rows []sqlstore.HistoryRow
	for version := int64(1); version <= 30; version++ {
		row := sqlstore.HistoryRow{ContactID: id, Version: version, At: at(int(version))}
		for i := range version%4 + 1 {
			row.Changes = append(row.Changes, contacts.Change{Field: fmt.Sprintf("f%d", i), Old: float64(version - 1), New: float64(version), Source: ask, At: row.At})
		}
		row.Changes = append(row.Changes, contacts.Change{Field: "tags", Old: nil, New: []any{"vip", "é\x00'"}, Source: contacts.Source{Via: "api"}, By: "key_1", At: row.At},
			contacts.Change{Field: "agrees", Old: false, New: "", Source: contacts.Source{Via: "api"}, At: row.At})
		want = append(append([]contacts.Change{}, row.Changes...), want...)
		rows = append(rows, row)
	}
	other := sqlstore.HistoryRow{ContactID: p.id("con", "b"), Version: 1, At: at(1), Changes: []contacts.Change{{Field: "plan", New: "gold"}}}
	p.write(t, func(s *sqlstore.Store) error { return s.AddHistory(append(rows, other)) })
	p.write(t, func(s *sqlstore.Store) error { return s.AddHistory(nil) })

	all, next, total, err := p.read(t).History(id, sqlstore.Page{Limit: 200, Count: true})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Equal(t, len(want), total)
	require.Equal(t, want, all)
	for _, limit := range []int{1, 2, 3, 5, 7, 50} {
		var got []contacts.Change
		for cursor := ""; ; {
			page, next, total, err := p.read(t).History(id, sqlstore.Page{Limit: limit, Cursor: cursor})
			require.NoError(t, err)
			require.Equal(t, -1, total)
			require.LessOrEqual(t, len(page), limit)
			require.NotEmpty(t, page)
			got = append(got, page...)
			if cursor = next; next == "" {
				break
			}
			require.Len(t, page, limit)
		}
		require.Equal(t, want, got, "pages of %d", limit)
	}
	none, _, total, err := p.read(t).History("con_é", sqlstore.Page{Count: true})
	require.NoError(t, err)
	require.Empty(t, none)
	require.Zero(t, total)
	for _, cursor := range []string{"x", "1", "1.x", "1.-1", "é.1", "9223372036854775808.0"} {
		_, _, _, err := p.read(t).History(id, sqlstore.Page{Cursor: cursor})
		require.ErrorIs(t, err, sqlstore.ErrFilter, cursor)
	}
	require.Error(t, p.try(t, func(s *sqlstore.Store) error { return s.AddHistory(rows[:1]) }), "a version is made once")
}
