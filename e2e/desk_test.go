package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const handingOver = `
id: main
name: Support
steps:
  - handover: {team: sales, wait: 10s, say: {success: In a moment., nobody: Everybody is busy.}}
    go: bye
    otherwise: mail
  - {id: mail, ask: "Your e-mail?", save: email}
  - {id: bye, say: Thank you!}
`

// talk is a conversation as agents find it.
type talk struct {
	ID         string  `json:"id"`
	ExternalID string  `json:"external_id"`
	Handling   string  `json:"handling"`
	AssigneeID *string `json:"assignee_id"`
}

// said is what our side said in a conversation.
func (a api) said(id string) []string {
	a.t.Helper()
	texts := []string{}
	for _, m := range a.all("/v1/conversations/" + id + "/messages") {
		if m["direction"] == "out" {
			texts = append(texts, m["text"].(string))
		}
	}
	return texts
}

// desk is the conversations that are handled so.
func (a api) desk(handling string) []talk {
	a.t.Helper()
	var page struct{ Data []talk }
	a.get("/v1/conversations?limit=200&handling="+handling, &page)
	return page.Data
}

// TestHandoverSurvivesKills: people who wait for somebody go on waiting, and are
// asked once in the end, or not at all if somebody came, however often usher
// dies meanwhile.
func TestHandoverSurvivesKills(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		const crowd = 8 // of each kind: contacts and guests
		s := newSite(t, b, siteOptions{flow: handingOver})
		n := s.start()
		a := n.api()
		status, agent := a.post("/v1/agents", map[string]any{"name": "Bob"})
		require.Equal(t, http.StatusCreated, status, "%v", agent)
		status, team := a.post("/v1/teams", map[string]any{"name": "sales", "members": []any{agent["id"]}})
		require.Equal(t, http.StatusCreated, status, "%v", team)
		for i := range crowd {
			require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), waBody(waMessage{fmt.Sprintf("4477009%05d", i), "Ada Lovelace", fmt.Sprint("wamid.", i), "Help"})))
			require.Equal(t, http.StatusOK, a.visit().write(fmt.Sprint("m", i), "Help"))
		}
		n.kill() // while they are handed over
		n.run()
		queued := func() (count int) {
			for _, c := range a.desk("queued") {
				if len(a.said(c.ID)) == 1 {
					count++
				}
			}
			return count + len(a.desk("follow_up"))
		}
		until(t, time.Minute, "all are queued", func() bool { return queued() == 2*crowd })
		n.kill() // while they wait
		n.run()
		taken := map[string]bool{}
		for i, c := range a.desk("queued") {
			if i%2 == 0 {
				status, answer := a.post("/v1/conversations/"+c.ID+"/take", map[string]any{"agent_id": agent["id"]})
				require.Equal(t, http.StatusOK, status, "%v", answer)
				taken[c.ID] = len(a.said(c.ID)) == 1 // in time
			}
		}
		n.kill() // as agents have come
		n.run()
		until(t, time.Minute, "the others were asked", func() bool { return len(a.desk("queued")) == 0 })
		a.settled(time.Minute)
		require.Len(t, a.desk("agent"), len(taken))
		require.Len(t, a.desk("follow_up"), 2*crowd-len(taken))
		for _, c := range append(a.desk("agent"), a.desk("follow_up")...) {
			want := []string{"In a moment.", "Everybody is busy.", "Your e-mail?"}
			if taken[c.ID] {
				want = want[:1]
			}
			require.Equal(t, want, a.said(c.ID))
		}
		require.Len(t, a.all("/v1/contacts"), crowd, "the others stay guests")
	})
}
