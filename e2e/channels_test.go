package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/connectors/connectortest"
)

// platform is a type of channel whose fixtures are posted as they are.
type platform struct {
	name     string
	settings string // YAML; the secret is that of all fixtures
	proof    string // headers that sign the body, any of them; empty: the body is not signed
}

func platforms() []platform {
	const secret = connectortest.Secret
	meta := "app_secret: " + secret + ", verify_token: " + secret + ", access_token: t"
	return []platform{
		{"whatsapp", meta, "X-Hub-Signature-256"},
		{"messenger", meta, "X-Hub-Signature-256"},
		{"instagram", meta, "X-Hub-Signature-256"},
		{"telegram", "token: t, secret_token: " + secret, ""},
		{"twilio", "account_sid: AC00000000000000000000000000000001, auth_token: " + secret, "X-Twilio-Signature"},
		{"viber", "auth_token: " + secret, "X-Viber-Content-Signature"},
		{"line", "channel_secret: " + secret + ", access_token: t", "X-Line-Signature"},
		{"slack", `signing_secret: ` + secret + `, token: t, tolerance: "0"`, "X-Slack-Signature"},
		{"dialogflow_es", "token: " + secret, ""},
		{"dialogflow_cx", "token: " + secret, ""},
		{"rasa", "token: " + secret, ""},
		{"botpress", "token: " + secret, ""},
		{"typebot", "token: " + secret + ", mapping: {external_id: /result, name: /lead/full_name, phone: /lead/phone}", ""},
		{"generic", "secret: " + secret + `, tolerance: "0", mapping: {external_id: /contact/id, name: /contact/name, phone: /contact/phone, ` +
			"email: /contact/email, text: /body, timestamp: /at, message_id: /id}", "Webhook-Signature X-Hub-Signature-256"},
	}
}

// TestFixturesOfPlatforms posts what platforms send, byte for byte, and reads
// what it was understood as. What is altered is refused and leaves nothing; what
// comes again changes nothing.
func TestFixturesOfPlatforms(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		s := newSite(t, b, siteOptions{flow: "id: main\nsteps: [{say: unused}]\n"})
		config := b.settings(filepath.Join(s.dir, "data")) + "public_url: https://usher.example.test\nkeys:\n" +
			"  - {name: ops, key: " + adminKey + ", scopes: [admin]}\nlog: {level: warn, format: json}\nchannels:\n"
		for _, p := range platforms() {
			config += "  - {id: " + p.name + "/acme, settings: {" + p.settings + "}}\n"
		}
		require.NoError(t, os.WriteFile(s.config(), []byte(config), 0o600))
		n := s.start()
		for _, p := range platforms() {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				n.platform(t, p)
			})
		}
	})
}

func (n *node) platform(t *testing.T, p platform) {
	t.Helper()
	dir := filepath.Join("..", "connectors", p.name, "testdata")
	a := api{t, "http://" + n.addr}
	stored := func() []map[string]any { return a.all("/v1/events?sort=received_at&channel=" + p.name + "/acme") }
	known := 0
	for _, f := range connectortest.Load(t, dir) {
		head, err := os.ReadFile(filepath.Join(dir, f.Name+".http"))
		require.NoError(t, err)
		body := f.Request.Body
		if p.proof != "" && f.Expect.Signature == "valid" {
			for what, altered := range map[string][]byte{
				"flipped": flipped(body), "re-encoded": reencoded(body), "longer": append(bytes.Clone(body), ' '),
			} {
				status, _ := n.raw(t, head, altered)
				require.Equal(t, http.StatusUnauthorized, status, "%s, body %s", f.Name, what)
			}
			unsigned := head
			for name := range strings.FieldsSeq(p.proof) {
				unsigned = without(unsigned, name)
			}
			status, _ := n.raw(t, unsigned, body)
			require.Equal(t, http.StatusUnauthorized, status, "%s without %s", f.Name, p.proof)
			require.Len(t, stored(), known, "%s: what was refused left something", f.Name)
		}
		for _, again := range []bool{false, true} {
			status, answer := n.raw(t, head, body)
			want := http.StatusOK
			switch {
			case f.Expect.Respond != nil:
				want = f.Expect.Respond.Status
			case f.Expect.Signature == "invalid":
				want = http.StatusUnauthorized
			}
			require.Equal(t, want, status, f.Name)
			if f.Expect.Respond != nil && f.Expect.Respond.Body != nil {
				require.Equal(t, *f.Expect.Respond.Body, answer, f.Name)
			}
			rows := stored()
			require.GreaterOrEqual(t, len(rows), known, f.Name)
			fresh := rows[known:]
			known = len(rows)
			if again {
				require.Empty(t, fresh, "%s: a redelivery changed something", f.Name)
				break
			}
			require.Empty(t, connectortest.Differences(asStored(f.Expect.Events), items(t, fresh)), f.Name)
			if !identified(f.Expect.Events) {
				break // nothing tells a redelivery
			}
		}
	}
}

// raw posts a request as it is and returns status and body of the answer.
func (n *node) raw(t *testing.T, head, body []byte) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	require.NoError(t, err)
	defer conn.Close()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(head)), "\n") {
		if !strings.HasPrefix(line, "Content-Length:") {
			lines = append(lines, line)
		}
	}
	if len(body) > 0 {
		lines = append(lines, fmt.Sprint("Content-Length: ", len(body)))
	}
	_, err = fmt.Fprintf(conn, "%s\r\nConnection: close\r\n\r\n%s", strings.Join(lines, "\r\n"), body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(answer)
}

// without leaves a header out.
func without(head []byte, name string) []byte {
	var kept []string
	for line := range strings.SplitSeq(string(head), "\n") {
		if !strings.HasPrefix(strings.ToLower(line), strings.ToLower(name)+":") {
			kept = append(kept, line)
		}
	}
	return []byte(strings.Join(kept, "\n"))
}

func flipped(body []byte) []byte {
	body = bytes.Clone(body)
	body[len(body)/2] ^= 1
	return body
}

// reencoded is the same document in other bytes.
func reencoded(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return append([]byte("x=1&"), body...)
	}
	out, _ := json.MarshalIndent(v, "", " ")
	return out
}

// asStored leaves out what is filled in when an event is taken: the time, where
// the platform tells none.
func asStored(events []map[string]any) []map[string]any {
	for _, e := range events {
		if absent, ok := e["absent"].([]any); ok {
			e["absent"] = slices.DeleteFunc(absent, func(key any) bool { return key == "timestamp" })
		}
	}
	return events
}

func items(t *testing.T, rows []map[string]any) (all []connectors.Item) {
	t.Helper()
	for _, row := range rows {
		require.NotEqual(t, "quarantined", row["state"], row["reason"])
		raw, err := json.Marshal(row["event"])
		require.NoError(t, err)
		var it connectors.Item
		require.NoError(t, json.Unmarshal(raw, &it.Event))
		all = append(all, it)
	}
	return all
}

// identified says whether every event has a key that tells a redelivery.
func identified(events []map[string]any) bool {
	return !slices.ContainsFunc(events, func(e map[string]any) bool { return e["dedupe_key"] == nil })
}
