package nudge_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"usher/contacts/storetest"
	"usher/internal/nudge"
)

const patience = 10 * time.Second

func nudged(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// within takes a nudge that may be on its way.
func within(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("nobody was nudged")
	}
}

// busTest holds for every bus within the process.
func busTest(t *testing.T, bus nudge.Bus) {
	a, cancelA := bus.Subscribe("a")
	also, cancelAlso := bus.Subscribe("a")
	b, cancelB := bus.Subscribe("b")
	defer cancelAlso()
	defer cancelB()

	bus.Publish("nobody")
	bus.Publish("a")
	bus.Publish("a")
	require.True(t, nudged(a))
	require.False(t, nudged(a), "two that nobody took are one")
	require.True(t, nudged(also))
	require.False(t, nudged(b))
	bus.Publish("a")
	require.True(t, nudged(a), "the next one is another")

	cancelA()
	cancelA()
	bus.Publish("a")
	require.False(t, nudged(a))
	require.True(t, nudged(also))

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				c, cancel := bus.Subscribe("busy")
				bus.Publish("busy")
				<-c
				cancel()
			}
		})
	}
	group.Wait()
}

func TestLocal(t *testing.T) {
	t.Parallel()
	var local nudge.Local
	busTest(t, &local)
	c, cancel := local.Subscribe("x")
	defer cancel()
	local.PublishAll()
	require.True(t, nudged(c))
}

// run keeps a bus running for the test's life.
func run(t *testing.T, bus *nudge.Redis) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
}

func nodes(t *testing.T, client redis.UniversalClient) {
	prefix := storetest.Prefix()
	one, two, stranger := nudge.NewRedis(client, prefix), nudge.NewRedis(client, prefix), nudge.NewRedis(client, storetest.Prefix())
	for _, bus := range []*nudge.Redis{one, two, stranger} {
		ready, cancel := bus.Subscribe("ready")
		run(t, bus)
		within(t, ready) // everybody is nudged when the subscription stands
		cancel()
	}
	mine, cancelMine := one.Subscribe("p:7")
	theirs, cancelTheirs := two.Subscribe("p:7")
	other, cancelOther := two.Subscribe("p:8")
	foreign, cancelForeign := stranger.Subscribe("p:7")
	for _, cancel := range []func(){cancelMine, cancelTheirs, cancelOther, cancelForeign} {
		defer cancel()
	}
	one.Publish("p:7")
	require.True(t, nudged(mine), "at once")
	within(t, theirs)
	require.False(t, nudged(other))
	require.False(t, nudged(foreign), "another prefix is another installation")
	require.False(t, nudged(mine), "our own message does not come back")

	two.Publish("p:7")
	within(t, mine)

	many := make([]<-chan struct{}, 300)
	for i := range many {
		c, cancel := two.Subscribe(strings.Repeat("t", i+1))
		defer cancel()
		many[i] = c
	}
	for i := range many {
		one.Publish(strings.Repeat("t", i+1))
	}
	for i, c := range many[:256] {
		select {
		case <-c:
		case <-time.After(patience):
			t.Fatalf("topic %d was not nudged", i)
		}
	}
	require.False(t, nudged(many[256]), "too long to travel")
}

func TestRedis(t *testing.T) {
	t.Parallel()
	client := storetest.Redis(t)
	busTest(t, nudge.NewRedis(client, storetest.Prefix()))
	nodes(t, client)
}

func TestRedisCluster(t *testing.T) {
	t.Parallel()
	client := storetest.Cluster(t)
	nodes(t, client)

	// A connection that breaks comes back, and everybody is nudged.
	bus := nudge.NewRedis(client, storetest.Prefix())
	c, cancel := bus.Subscribe("x")
	defer cancel()
	run(t, bus)
	within(t, c)
	require.NoError(t, client.(*redis.ClusterClient).ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
		return node.Do(ctx, "CLIENT", "KILL", "TYPE", "pubsub").Err()
	}))
	within(t, c)
}

// Not parallel: it counts goroutines.
func TestRedisAway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	client := redis.NewClient(&redis.Options{Addr: listener.Addr().String(), MaxRetries: -1})
	defer func() { _ = client.Close() }()
	bus := nudge.NewRedis(client, "x:")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- bus.Run(ctx) }()
	c, cancelC := bus.Subscribe("a")
	defer cancelC()
	for range 10_000 { // more than may wait
		bus.Publish("a")
	}
	within(t, c)
	cancel()
	require.NoError(t, <-done)
}

func BenchmarkPublish(b *testing.B) {
	var local nudge.Local
	c, cancel := local.Subscribe("p:7")
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		local.Publish("p:7")
		<-c
	}
}
