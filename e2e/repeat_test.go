package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRepeatedWebhooks posts what has been taken once more, one after the other
// and fifty times at once.
func TestRepeatedWebhooks(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		crowd := people{count: 5, messages: 10}
		s := newSite(t, b, siteOptions{flow: questions()})
		n := s.start()
		a := n.api()
		for i := range crowd.count {
			for m := range crowd.messages {
				require.True(t, a.insist(t.Context(), crowd.body(i, m)))
			}
		}
		a.settled(time.Minute)
		crowd.requireWhole(t, a, s, false)
		before := everything(a)

		var wrong sync.Map
		post := func(times int) {
			var crew sync.WaitGroup
			for range times {
				crew.Go(func() {
					for i := range crowd.count {
						for m := range crowd.messages {
							if status := a.whatsapp(t.Context(), crowd.body(i, m)); status != http.StatusOK {
								wrong.Store(crowd.id(i, m), status)
							}
						}
					}
				})
			}
			crew.Wait()
		}
		post(1)
		post(50)
		wrong.Range(func(key, status any) bool { t.Errorf("%v was answered %v", key, status); return true })
		a.settled(time.Minute)
		require.Equal(t, before, everything(a))
		a.requireAllDone(crowd.keys())
		crowd.requireWhole(t, a, s, false)
	})
}

// everything that the API shows of people and leads.
func everything(a api) string {
	all := map[string]any{}
	for _, list := range []string{"contacts", "events", "deliveries", "conversations"} {
		all[list] = a.all("/v1/" + list)
	}
	text, err := json.MarshalIndent(all, "", " ")
	require.NoError(a.t, err)
	return string(text)
}

// TestFirstDeliveryInParallel posts each new webhook fifty times at once: one of
// them is the event, the others are repeats of it.
func TestFirstDeliveryInParallel(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		crowd := people{count: 1, messages: 10}
		s := newSite(t, b, siteOptions{flow: questions()})
		a := s.start().api()
		for m := range crowd.messages {
			var crew sync.WaitGroup
			statuses := make([]int, 50)
			for i := range statuses {
				crew.Go(func() { statuses[i] = a.whatsapp(t.Context(), crowd.body(0, m)) })
			}
			crew.Wait()
			for _, status := range statuses {
				require.Equal(t, http.StatusOK, status)
			}
		}
		a.settled(time.Minute)
		a.requireAllDone(crowd.keys())
		crowd.requireWhole(t, a, s, false)
	})
}

// TestBotToLead holds the bot's conversation of a few turns, fifty times each at
// once: the same answers, one contact, one lead.
func TestBotToLead(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		s := newSite(t, b, siteOptions{flow: `
id: main
name: Enquiry
start: {trigger: first_message}
defaults: {skip_if_known: true}
steps:
  - {id: size, ask: "How many people?", save: company_size}
  - {id: email, ask: "Your e-mail?", save: email}
  - say: "Thank you, {{ contact.name }}!"
`})
		a := s.start().api()
		var last []byte
		for i, text := range []string{"Hello", "20", "ada@example.com"} {
			turn := map[string]any{"session": "s-1", "message_id": fmt.Sprintf("m-%d", i), "text": text, "user": map[string]any{"id": "u-7", "name": "Ada Lovelace"}}
			answers := make([][]byte, 50)
			var crew sync.WaitGroup
			for k := range answers {
				crew.Go(func() {
					if status, answer := a.bot(turn); status == http.StatusOK {
						answers[k] = answer
					}
				})
			}
			crew.Wait()
			for _, answer := range answers {
				require.JSONEq(t, string(answers[0]), string(answer))
			}
			last = answers[0]
		}
		var got map[string]any
		require.NoError(t, json.Unmarshal(last, &got))
		require.Equal(t, "lead", got["type"])
		require.Equal(t, "Thank you, Ada Lovelace!", got["replies"].([]any)[0].(map[string]any)["text"])
		a.settled(time.Minute)
		contacts := a.all("/v1/contacts")
		require.Len(t, contacts, 1)
		require.Equal(t, "ada@example.com", contacts[0]["email"])
		require.Equal(t, map[string]any{"company_size": 20.0}, set(contacts[0]["fields"].(map[string]any)))
		s.receiver.requireLeads(t, []string{contacts[0]["id"].(string)}, false)
	})
}

// set leaves out what is null.
func set(values map[string]any) map[string]any {
	all := map[string]any{}
	for name, v := range values {
		if v != nil {
			all[name] = v
		}
	}
	return all
}

// TestFixtureToLead posts a webhook as Meta sends it, to usher with the secret
// and the number of the fixtures.
func TestFixtureToLead(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		s := newSite(t, b, siteOptions{flow: questions()})
		config, err := os.ReadFile(s.config())
		require.NoError(t, err)
		config = replace(config, appSecret, "usher-test-secret", account, "109871234560001")
		require.NoError(t, os.WriteFile(s.config(), config, 0o600))
		a := s.start().api()
		body, err := os.ReadFile(filepath.Join("..", "connectors", "whatsapp", "testdata", "text_plain.json"))
		require.NoError(t, err)
		post := func(ctx context.Context) int {
			status, _, _ := request(ctx, http.MethodPost, a.base+"/hooks/whatsapp/acme", body, "Content-Type", "application/json",
				"X-Hub-Signature-256", "sha256=97308c2df519321449b5493d1658004d8477c0977c9387ecaaade5d97580f8d5")
			return status
		}
		require.Equal(t, http.StatusOK, post(t.Context()))
		var crew sync.WaitGroup
		statuses := make([]int, 50)
		for i := range statuses {
			crew.Go(func() { statuses[i] = post(t.Context()) })
		}
		crew.Wait()
		for _, status := range statuses {
			require.Equal(t, http.StatusOK, status)
		}
		a.settled(time.Minute)
		contacts := a.all("/v1/contacts")
		require.Len(t, contacts, 1)
		require.Equal(t, "+12025550143", contacts[0]["phone"])
		require.Equal(t, "Marisol Vance", contacts[0]["name"])
		require.Equal(t, "lead", contacts[0]["type"])
		require.Len(t, a.all("/v1/events"), 1)
		s.receiver.requireLeads(t, []string{contacts[0]["id"].(string)}, false)
	})
}
