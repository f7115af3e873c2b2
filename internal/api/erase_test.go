package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// From the answer on a person who is erased is not there, and the addresses are
// free.
func TestErase(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id := w.contact(object("name", "Ada L", "email", "ada@example.com")).text("id")
	require.Equal(t, http.StatusForbidden, w.call("POST", "/v1/contacts/"+id+"/erase", agentKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/contacts/"+id+"/erase", otherKey, nil).status)
	accepted := w.call("POST", "/v1/contacts/"+id+"/erase", adminKey, nil)
	require.Equal(t, http.StatusAccepted, accepted.status)
	require.NotEmpty(t, accepted.text("job_id"))
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/contacts/"+id, readKey, nil).status)
	require.Empty(t, w.call("GET", "/v1/contacts?archived=any", readKey, nil).at("data"))
	job := w.call("GET", accepted.header.Get("Location"), readKey, nil)
	require.Equal(t, "done", job.text("state"))
	require.Equal(t, http.StatusNotFound, w.call("GET", accepted.header.Get("Location"), otherKey, nil).status)
	again := w.contact(object("name", "Ada L", "email", "ada@example.com"))
	require.NotEqual(t, id, again.text("id"))
}
