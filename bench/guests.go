package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// manyGuests are made to see what one takes.
const manyGuests = 10000

// guests measures what a bot's visitor takes in Redis: eight values, a run that
// waits for an answer, two lines of transcript.
func (b *bench) guests(ctx context.Context, s *server, _ float64) error {
	client := redis.NewClient(&redis.Options{Addr: s.backend.redisAddr})
	defer client.Close()
	seq := &sequence{}
	make := func(n int64) error {
		r, err := load{addr: s.addr, conns: connections, count: n,
			maker: func() maker { return &turns{seq: seq, host: s.addr, key: apiKey} }}.run(ctx)
		if err != nil {
			return err
		}
		return r.clean()
	}
	if err := make(100); err != nil { // what Redis sets up once is not a guest's
		return err
	}
	before, err := usedMemory(ctx, client)
	if err != nil {
		return err
	}
	if err := make(manyGuests); err != nil {
		return err
	}
	after, err := usedMemory(ctx, client)
	if err != nil {
		return err
	}
	record, err := meanUsage(ctx, client, "usher:g*")
	if err != nil {
		return err
	}
	lines, err := meanUsage(ctx, client, "usher:t*")
	if err != nil {
		return err
	}
	b.table.add("guests", s.backend.kind, "a guest of 8 fields with flow state", "B", record, 0)
	b.table.add("guests", s.backend.kind, "its transcript of two lines", "B", lines, 0)
	b.table.add("guests", s.backend.kind, "both, as used_memory grew", "B", (after-before)/manyGuests, 0)
	b.say("    a guest: %.0f B, its transcript %.0f B, used_memory grew by %.0f B a guest", record, lines, (after-before)/manyGuests)
	return nil
}

func usedMemory(ctx context.Context, client *redis.Client) (float64, error) {
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r\n")
	if !ok {
		return 0, fmt.Errorf("redis says nothing of used_memory")
	}
	return strconv.ParseFloat(text, 64)
}

// meanUsage is what Redis says that a key takes, over a sample of keys.
func meanUsage(ctx context.Context, client *redis.Client, pattern string) (float64, error) {
	var sizes []float64
	scan := client.Scan(ctx, 0, pattern, 1000).Iterator()
	for scan.Next(ctx) && len(sizes) < 1000 {
		n, err := client.MemoryUsage(ctx, scan.Val(), 0).Result()
		if err != nil {
			return 0, err
		}
		sizes = append(sizes, float64(n))
	}
	return mean(sizes), scan.Err()
}
