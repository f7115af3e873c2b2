package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// patience is how long a service may take to answer at all.
const patience = 20 * time.Second

// Redis connects to the server named by USHER_TEST_REDIS, else a local one. The
// test is skipped when there is none, or fails if USHER_TEST_REQUIRE_SERVICES is
// set. The database may hold other things: use Prefix.
func Redis(t testing.TB) redis.UniversalClient {
	t.Helper()
	url := os.Getenv("USHER_TEST_REDIS")
	if url == "" {
		url = "redis://127.0.0.1:6379/9"
	}
	options, err := redis.ParseURL(url)
	require.NoError(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := client.Ping(ctx).Err(); err != nil {
		Missing(t, "no Redis server: set USHER_TEST_REDIS to its URL")
	}
	return client
}

// Prefix begins keys that no other test has.
func Prefix() string { return fmt.Sprintf("test:%x:", rand.Uint64()) }

// Missing skips the test for want of a service, or fails it where services are
// required.
func Missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("USHER_TEST_REQUIRE_SERVICES") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
