package main

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisLeast is the first major version whose commands suffice. Valkey names
// the Redis version that it is compatible with.
const redisLeast = 7

// redis looks at every server that keeps guests.
func (d *doctor) redis(ctx context.Context) {
	switch {
	case d.cfg.Redis == "":
		return // the configuration's check says when it is needed
	case !d.cfg.Database.IsMySQL():
		d.warn("redis", "not used beside the embedded database, which keeps guests itself")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	client, err := openRedis(ctx, d.cfg.Redis)
	if err != nil {
		d.fail("redis", "%v", err)
		return
	}
	defer client.Close()
	switch client := client.(type) {
	case *redis.ClusterClient:
		d.redisCluster(ctx, client)
	case *redis.Client:
		d.redisServer(ctx, client)
	}
	// A key that ends by itself proves that the user may write.
	if err := client.Set(ctx, redisPrefix+"doctor", "1", time.Second).Err(); err != nil {
		d.fail("redis", "takes no writes: %v", err)
	}
}

func (d *doctor) redisCluster(ctx context.Context, cluster *redis.ClusterClient) {
	text, err := cluster.ClusterInfo(ctx).Result()
	info := readInfo(text)
	switch {
	case err != nil:
		d.fail("redis cluster", "%v", err)
		return
	case info["cluster_state"] != "ok":
		d.fail("redis cluster", "state is %s, %s of 16384 slots are served", info["cluster_state"], info["cluster_slots_ok"])
		return
	}
	d.ok("redis cluster", "%s servers, state ok", info["cluster_size"])
	var one sync.Mutex // they are visited at once
	err = cluster.ForEachMaster(ctx, func(ctx context.Context, server *redis.Client) error {
		one.Lock()
		defer one.Unlock()
		d.redisServer(ctx, server)
		return nil
	})
	if err != nil {
		d.fail("redis cluster", "%v", err)
	}
}

func (d *doctor) redisServer(ctx context.Context, client *redis.Client) {
	what := client.Options().Addr
	text, err := client.Info(ctx).Result()
	if err != nil {
		d.fail("redis", "%s: %v", what, err)
		return
	}
	info := readInfo(text)
	version := info["redis_version"]
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n < redisLeast {
		d.fail("redis", "%s is version %s: %d.0 at least", what, version, redisLeast)
	} else if valkey := info["valkey_version"]; valkey != "" {
		d.ok("redis", "%s is Valkey %s", what, valkey)
	} else {
		d.ok("redis", "%s is version %s", what, version)
	}
	if info["role"] == "slave" {
		d.fail("redis", "%s is a replica: name the server that takes writes", what)
	}
	if info["cluster_enabled"] == "1" && !strings.Contains(string(d.cfg.Redis), "+cluster") {
		d.fail("redis", "%s is part of a cluster: say redis+cluster://", what)
	}
	if policy := info["maxmemory_policy"]; policy != "noeviction" && policy != "" {
		d.fail("redis", "%s: maxmemory-policy is %s, not noeviction: it would throw out guests who are still talking", what, policy)
	}
	d.redisDurability(ctx, client, what, info)
}

// redisDurability says what a crash of Redis costs. The inbox is in the SQL
// database: what guests said is rebuilt from it as far back as it reaches.
func (d *doctor) redisDurability(ctx context.Context, client *redis.Client, what string, info map[string]string) {
	if info["aof_enabled"] != "1" {
		d.warn("redis", "%s appendonly is no: a restart empties it. Guests are rebuilt from events of the last %s (inbox.retention); older ones start anew",
			what, days(d.cfg.Inbox.Retention))
		return
	}
	config, err := client.ConfigGet(ctx, "appendfsync").Result()
	switch sync := config["appendfsync"]; {
	case err != nil || sync == "":
		d.warn("redis", "%s appendonly is on, but appendfsync cannot be read: want always", what)
	case sync == "always":
		d.ok("redis", "%s appendonly, appendfsync always: guests survive its crash", what)
	default:
		d.warn("redis", "%s appendfsync is %s, not always: a crash may lose its last second, which is rebuilt from the inbox", what, sync)
	}
}

// readInfo reads the lines "name:value" that Redis describes itself with.
func readInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func days(t time.Duration) string {
	if t%(24*time.Hour) == 0 {
		return strconv.Itoa(int(t/(24*time.Hour))) + " days"
	}
	return t.String()
}
