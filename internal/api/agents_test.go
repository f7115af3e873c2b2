package api

import (
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts/sqlstore"
	"usher/internal/database"
)

// agent makes one and a key of its own.
func (w *world) agent(body map[string]any) (id, key string) {
	w.t.Helper()
	a := w.call("POST", "/v1/agents", adminKey, body)
	require.Equal(w.t, http.StatusCreated, a.status, string(a.body))
	id = a.text("id")
	require.Equal(w.t, "/v1/agents/"+id, a.header.Get("Location"))
	key = "key-of-" + id
	hash := sha256.Sum256([]byte(key))
	err := w.db.Write(w.t.Context(), database.Bulk, func(tx *database.Tx) error {
		return sqlstore.New(tx).CreateKey(sqlstore.Key{ID: "key_" + id, Business: "acme", Name: key, Hash: hash[:],
			Scopes: []string{"agent"}, AgentID: id, CreatedAt: time.Now()})
	})
	require.NoError(w.t, err)
	return id, key
}

// 002-24 … 002-27: as the API tells it.
func TestAgents(t *testing.T) {
	t.Parallel()
	w := setup(t)
	bob, bobs := w.agent(object("name", "Bob", "email", "Bob@acme.example", "phone", "07700 900001", "max_conversations", 2))
	a := w.call("GET", "/v1/agents/"+bob, readKey, nil)
	require.Equal(t, `"1"`, a.header.Get("ETag"))
	require.Equal(t, object("id", bob, "name", "Bob", "email", "bob@acme.example", "phone", "+447700900001", "role", "agent",
		"availability", "available", "max_conversations", 2.0, "open_conversations", 0.0, "created_at", a.text("created_at")), a.json())

	taken := w.call("POST", "/v1/contacts", agentKey, object("name", "Eve E", "phone", "+447700900001"))
	require.Equal(t, http.StatusConflict, taken.status)
	require.Equal(t, []any{object("field", "phone", "code", "taken", "detail", "phone belongs to somebody else",
		"holder", object("kind", "agent", "id", bob, "archived", false))}, taken.at("errors"))
	ada := w.contact(object("name", "Ada L", "email", "ada@example.com")).text("id")
	taken = w.call("POST", "/v1/agents", adminKey, object("name", "Ann", "email", "ADA@example.com"))
	require.Equal(t, http.StatusConflict, taken.status)
	require.Equal(t, object("kind", "contact", "id", ada, "archived", false), taken.at("errors", 0, "holder"))
	require.Equal(t, http.StatusCreated, w.call("POST", "/v1/agents", otherKey, object("name", "Bob", "phone", "+447700900001")).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/agents/"+bob, otherKey, nil).status)

	away := object("availability", "away")
	require.Equal(t, "away", w.call("PATCH", "/v1/agents/"+bob, bobs, away).text("availability"))
	ann, anns := w.agent(object("name", "Ann", "role", "admin"))
	require.Equal(t, http.StatusForbidden, w.call("PATCH", "/v1/agents/"+bob, anns, away).status, "another's")
	require.Equal(t, http.StatusForbidden, w.call("PATCH", "/v1/agents/"+bob, bobs, object("name", "Robert")).status)
	require.Equal(t, http.StatusPreconditionFailed, w.call("PATCH", "/v1/agents/"+bob, adminKey, away, "If-Match", `"1"`).status)
	cleared := w.call("PATCH", "/v1/agents/"+bob, adminKey, object("phone", nil, "max_conversations", nil), "If-Match", `"2"`)
	require.Equal(t, http.StatusOK, cleared.status)
	require.Nil(t, cleared.at("phone"))
	require.Nil(t, cleared.at("max_conversations"))
	wrong := w.call("PATCH", "/v1/agents/"+bob, adminKey, object("email", "x", "role", "boss"))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Equal(t, "email", wrong.text("errors", 0, "field"))
	require.Equal(t, "role", wrong.text("errors", 1, "field"))
	wrong = w.call("POST", "/v1/agents", adminKey, object("name", 1, "team", "sales", "max_conversations", "two"))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Len(t, wrong.at("errors"), 3)

	list := w.call("GET", "/v1/agents?count=true", readKey, nil)
	require.EqualValues(t, 2, list.at("total"))
	require.Equal(t, ann, list.text("data", 1, "id"))
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/agents/"+bob, adminKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/agents/"+bob, readKey, nil).status)
}

func TestTeams(t *testing.T) {
	t.Parallel()
	w := setup(t)
	bob, _ := w.agent(object("name", "Bob"))
	a := w.call("POST", "/v1/teams", adminKey, object("name", "Sales", "members", []string{bob}, "auto_assign", true,
		"hours", object("mon-fri", "09:00-12:00,13:00-17:30")))
	require.Equal(t, http.StatusCreated, a.status, string(a.body))
	require.Equal(t, "/v1/teams/sales", a.header.Get("Location"))
	a = w.call("GET", "/v1/teams/sales", readKey, nil)
	require.Equal(t, object("id", "sales", "name", "Sales", "members", []any{bob}, "enabled", true, "auto_assign", true,
		"hours", object("mon-fri", "09:00-12:00,13:00-17:30"), "created_at", a.text("created_at")), a.json())
	again := w.call("POST", "/v1/teams", adminKey, object("name", "sales"))
	require.Equal(t, http.StatusConflict, again.status)
	require.Equal(t, "taken", again.text("errors", 0, "code"))
	wrong := w.call("PATCH", "/v1/teams/sales", adminKey, object("members", []string{"agt_none"}, "hours", object("fun", "closed", "mon", "9-5")))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Len(t, wrong.at("errors"), 3)
	require.Equal(t, http.StatusUnprocessableEntity, w.call("PATCH", "/v1/teams/sales", adminKey, object("id", "support")).status)
	changed := w.call("PATCH", "/v1/teams/sales", adminKey, object("enabled", false, "hours", nil, "members", nil))
	require.Equal(t, http.StatusOK, changed.status, string(changed.body))
	require.Nil(t, changed.at("hours"))
	require.Equal(t, []any{}, changed.at("members"))
	require.Equal(t, false, changed.at("enabled"))
	require.Equal(t, true, changed.at("auto_assign"))
	require.Equal(t, "sales", w.call("GET", "/v1/teams", readKey, nil).text("data", 0, "id"))
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/teams/sales", otherKey, nil).status)
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/teams/sales", adminKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("DELETE", "/v1/teams/sales", adminKey, nil).status)
}
