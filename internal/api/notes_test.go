package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// 001-35: a note is text in the contact's detail, for people of the business.
func TestNotes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ada := "/v1/contacts/" + w.contact(object("name", "Ada L", "email", "ada@example.com")).text("id")
	bob, bobs := w.agent(object("name", "Bob"))
	require.Equal(t, []any{}, w.call("GET", ada+"/notes", readKey, nil).at("data"))

	made := w.call("POST", ada+"/notes", bobs, object("text", " Asked for a call. "))
	require.Equal(t, http.StatusCreated, made.status)
	require.Equal(t, ada+"/notes", made.header.Get("Location"))
	first := object("id", made.text("id"), "text", "Asked for a call.", "author", bob, "created_at", made.text("created_at"))
	require.Equal(t, first, made.json())
	second := w.call("POST", ada+"/notes", agentKey, object("text", "Called."))
	require.True(t, strings.HasPrefix(second.text("author"), "key_"))
	require.Equal(t, []any{second.json(), first}, w.call("GET", ada+"/notes", readKey, nil).at("data"), "the newest first")

	for _, wrong := range []struct {
		path, key string
		body      any
		status    int
	}{
		{ada, agentKey, object("text", "  "), http.StatusUnprocessableEntity},
		{ada, agentKey, object(), http.StatusUnprocessableEntity},
		{ada, agentKey, object("text", 7), http.StatusUnprocessableEntity},
		{ada, agentKey, object("text", "x", "author", "me"), http.StatusUnprocessableEntity},
		{ada, agentKey, object("text", strings.Repeat("x", 10_001)), http.StatusUnprocessableEntity},
		{ada, readKey, object("text", "x"), http.StatusForbidden},
		{ada, botKey, object("text", "x"), http.StatusForbidden},
		{ada, otherKey, object("text", "x"), http.StatusNotFound},
		{"/v1/contacts/con_0", agentKey, object("text", "x"), http.StatusNotFound},
	} {
		require.Equal(t, wrong.status, w.call("POST", wrong.path+"/notes", wrong.key, wrong.body).status, "%v", wrong)
	}
	require.Equal(t, http.StatusNotFound, w.call("GET", ada+"/notes", otherKey, nil).status)
	require.Len(t, w.call("GET", ada+"/notes", readKey, nil).at("data"), 2, "nothing half-written")
}
