package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// what a contact was is told with the old value, when, from where and by
// whom; to the contact's own business alone.
func TestContactHistory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("first_name", "Ada", "last_name", "Lovelace", "email", "ada@example.com")).text("id")
	require.Equal(t, http.StatusOK, w.call("PATCH", "/v1/contacts/"+id, agentKey, object("fields", object("company_size", 20))).status)
	require.Equal(t, http.StatusOK, w.call("PATCH", "/v1/contacts/"+id, agentKey, object("fields", object("company_size", 50), "tags", []string{"vip"})).status)
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/contacts/"+id, agentKey, nil).status)

	a := w.call("GET", "/v1/contacts/"+id+"/history?count=true", readKey, nil)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "archived", a.text("data", 0, "field"))
	require.Equal(t, []any{"company_size", 20.0, 50.0}, []any{a.at("data", 1, "field"), a.at("data", 1, "old"), a.at("data", 1, "new")})
	require.Equal(t, "tags", a.text("data", 2, "field"))
	require.Nil(t, a.at("data", 2, "old"))
	require.Equal(t, []any{"vip"}, a.at("data", 2, "new"))
	require.Equal(t, map[string]any{"channel": nil, "flow": nil, "step": nil, "via": "api"}, a.at("data", 1, "source"))
	require.NotEmpty(t, a.text("data", 1, "by"))
	require.NotEmpty(t, a.text("data", 1, "at"))
	require.EqualValues(t, 8, a.at("total"))
	require.Len(t, a.at("data"), 8)

	first := w.call("GET", "/v1/contacts/"+id+"/history?limit=3", readKey, nil)
	require.Len(t, first.at("data"), 3)
	second := w.call("GET", "/v1/contacts/"+id+"/history?limit=200&cursor="+first.text("next_cursor"), readKey, nil)
	require.Len(t, second.at("data"), 5)
	require.Nil(t, second.at("next_cursor"))
	require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", "/v1/contacts/"+id+"/history?cursor=x", readKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/contacts/con_none/history", readKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/contacts/"+id+"/history", otherKey, nil).status)
}
