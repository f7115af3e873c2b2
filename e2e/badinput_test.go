package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replace replaces pairs of old and new.
func replace(text []byte, pairs ...string) []byte {
	for i := 0; i+1 < len(pairs); i += 2 {
		text = bytes.ReplaceAll(text, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return text
}

// TestBadInput posts what no platform sends. Whatever is refused leaves nothing;
// what has a good signature and an unknown shape goes to quarantine.
func TestBadInput(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		s := newSite(t, b, siteOptions{flow: questions()})
		n := s.start()
		a := n.api()
		good := waBody(waMessage{"447700900001", "Ada Lovelace", "wamid.1", "hello"})
		post := func(path string, body []byte, header ...string) (int, http.Header) {
			status, got, _ := request(t.Context(), http.MethodPost, a.base+path, body, header...)
			return status, got
		}
		const hook, signature = "/hooks/whatsapp/acme", "X-Hub-Signature-256"
		refused := map[string]struct {
			path   string
			body   []byte
			header []string
			want   int
		}{
			"unsigned":                {hook, good, nil, 401},
			"empty signature":         {hook, good, []string{signature, ""}, 401},
			"wrongly signed":          {hook, good, []string{signature, signed(append([]byte("x"), good...))}, 401},
			"signature without name":  {hook, good, []string{signature, strings.TrimPrefix(signed(good), "sha256=")}, 401},
			"signature of nothing":    {hook, good, []string{signature, "sha256="}, 401},
			"altered body":            {hook, append(bytes.Clone(good), ' '), []string{signature, signed(good)}, 401},
			"truncated, signed whole": {hook, good[:len(good)/2], []string{signature, signed(good)}, 401},
			"truncated":               {hook, good[:len(good)/2], []string{signature, signed(good[:len(good)/2])}, 400},
			"empty":                   {hook, nil, []string{signature, signed(nil)}, 400},
			"no JSON":                 {hook, []byte("hello"), []string{signature, signed([]byte("hello"))}, 400},
			"an array":                {hook, []byte("[]"), []string{signature, signed([]byte("[]"))}, 400},
			"oversize":                {hook, bytes.Repeat([]byte("x"), 5<<20), []string{signature, "sha256=00"}, 413},
			"oversize, signed":        {hook, bytes.Repeat([]byte(" "), 5<<20), []string{signature, signed(bytes.Repeat([]byte(" "), 5<<20))}, 413},
			"deeply nested":           {hook, nested(100_000), []string{signature, signed(nested(100_000))}, 400},
			"no such channel":         {"/hooks/whatsapp/other", good, []string{signature, signed(good)}, 404},
			"no such type":            {"/hooks/pigeon/acme", good, []string{signature, signed(good)}, 404},
			"bot without token":       {"/hooks/bot/site", []byte(`{"session":"s","text":"x"}`), nil, 401},
			"bot with a wrong token":  {"/hooks/bot/site", []byte(`{"session":"s","text":"x"}`), []string{"Authorization", "Bearer " + botToken + "x"}, 401},
			"bot without session":     {"/hooks/bot/site", []byte(`{"text":"x"}`), []string{"Authorization", "Bearer " + botToken}, 422},
			"bot, no JSON":            {"/hooks/bot/site", []byte(`{"session":`), []string{"Authorization", "Bearer " + botToken}, 400},
			"bot, wrong type":         {"/hooks/bot/site", []byte(`{"session":"s","text":"x","parameters":{"company_size":"many"}}`), []string{"Authorization", "Bearer " + botToken}, 422},
			"webchat without token":   {"/hooks/webchat/site", []byte(`{"type":"text","author":"v","data":{"text":"x"}}`), nil, 401},
			"webchat, forged token":   {"/hooks/webchat/site", []byte(`{"type":"text","data":{"text":"x"}}`), []string{"Authorization", "Bearer " + strings.Repeat("a", 80)}, 401},
		}
		for name, c := range refused {
			status, _ := post(c.path, c.body, c.header...)
			require.Equal(t, c.want, status, name)
		}
		require.Empty(t, a.all("/v1/events"), "what was refused left something")
		status, _, _ := request(t.Context(), http.MethodGet, a.base+hook+"?hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1", nil)
		require.Equal(t, http.StatusForbidden, status)

		// Bytes that are no UTF-8 in a text: kept as what they can be read as.
		odd := bytes.Replace(waBody(waMessage{"447700900002", "Odd One", "wamid.odd", "caf~"}), []byte("caf~"), []byte("caf\xe9"), 1)
		status, _ = post(hook, odd, signature, signed(odd))
		require.Contains(t, []int{http.StatusOK, http.StatusBadRequest}, status)
		oddTaken := status == http.StatusOK

		// A message of an unknown type, and an item of an unknown shape between
		// two good ones.
		unknown := replace(waBody(waMessage{"447700900003", "New Kind", "wamid.new", "x"}), `"type":"text"`, `"type":"hologram"`)
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), unknown))
		mixed := waBody(waMessage{"447700900004", "Good One", "wamid.a", "hello"}, waMessage{"447700900004", "Good One", "wamid.bad", "bad"}, waMessage{"447700900004", "Good One", "wamid.b", "answer"})
		mixed = replace(mixed, `{"body":"bad"}`, `["bad"]`)
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), mixed))
		foreign := replace(waBody(waMessage{"447700900005", "Other Account", "wamid.foreign", "x"}), account, "999")
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), foreign))
		other := []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"moon_phase","value":{"phase":"full"}}]}]}`)
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), other))
		a.settled(time.Minute)
		states := map[string]string{}
		for _, e := range a.all("/v1/events") {
			key, _ := e["dedupe_key"].(string)
			states[key] = e["state"].(string)
		}
		require.Equal(t, "done", states["wamid.a"])
		require.Equal(t, "done", states["wamid.b"], "its neighbours go on")
		require.Equal(t, "quarantined", states["wamid.foreign"])
		if oddTaken {
			require.Contains(t, states, "wamid.odd")
		}
		t.Logf("states: %v", states)
		quarantined := a.all("/v1/events?state=quarantined")
		require.NotEmpty(t, quarantined)
		for _, e := range quarantined {
			require.NotEmpty(t, e["reason"])
		}
		var c struct{ Data []map[string]any }
		a.get("/v1/contacts?phone=%2B447700900004", &c)
		require.Len(t, c.Data, 1)
		require.Equal(t, "answer", c.Data[0]["fields"].(map[string]any)["a1"])

		// A thousand messages in one body, of one person, and one more right
		// after it: all in order.
		count := 1000
		if raceDetector {
			count = 300 // one after the other, each several times slower
		}
		var many []waMessage
		for i := range count {
			many = append(many, waMessage{"447700900006", "Many Words", fmt.Sprintf("wamid.many.%d", i), fmt.Sprintf("word %d", i)})
		}
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), waBody(many...)))
		for i := range 50 {
			require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), waBody(waMessage{"447700900006", "Many Words", fmt.Sprintf("wamid.more.%d", i), fmt.Sprintf("word %d", count+i)})))
		}
		until(t, 3*time.Minute, "no event waits", func() bool { return a.undone() == 0 })
		said := transcript(a, conversationOf(a, "whatsapp/acme", "447700900006"))
		require.Len(t, said, count+50)
		for i, text := range said {
			require.Equal(t, fmt.Sprintf("word %d", i), text)
		}
		require.Equal(t, http.StatusOK, a.whatsapp(t.Context(), good), "usher goes on")
	})
}

func nested(depth int) []byte {
	return []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
}
