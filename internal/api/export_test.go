package api

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/ids"
)

// 000-17, 000-21: a download with exactly the rows that the list has.
func TestExportHasWhatTheListHas(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.contact(object("first_name", "Ada", "last_name", "Lovelace", "phone", "07700 900123", "company", "=HYPERLINK(1)", "fields", object("company_size", 20), "tags", []string{"vip"}))
	w.contact(object("first_name", "Bob", "last_name", "Byron", "email", "bob@example.com", "fields", object("company_size", 3)))
	w.contact(object("first_name", "Cy", "last_name", "Babbage", "email", "cy@example.com", "tags", []string{"vip"}, "company", "Ümlaut, Ltd"))
	gone := w.contact(object("first_name", "Dee", "last_name", "Gone", "email", "dee@example.com")).text("id")
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/contacts/"+gone, agentKey, nil).status)

	a := w.call("GET", "/v1/contacts.csv?columns=last_name,phone,company,company_size&sort=last_name", readKey, nil)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "text/csv; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="contacts.csv"`, a.header.Get("Content-Disposition"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "last_name,phone,company,company_size\nBabbage,,\"Ümlaut, Ltd\",\nByron,,,3\nLovelace,+447700900123,'=HYPERLINK(1),20\n", string(a.body))

	for _, filters := range []string{"", "tag=vip", "where=company_size>=3", "where=company_size>=3&where=phone:unknown", "q=cy", "email=BOB@example.com",
		"phone=07700900123", "archived=true", "archived=any", "status=qualified", "created_to=2020-01-01", "type=lead&sort=-name"} {
		list := w.call("GET", "/v1/contacts?"+filters, readKey, nil)
		require.Equal(t, http.StatusOK, list.status)
		var want []string
		for i := range list.at("data").([]any) {
			want = append(want, list.text("data", i, "id"))
		}
		rows, err := csv.NewReader(strings.NewReader(string(w.call("GET", "/v1/contacts.csv?columns=id&"+filters, readKey, nil).body))).ReadAll()
		require.NoError(t, err)
		var got []string
		for _, row := range rows[1:] {
			got = append(got, row[0])
		}
		require.Equal(t, want, got, filters)
	}

	lines := w.call("GET", "/v1/contacts.ndjson?columns=last_name,company_size&sort=last_name", readKey, nil)
	require.Equal(t, "application/x-ndjson", lines.header.Get("Content-Type"))
	require.Equal(t, `{"last_name":"Babbage","company_size":null}`+"\n"+`{"last_name":"Byron","company_size":3}`+"\n"+`{"last_name":"Lovelace","company_size":20}`+"\n", string(lines.body))

	sheet := w.call("GET", "/v1/contacts.xlsx?columns=last_name", readKey, nil)
	require.Equal(t, `attachment; filename="contacts.xlsx"`, sheet.header.Get("Content-Disposition"))
	require.Equal(t, "PK", string(sheet.body[:2]))

	// Another business has nothing of it.
	require.Equal(t, "id\n", string(w.call("GET", "/v1/contacts.csv?columns=id", otherKey, nil).body))
	require.Empty(t, w.call("GET", "/v1/contacts.ndjson", otherKey, nil).body)
}

func TestExportIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for query, field := range map[string]string{
		"columns=name,shoe_size": "columns", "columns=name,name": "columns", "sort=shoe_size": "sort", "where=shoe_size=44": "where",
		"email=nope": "email", "type=x": "type", "limit=5": "limit",
	} {
		for _, format := range []string{"csv", "ndjson", "xlsx"} {
			a := w.call("GET", "/v1/contacts."+format+"?"+query, readKey, nil)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, query)
			require.Equal(t, field, a.text("errors", 0, "field"), query)
		}
	}
	require.Equal(t, http.StatusForbidden, w.call("GET", "/v1/contacts.csv", botKey, nil).status)
}

// Over a real connection: more than a page, each contact once; a reader who
// leaves makes room for others.
func TestExportIsStreamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const many = 450
	crowd(t, w, many)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = w.server.Serve(l) }()
	t.Cleanup(func() { _ = w.server.Shutdown(t.Context()) })
	get := func() *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/v1/contacts.csv?columns=id,company", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+readKey)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		return res
	}
	res := get()
	rows, err := csv.NewReader(res.Body).ReadAll()
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[row[0]] = true
	}
	require.Len(t, rows, many+1)
	require.Len(t, seen, many)

	for range streamsPerVisitor + 2 { // leave at once
		res := get()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.NoError(t, res.Body.Close())
		eventually(t, func() bool { return w.server.streams.count() == 0 })
	}
}

// An export that breaks off tells its reader, and so the server the client: it
// does not look whole.
func TestExportThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	crowd(t, w, sqlstore.PageMost+1)
	acme, ok := w.gateway.Business("acme")
	require.True(t, ok)
	ctx := context.WithValue(t.Context(), callerKey{}, &caller{Key: sqlstore.Key{ID: "key_1", Business: "acme"}, business: acme})
	begun, err := w.server.exportFile(ctx, contacts.CSV, &exportContactsInput{})
	require.NoError(t, err)
	w.server.streams.close() // the second page is read only when the first is taken
	_, err = io.Copy(io.Discard, begun)
	require.ErrorIs(t, err, context.Canceled)
	eventually(t, func() bool { return w.server.streams.count() == 0 })
	_, err = w.server.exportFile(ctx, contacts.CSV, &exportContactsInput{})
	require.Error(t, err, "no new ones at the end")
}

// crowd puts contacts into acme, about a kilobyte each, all made at once.
func crowd(t *testing.T, w *world, many int) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	var all []*contacts.Contact
	for i := range many {
		all = append(all, &contacts.Contact{ID: ids.Format("con", int64(i+1)), BusinessID: "acme", CreatedAt: now, UpdatedAt: now,
			Values: contacts.Values{"name": fmt.Sprint("Person ", i), "company": strings.Repeat("x", 1000)}})
	}
	require.NoError(t, w.db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error { return sqlstore.New(tx).PutContacts(all) }))
}
