package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWipedRedis empties Redis while guests are in the middle of a flow: what
// they said, where they were and who they become is not in Redis alone.
func TestWipedRedis(t *testing.T) {
	t.Parallel()
	b := servers(t)
	s := newSite(t, b, siteOptions{flow: `
id: main
name: Details
start: {trigger: first_message}
steps:
  - {id: size, ask: "How many people?", save: company_size}
  - {id: topic, ask: "About what?", save: a1}
  - {id: name, ask: "Your name?", save: name}
  - {id: email, ask: "Your e-mail?", save: email}
  - say: "{{ contact.name }}, {{ contact.company_size }} people, {{ vars.topic }}: {{ contact.email }}"
`})
	n := s.start()
	a := n.api()
	const guests = 20
	wipe := func() {
		require.NotEmpty(t, b.redisKeys(t))
		b.requireLifetimes(t)
		require.NoError(t, b.redis.FlushAll(t.Context()).Err())
	}
	bot := func(i, m int, text string) map[string]any {
		return a.turn(map[string]any{"session": fmt.Sprintf("s-%d", i), "message_id": fmt.Sprintf("b%d-%d", i, m), "text": text})
	}
	visitors := make([]*visitor, guests)
	web := func(i, m int, text string) {
		require.Equal(t, http.StatusOK, visitors[i].write(fmt.Sprintf("w%d-%d", i, m), text))
	}
	knows := func(channel, id string) map[string]any {
		var p struct{ Values map[string]any }
		require.NoError(t, json.Unmarshal(a.known(channel, id), &p))
		return p.Values
	}
	firstIDs := map[int]any{}
	for i := range guests {
		visitors[i] = a.visit()
		firstIDs[i] = bot(i, 0, "Hello")["guest_id"]
		web(i, 0, "Hello")
		require.Equal(t, "a1", bot(i, 1, fmt.Sprint(10+i))["waiting_for"])
		web(i, 1, fmt.Sprint(10+i))
	}
	a.settled(time.Minute)
	wipe()
	for i := range guests {
		want := map[string]any{"company_size": float64(10 + i)}
		require.Equal(t, want, knows("bot/site", fmt.Sprintf("s-%d", i)), "right after the wipe")
		require.Equal(t, want, knows("webchat/site", visitors[i].ID))
	}
	var guest map[string]any
	a.get("/v1/guests?channel=bot/site&external_id=s-3", &guest)
	require.Equal(t, firstIDs[3], guest["id"])
	pseudonym := guest["pseudonym"]

	for i := range guests {
		require.Equal(t, "name", bot(i, 2, "prices")["waiting_for"], "the conversation goes on where it was")
		web(i, 2, "prices")
		if i == guests/2 {
			require.NoError(t, b.redis.FlushAll(t.Context()).Err()) // while some are under way
		}
		web(i, 3, fmt.Sprintf("Vera Visitor%d", i))
	}
	a.settled(time.Minute)
	a.get("/v1/guests?channel=bot/site&external_id=s-3", &guest)
	require.Equal(t, pseudonym, guest["pseudonym"], "a guest keeps its pseudonym")
	wipe()
	for i := range guests {
		require.Equal(t, "email", bot(i, 3, fmt.Sprintf("Bob Bot%d", i))["waiting_for"])
		answer := bot(i, 4, fmt.Sprintf("bob%d@example.com", i))
		require.Equal(t, fmt.Sprintf("Bob Bot%d, %d people, prices: bob%d@example.com", i, 10+i, i),
			answer["replies"].([]any)[0].(map[string]any)["text"])
		web(i, 4, fmt.Sprintf("vera%d@example.com", i))
	}
	a.settled(time.Minute)
	contacts := a.all("/v1/contacts")
	require.Len(t, contacts, 2*guests)
	var ids []string
	for _, c := range contacts {
		ids = append(ids, c["id"].(string))
		require.Equal(t, "prices", c["fields"].(map[string]any)["a1"], c["name"])
		require.NotNil(t, c["fields"].(map[string]any)["company_size"])
	}
	s.receiver.requireLeads(t, ids, false)
	for _, e := range a.all("/v1/events") {
		require.Equal(t, "done", e["state"], "%v", e)
	}
	// What was said before the wipes is in the history.
	for i := range guests {
		lines := transcript(a, conversationOf(a, "webchat/site", visitors[i].ID))
		require.Equal(t, []string{"Hello", fmt.Sprint(10 + i), "prices", fmt.Sprintf("Vera Visitor%d", i), fmt.Sprintf("vera%d@example.com", i)}, lines)
	}
	b.requireLifetimes(t)
}

// conversationOf is the id of a contact's conversation.
func conversationOf(a api, channel, externalID string) string {
	a.t.Helper()
	for _, c := range a.all("/v1/conversations?channel=" + channel) {
		if c["external_id"] == externalID {
			return c["id"].(string)
		}
	}
	a.t.Fatalf("no conversation of %s", externalID)
	return ""
}

// transcript is what the person said in a conversation, in order.
func transcript(a api, conversation string) []string {
	a.t.Helper()
	var texts []string
	for _, m := range a.all("/v1/conversations/" + conversation + "/messages") {
		if m["direction"] == "in" {
			texts = append(texts, fmt.Sprint(m["text"]))
		}
	}
	return texts
}

// TestWipeWhilePeopleWrite empties Redis at random while many guests and
// contacts write.
func TestWipeWhilePeopleWrite(t *testing.T) {
	t.Parallel()
	b := servers(t)
	s := newSite(t, b, siteOptions{flow: questions()})
	a := s.start().api()
	const guests = 30
	done := make(chan error, guests)
	for i := range guests {
		v := a.visit()
		go func() {
			for m := range 10 {
				if status := v.write(fmt.Sprintf("w%d-%d", i, m), fmt.Sprintf("visitor %d says %d", i, m)); status != http.StatusOK {
					done <- fmt.Errorf("answered %d", status)
					return
				}
			}
			status, known := 0, []byte(nil)
			for m := 1; m < 10; { // until the last answer is kept
				status, _, known = request(t.Context(), http.MethodGet, a.base+"/v1/known?channel=webchat/site&external_id="+v.ID, nil, "Authorization", "Bearer "+adminKey)
				var p struct{ Values map[string]any }
				if status != http.StatusOK || json.Unmarshal(known, &p) != nil {
					done <- fmt.Errorf("known answered %d", status)
					return
				}
				got, ok := p.Values[fmt.Sprintf("a%d", m)]
				if ok && got != fmt.Sprintf("visitor %d says %d", i, m) {
					done <- fmt.Errorf("visitor %d: answer %d is %v", i, m, got)
					return
				}
				if ok {
					m++
				}
			}
			done <- nil
		}()
	}
	for left := guests; left > 0; {
		select {
		case err := <-done:
			require.NoError(t, err)
			left--
		case <-time.After(50 * time.Millisecond):
			require.NoError(t, b.redis.FlushAll(t.Context()).Err())
		}
	}
	a.settled(time.Minute)
	for _, e := range a.all("/v1/events") {
		require.Equal(t, "done", e["state"], "%v", e)
	}
	require.Empty(t, a.all("/v1/contacts"))
}
