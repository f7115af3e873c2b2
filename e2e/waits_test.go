package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is one request of a flow, as another service got it.
type asked struct {
	path, key, body string
}

// helper stands in for the service that a call asks and for the bot that a bot
// step talks to. While it is slow it answers nobody.
type helper struct {
	url string

	mu   sync.Mutex
	got  []asked
	slow chan struct{} // closed: it is not
}

func newHelper(t *testing.T) *helper {
	t.Helper()
	h := &helper{slow: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.got = append(h.got, asked{r.URL.Path, r.Header.Get("Idempotency-Key"), string(body)})
		slow := h.slow
		h.mu.Unlock()
		select {
		case <-slow:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/bot" {
			fmt.Fprint(w, `[{"text":"I am the bot."}]`)
			return
		}
		fmt.Fprint(w, `{"tier":"gold"}`)
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *helper) hurry() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.slow)
}

func (h *helper) asked(path string) []asked {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []asked
	for _, a := range h.got {
		if a.path == path {
			found = append(found, a)
		}
	}
	return found
}

// waiting is a flow whose runs wait for what the person chooses.
const waiting = `
id: main
name: Waiting
steps:
  - {id: what, ask: "For what?"}
  - route: [{when: vars.what == "call", go: call}, {when: vars.what == "bot", go: bot}, {go: pause}]
  - {id: pause, wait: 4s}
  - {say: The time has come., go: end}
  - id: call
    call: {method: POST, url: "URL/call", headers: {Authorization: "Bearer {{ secret.helper }}"}, body: {what: "{{ vars.what }}"}, save: {secret_plan: /tier}, timeout: 20s}
    otherwise: failed
  - {say: "You have {{ contact.secret_plan }}.", go: end}
  - id: bot
    bot: {url: "URL/bot", wire: rasa, timeout: 20s}
    otherwise: failed
  - {id: failed, say: That did not work.}
`

const helperSecret = "e2e-secret-of-the-helper"

// TestWaitsSurviveKill kills the process while runs wait for a time, a call and a
// bot: after a restart each goes on, once.
func TestWaitsSurviveKill(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		h := newHelper(t)
		s := newSite(t, b, siteOptions{flow: strings.ReplaceAll(waiting, "URL", h.url), more: "secrets: {helper: " + helperSecret + "}\n"})
		n := s.start()
		want := map[string]string{"pause": "The time has come.", "call": "You have gold.", "bot": "I am the bot."}
		phone := map[string]string{"pause": "447700900001", "call": "447700900002", "bot": "447700900003"}
		for what := range want {
			for m, text := range []string{"hi", what} {
				body := waBody(waMessage{phone[what], "Ada", fmt.Sprintf("wamid.%s.%d", what, m), text})
				require.Equal(t, http.StatusOK, n.api().whatsapp(t.Context(), body))
			}
		}
		until(t, 20*time.Second, "both are asked", func() bool { return len(h.asked("/call")) == 1 && len(h.asked("/bot")) == 1 })
		n.kill()
		h.hurry()
		n.run()
		a := n.api()
		for what, text := range want {
			until(t, 90*time.Second, what+" goes on", func() bool {
				texts := s.graph.texts(phone[what])
				return len(texts) > 0 && texts[len(texts)-1] == text
			})
			require.Equal(t, []string{"For what?", text}, s.graph.texts(phone[what]))
		}
		a.settled(30 * time.Second)
		resumed := 0
		for _, e := range a.all("/v1/events?channel=whatsapp/acme") {
			require.Equal(t, "done", e["state"])
			if event := e["event"].(map[string]any); event["kind"] == "resumed" {
				resumed++
				require.NotEmpty(t, e["dedupe_key"])
			}
		}
		require.Equal(t, len(want), resumed)
		for _, path := range []string{"/call", "/bot"} {
			got := h.asked(path)
			require.Len(t, got, 2, "once before and once after")
			require.NotEmpty(t, got[0].key)
			require.Equal(t, got[0], got[1], "the same to the service")
		}
		status, _, metrics := request(t.Context(), http.MethodGet, a.base+"/metrics", nil)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, string(metrics), `usher_calls_total{cause="call",outcome="ok"} 1`)
		require.NotContains(t, n.log.String(), helperSecret)
	})
}

// TestThreeNodesFireOnce has the runs of many people wait while three nodes serve
// them and one of these dies: each goes on, once.
func TestThreeNodesFireOnce(t *testing.T) {
	t.Parallel()
	h := newHelper(t)
	h.hurry()
	s := newSite(t, servers(t), siteOptions{flow: strings.ReplaceAll(waiting, "URL", h.url), more: "secrets: {helper: " + helperSecret + "}\n"})
	nodes := []*node{s.start(), s.start(), s.start()}
	balanced := api{t, "http://" + roundRobin(t, nodes...)}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	count := scaled(60)
	phone := func(i int) string { return fmt.Sprintf("44770090%04d", i) }
	var crew sync.WaitGroup
	for i := range count {
		crew.Go(func() {
			for m, text := range []string{"hi", []string{"pause", "call", "bot"}[i%3]} {
				balanced.insist(ctx, waBody(waMessage{phone(i), "Ada", fmt.Sprintf("wamid.%d.%d", i, m), text}))
			}
		})
	}
	crew.Wait()
	require.NoError(t, ctx.Err())
	nodes[2].kill()
	a := nodes[0].api()
	want := []string{"The time has come.", "You have gold.", "I am the bot."}
	until(t, 90*time.Second, "everybody goes on", func() bool {
		for i := range count {
			if texts := s.graph.texts(phone(i)); len(texts) == 0 || texts[len(texts)-1] != want[i%3] {
				return false
			}
		}
		return true
	})
	a.settled(30 * time.Second)
	resumed := map[any]int{}
	for _, e := range a.all("/v1/events") {
		require.Equal(t, "done", e["state"], "%v", e)
		if event := e["event"].(map[string]any); event["kind"] == "resumed" {
			resumed[e["dedupe_key"]]++
		}
	}
	require.Len(t, resumed, count)
	for key, n := range resumed {
		require.Equal(t, 1, n, "%v", key)
	}
	for i := range count {
		require.Equal(t, []string{"For what?", want[i%3]}, s.graph.texts(phone(i)))
	}
}
