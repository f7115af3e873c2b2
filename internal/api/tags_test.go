package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// 001-32…34, 002-40, 002-41: tags are made once, given to contacts and group
// them.
func TestTags(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("name", "Ada L", "email", "ada@example.com")).text("id")
	ada := "/v1/contacts/" + id
	require.Equal(t, http.StatusCreated, w.call("POST", "/v1/tags", agentKey, object("name", "vip")).status)
	require.Equal(t, http.StatusConflict, w.call("POST", "/v1/tags", agentKey, object("name", "vip")).status)

	require.Equal(t, http.StatusNoContent, w.call("PUT", ada+"/tags/vip", agentKey, nil).status, "it is there")
	require.Equal(t, http.StatusCreated, w.call("PUT", ada+"/tags/early%20bird", agentKey, nil).status, "a new one")
	require.Equal(t, http.StatusNoContent, w.call("PUT", ada+"/tags/early%20bird", agentKey, nil).status)
	require.Equal(t, http.StatusOK, w.call("PATCH", ada, agentKey, object("tags", []any{"vip", "early bird", "gold"})).status)
	require.Equal(t, http.StatusNoContent, w.call("DELETE", ada+"/tags/gold", agentKey, nil).status)
	require.Equal(t, []any{"early bird", "vip"}, w.call("GET", ada, readKey, nil).at("tags"))

	var names []any
	for _, row := range w.call("GET", "/v1/tags", readKey, nil).at("data").([]any) {
		names = append(names, row.(map[string]any)["name"])
	}
	require.Equal(t, []any{"early bird", "gold", "vip"}, names, "given ones too, none twice")
	for tag, want := range map[string]int{"vip": 1, "gold": 0} {
		require.Len(t, w.call("GET", "/v1/contacts?tag="+tag, readKey, nil).at("data"), want, tag)
	}

	require.Equal(t, http.StatusUnprocessableEntity, w.call("PUT", ada+"/tags/"+strings.Repeat("x", 65), agentKey, nil).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.call("PATCH", ada, agentKey, object("tags", []any{" "})).status)
	require.Equal(t, http.StatusNotFound, w.call("PUT", "/v1/contacts/con_0/tags/x", agentKey, nil).status)
	require.Equal(t, http.StatusForbidden, w.call("PUT", ada+"/tags/x", readKey, nil).status)
	require.Empty(t, w.call("GET", "/v1/tags", otherKey, nil).at("data"), "another business has its own")
}

// B-004-13: a block has an end or none, and can be taken back.
func TestBlock(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ada := "/v1/contacts/" + w.contact(object("name", "Ada L", "email", "ada@example.com")).text("id")
	require.Equal(t, "9999-12-31T00:00:00Z", w.call("POST", ada+"/block", agentKey, nil).text("blocked_until"))
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	require.Equal(t, until.Format(time.RFC3339), w.call("POST", ada+"/block", agentKey, object("until", until.Format(time.RFC3339))).text("blocked_until"))
	past := w.call("POST", ada+"/block", agentKey, object("until", "2020-01-01T00:00:00Z"))
	require.Equal(t, http.StatusOK, past.status)
	require.Nil(t, past.at("blocked_until"))
	require.Equal(t, http.StatusForbidden, w.call("POST", ada+"/block", readKey, nil).status)
	require.Equal(t, true, w.call("PATCH", ada, agentKey, object("do_not_contact", true)).at("do_not_contact"))
}
