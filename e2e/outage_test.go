package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowdWrites posts a crowd's webhooks in the background, each until it is
// answered 200, and counts the answers.
func crowdWrites(ctx context.Context, a func() api, crowd people, answered *atomic.Int64) *sync.WaitGroup {
	var crew sync.WaitGroup
	next := make(chan int, crowd.count)
	for i := range crowd.count {
		next <- i
	}
	close(next)
	for range 8 {
		crew.Go(func() {
			for i := range next {
				for m := range crowd.messages {
					if !a().insist(ctx, crowd.body(i, m)) {
						return
					}
					answered.Add(1)
				}
			}
		})
	}
	return &crew
}

// endBound is below the time after which a node ends whatever is under way, and
// far above what an end takes on a busy machine.
const endBound = 18 * time.Second

// TestCleanEnd sends SIGTERM while people write.
func TestCleanEnd(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		crowd := people{count: scaled(60), messages: 10}
		s := newSite(t, b, siteOptions{flow: questions()})
		n := s.start()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var answered atomic.Int64
		crew := crowdWrites(ctx, n.api, crowd, &answered)
		stream := stays(t, n.api().visit())
		ahead := n.connect(t) // as browsers and proxies do, before they need one
		defer func() { _ = ahead.Close() }()
		for k := range 3 {
			enough := int64((k + 1) * crowd.count * crowd.messages / 5)
			until(t, time.Minute, "some webhooks are answered", func() bool { return answered.Load() > enough })
			code, took := n.stop()
			require.Zero(t, code, "exit code")
			require.Less(t, took, endBound, "it ends by itself, not at its deadline")
			if k == 0 {
				<-stream // an open stream does not hold it up, and ends
			}
			n.run()
		}
		crew.Wait()
		require.NoError(t, ctx.Err())
		a := n.api()
		a.settled(time.Minute)
		a.requireAllDone(crowd.keys())
		// Nobody was killed: every push's outcome was written down.
		crowd.requireWhole(t, a, s, false)
		code, took := n.stop()
		require.Zero(t, code)
		require.Less(t, took, endBound, "nothing is under way")
	})
}

// connect opens a connection and says nothing.
func (n *node) connect(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.addr)
	require.NoError(t, err)
	return c
}

// stays opens a visitor's stream; the channel is closed when it ends.
func stays(t *testing.T, v *visitor) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		request(t.Context(), http.MethodGet, v.base+"/hooks/webchat/site/stream", nil, "Authorization", "Bearer "+v.Token)
	}()
	return ended
}

// TestDatabaseAway cuts the database off while people write: webhooks are
// refused with 503 and a time to come again, nothing is lost, and all goes on
// when it is back.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*proxy){"refused": (*proxy).cut, "silent": (*proxy).hush} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servers(t)
			s := newSite(t, b, siteOptions{flow: questions()})
			n := s.start()
			crowd := people{count: scaled(60), messages: 10}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var answered atomic.Int64
			crew := crowdWrites(ctx, n.api, crowd, &answered)
			until(t, time.Minute, "some webhooks are answered", func() bool { return answered.Load() > int64(crowd.count) })
			away(b.toMySQL)
			body := waBody(waMessage{"447700888888", "Late Comer", "wamid.late", "hello"})
			began := time.Now()
			status, header, _ := request(ctx, http.MethodPost, n.api().base+"/hooks/whatsapp/acme", body, "X-Hub-Signature-256", signed(body))
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.NotEmpty(t, header.Get("Retry-After"))
			require.Less(t, time.Since(began), 30*time.Second, "platforms wait no longer")
			status, header, _ = request(ctx, http.MethodPost, n.api().base+"/hooks/bot/site", []byte(`{"session":"s","text":"x"}`), "Authorization", "Bearer "+botToken)
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.NotEmpty(t, header.Get("Retry-After"))
			status, _, _ = request(ctx, http.MethodGet, n.api().base+"/readyz", nil)
			require.Equal(t, http.StatusServiceUnavailable, status)
			status, _, _ = request(ctx, http.MethodGet, n.api().base+"/healthz", nil)
			require.Equal(t, http.StatusOK, status)
			b.toMySQL.restore(t)
			crew.Wait()
			require.NoError(t, ctx.Err(), "%d answered", answered.Load())
			a := n.api()
			a.settled(time.Minute)
			a.requireAllDone(crowd.keys())
			crowd.requireWhole(t, a, s, true)
		})
	}
}

// TestRedisAway cuts Redis off: contacts go on, guests wait and lose nothing.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*proxy){"refused": (*proxy).cut, "silent": (*proxy).hush} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := servers(t)
			s := newSite(t, b, siteOptions{flow: questions()})
			n := s.start()
			a := n.api()
			crowd := people{count: 10, messages: 10}
			const guests = 40
			visitors := make([]*visitor, guests)
			for i := range visitors {
				visitors[i] = a.visit()
				require.Equal(t, http.StatusOK, visitors[i].write(fmt.Sprintf("g%d-0", i), fmt.Sprintf("guest %d says 0", i)))
			}
			for i := range crowd.count {
				require.True(t, a.insist(t.Context(), crowd.body(i, 0)))
			}
			a.settled(time.Minute)

			away(b.toRedis)
			for i, v := range visitors {
				require.Equal(t, http.StatusOK, v.write(fmt.Sprintf("g%d-1", i), fmt.Sprintf("guest %d says 1", i)), "accepted without Redis")
			}
			began := time.Now()
			for m := 1; m < crowd.messages; m++ {
				for i := range crowd.count {
					require.True(t, a.insist(t.Context(), crowd.body(i, m)))
				}
			}
			until(t, 30*time.Second, "contacts go on", func() bool {
				for i := range crowd.count {
					if len(s.graph.texts(crowd.phone(i))) < crowd.messages {
						return false
					}
				}
				return true
			})
			t.Logf("contacts were answered %v after Redis went", time.Since(began))
			require.Len(t, a.all("/v1/events?state=accepted"), guests, "guests wait")
			require.Empty(t, a.all("/v1/events?state=quarantined"))

			b.toRedis.restore(t)
			a.settled(30 * time.Second)
			require.Empty(t, a.all("/v1/events?state=quarantined"))
			for i, v := range visitors {
				require.Contains(t, string(a.known("webchat/site", v.ID)), fmt.Sprintf(`"a1":"guest %d says 1"`, i))
			}
			crowd.requireWhole(t, a, s, false)
		})
	}
}
