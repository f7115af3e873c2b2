package api

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

func newRequest(t testing.TB, method, path string) *http.Request {
	t.Helper()
	return httptest.NewRequest(method, path, nil)
}

// serve puts the server on a port of this machine.
func (w *world) serve() (base string, stop func() error) {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(l) }()
	return "http://" + l.Addr().String(), func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := w.server.Shutdown(ctx); err != nil {
			return err
		}
		return <-served
	}
}

// events reads a stream.
type events struct {
	t    testing.TB
	res  *http.Response
	line *bufio.Scanner
}

func (v *visitor) stream(base string, headers ...string) *events {
	t := v.w.t
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/hooks/webchat/site/stream", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+v.token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	res, err := client.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return &events{t, res, bufio.NewScanner(res.Body)}
}

// next returns an event's id and message.
func (e *events) next() (id string, m visitorMessage) {
	e.t.Helper()
	for e.line.Scan() {
		name, value, _ := strings.Cut(e.line.Text(), ": ")
		switch {
		case name == "id":
			id = value
		case name == "data":
			require.NoError(e.t, json.Unmarshal([]byte(value), &m))
		case name == "" && value == "" && id != "":
			return id, m
		}
	}
	e.t.Fatalf("the stream ended: %v", e.line.Err())
	return "", m
}

func TestStream(t *testing.T) {
	t.Parallel()
	w := setup(t)
	base, stop := w.serve()
	v := w.visitor()
	live := v.stream(base)
	require.Equal(t, http.StatusOK, live.res.StatusCode)
	require.Equal(t, "text/event-stream", live.res.Header.Get("Content-Type"))
	require.Equal(t, "no-cache, no-transform", live.res.Header.Get("Cache-Control"))
	v.say("Hello")
	id, m := live.next()
	require.Equal(t, "you", m.From)
	require.Equal(t, "Hello", m.Text)
	second, m := live.next()
	require.Equal(t, "us", m.From)
	require.Equal(t, "out", m.Direction)
	require.Equal(t, "Hi!", m.Text)

	// A reader that comes back goes on where it was.
	resumed := v.stream(base, "Last-Event-ID", id)
	again, _ := resumed.next()
	require.Equal(t, second, again)
	_, m = resumed.next()
	require.Equal(t, "How many people work with you?", m.Text)
	v.say("20")
	_, m = resumed.next()
	require.Equal(t, "20", m.Text)

	// Another visitor's stream has nothing of it, a stranger gets none.
	poll := w.call("GET", "/hooks/webchat/site/stream?poll=1&last_event_id=1", v.token, nil)
	require.Equal(t, "Hi!", poll.text("data", 0, "text"))
	require.NotEmpty(t, poll.text("last_event_id"))
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/hooks/webchat/site/stream", "", nil).status)
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/hooks/webchat/site/stream", adminKey, nil).status)
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/hooks/webchat/own/stream", v.token, nil).status, "a token is worth nothing on another channel")
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/b/globex/hooks/webchat/site/stream", v.token, nil).status)
	require.Equal(t, http.StatusBadRequest, w.call("GET", "/hooks/webchat/site/stream", v.token, nil, "Last-Event-ID", "x").status)

	// Open streams do not keep the server from ending.
	require.NoError(t, stop())
	require.Zero(t, w.server.streams.count())
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	base, stop := w.serve()
	v := w.visitor()
	var open []*events
	for range streamsPerVisitor {
		open = append(open, v.stream(base))
	}
	eventually(t, func() bool { return w.server.streams.count() == streamsPerVisitor })
	refused := v.stream(base)
	require.Equal(t, http.StatusTooManyRequests, refused.res.StatusCode)
	require.Equal(t, "30", refused.res.Header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, w.visitor().stream(base).res.StatusCode)
	require.NotEmpty(t, open)
	require.NoError(t, stop())
}

// A sender of a body that is too large reads why, although it is still sending.
func TestOversizeBody(t *testing.T) {
	t.Parallel()
	w := setup(t, func(d *Deps) { d.BodyLimit = 1 << 20 })
	base, stop := w.serve()
	for _, size := range []int{1<<20 + 1, 4 << 20, 16 << 20} {
		res, err := http.Post(base+"/hooks/whatsapp/acme", "application/json", strings.NewReader(strings.Repeat("x", size)))
		require.NoError(t, err, size)
		require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
		require.Equal(t, problemType, res.Header.Get("Content-Type"))
		require.NoError(t, res.Body.Close())
	}
	require.NoError(t, stop())
}

func TestSessionIsRenewed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	v := w.visitor()
	a := w.call("POST", "/hooks/webchat/site/session", v.token, nil)
	require.Equal(t, v.id, a.text("external_id"))
	require.NotEqual(t, v.id, w.call("POST", "/hooks/webchat/site/session", "nonsense", nil).text("external_id"))
	require.NotEmpty(t, a.text("expires_at"))
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const mine, theirs = "https://acme.example", "https://evil.example"
	open := w.call("OPTIONS", "/hooks/webchat/site", "", nil, "Origin", theirs)
	require.Equal(t, http.StatusNoContent, open.status)
	require.Equal(t, "*", open.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, open.header.Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, open.header.Get("Access-Control-Allow-Credentials"))

	allowed := w.call("OPTIONS", "/hooks/webchat/own/session", "", nil, "Origin", mine)
	require.Equal(t, mine, allowed.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, allowed.header.Values("Vary"), "Origin")
	require.Equal(t, http.StatusForbidden, w.call("OPTIONS", "/hooks/webchat/own/session", "", nil, "Origin", theirs).status)
	require.Equal(t, http.StatusForbidden, w.call("POST", "/hooks/webchat/own/session", "", nil, "Origin", theirs).status)
	a := w.call("POST", "/hooks/webchat/own", "", "{}", "Origin", mine)
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, mine, a.header.Get("Access-Control-Allow-Origin"), "the page must be able to read the error")
	require.Equal(t, http.StatusMethodNotAllowed, w.call("OPTIONS", "/hooks/bot/site", "", nil).status)
}

func TestVisitorsAreLimited(t *testing.T) {
	t.Parallel()
	w := setup(t)
	status := func(address string) int {
		return w.call("POST", "/hooks/webchat/site/session", "", nil, "X-Forwarded-For", address).status
	}
	for range visitBurst {
		require.Equal(t, http.StatusOK, status("203.0.113.7"))
	}
	eventually(t, func() bool { return status("203.0.113.7") == http.StatusTooManyRequests })
	require.Equal(t, http.StatusOK, status("203.0.113.8"))
	// What a client writes itself stands further left and does not count.
	require.Equal(t, http.StatusTooManyRequests, status("198.51.100.1, 203.0.113.7"))
	for range 2 * visitBurst {
		require.Equal(t, http.StatusOK, status("10.0.0.1"), "a proxy that nobody declared")
	}
	l := newLimiter()
	for i := range addressesMost + 10 {
		require.True(t, l.allow(netip.AddrFrom4([4]byte{80, byte(i >> 16), byte(i >> 8), byte(i)})))
	}
	require.LessOrEqual(t, len(l.seen), addressesMost)
}

// statement is a JWT as the business's server makes it.
func statement(claims map[string]any) string {
	part := func(v any) string {
		raw, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	text := part(object("alg", "HS256", "typ", "JWT")) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte("0123456789abcdef0123456789abcdef"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestVisitorIsIdentified(t *testing.T) {
	t.Parallel()
	w := setup(t)
	v := w.visitor()
	identify := func(token string, claims map[string]any) answer {
		return w.call("POST", "/hooks/webchat/site/identify", token, object("token", statement(claims)))
	}
	soon := time.Now().Add(time.Hour).Unix()
	require.Equal(t, http.StatusUnauthorized, identify("", object("sub", "C-77", "exp", soon)).status)
	require.Equal(t, http.StatusUnauthorized, identify(v.token, object("sub", "C-77", "exp", time.Now().Add(-time.Hour).Unix())).status)
	require.Equal(t, http.StatusUnauthorized, identify(v.token, object("sub", "C-77")).status)
	require.Equal(t, http.StatusUnauthorized, w.call("POST", "/hooks/webchat/site/identify", v.token, object("token", "a.b.c")).status)
	a := identify(v.token, object("sub", "C-77", "exp", soon, "name", "Ada Lovelace", "email", "ada@example.com"))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "customer", a.text("type"))
	require.NotEmpty(t, a.text("contact_id"))
	require.Equal(t, "Ada Lovelace", w.call("GET", "/v1/contacts?customer_id=C-77", readKey, nil).text("data", 0, "name"))
}

// What a request says of its sender counts only from a trusted proxy.
func TestClient(t *testing.T) {
	t.Parallel()
	w := setup(t, func(d *Deps) { d.PublicURL = "https://chat.example.com/" })
	var seen *connectors.Request
	w.server.app.Post("/look", func(c fiberCtx) error {
		seen = w.server.request(c, "/x")
		return nil
	})
	w.call("POST", "/look?a=1&a=2&b=%20", "", "body", "X-Forwarded-For", "198.51.100.1, 203.0.113.7", "X-Twice", "1")
	require.Equal(t, "203.0.113.7", seen.IP)
	require.Equal(t, "https://chat.example.com/look?a=1&a=2&b=%20", seen.URL)
	require.Equal(t, map[string]string{"a": "1", "b": " "}, seen.Query)
	require.Equal(t, "body", string(seen.Body))
	require.Equal(t, "1", seen.Header.Get("X-Twice"))
	require.Equal(t, "/x", seen.Path)

	w.server.publicURL = ""
	w.call("POST", "/look", "", nil, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "chat.example.org")
	require.Equal(t, "https://chat.example.org/look", seen.URL)
	w.server.proxies = nil
	w.call("POST", "/look", "", nil, "X-Forwarded-Proto", "https", "X-Forwarded-Host", "chat.example.org", "X-Forwarded-For", "203.0.113.7")
	require.Equal(t, "http://example.com/look", seen.URL)
	require.Equal(t, "0.0.0.0", seen.IP)
}
