package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// What came of each event of a conversation, in their order; also once a guest
// has become a contact.
func TestConversationTrace(t *testing.T) {
	t.Parallel()
	w := setup(t)
	turn := func(id, text string) answer {
		a := w.call("POST", "/hooks/bot/site", "bot-token-of-acme", object("session", "s-1", "message_id", id, "text", text), "Content-Type", "application/json")
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		return a
	}
	conversation := turn("m-1", "Hello").text("conversation_id")
	turn("m-2", "twenty or so")
	path := "/v1/conversations/" + conversation + "/trace"
	a := w.call("GET", path, readKey, nil)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Len(t, a.at("data"), 2)
	for i, want := range []string{"received", "verified", "person", "step"} {
		require.Equal(t, want, a.text("data", 0, "trace", i, "stage"))
		require.NotEmpty(t, a.text("data", 0, "trace", i, "at"))
	}
	require.Equal(t, "flow: started: hello: the first message", a.text("data", 0, "trace", 3, "detail"))
	require.Contains(t, a.text("data", 1, "trace", 3, "detail"), "size: ask: invalid")

	turn("m-3", "20")
	require.Equal(t, conversation, turn("m-4", "ada@example.com").text("conversation_id"))
	a = w.call("GET", path+"?limit=3&count=true", readKey, nil)
	require.Len(t, a.at("data"), 3)
	require.EqualValues(t, 4, a.at("total"))
	a = w.call("GET", path+"?limit=3&cursor="+a.text("next_cursor"), readKey, nil)
	require.Len(t, a.at("data"), 1)
	require.Nil(t, a.at("next_cursor"))
	require.Contains(t, a.text("data", 0, "trace", 2, "detail"), "became a contact: con_")
	event := a.text("data", 0, "id")
	require.Equal(t, a.at("data", 0, "trace", 0), w.call("GET", "/v1/events/"+event, readKey, nil).at("trace", 0))

	require.Equal(t, http.StatusNotFound, w.call("GET", path, otherKey, nil).status)
	require.Equal(t, http.StatusForbidden, w.call("GET", path, botKey, nil).status, "a bot learns nothing of whom a person claims to be")
	require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", path+"?cursor=x", readKey, nil).status)
}
