package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"usher/contacts/storetest"
	"usher/internal/database/databasetest"
)

// backend is where a site keeps everything: one embedded file, or a MySQL
// database and a Redis server of the test's own, each behind a proxy that can
// be cut.
type backend struct {
	name     string
	embedded bool
	redis    *redis.Client // direct; nil if embedded
	mysql    *driver.Config
	toMySQL  *proxy
	toRedis  *proxy
}

// settings are the backend's lines of a configuration.
func (b *backend) settings(dataDir string) string {
	if b.embedded {
		return fmt.Sprintf("database: sqlite\ndata_dir: %s\n", dataDir)
	}
	user := b.mysql.User
	if b.mysql.Passwd != "" {
		user += ":" + b.mysql.Passwd
	}
	return fmt.Sprintf("database: mysql://%s@%s/%s\nredis: redis://%s/0\nsecret_key: e2e-secret-key-of-the-installation\ndata_dir: %s\n",
		user, b.toMySQL.addr, b.mysql.DBName, b.toRedis.addr, dataDir)
}

// onBackends runs a test on both back ends.
func onBackends(t *testing.T, test func(t *testing.T, b *backend)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, &backend{name: "embedded", embedded: true})
	})
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		test(t, servers(t))
	})
}

// servers is a fresh MySQL database and a Redis server that nobody else uses.
func servers(t *testing.T) *backend {
	t.Helper()
	cfg := databasetest.Schema(t)
	client, addr := redisServer(t)
	return &backend{name: "servers", redis: client, mysql: cfg, toMySQL: newProxy(t, cfg.Addr), toRedis: newProxy(t, addr)}
}

// redisServer starts a Redis that keeps nothing on disk and ends with the test.
func redisServer(t *testing.T) (*redis.Client, string) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		storetest.Missing(t, "redis-server is not installed")
	}
	addr := freeAddress(t)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	cmd := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = client.Close() })
	until(t, 10*time.Second, "Redis answers", func() bool { return client.Ping(t.Context()).Err() == nil })
	return client, addr
}

// freeAddress is a local address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// until polls until is holds; the test fails if that takes longer than patience.
func until(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// proxy passes TCP connections on to a server, or while cut refuses them, or
// while silent takes them and says nothing.
type proxy struct {
	addr   string
	target string

	mu       sync.Mutex
	listener net.Listener
	silent   bool
	open     map[net.Conn]bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	p := &proxy{addr: freeAddress(t), target: target, open: map[net.Conn]bool{}}
	p.restore(t)
	t.Cleanup(p.cut)
	return p
}

// restore lets connections through again.
func (p *proxy) restore(t *testing.T) {
	t.Helper()
	p.cut()
	var l net.Listener
	until(t, 10*time.Second, "the proxy's port is free", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", p.addr)
		return err == nil
	})
	p.mu.Lock()
	p.listener, p.silent = l, false
	p.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(c)
		}
	}()
}

// cut ends all connections and refuses new ones.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.drop()
}

// hush ends all connections and lets new ones wait for ever, as a network does
// that loses packets.
func (p *proxy) hush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
	p.drop()
}

func (p *proxy) drop() {
	for c := range p.open {
		_ = c.Close()
	}
	p.open = map[net.Conn]bool{}
}

func (p *proxy) pass(c net.Conn) {
	p.mu.Lock()
	p.open[c] = true
	silent := p.silent
	p.mu.Unlock()
	if silent {
		return
	}
	up, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		_ = c.Close()
		return
	}
	p.mu.Lock()
	if p.open[c] {
		p.open[up] = true
	} else {
		_ = up.Close() // cut meanwhile
	}
	p.mu.Unlock()
	done := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{c, up}, {up, c}} {
		go func() {
			_, _ = io.Copy(pair[0], pair[1])
			done <- struct{}{}
		}()
	}
	<-done
	_ = c.Close()
	_ = up.Close()
	p.mu.Lock()
	delete(p.open, c)
	delete(p.open, up)
	p.mu.Unlock()
}

// redisKeys are all keys of the site's Redis.
func (b *backend) redisKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	scan := b.redis.Scan(t.Context(), 0, "*", 1000).Iterator()
	for scan.Next(t.Context()) {
		keys = append(keys, scan.Val())
	}
	require.NoError(t, scan.Err())
	return keys
}

// requireLifetimes checks that every key of the site's Redis is usher's and has
// an end of life.
func (b *backend) requireLifetimes(t *testing.T) {
	t.Helper()
	if b.embedded {
		return
	}
	keys := b.redisKeys(t)
	pipe := b.redis.Pipeline()
	ttls := make([]*redis.DurationCmd, len(keys))
	for i, key := range keys {
		require.True(t, strings.HasPrefix(key, "usher:"), key)
		ttls[i] = pipe.TTL(t.Context(), key)
	}
	if len(keys) > 0 {
		_, err := pipe.Exec(t.Context())
		require.NoError(t, err)
	}
	for i, ttl := range ttls {
		require.Positive(t, ttl.Val(), "key %s lives for ever", keys[i])
	}
}

// again is a backend of the same kind with nothing in it.
func (b *backend) again(t *testing.T) *backend {
	t.Helper()
	if b.embedded {
		return b
	}
	return servers(t)
}
