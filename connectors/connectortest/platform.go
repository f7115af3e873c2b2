package connectortest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/internal/outbound"
)

// Platform stands in for a platform's API and keeps what it is told.
type Platform struct {
	*httptest.Server
	mu    sync.Mutex
	calls []Call
}

// Call is one request that a platform got.
type Call struct {
	Method string
	Path   string // with the query
	Header http.Header
	Body   []byte
}

// NewPlatform serves until the test ends. answer gets the number of the call,
// from 1 on.
func NewPlatform(t testing.TB, answer func(w http.ResponseWriter, n int)) *Platform {
	t.Helper()
	p := &Platform{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.calls = append(p.calls, Call{r.Method, r.URL.RequestURI(), r.Header.Clone(), body})
		n := len(p.calls)
		p.mu.Unlock()
		answer(w, n)
	}))
	t.Cleanup(p.Close)
	return p
}

// Calls are the requests so far.
func (p *Platform) Calls() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// JSON is the body as a document.
func (c Call) JSON(t testing.TB) map[string]any {
	t.Helper()
	require.Equal(t, "application/json", c.Header.Get("Content-Type"))
	var v map[string]any
	require.NoError(t, json.Unmarshal(c.Body, &v), "%s", c.Body)
	return v
}

// Form is the body as form fields.
func (c Call) Form(t testing.TB) url.Values {
	t.Helper()
	require.Equal(t, "application/x-www-form-urlencoded", c.Header.Get("Content-Type"))
	v, err := url.ParseQuery(string(c.Body))
	require.NoError(t, err)
	return v
}

// Refusal is an answer of a platform that did not do what it was told, and what
// is to be made of it.
type Refusal struct {
	Name       string
	Status     int
	RetryAfter string // header
	Body       string
	Class      outbound.Class
	Code       string
	Wait       time.Duration
	Unknown    bool
}

// Refusals checks that a Sender stops at each refusal, classifies it, and shows
// no secret whatever the platform echoes; and what it makes of a platform that
// is not there or says nothing.
func Refusals(t *testing.T, build func(t *testing.T, p *Platform) connectors.Sender, to connectors.Address, secret string, all []Refusal) {
	t.Helper()
	long := connectors.Message{ID: "msg_1", Text: strings.Repeat("word ", 4000)}
	failure := func(t *testing.T, err error) *outbound.Error {
		t.Helper()
		var failed *outbound.Error
		require.ErrorAs(t, err, &failed)
		for _, text := range []string{err.Error(), failed.Text, fmt.Sprintf("%+v", failed)} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, secret[:len(secret)/2], "not even half of it")
		}
		return failed
	}
	for _, r := range all {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			p := NewPlatform(t, func(w http.ResponseWriter, _ int) {
				if r.RetryAfter != "" {
					w.Header().Set("Retry-After", r.RetryAfter)
				}
				w.WriteHeader(r.Status)
				_, _ = io.WriteString(w, r.Body)
			})
			_, err := build(t, p).Send(t.Context(), to, long)
			failed := failure(t, err)
			require.Len(t, p.Calls(), 1, "stops at the first failure")
			require.Equal(t, r.Class, failed.Class, failed)
			require.Equal(t, r.Status, failed.Status)
			require.Equal(t, r.Code, failed.Code)
			require.Equal(t, r.Wait, failed.RetryAfter)
			require.Equal(t, r.Unknown, failed.Unknown)
		})
	}
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		p := NewPlatform(t, nil)
		sender := build(t, p)
		p.Close()
		_, err := sender.Send(t.Context(), to, long)
		failed := failure(t, err)
		require.Equal(t, outbound.Retry, failed.Class)
		require.False(t, failed.Unknown, "nothing was sent")
	})
	t.Run("cut off", func(t *testing.T) {
		t.Parallel()
		p := NewPlatform(t, func(http.ResponseWriter, int) { panic(http.ErrAbortHandler) })
		_, err := build(t, p).Send(t.Context(), to, long)
		failed := failure(t, err)
		require.Equal(t, outbound.Retry, failed.Class)
		require.True(t, failed.Unknown, "it may have been sent")
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		p := NewPlatform(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := build(t, p).Send(ctx, to, long)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("nothing to say, nobody to say it to", func(t *testing.T) {
		t.Parallel()
		p := NewPlatform(t, nil)
		sender := build(t, p)
		_, err := sender.Send(t.Context(), to, connectors.Message{Text: " \n"})
		require.Equal(t, outbound.Permanent, failure(t, err).Class)
		_, err = sender.Send(t.Context(), connectors.Address{}, connectors.Message{Text: "x"})
		require.Equal(t, outbound.Permanent, failure(t, err).Class)
		require.Empty(t, p.Calls())
	})
}
