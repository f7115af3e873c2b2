package crmtest

import (
	"bytes"
	"compress/gzip"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/internal/outbound"
)

// bodies are answers under status 200 that say nothing: proxies' pages, cut
// off, far too large, or small and inflating to far too large.
func bodies(t *testing.T) map[string]http.HandlerFunc {
	t.Helper()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 8 {
		_, err := z.Write(make([]byte, outbound.MaxBody))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())

	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	return map[string]http.HandlerFunc{
		"empty":        text(""),
		"page":         text("<html>Welcome to the hotel wifi</html>"),
		"other JSON":   text(`{"ok":true}`),
		"wrong types":  text(`{"results":[{"id":7}]}`),
		"null":         text("null"),
		"cut off JSON": text(`{"results":[{"id":"51`),
		"huge":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4*outbound.MaxBody)) },
		"bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		},
		"cut off body": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		},
	}
}

func hangUp(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close()
	}
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing sends RST
	}
	_ = conn.Close()
}
