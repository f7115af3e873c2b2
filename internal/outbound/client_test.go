package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// local is a client that may reach the test's own servers.
func local(t testing.TB, o Options) *http.Client {
	o.AllowPrivate = []string{"127.0.0.0/8", "::1"}
	hc, err := New(o)
	require.NoError(t, err)
	t.Cleanup(hc.CloseIdleConnections)
	return hc
}

func post(t testing.TB, ctx context.Context, url, body string) *http.Request {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	return req
}

func serve(t testing.TB, h http.HandlerFunc) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRedirectsAreReturned(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	inside := serve(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	for _, location := range []string{inside, "/elsewhere", "http://[broken", ""} {
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				followed.Add(1)
			}
			if location != "" {
				w.Header().Set("Location", location)
			}
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		_, err := Do(local(t, Options{}), post(t, t.Context(), url, "x"))
		var failed *Error
		require.ErrorAs(t, err, &failed, location)
		require.Equal(t, Error{Class: Permanent, Status: 307, Text: "redirects are not followed"}, *failed, location)
	}
	require.Zero(t, followed.Load())
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 8<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	for _, c := range []struct {
		name string
		size int64
		zip  []byte
		ok   bool
	}{
		{"at the bound", MaxBody, nil, true},
		{"one more", MaxBody + 1, nil, false},
		{"far beyond", 8 << 20, nil, false},
		{"bomb", 0, bomb.Bytes(), false},
	} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.zip != nil {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(c.zip)
				return
			}
			_, _ = io.CopyN(w, zeros{}, c.size)
		})
		answer, err := Do(local(t, Options{}), post(t, t.Context(), url, ""))
		if c.ok {
			require.NoError(t, err, c.name)
			require.Len(t, answer.Body, MaxBody, c.name)
			continue
		}
		var failed *Error
		require.ErrorAs(t, err, &failed, c.name)
		require.ErrorIs(t, err, ErrTooLarge, c.name)
		require.Equal(t, Retry, failed.Class, c.name)
		require.True(t, failed.Unknown, c.name)
		require.LessOrEqual(t, len(answer.Body), MaxBody, c.name)
	}
}

// The bound holds in the client itself, for those who read without Do.
func TestClientBoundsBodies(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, MaxBody+10) })
	resp, err := local(t, Options{}).Do(post(t, t.Context(), url, ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	require.ErrorIs(t, err, ErrTooLarge)
	require.EqualValues(t, MaxBody, n)
	_, err = resp.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, ErrTooLarge)
}

// A retrying client must not send twice what may have arrived.
func TestOnlyUnsentIsRetried(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"429": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		"cut": func(w http.ResponseWriter, _ *http.Request) { hangUp(w) },
	} {
		calls.Store(0)
		url := serve(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); answer(w, r) })
		_, err := Do(local(t, Options{}), post(t, t.Context(), url, "x"))
		require.Error(t, err, name)
		require.EqualValues(t, 1, calls.Load(), name)
	}
}

func TestDialIsRetriedOnce(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]int32{0: 2, 3: 4, -1: 1} {
		hc := local(t, Options{Retries: retries})
		var dials atomic.Int32
		hc.Transport.(*outer).network.http.DialContext = func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		_, err := Do(hc, post(t, t.Context(), "http://receiver.example/", "x"))
		var failed *Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, Retry, failed.Class)
		require.False(t, failed.Unknown, "nothing was sent")
		require.Equal(t, want, dials.Load())
	}
}

func TestRetryKeepsTheBody(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("User-Agent") + " " + string(body)
	})
	hc := local(t, Options{UserAgent: "usher/1"})
	dial := hc.Transport.(*outer).network.http.DialContext
	var failedOnce atomic.Bool
	hc.Transport.(*outer).network.http.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !failedOnce.Swap(true) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		return dial(ctx, network, address)
	}
	_, err := Do(hc, post(t, t.Context(), url, "the body"))
	require.NoError(t, err)
	require.Equal(t, "usher/1 the body", <-got)
}

func TestTimeoutAndCancellation(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	entered := make(chan struct{}, 2)
	url := serve(t, func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-release })
	t.Cleanup(func() { close(release) }) // before the server closes, which waits for its handlers

	_, err := Do(local(t, Options{Timeout: 50 * time.Millisecond}), post(t, t.Context(), url, "x"))
	var failed *Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "no answer in time", err.Error())
	require.True(t, failed.Unknown)

	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	_, err = Do(local(t, Options{}), post(t, ctx, url, "x"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Unknown)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func hangUp(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func BenchmarkPost(b *testing.B) {
	url := serve(b, func(http.ResponseWriter, *http.Request) {})
	hc := local(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Do(hc, post(b, b.Context(), url, "{}")); err != nil {
			b.Fatal(err)
		}
	}
}
