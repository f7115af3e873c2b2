package api

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
)

// A signed webhook from the socket's side to its durable acceptance, many at
// once as platforms send them: they share commits.
func BenchmarkHook(b *testing.B) {
	w := setup(b)
	handler := w.server.app.Handler()
	var n, busy atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := whatsappMessage(fmt.Sprintf("wamid.%d", i), fmt.Sprintf("4477009%05d", i%100000), "Hello")
			ctx := newCtx("POST", "/hooks/whatsapp/acme", body, signed(body))
			handler(ctx)
			switch ctx.Response.StatusCode() {
			case http.StatusOK:
			case http.StatusServiceUnavailable: // the backlog is full: an answer too
				busy.Add(1)
			default:
				b.Error(ctx.Response.StatusCode(), string(ctx.Response.Body()))
			}
		}
	})
	b.ReportMetric(float64(busy.Load())/float64(b.N), "busy/op")
}

// What the HTTP side alone costs: everything but the acceptance.
func BenchmarkHookRefused(b *testing.B) {
	w := setup(b)
	handler := w.server.app.Handler()
	body := whatsappMessage("wamid.1", "447700900123", "Hello")
	b.ReportAllocs()
	for b.Loop() {
		ctx := newCtx("POST", "/hooks/whatsapp/acme", body, []string{"X-Hub-Signature-256", "sha256=00", "Content-Type", "application/json"})
		handler(ctx)
		if ctx.Response.StatusCode() != http.StatusUnauthorized {
			b.Fatal(ctx.Response.StatusCode())
		}
	}
}

func BenchmarkKnown(b *testing.B) {
	w := setup(b)
	w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello"))
	handler := w.server.app.Handler()
	b.ReportAllocs()
	for b.Loop() {
		ctx := newCtx("GET", "/v1/known?channel=bot/site&external_id=s-1&fields=email,company_size", "", []string{"Authorization", "Bearer " + botKey})
		handler(ctx)
		if ctx.Response.StatusCode() != http.StatusOK {
			b.Fatal(ctx.Response.StatusCode(), string(ctx.Response.Body()))
		}
	}
}
