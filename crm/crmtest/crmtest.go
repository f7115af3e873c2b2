// Package crmtest is the suite that every CRM connector passes: what each
// answer, missing answer and refused address means for the push, and that no
// error tells a secret.
package crmtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/crm"
	"usher/internal/outbound"
)

// Case is one connector.
type Case struct {
	// New builds it, pointed at a server of the suite.
	New func(t testing.TB, url string, hc *http.Client) crm.Connector
	// OK answers as the CRM does when it has the records.
	OK http.HandlerFunc
	// Secrets are the credentials that New configures.
	Secrets []string
	// ReadsAnswer: a 2xx alone is no success, its body has to say so.
	ReadsAnswer bool
}

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// Run runs the suite.
func Run(t *testing.T, c Case) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Case){
		"success":        success,
		"statuses":       statuses,
		"retry after":    retryAfter,
		"lost answers":   lostAnswers,
		"unfit answers":  unfitAnswers,
		"redirect":       redirect,
		"address guard":  addressGuard,
		"no secret told": noSecretTold,
		"cancellation":   cancellation,
		"batches":        batches,
		"in parallel":    inParallel,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, c) })
	}
}

// Client is what connectors get, free to reach the suite's servers.
func Client(t testing.TB) *http.Client {
	t.Helper()
	hc, err := outbound.New(outbound.Options{AllowPrivate: []string{"127.0.0.0/8", "::1"}, Retries: -1})
	require.NoError(t, err)
	t.Cleanup(hc.CloseIdleConnections)
	return hc
}

// Push is a lead, the n-th of its kind: Ada with an e-mail and a phone.
func Push(t testing.TB, n int) crm.Push {
	t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	contact := map[string]any{
		"id": fmt.Sprintf("con_%d", n), "type": "lead", "name": "Ada Lovelace",
		"first_name": "Ada", "last_name": "Lovelace", "company": nil,
		"email": fmt.Sprintf("ada%d@example.org", n), "phone": fmt.Sprintf("+4477009%05d", n),
		"fields": map[string]any{"company_size": 20.0},
	}
	key := fmt.Sprintf("lead_%d", n)
	transcript := "Visitor: hello\nusher: hello Ada"
	doc, err := crm.Document(crm.LeadCreated, at, key, "evt_1", contact, []string{"email", "name"},
		crm.Conversation{Channel: "whatsapp/acme", Flow: "welcome", Transcript: transcript})
	require.NoError(t, err)
	return crm.Push{ID: fmt.Sprintf("dlv_%d", n), Kind: crm.LeadCreated, At: at, LeadKey: key, First: true,
		Document: doc, Contact: contact, Transcript: transcript}
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func pushTo(t testing.TB, ctx context.Context, c Case, url string) crm.Receipt {
	t.Helper()
	receipts := c.New(t, url, Client(t)).Push(ctx, []crm.Push{Push(t, 1)})
	require.Len(t, receipts, 1)
	return receipts[0]
}

func failure(t testing.TB, r crm.Receipt, msg ...any) *outbound.Error {
	t.Helper()
	var failed *outbound.Error
	require.ErrorAs(t, r.Err, &failed, msg...)
	return failed
}

func success(t *testing.T, c Case) {
	r := pushTo(t, t.Context(), c, serve(t, c.OK))
	require.NoError(t, r.Err)
	require.Equal(t, 2, r.Status/100)
}

func statuses(t *testing.T, c Case) {
	for class, list := range map[outbound.Class][]int{
		outbound.Retry:     {408, 423, 425, 429, 477, 500, 502, 503, 504, 521, 522, 523, 524},
		outbound.Permanent: {400, 404, 409, 413, 422},
		outbound.Auth:      {401, 403},
		outbound.Disabled:  {402, 410},
	} {
		for _, status := range list {
			r := pushTo(t, t.Context(), c, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(`{"message":"what the receiver says"}`))
			}))
			failed := failure(t, r, status)
			require.Equal(t, class, failed.Class, status)
			require.Equal(t, status, failed.Status)
			require.Equal(t, status, r.Status)
			require.Equal(t, status >= 500, failed.Unknown, status)
			require.Contains(t, r.Err.Error(), "what the receiver says")
			require.Regexp(t, fmt.Sprintf("^%d ", status), r.Err.Error())
		}
	}
}

func retryAfter(t *testing.T, c Case) {
	for value, want := range map[string]time.Duration{
		"17":     17 * time.Second,
		"999999": outbound.MaxRetryAfter,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		for _, status := range []int{429, 503} {
			r := pushTo(t, t.Context(), c, serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", value)
				w.WriteHeader(status)
			}))
			failed := failure(t, r)
			require.Equal(t, outbound.Retry, failed.Class)
			require.InDelta(t, want, failed.RetryAfter, float64(patience), value)
		}
	}
}

// The receiver did what was asked, or may have, and no usable answer came.
func lostAnswers(t *testing.T, c Case) {
	for name, cut := range map[string]http.HandlerFunc{
		"hung up": hangUp,
		"reset":   reset,
	} {
		r := pushTo(t, t.Context(), c, serve(t, func(w http.ResponseWriter, r *http.Request) {
			c.OK(httptest.NewRecorder(), r)
			cut(w, r)
		}))
		failed := failure(t, r, name)
		require.Equal(t, outbound.Retry, failed.Class, name)
		require.True(t, failed.Unknown, name)
	}

	release := make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	failed := failure(t, pushTo(t, ctx, c, url), "slow")
	require.Equal(t, outbound.Retry, failed.Class)
	require.True(t, failed.Unknown)

	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	failed = failure(t, pushTo(t, t.Context(), c, gone.URL), "refused")
	require.Equal(t, outbound.Retry, failed.Class)
	require.False(t, failed.Unknown, "nobody took the connection")
}

func unfitAnswers(t *testing.T, c Case) {
	for name, answer := range bodies(t) {
		r := pushTo(t, t.Context(), c, serve(t, answer))
		if !c.ReadsAnswer {
			require.NoError(t, r.Err, name)
			continue
		}
		failed := failure(t, r, name)
		require.Equal(t, outbound.Retry, failed.Class, name)
		require.True(t, failed.Unknown, name)
		require.Empty(t, r.RemoteID, name)
	}
}

func redirect(t *testing.T, c Case) {
	var followed atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := pushTo(t, t.Context(), c, serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside+"/metadata", status)
		}))
		require.Equal(t, outbound.Permanent, failure(t, r).Class)
		require.Contains(t, r.Err.Error(), fmt.Sprint(status))
	}
	require.Zero(t, followed.Load())
}

func addressGuard(t *testing.T, c Case) {
	var reached atomic.Int32
	url := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	hc, err := outbound.New(outbound.Options{})
	require.NoError(t, err)
	for _, target := range []string{url, strings.Replace(url, "127.0.0.1", "localhost", 1), strings.Replace(url, "http:", "https:", 1)} {
		r := c.New(t, target, hc).Push(t.Context(), []crm.Push{Push(t, 1)})[0]
		require.Equal(t, outbound.NotAllowed, failure(t, r, target).Class)
		require.Regexp(t, "^not allowed:", r.Err.Error())
	}
	require.Zero(t, reached.Load())
}

// A receiver that repeats everything it was sent does not get it into errors.
func noSecretTold(t *testing.T, c Case) {
	for _, status := range []int{200, 400, 401, 429, 500} {
		r := pushTo(t, t.Context(), c, serve(t, func(w http.ResponseWriter, r *http.Request) {
			echo, _ := json.Marshal(map[string]any{"message": fmt.Sprint(r.RequestURI, r.Header)})
			w.WriteHeader(status)
			_, _ = w.Write(append(echo, strings.Join(c.Secrets, " ")...))
		}))
		tellsNone(t, c, r.Err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tellsNone(t, c, pushTo(t, t.Context(), c, gone.URL).Err)
}

func tellsNone(t *testing.T, c Case, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range c.Secrets {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

func cancellation(t *testing.T, c Case) {
	entered := make(chan struct{})
	release := make(chan struct{})
	url := serve(t, func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	t.Cleanup(func() { close(release) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan crm.Receipt, 1)
	connector := c.New(t, url, Client(t))
	go func() { done <- connector.Push(ctx, []crm.Push{Push(t, 1)})[0] }()
	within(t, entered, "the request")
	cancel()
	r := within(t, done, "the end of a cancelled push")
	require.ErrorIs(t, r.Err, context.Canceled)

	r = connector.Push(ctx, []crm.Push{Push(t, 1)})[0]
	require.ErrorIs(t, r.Err, context.Canceled, "cancelled before it began")
}

func batches(t *testing.T, c Case) {
	connector := c.New(t, serve(t, c.OK), Client(t))
	size := connector.Batch()
	require.Positive(t, size)
	require.Empty(t, connector.Push(t.Context(), nil))
	var pushes []crm.Push
	for n := range size {
		pushes = append(pushes, Push(t, n))
	}
	receipts := connector.Push(t.Context(), pushes)
	require.Len(t, receipts, size)
	ids := map[string]bool{}
	for _, r := range receipts {
		require.NoError(t, r.Err)
		ids[r.RemoteID] = true
	}
	if c.ReadsAnswer {
		require.Len(t, ids, size, "each push has its own record")
	}
}

func inParallel(t *testing.T, c Case) {
	connector := c.New(t, serve(t, c.OK), Client(t))
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			r := connector.Push(t.Context(), []crm.Push{Push(t, n)})[0]
			if r.Err != nil {
				t.Error(r.Err)
			}
		})
	}
	all.Wait()
}

func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	var got T
	select {
	case got = <-c:
	case <-time.After(patience):
		t.Fatalf("no sign of %s", what)
	}
	return got
}
