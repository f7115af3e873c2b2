package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/outbox"
)

const deskFlow = `
id: desk
name: Desk
steps:
  - handover: {team: sales, wait: 1h, say: {success: In a moment., nobody: Everybody is busy.}}
  - say: Goodbye!
`

// staffed replaces the flow by one that hands over to a team of two, and returns
// its agents with their keys.
func (w *world) staffed(autoAssign bool) (bob, bobs, ann, anns string) {
	w.t.Helper()
	b, _ := w.gateway.Business("acme")
	flow, problems := flows.Parse("desk.yaml", []byte(deskFlow), b.Fields)
	require.Empty(w.t, problems)
	require.NoError(w.t, w.db.Write(w.t.Context(), database.Bulk, func(tx *database.Tx) (err error) {
		flow.Version, err = sqlstore.New(tx).SaveFlow("acme", "desk", flow.Source, sqlstore.ByFile)
		return err
	}))
	b.Flows.Set([]*flows.Flow{flow})
	for _, ch := range b.Channels {
		ch.FlowIDs = []string{"desk"}
	}
	bob, bobs = w.agent(object("name", "Bob"))
	ann, anns = w.agent(object("name", "Ann"))
	a := w.call("POST", "/v1/teams", adminKey, object("name", "sales", "members", []string{bob, ann}, "auto_assign", autoAssign))
	require.Equal(w.t, http.StatusCreated, a.status)
	return bob, bobs, ann, anns
}

// handed is a visitor's conversation once people are to answer it.
func (w *world) handed(v *visitor, handling string) (path string) {
	w.t.Helper()
	v.say("Help")
	eventually(w.t, func() bool {
		a := w.call("GET", "/v1/conversations?handling="+handling, readKey, nil)
		for _, c := range a.at("data").([]any) {
			c := c.(map[string]any)
			if c["external_id"] == v.id {
				path = "/v1/conversations/" + c["id"].(string)
			}
		}
		return path != "" && len(w.call("GET", path+"/messages", readKey, nil).at("data").([]any)) == 2
	})
	return path
}

// B-000-08, B-001-10: a guest in the queue is listed for agents, under a made-up
// name and as no contact; one agent takes it, another learns that it is taken.
func TestDesk(t *testing.T) {
	t.Parallel()
	w := setup(t)
	bob, bobs, ann, anns := w.staffed(false)
	base, stop := w.serve()
	v := w.visitor()
	live := v.stream(base)
	path := w.handed(v, "queued")
	a := w.call("GET", path, readKey, nil)
	require.Equal(t, "queued", a.text("handling"))
	require.Equal(t, "sales", a.text("team"))
	require.Nil(t, a.at("assignee_id"))
	require.NotEmpty(t, a.text("handed_over_at"))
	require.Nil(t, a.at("closed_at"))
	require.Equal(t, true, a.at("contact", "anonymous"))
	require.True(t, strings.HasSuffix(a.text("contact", "email"), "@guest.invalid"))
	list := w.call("GET", "/v1/conversations?handling=queued&count=true", readKey, nil)
	require.EqualValues(t, 1, list.at("total"))
	require.Equal(t, a.json(), list.at("data", 0))
	require.Empty(t, w.call("GET", "/v1/contacts", readKey, nil).at("data"))
	require.Empty(t, w.call("GET", "/v1/conversations?handling=queued", otherKey, nil).at("data"), "another business's")
	require.Equal(t, http.StatusNotFound, w.call("POST", path+"/take", otherKey, nil).status)
	require.Equal(t, http.StatusForbidden, w.call("POST", path+"/take", readKey, nil).status)

	early := w.call("POST", path+"/release", bobs, nil)
	require.Equal(t, http.StatusConflict, early.status)
	require.Equal(t, "state", early.text("errors", 0, "code"))
	taken := w.call("POST", path+"/take", bobs, nil)
	require.Equal(t, http.StatusOK, taken.status, string(taken.body))
	require.Equal(t, []any{"agent", bob}, []any{taken.at("handling"), taken.at("assignee_id")})
	require.Equal(t, http.StatusConflict, w.call("POST", path+"/take", anns, nil).status)
	require.Equal(t, http.StatusConflict, w.call("POST", path+"/messages", anns, object("text", "Me too")).status)
	mine := w.call("GET", "/v1/conversations?assignee_id=me", bobs, nil)
	require.Equal(t, v.id, mine.text("data", 0, "external_id"))
	require.Empty(t, w.call("GET", "/v1/conversations?assignee_id=me", anns, nil).at("data"))
	require.EqualValues(t, 1, w.call("GET", "/v1/agents/"+bob, readKey, nil).at("open_conversations"))

	note := w.call("POST", path+"/messages", anns, object("text", "A difficult one", "private", true))
	require.Equal(t, http.StatusCreated, note.status, string(note.body))
	said := w.call("POST", path+"/messages", bobs, object("text", "Hello!"), "Idempotency-Key", "k1")
	require.Equal(t, http.StatusCreated, said.status, string(said.body))
	require.Equal(t, said.text("id"), w.call("POST", path+"/messages", bobs, object("text", "Hello!"), "Idempotency-Key", "k1").text("id"))
	require.Equal(t, []any{bob, false, "out", "Hello!"}, []any{said.at("agent_id"), said.at("private"), said.at("direction"), said.at("text")})
	for _, body := range []map[string]any{object("text", " "), object(), object("text", 1), object("text", "x", "media", nil, "to", "y"), object("text", strings.Repeat("x", 10_001))} {
		require.Equal(t, http.StatusUnprocessableEntity, w.call("POST", path+"/messages", bobs, body).status)
	}
	messages := w.call("GET", path+"/messages", readKey, nil)
	require.Equal(t, []any{"A difficult one", true, ann}, []any{messages.at("data", 2, "text"), messages.at("data", 2, "private"), messages.at("data", 2, "agent_id")})
	require.Len(t, messages.at("data"), 4)

	// The visitor sees what was said, not who said it, and no note.
	var seen []string
	for range 3 {
		_, m := live.next()
		seen = append(seen, m.From+": "+m.Text)
	}
	require.Equal(t, []string{"you: Help", "us: In a moment.", "us: Hello!"}, seen)
	poll := w.call("GET", "/hooks/webchat/site/stream?poll=1", v.token, nil)
	require.NotContains(t, string(poll.body), "difficult")
	require.NotContains(t, string(poll.body), "agt_")

	require.Equal(t, http.StatusOK, w.call("POST", path+"/close", bobs, nil).status)
	a = w.call("GET", path, readKey, nil)
	require.Equal(t, "flow", a.text("handling"))
	require.NotEmpty(t, a.text("closed_at"))
	require.Empty(t, w.call("GET", "/v1/conversations", readKey, nil).at("data"), "a guest's is not listed any more")
	require.Equal(t, "agent", w.call("POST", path+"/reopen", anns, nil).text("handling"))
	require.Equal(t, http.StatusConflict, w.call("POST", path+"/reopen", anns, nil).status)
	back := w.call("POST", path+"/release", anns, nil)
	require.Equal(t, []any{"flow", nil}, []any{back.at("handling"), back.at("assignee_id")})
	require.NoError(t, stop())
}

// An admin gives a conversation to an agent, also when another has it.
func TestAdminAssigns(t *testing.T) {
	t.Parallel()
	w := setup(t)
	bob, bobs, ann, anns := w.staffed(true)
	path := w.handed(w.visitor(), "agent")
	has := w.call("GET", path, readKey, nil).text("assignee_id")
	require.Contains(t, []string{bob, ann}, has)
	require.Equal(t, http.StatusForbidden, w.call("POST", path+"/take", bobs, object("agent_id", ann)).status)
	require.Equal(t, http.StatusUnprocessableEntity, w.call("POST", path+"/take", adminKey, object("agent_id", "agt_none")).status)
	require.Equal(t, bob, w.call("POST", path+"/take", bobs, nil).text("assignee_id"))
	require.Equal(t, ann, w.call("POST", path+"/take", adminKey, object("agent_id", ann)).text("assignee_id"))
	require.Equal(t, http.StatusConflict, w.call("POST", path+"/take", bobs, nil).status)
	require.Equal(t, http.StatusNoContent, w.call("DELETE", "/v1/agents/"+ann, adminKey, nil).status)
	require.Equal(t, bob, w.call("POST", path+"/take", bobs, nil).text("assignee_id"), "what a former agent had")
	require.Equal(t, "Goodbye!", func() string {
		require.Equal(t, http.StatusOK, w.call("POST", path+"/release", adminKey, nil).status)
		return w.call("GET", path+"/messages", anns, nil).text("data", 2, "text")
	}())
}

// A message that failed is sent again when asked.
func TestRetryMessage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/messages/msg_none/retry", agentKey, nil).status)
	reply := outbox.Reply{ID: "msg_1", Business: "acme", Channel: "whatsapp/gone", Conversation: "cnv_1", Part: 1, Pos: 1,
		Address: []byte(`{"external_id":"x"}`), Body: []byte(`{"text":"Hello"}`), CreatedAt: time.Now().UnixMicro()}
	require.NoError(t, w.db.Write(t.Context(), database.Steps, func(tx *database.Tx) error { return outbox.AddReplies(tx, []outbox.Reply{reply}) }))
	again := func() int { return w.call("POST", "/v1/messages/msg_1/retry", agentKey, nil).status }
	eventually(t, func() bool { return again() == http.StatusAccepted }) // it fails: the channel is not there
	eventually(t, func() bool { return again() == http.StatusAccepted }) // and again
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/messages/msg_1/retry", otherKey, nil).status)
}
