package whatsapp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/whatsapp"
	"usher/internal/outbound"
)

const token = "token-of-the-tests"

// graph stands in for the Graph API and keeps what it is told.
type graph struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []map[string]any
	paths  []string
	answer http.HandlerFunc // nil: taken
}

func newGraph(t *testing.T, answer http.HandlerFunc) *graph {
	t.Helper()
	g := &graph{answer: answer}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var call map[string]any
		if json.Unmarshal(raw, &call) != nil || r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer "+token {
			http.Error(w, "bad call", http.StatusTeapot)
			return
		}
		g.mu.Lock()
		g.calls, g.paths = append(g.calls, call), append(g.paths, r.URL.Path)
		n := len(g.calls)
		g.mu.Unlock()
		if g.answer != nil {
			g.answer(w, r)
			return
		}
		fmt.Fprintf(w, `{"messaging_product":"whatsapp","contacts":[{"input":"1"}],"messages":[{"id":"wamid.%d"}]}`, n)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *graph) connector(t *testing.T, change config.Settings) connectors.Sender {
	t.Helper()
	s := config.Settings{
		"app_secret": "s", "verify_token": "v", "access_token": token, "phone_number_id": "109", "base_url": g.URL,
	}
	for key, value := range change {
		s[key] = value
	}
	c, err := whatsapp.New(connectors.Setup{Settings: s, HTTP: g.Client()})
	require.NoError(t, err)
	return c.(connectors.Sender)
}

var teddy = connectors.Address{ExternalID: "447700900417"}

// said sends m and returns the calls without what all have.
func said(t *testing.T, m connectors.Message) []map[string]any {
	t.Helper()
	g := newGraph(t, nil)
	m.ID = "msg_1"
	id, err := g.connector(t, nil).Send(t.Context(), teddy, m)
	require.NoError(t, err)
	require.Equal(t, "wamid."+strconv.Itoa(len(g.calls)), id, "the last call's id")
	for _, call := range g.calls {
		for key, want := range map[string]string{
			"messaging_product": "whatsapp", "recipient_type": "individual", "to": "447700900417", "biz_opaque_callback_data": "msg_1",
		} {
			require.Equal(t, want, call[key])
			delete(call, key)
		}
		require.Contains(t, call, call["type"])
		delete(call, "type")
	}
	return g.calls
}

func requireJSON(t *testing.T, want string, got any) {
	t.Helper()
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, want, string(raw))
}

func buttons(titles ...string) (all []connectors.Button) {
	for i, title := range titles {
		all = append(all, connectors.Button{Title: title, Value: "v" + strconv.Itoa(i)})
	}
	return all
}

func TestSendText(t *testing.T) {
	t.Parallel()
	requireJSON(t, `[{"text":{"body":"Hi <b> & é"}}]`, said(t, connectors.Message{Text: " Hi <b> & é\n"}))
	long := strings.TrimSpace(strings.Repeat("word ", 2000))
	calls := said(t, connectors.Message{Text: long})
	require.Len(t, calls, 3)
	var pieces []string
	for _, call := range calls {
		body := call["text"].(map[string]any)["body"].(string)
		require.LessOrEqual(t, len(body), 4096)
		require.True(t, strings.HasSuffix(body, "word"))
		pieces = append(pieces, body)
	}
	require.Equal(t, long, strings.Join(pieces, " "))
	require.Len(t, said(t, connectors.Message{Text: strings.Repeat("é", 4096)}), 1)
	require.Len(t, said(t, connectors.Message{Text: strings.Repeat("😀", 4097)}), 2)
}

func TestSendChoices(t *testing.T) {
	t.Parallel()
	requireJSON(t, `[{"interactive":{"type":"button","body":{"text":"Well?"},"action":{"buttons":[
		{"type":"reply","reply":{"id":"v0","title":"Yes"}},{"type":"reply","reply":{"id":"No","title":"No"}}]}}}]`,
		said(t, connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes", Value: "v0"}, {Title: "No"}, {}}}))
	requireJSON(t, `[{"interactive":{"type":"list","body":{"text":"Well?"},"action":{"button":"Choose","sections":[{"rows":[
		{"id":"v0","title":"A"},{"id":"v1","title":"B"},{"id":"v2","title":"C"},
		{"id":"v3","title":"A long title is cut at a","description":"blank so that all is read"}]}]}}}]`,
		said(t, connectors.Message{Text: "Well?", Buttons: buttons("A", "B", "C", "A long title is cut at a blank so that all is read")}))

	kinds := map[string][]connectors.Button{
		"button":   buttons("1", "2", strings.Repeat("x", 20)),
		"list":     buttons("1", strings.Repeat("x", 21)), // too long for a button
		"list 10":  buttons(strings.Split("abcdefghij", "")...),
		"text 11":  buttons(strings.Split("abcdefghijk", "")...),
		"text":     buttons("1", strings.Repeat("x", 97)), // too long for a row
		"list two": buttons("same", "same"),
		"text ids": {{Title: "a", Value: "same"}, {Title: "b", Value: "same"}},
		"list id":  {{Title: "a", Value: strings.Repeat("x", 200)}, {Title: "a", Value: "b"}},
		"text id":  {{Title: "a", Value: strings.Repeat("x", 257)}, {Title: "b", Value: "b"}},
	}
	for kind, choices := range kinds {
		call := said(t, connectors.Message{Text: "Well?", Buttons: choices})[0]
		kind, _, _ = strings.Cut(kind, " ")
		if kind == "text" {
			require.Contains(t, call["text"].(map[string]any)["body"], "Well?\n1. ")
			continue
		}
		require.Equal(t, kind, call["interactive"].(map[string]any)["type"])
	}
	requireJSON(t, `[{"text":{"body":"1. Yes\n2. No"}}]`, said(t, connectors.Message{Buttons: buttons("Yes", "No")}))

	long := strings.TrimSpace(strings.Repeat("word ", 300))
	calls := said(t, connectors.Message{Text: long, Buttons: buttons("Yes")})
	require.Len(t, calls, 2)
	first := calls[0]["text"].(map[string]any)["body"].(string)
	last := calls[1]["interactive"].(map[string]any)["body"].(map[string]any)["text"].(string)
	require.LessOrEqual(t, len(last), 1024)
	require.Equal(t, long, first+" "+last)
}

func TestSendMedia(t *testing.T) {
	t.Parallel()
	image := connectors.Media{Type: "image", URL: "https://cdn.example.test/a.png"}
	requireJSON(t, `[{"image":{"link":"https://cdn.example.test/a.png","caption":"Look"}}]`,
		said(t, connectors.Message{Text: "Look", Media: []connectors.Media{image}}))
	requireJSON(t, `[{"image":{"link":"https://cdn.example.test/a.png"}},{"image":{"link":"https://cdn.example.test/a.png"}},{"text":{"body":"Look"}}]`,
		said(t, connectors.Message{Text: "Look", Media: []connectors.Media{image, image}}))
	requireJSON(t, `[{"document":{"link":"https://cdn.example.test/a.pdf","filename":"offer.pdf"}}]`,
		said(t, connectors.Message{Media: []connectors.Media{{Type: "file", URL: "https://cdn.example.test/a.pdf", Filename: "offer.pdf"}}}))
	requireJSON(t, `[{"audio":{"id":"77"}},{"text":{"body":"Listen"}}]`,
		said(t, connectors.Message{Text: "Listen", Media: []connectors.Media{{Type: "audio", ID: "77"}}}))
	calls := said(t, connectors.Message{Text: "Well?", Media: []connectors.Media{image}, Buttons: buttons("Yes")})
	require.Len(t, calls, 2)
	require.Contains(t, calls[1], "interactive")
}

func TestSendTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		to        connectors.Address
		settings  config.Settings
		path      string
		phone, id any
	}{
		{teddy, nil, "/v25.0/109/messages", "447700900417", nil},
		{connectors.Address{ExternalID: "US.1"}, nil, "/v25.0/109/messages", nil, "US.1"},
		{connectors.Address{ExternalID: "US.1", IDs: &connectors.IDs{WaID: "12025550161", UserID: "US.1"}}, nil, "/v25.0/109/messages", "12025550161", "US.1"},
		{connectors.Address{ExternalID: "1", Account: "555"}, nil, "/v25.0/109/messages", "1", nil},
		{connectors.Address{ExternalID: "1", Account: "555"}, config.Settings{"phone_number_id": "", "api_version": "v26.1"}, "/v26.1/555/messages", "1", nil},
	} {
		g := newGraph(t, nil)
		_, err := g.connector(t, c.settings).Send(t.Context(), c.to, connectors.Message{Text: "x"})
		require.NoError(t, err)
		require.Equal(t, []string{c.path}, g.paths)
		require.Equal(t, c.phone, g.calls[0]["to"])
		require.Equal(t, c.id, g.calls[0]["recipient"])
	}
	for _, c := range []struct {
		to connectors.Address
		m  connectors.Message
	}{
		{connectors.Address{}, connectors.Message{Text: "x"}},
		{teddy, connectors.Message{Text: " \n"}},
	} {
		_, err := newGraph(t, nil).connector(t, nil).Send(t.Context(), c.to, c.m)
		require.Equal(t, outbound.Permanent, failed(t, err).Class)
	}
	_, err := newGraph(t, nil).connector(t, config.Settings{"phone_number_id": ""}).Send(t.Context(), teddy, connectors.Message{Text: "x"})
	require.ErrorContains(t, err, "phone_number_id")
}

func failed(t *testing.T, err error) *outbound.Error {
	t.Helper()
	var e *outbound.Error
	require.ErrorAs(t, err, &e)
	require.NotContains(t, err.Error(), token)
	require.NotContains(t, fmt.Sprintf("%+v %#v", e, e.Text), token)
	require.LessOrEqual(t, len([]rune(e.Text)), 520)
	return e
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	graphError := func(code int) string {
		return fmt.Sprintf(`{"error":{"message":"(#%d) no for %s","type":"OAuthException","code":%d,"fbtrace_id":"A"}}`, code, token, code)
	}
	for _, c := range []struct {
		name       string
		status     int
		retryAfter string
		body       string
		class      outbound.Class
		code       string
		wait       time.Duration
		unknown    bool
	}{
		{"throughput", 400, "", graphError(130429), outbound.Retry, "130429", 5 * time.Second, false},
		{"pair rate", 429, "", graphError(131056), outbound.Retry, "131056", 6 * time.Second, false},
		{"pair rate, told", 429, "17", graphError(131056), outbound.Retry, "131056", 17 * time.Second, false},
		{"marketing", 400, "", graphError(131049), outbound.Retry, "131049", 24 * time.Hour, false},
		{"app limit", 400, "", graphError(80007), outbound.Retry, "80007", time.Minute, false},
		{"trouble", 500, "", graphError(131000), outbound.Retry, "131000", 0, false},
		{"trouble as 400", 400, "", graphError(131016), outbound.Retry, "131016", 0, false},
		{"window", 400, "", graphError(131047), outbound.Permanent, "131047", 0, false},
		{"undeliverable", 429, "", graphError(131026), outbound.Permanent, "131026", 0, false},
		{"template", 404, "", graphError(132001), outbound.Permanent, "132001", 0, false},
		{"parameter", 400, "", graphError(100), outbound.Permanent, "100", 0, false},
		{"token", 401, "", graphError(190), outbound.Auth, "190", 0, false},
		{"token as 400", 400, "", graphError(190), outbound.Auth, "190", 0, false},
		{"permission", 403, "", graphError(200), outbound.Auth, "200", 0, false},
		{"payment", 400, "", graphError(131042), outbound.Auth, "131042", 0, false},
		{"new code", 400, "", graphError(139999), outbound.Retry, "139999", 0, false},
		{"no code, 401", 401, "", "who are you", outbound.Auth, "", 0, false},
		{"no code, 404", 404, "", "<html>not here", outbound.Permanent, "", 0, false},
		{"no code, 302", 302, "", "", outbound.Permanent, "", 0, false},
		{"no code, 429", 429, "3", "", outbound.Retry, "", 3 * time.Second, false},
		{"no code, 502", 502, "", strings.Repeat("é", 2000) + token, outbound.Retry, "", 0, true},
		{"token across the cut", 503, "", strings.Repeat("x", 490) + token, outbound.Retry, "", 0, true},
		{"taken, no JSON", 200, "", "OK " + token, outbound.Retry, "", 0, true},
		{"taken, no id", 200, "", `{"messages":[]}`, outbound.Retry, "", 0, true},
		{"taken, empty", 204, "", "", outbound.Retry, "", 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := g.connector(t, nil).Send(t.Context(), teddy, connectors.Message{Text: strings.Repeat("x", 5000)})
			e := failed(t, err)
			require.Len(t, g.calls, 1, "stops at the first failure")
			require.Equal(t, c.class, e.Class)
			require.Equal(t, c.status, e.Status)
			require.Equal(t, c.code, e.Code)
			require.Equal(t, c.wait, e.RetryAfter)
			require.Equal(t, c.unknown, e.Unknown)
			require.NotContains(t, e.Text, token[:10], "not even a part of the token")
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	g := newGraph(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := g.connector(t, nil).Send(t.Context(), teddy, connectors.Message{Text: "x"})
	require.InDelta(t, time.Hour.Seconds(), failed(t, err).RetryAfter.Seconds(), 5)
}

func TestNotAnswered(t *testing.T) {
	t.Parallel()
	g := newGraph(t, func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	c := g.connector(t, nil)
	_, err := c.Send(t.Context(), teddy, connectors.Message{Text: "x"})
	e := failed(t, err)
	require.Equal(t, outbound.Retry, e.Class)
	require.True(t, e.Unknown, "the call had been sent")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Send(ctx, teddy, connectors.Message{Text: "x"})
	require.ErrorIs(t, err, context.Canceled)

	g.Close()
	_, err = c.Send(t.Context(), teddy, connectors.Message{Text: "x"})
	require.False(t, failed(t, err).Unknown, "nobody was there")

	refused := &outbound.Error{Class: outbound.NotAllowed, Text: "10.0.0.1"}
	guarded, err := whatsapp.New(connectors.Setup{
		Settings: config.Settings{"app_secret": "s", "verify_token": "v", "access_token": token, "phone_number_id": "1"},
		HTTP:     &http.Client{Transport: guard{refused}},
	})
	require.NoError(t, err)
	_, err = guarded.(connectors.Sender).Send(t.Context(), teddy, connectors.Message{Text: "x"})
	require.True(t, errors.Is(err, refused))
}

type guard struct{ err error }

func (g guard) RoundTrip(*http.Request) (*http.Response, error) { return nil, g.err }
