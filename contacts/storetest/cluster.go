package storetest

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

const (
	clusterNodes = 3
	clusterSlots = 16384
	// busOffset is how far a node's bus port is from its own.
	busOffset = 10000
)

// Cluster starts a Redis Cluster of three masters on free local ports and ends
// it with the test. The test is skipped where redis-server is not installed, or
// fails if USHER_TEST_REQUIRE_SERVICES is set.
func Cluster(t testing.TB) redis.UniversalClient {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		Missing(t, "redis-server is not installed: no Redis Cluster")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nodes := make([]*redis.Client, clusterNodes)
	addresses := make([]string, clusterNodes)
	for i := range nodes {
		addresses[i] = startNode(t, binary)
		nodes[i] = redis.NewClient(&redis.Options{Addr: addresses[i]})
		t.Cleanup(func() { _ = nodes[i].Close() })
		until(ctx, t, "node answers", func() bool { return nodes[i].Ping(ctx).Err() == nil })
	}
	for i, node := range nodes {
		from, to := clusterSlots*i/clusterNodes, clusterSlots*(i+1)/clusterNodes-1
		require.NoError(t, node.ClusterAddSlotsRange(ctx, from, to).Err())
		// Different epochs, so that the nodes need not fight them out.
		require.NoError(t, node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
	}
	for _, address := range addresses[1:] {
		host, port, err := net.SplitHostPort(address)
		require.NoError(t, err)
		require.NoError(t, nodes[0].ClusterMeet(ctx, host, port).Err())
	}
	for _, node := range nodes {
		until(ctx, t, "cluster is whole", func() bool {
			info, err := node.ClusterInfo(ctx).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", clusterNodes)) &&
				strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", clusterSlots))
		})
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addresses})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// startNode starts one server and returns its address; the server may still be
// on its way up.
func startNode(t testing.TB, binary string) string {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command(binary, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes",
		"--cluster-node-timeout", "5000", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePort is a port that is free along with the bus port above it.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := listenOn(0)
		if port > 0 && port+busOffset < 1<<16 && listenOn(port+busOffset) > 0 {
			return port
		}
	}
	t.Fatal("no free port for a Redis node")
	return 0
}

// listenOn tries a port and lets it go again; nought picks one, and nought is
// also the answer when it is taken.
func listenOn(port int) int {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return 0
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func until(ctx context.Context, t testing.TB, what string, is func() bool) {
	t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for !is() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("waited too long: %s", what)
		}
	}
}
