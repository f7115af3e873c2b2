package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContactIsMade(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.contact(object("first_name", "Ada", "last_name", "Lovelace", "phone", "07700 900123", "email", "Ada@Example.com",
		"fields", object("company_size", 20), "tags", []string{"vip"}, "status", "qualified"))
	require.Equal(t, "/v1/contacts/"+a.text("id"), a.header.Get("Location"))
	require.Equal(t, `"1"`, a.header.Get("ETag"))
	require.Equal(t, "lead", a.text("type"))
	require.Equal(t, "Ada Lovelace", a.text("name"))
	require.Equal(t, "+447700900123", a.text("phone"))
	require.EqualValues(t, 20, a.at("fields", "company_size"))
	require.Equal(t, []any{"vip"}, a.at("tags"))
	require.Equal(t, "qualified", a.text("status"))
	require.Equal(t, "api", a.text("source", "via"))
	require.Equal(t, false, a.at("archived"))

	again := w.call("GET", "/v1/contacts/"+a.text("id"), readKey, nil)
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, a.text("id"), again.text("id"))
	require.Equal(t, `"1"`, again.header.Get("ETag"))
}

func TestContactNeedsNameAndAddress(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		body   any
		fields []string
	}{
		"no last name":       {object("first_name", "Ada", "phone", "07700900123"), []string{"last_name"}},
		"blank last name":    {object("first_name", "Ada", "last_name", " ", "phone", "07700900123"), []string{"last_name"}},
		"no address":         {object("first_name", "Ada", "last_name", "Lovelace"), []string{"phone", "email"}},
		"nothing":            {object(), []string{"first_name", "last_name", "phone", "email"}},
		"unknown key":        {object("name", "Ada", "email", "a@example.com", "nickname", "x"), []string{"nickname"}},
		"unknown field":      {object("name", "Ada", "email", "a@example.com", "fields", object("plan", "x")), []string{"plan"}},
		"custom at the top":  {object("name", "Ada", "email", "a@example.com", "company_size", 1), []string{"company_size"}},
		"type is computed":   {object("name", "Ada", "email", "a@example.com", "type", "customer"), []string{"type"}},
		"id is given":        {object("name", "Ada", "email", "a@example.com", "id", "con_1"), []string{"id"}},
		"no number":          {object("name", "Ada", "email", "a@example.com", "fields", object("company_size", "abc")), []string{"company_size"}},
		"no phone":           {object("name", "Ada", "phone", "5.5E+11"), []string{"phone"}},
		"no e-mail":          {object("name", "Ada", "email", "nope"), []string{"email"}},
		"no status":          {object("name", "Ada", "email", "a@example.com", "status", "hot"), []string{"status"}},
		"tags are a list":    {object("name", "Ada", "email", "a@example.com", "tags", "vip"), []string{"tags"}},
		"fields is a map":    {object("name", "Ada", "email", "a@example.com", "fields", []int{1}), []string{"fields"}},
		"a list is no value": {object("name", []string{"Ada"}, "email", "a@example.com"), []string{"name"}},
		"all faults at once": {object("x", 1, "y", 2), []string{"x", "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.call("POST", "/v1/contacts", agentKey, c.body)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, string(a.body))
			var got []string
			for i := range a.at("errors").([]any) {
				got = append(got, a.text("errors", i, "field"))
				require.NotEmpty(t, a.text("errors", i, "code"))
			}
			require.Equal(t, c.fields, got)
		})
	}
	require.EqualValues(t, 0, w.call("GET", "/v1/contacts?count=true", readKey, nil).at("total"))
}

func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ada := w.contact(object("first_name", "Ada", "last_name", "Lovelace", "phone", "+447700900123", "email", "ada@example.com")).text("id")
	taken := func(body any) answer {
		t.Helper()
		a := w.call("POST", "/v1/contacts", agentKey, body)
		require.Equal(t, http.StatusConflict, a.status, string(a.body))
		require.Equal(t, "taken", a.text("errors", 0, "code"))
		require.Equal(t, ada, a.text("errors", 0, "holder", "id"))
		require.Equal(t, "contact", a.text("errors", 0, "holder", "kind"))
		return a
	}
	a := taken(object("name", "Bob Byron", "phone", "07700 900123"))
	require.Equal(t, "phone", a.text("errors", 0, "field"))
	require.Equal(t, false, a.at("errors", 0, "holder", "archived"))
	a = taken(object("name", "Bob Byron", "email", "ADA@example.com"))
	require.Equal(t, "email", a.text("errors", 0, "field"))

	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/contacts/"+ada, agentKey, nil).status)
	a = taken(object("name", "Bob Byron", "phone", "07700 900123"))
	require.Equal(t, true, a.at("errors", 0, "holder", "archived"))

	// Of another business it is free.
	other := w.call("POST", "/v1/contacts", otherKey, object("name", "Bob Byron", "phone", "+447700900123"))
	require.Equal(t, http.StatusCreated, other.status)
}

func TestContactIsPatched(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made := w.contact(object("first_name", "Ada", "last_name", "Lovelace", "email", "ada@example.com",
		"company", "Engines", "fields", object("company_size", 20), "tags", []string{"vip"}))
	path := "/v1/contacts/" + made.text("id")

	a := w.call("PATCH", path, agentKey, object("company", nil, "phone", "+447700900123"), "If-Match", `"1"`)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Nil(t, a.at("company"))
	require.Equal(t, "+447700900123", a.text("phone"))
	require.EqualValues(t, 20, a.at("fields", "company_size"), "left out stays")
	require.Equal(t, `"2"`, a.header.Get("ETag"))

	for _, stale := range []string{`"1"`, `"7"`, `W/"1"`, `"x"`, "1"} {
		require.Equal(t, http.StatusPreconditionFailed, w.call("PATCH", path, agentKey, object("company", "X"), "If-Match", stale).status, stale)
	}
	a = w.call("PATCH", path, agentKey, object("fields", object("company_size", nil), "tags", nil, "status", "disqualified"), "If-Match", "*")
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.at("fields"))
	require.Empty(t, a.at("tags"))
	require.Equal(t, "disqualified", a.text("status"))
	require.Nil(t, w.call("PATCH", path, agentKey, object("status", nil)).at("status"))

	require.Equal(t, http.StatusUnprocessableEntity, w.call("PATCH", path, agentKey, object("fields", object("company_size", "abc"))).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.call("PATCH", path, agentKey, object("archived", true)).status)
	require.Equal(t, http.StatusNotFound, w.call("PATCH", "/v1/contacts/con_nobody", agentKey, object("company", "X")).status)
}

func TestContactIsArchivedAndRestored(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("name", "Ada Lovelace", "email", "ada@example.com")).text("id")
	total := func(query string) any {
		return w.call("GET", "/v1/contacts?count=true"+query, readKey, nil).at("total")
	}
	require.EqualValues(t, 1, total(""))
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/contacts/"+id, agentKey, nil).status)
	require.EqualValues(t, 0, total(""))
	require.EqualValues(t, 1, total("&archived=true"))
	require.EqualValues(t, 1, total("&archived=any"))
	require.Equal(t, true, w.call("GET", "/v1/contacts/"+id, readKey, nil).at("archived"))
	require.Equal(t, http.StatusNotFound, w.call("DELETE", "/v1/contacts/con_nobody", agentKey, nil).status)

	a := w.call("POST", "/v1/contacts/"+id+"/restore", agentKey, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, false, a.at("archived"))
	require.EqualValues(t, 1, total(""))
}

func TestContactsAreListed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, c := range []map[string]any{
		object("name", "Ada Lovelace", "email", "ada@example.com", "phone", "+447700900123", "tags", []string{"vip"}, "fields", object("company_size", 80)),
		object("name", "Charles Babbage", "email", "charles@example.com", "fields", object("company_size", 20), "status", "qualified"),
		object("name", "Mary Somerville", "phone", "+447700900124", "assignee_id", "agt_1"),
	} {
		w.contact(c)
	}
	for query, want := range map[string][]string{
		"":                                      {"Mary Somerville", "Charles Babbage", "Ada Lovelace"},
		"sort=name":                             {"Ada Lovelace", "Charles Babbage", "Mary Somerville"},
		"sort=-created_at":                      {"Mary Somerville", "Charles Babbage", "Ada Lovelace"},
		"tag=vip":                               {"Ada Lovelace"},
		"email=ADA@example.com":                 {"Ada Lovelace"},
		"phone=07700+900124":                    {"Mary Somerville"},
		"phone=%2B447700900124":                 {"Mary Somerville"},
		"phone=+447700900124":                   {"Mary Somerville"},
		"status=qualified":                      {"Charles Babbage"},
		"type=lead&q=love":                      {"Ada Lovelace"},
		"type=customer":                         nil,
		"assignee_id=agt_1":                     {"Mary Somerville"},
		"where=company_size>=50":                {"Ada Lovelace"},
		"where=company_size>=10&where=email~ch": {"Charles Babbage"},
		"where=phone:known&sort=name":           {"Ada Lovelace", "Mary Somerville"},
		"created_from=2020-01-01&created_to=2020-12-31": nil,
		"created_from=2020-01-01&sort=name&limit=3":     {"Ada Lovelace", "Charles Babbage", "Mary Somerville"},
	} {
		a := w.call("GET", "/v1/contacts?"+query, readKey, nil)
		require.Equal(t, http.StatusOK, a.status, "%s: %s", query, a.body)
		var got []string
		for i := range a.at("data").([]any) {
			got = append(got, a.text("data", i, "name"))
		}
		require.Equal(t, want, got, query)
	}
	for _, query := range []string{"limit=201", "limit=0", "limit=x", "type=other", "colour=red", "sort=colour", "where=colour=red",
		"where=company_size", "cursor=%20", "cursor=abc", "created_from=soon", "archived=maybe", "phone=12", "assignee_id=me"} {
		a := w.call("GET", "/v1/contacts?"+query, readKey, nil)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", query, a.body)
		require.NotEmpty(t, a.at("errors"), query)
	}
}

func TestPagesOfContacts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, name := range []string{"A A", "B B", "C C", "D D", "E E"} {
		w.contact(object("name", name, "email", name[:1]+"@example.com"))
	}
	var names []string
	cursor := ""
	for range 5 {
		a := w.call("GET", "/v1/contacts?sort=name&limit=2&count=true&cursor="+url.QueryEscape(cursor), readKey, nil)
		require.EqualValues(t, 5, a.at("total"))
		for i := range a.at("data").([]any) {
			names = append(names, a.text("data", i, "name"))
		}
		if a.at("next_cursor") == nil {
			break
		}
		cursor = a.text("next_cursor")
	}
	require.Equal(t, []string{"A A", "B B", "C C", "D D", "E E"}, names)
}

func TestDeliveryStatesOfAContact(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("name", "Ada Lovelace", "email", "ada@example.com")).text("id")
	eventually(t, func() bool {
		a := w.call("GET", "/v1/contacts/"+id+"?include=deliveries", readKey, nil)
		return a.text("deliveries", 0, "state") == "delivered"
	})
	require.Nil(t, w.call("GET", "/v1/contacts/"+id, readKey, nil).at("deliveries"))

	row := w.call("GET", "/v1/deliveries?contact_id="+id, readKey, nil)
	require.Equal(t, "lead.created", row.text("data", 0, "kind"))
	one := w.call("GET", "/v1/deliveries/"+row.text("data", 0, "id"), readKey, nil)
	require.Equal(t, "delivered", one.text("attempts", 0, "outcome"))
	path := "/v1/deliveries/" + one.text("id") + "/replay"
	require.Equal(t, http.StatusConflict, w.call("POST", path, agentKey, nil).status, "it is delivered")
	require.Equal(t, http.StatusAccepted, w.call("POST", path, agentKey, object("force", true)).status)
	eventually(t, func() bool {
		again := w.call("GET", "/v1/deliveries/"+one.text("id"), readKey, nil)
		return again.text("state") == "delivered" && len(again.at("attempts").([]any)) == 2 && again.text("lead_key") == one.text("lead_key")
	})
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/deliveries/dlv_none/replay", agentKey, nil).status)
}

// Every list has pages and can be counted.
func TestEveryList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, name := range []string{"Ada Lovelace", "Mary Somerville"} {
		w.contact(object("name", name, "email", name[:3]+"@example.com"))
	}
	first := w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello"))
	w.turn(object("session", "s-1", "message_id", "m-2", "kind", "message", "text", "20"))
	w.turn(object("session", "s-1", "message_id", "m-3", "kind", "message", "text", "eve@example.com"))
	w.turn(object("session", "s-2", "user", object("id", "u-2", "email", "x@example.com"), "message_id", "m-4", "kind", "message", "text", "Hello"))
	eventually(t, func() bool { return len(w.call("GET", "/v1/deliveries", readKey, nil).at("data").([]any)) >= 4 })
	for _, list := range []string{"contacts", "conversations", "events", "deliveries", "fields", "keys", "conversations/" + first.text("conversation_id") + "/messages"} {
		t.Run(list, func(t *testing.T) {
			seen := map[string]bool{}
			path := "/v1/" + list + "?count=true&limit=1"
			for cursor := ""; ; {
				a := w.call("GET", path+cursor, adminKey, nil)
				require.Equal(t, http.StatusOK, a.status, string(a.body))
				require.Len(t, a.at("data"), 1)
				seen[string(mustJSON(t, a.at("data", 0)))] = true
				if a.at("next_cursor") == nil {
					require.EqualValues(t, len(seen), a.at("total"))
					break
				}
				cursor = "&cursor=" + url.QueryEscape(a.text("next_cursor"))
			}
			require.Greater(t, len(seen), 1)
			require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", path+"&cursor=%FF", adminKey, nil).status)
		})
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}

// 003-23: how many contacts of each status each flow has led to.
func TestCounts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i, status := range []any{"qualified", "qualified", "disqualified", nil} {
		w.contact(object("name", "Ada Lovelace", "email", fmt.Sprintf("ada%d@example.com", i), "status", status))
	}
	for i, text := range []string{"Hello", "20", "eve@example.com"} {
		a := w.call("POST", "/hooks/bot/site", "bot-token-of-acme", object("session", "s-1", "message_id", fmt.Sprint("m-", i), "text", text))
		require.Equal(t, http.StatusOK, a.status)
	}
	count := func(query string) []any {
		a := w.call("GET", "/v1/contacts/counts?"+query, readKey, nil)
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		rows, _ := a.at("data").([]any)
		return rows
	}
	require.Equal(t, []any{
		object("status", nil, "flow", nil, "count", 1.0), object("status", nil, "flow", "hello", "count", 1.0),
		object("status", "disqualified", "flow", nil, "count", 1.0), object("status", "qualified", "flow", nil, "count", 2.0),
	}, count("by=status,flow"))
	require.Equal(t, []any{object("flow", "hello", "count", 1.0)}, count("by=flow&channel=bot/site"))
	require.Equal(t, []any{object("status", "qualified", "count", 2.0)}, count("by=status&status=qualified"))
	for _, wrong := range []string{"", "by=", "by=email", "by=status,status", "by=status&sort=name"} {
		require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", "/v1/contacts/counts?"+wrong, readKey, nil).status, wrong)
	}
	require.Empty(t, w.call("GET", "/v1/contacts/counts?by=status", otherKey, nil).at("data"), "another business")
}
