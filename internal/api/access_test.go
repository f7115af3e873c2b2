package api

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Ids of another business are not there.
func TestBusinessesDoNotMeet(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("name", "Ada Lovelace", "email", "ada@example.com")).text("id")
	a := w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello"))
	talk, guest := a.text("conversation_id"), a.text("guest_id")
	event := w.call("GET", "/v1/events", readKey, nil).text("data", 0, "id")
	key := w.call("POST", "/v1/keys", adminKey, object("name", "k", "scopes", []string{"read"})).text("id")
	var delivery string
	eventually(t, func() bool {
		rows := w.call("GET", "/v1/deliveries", readKey, nil).at("data").([]any)
		if len(rows) > 0 {
			delivery, _ = rows[0].(map[string]any)["id"].(string)
		}
		return delivery != ""
	})
	for _, c := range []string{
		"GET /v1/contacts/" + id, "PATCH /v1/contacts/" + id, "DELETE /v1/contacts/" + id, "POST /v1/contacts/" + id + "/restore",
		"GET /v1/contacts/" + id + "/conversations", "GET /v1/conversations/" + talk, "GET /v1/conversations/" + talk + "/messages",
		"GET /v1/guests/" + guest, "GET /v1/guests?channel=bot/site&external_id=s-1",
		"GET /v1/events/" + event, "GET /v1/events/" + event + "/body", "POST /v1/events/" + event + "/replay",
		"GET /v1/deliveries/" + delivery, "POST /v1/deliveries/" + delivery + "/replay", "DELETE /v1/keys/" + key,
	} {
		method, path, _ := strings.Cut(c, " ")
		var body any
		if method == "PATCH" {
			body = object("company", "X")
		}
		require.Equal(t, http.StatusNotFound, w.call(method, path, otherKey, body).status, c)
		if method == "GET" {
			require.Equal(t, http.StatusOK, w.call(method, path, adminKey, body).status, c)
		}
	}
	for _, list := range []string{"contacts", "conversations", "events", "deliveries"} {
		require.Empty(t, w.call("GET", "/v1/"+list, otherKey, nil).at("data"), list)
	}
	require.Len(t, w.call("GET", "/v1/keys", otherKey, nil).at("data"), 1)
	// The same session of the other business's bot is somebody else.
	known := w.call("GET", "/v1/known?channel=bot/site&external_id=s-1", otherKey, nil)
	require.Equal(t, http.StatusOK, known.status)
	require.NotEqual(t, guest, known.at("guest_id"))
	// A key opens the bots of its own business only.
	body := object("session", "s-2", "kind", "message", "text", "Hi")
	require.Equal(t, http.StatusUnauthorized, w.call("POST", "/hooks/bot/site", otherKey, body).status)
	require.Equal(t, http.StatusOK, w.call("POST", "/b/globex/hooks/bot/site", otherKey, body).status)
	require.Equal(t, http.StatusOK, w.call("POST", "/b/acme/hooks/bot/site", botKey, body).status)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made := w.call("POST", "/v1/keys", adminKey, object("name", "crm", "scopes", []string{"read", "bot"}, "agent_id", "agt_1"))
	require.Equal(t, http.StatusCreated, made.status, string(made.body))
	require.Equal(t, "/v1/keys/"+made.text("id"), made.header.Get("Location"))
	secret := made.text("key")
	require.True(t, strings.HasPrefix(secret, "usher_"))

	me := w.call("GET", "/v1/me", secret, nil)
	require.Equal(t, made.text("id"), me.text("key_id"))
	require.Equal(t, "agt_1", me.text("agent_id"))
	require.Equal(t, "acme", me.text("business", "id"))
	require.Equal(t, http.StatusForbidden, w.call("GET", "/v1/keys", secret, nil).status)

	list := w.call("GET", "/v1/keys", adminKey, nil)
	require.Len(t, list.at("data"), 5)
	require.NotContains(t, string(list.body), secret)
	require.NotContains(t, string(list.body), `"key":`)

	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/keys/"+made.text("id"), adminKey, nil).status)
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/v1/me", secret, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("DELETE", "/v1/keys/"+made.text("id"), adminKey, nil).status)

	for _, body := range []any{object(), object("name", "x"), object("name", " ", "scopes", []string{"read"}), object("name", "x", "scopes", []string{"root"}),
		object("name", "x", "scopes", "read"), object("name", "x", "scopes", []string{"read"}, "key", "mine")} {
		require.Equal(t, http.StatusUnprocessableEntity, w.call("POST", "/v1/keys", adminKey, body).status)
	}
	// What the answer holds is not kept, so the header makes no difference.
	first := w.call("POST", "/v1/keys", adminKey, object("name", "x", "scopes", []string{"read"}), idempotencyHeader, "k")
	second := w.call("POST", "/v1/keys", adminKey, object("name", "x", "scopes", []string{"read"}), idempotencyHeader, "k")
	require.NotEqual(t, first.text("key"), second.text("key"))
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ada := object("name", "Ada Lovelace", "email", "ada@example.com")
	post := func(key, name string, body any) answer {
		return w.call("POST", "/v1/contacts", key, body, idempotencyHeader, name)
	}
	first := post(agentKey, "one", ada)
	require.Equal(t, http.StatusCreated, first.status)
	again := post(agentKey, "one", ada)
	require.Equal(t, http.StatusCreated, again.status)
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))

	other := post(agentKey, "one", object("name", "Bob Byron", "email", "bob@example.com"))
	require.Equal(t, http.StatusUnprocessableEntity, other.status)
	require.Equal(t, idempotencyHeader, other.text("errors", 0, "field"))
	require.Equal(t, http.StatusConflict, post(adminKey, "one", ada).status, "another key's names are its own")
	require.Equal(t, http.StatusUnprocessableEntity, post(agentKey, strings.Repeat("x", 300), ada).status)

	// What failed had no effect and may be tried again, mended or not.
	require.Equal(t, http.StatusUnprocessableEntity, post(agentKey, "two", object("first_name", "Mary", "email", "mary@example.com")).status)
	require.Equal(t, http.StatusCreated, post(agentKey, "two", object("name", "Mary Somerville", "email", "mary@example.com")).status)
}

func TestIdempotencyOfRequestsAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var wg sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = w.call("POST", "/v1/contacts", agentKey, object("name", "Ada Lovelace", "email", "ada@example.com"), idempotencyHeader, "x").status
		})
	}
	wg.Wait()
	require.Contains(t, statuses, http.StatusCreated)
	for _, s := range statuses { // taken would mean that it ran twice: the other 409 says so in its field
		require.Contains(t, []int{http.StatusCreated, http.StatusConflict}, s)
	}
	require.EqualValues(t, 1, w.call("GET", "/v1/contacts?count=true", readKey, nil).at("total"))
}

// B-003-02 and B-003-03: a name is given once, and a built-in one for good.
func TestFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made := w.call("POST", "/v1/fields", adminKey, object("name", "plan", "title", "Plan", "type", "text"))
	require.Equal(t, http.StatusCreated, made.status, string(made.body))
	require.Equal(t, "Plan", made.text("title"))
	require.Equal(t, http.StatusConflict, w.call("POST", "/v1/fields", adminKey, object("name", "plan", "type", "number")).status)
	require.Equal(t, http.StatusConflict, w.call("POST", "/v1/fields", adminKey, object("name", "email", "type", "text")).status)
	for _, c := range []struct {
		field string
		body  any
	}{{"name", object("type", "text")}, {"type", object("name", "x")}, {"type", object("name", "x", "type", "dropdown")},
		{"name", object("name", "Bad Name", "type", "text")}, {"colour", object("name", "x", "type", "text", "colour", "red")},
		{"name", object("name", 1, "type", "text")}} {
		a := w.call("POST", "/v1/fields", adminKey, c.body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Equal(t, c.field, a.text("errors", 0, "field"))
	}
	c := w.contact(object("name", "Ada Lovelace", "email", "ada@example.com", "fields", object("plan", "gold")))
	require.Equal(t, "gold", c.text("fields", "plan"))
	require.Len(t, w.call("GET", "/v1/contacts?where=plan=gold,silver", readKey, nil).at("data"), 1)
	require.Contains(t, string(w.call("GET", "/v1/fields", readKey, nil).body), `"plan"`)
	require.NotContains(t, string(w.call("GET", "/v1/fields", otherKey, nil).body), `"plan"`)
}
