// Package redisstore keeps guests in Redis or Valkey, single or Cluster, 7.0 or
// later. Every key belongs to one guest and has an end of life.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"usher/contacts"
)

// batch bounds one pipeline, so that one call neither holds the connection nor
// the memory of many.
const batch = 512

// Store is a contacts.GuestStore. A guest has two keys with one hash tag, so
// that a script may touch both on a Cluster:
//
//	<prefix>g{suffix}  the guest's record
//	<prefix>t{suffix}  list of transcript lines, oldest first
type Store struct {
	client   redis.UniversalClient
	prefix   string
	saveHash string
}

var _ contacts.GuestStore = (*Store)(nil)

// New keeps guests under keys that begin with prefix. The caller closes client.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{client: client, prefix: prefix, saveHash: redis.NewScript(saveScript).Hash()}
}

func (s *Store) guestKey(id string) string { return s.prefix + "g{" + contacts.SuffixOf(id) + "}" }
func (s *Store) linesKey(id string) string { return s.prefix + "t{" + contacts.SuffixOf(id) + "}" }

// Load implements contacts.GuestStore.
func (s *Store) Load(ctx context.Context, ids []string) (map[string]*contacts.Guest, error) {
	guests := make(map[string]*contacts.Guest, len(ids))
	for part := range chunks(ids) {
		gets, err := s.pipe(ctx, len(part), func(p redis.Pipeliner, i int) redis.Cmder {
			return p.Get(ctx, s.guestKey(part[i]))
		})
		if err != nil {
			return nil, fmt.Errorf("load guests: %w", err)
		}
		for i, get := range gets {
			record, err := get.(*redis.StringCmd).Bytes()
			if errors.Is(err, redis.Nil) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("load guests: %w", err)
			}
			if guests[part[i]], err = contacts.UnmarshalGuest(part[i], record); err != nil {
				return nil, fmt.Errorf("load guests: %w", err)
			}
		}
	}
	return guests, nil
}

// Transcript implements contacts.GuestStore.
func (s *Store) Transcript(ctx context.Context, id string, after int64, limit int) ([]contacts.Line, error) {
	records, err := s.client.LRange(ctx, s.linesKey(id), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("transcript of %s: %w", id, err)
	}
	var lines []contacts.Line
	for _, record := range records {
		line, err := contacts.UnmarshalLine(id, []byte(record))
		if err != nil {
			return nil, fmt.Errorf("transcript of %s: %w", id, err)
		}
		if line.Seq > after && len(lines) < limit {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Move implements contacts.GuestStore.
func (s *Store) Move(ctx context.Context, moved map[string]string, ttl time.Duration) error {
	if err := alive(ttl); err != nil {
		return fmt.Errorf("move guests: %w", err)
	}
	ids := make([]string, 0, len(moved))
	for id := range moved {
		ids = append(ids, id)
	}
	for part := range chunks(ids) {
		marks := make([][]byte, len(part))
		for i, id := range part {
			mark, err := contacts.MovedMark(id, moved[id], time.Now().Add(ttl)).Marshal()
			if err != nil {
				return fmt.Errorf("move guests: %w", err)
			}
			marks[i] = mark
		}
		// The mark first: once it stands, nobody adds to the transcript.
		_, err := s.pipe(ctx, len(part), func(p redis.Pipeliner, i int) redis.Cmder {
			set := p.Set(ctx, s.guestKey(part[i]), marks[i], ttl)
			p.Unlink(ctx, s.linesKey(part[i]))
			return set
		})
		if err != nil {
			return fmt.Errorf("move guests: %w", err)
		}
	}
	return nil
}

// Delete implements contacts.GuestStore.
func (s *Store) Delete(ctx context.Context, ids []string) error {
	for part := range chunks(ids) {
		_, err := s.pipe(ctx, len(part), func(p redis.Pipeliner, i int) redis.Cmder {
			return p.Unlink(ctx, s.guestKey(part[i]), s.linesKey(part[i]))
		})
		if err != nil {
			return fmt.Errorf("delete guests: %w", err)
		}
	}
	return nil
}

// pipe sends the commands that add makes in one go, on a Cluster one per node.
// Its error is the first of any command that is no answer about its own key.
func (s *Store) pipe(ctx context.Context, n int, add func(redis.Pipeliner, int) redis.Cmder) ([]redis.Cmder, error) {
	p := s.client.Pipeline()
	cmds := make([]redis.Cmder, n)
	for i := range cmds {
		cmds[i] = add(p, i)
	}
	all, err := p.Exec(ctx)
	if err == nil || errors.Is(err, redis.Nil) {
		err = nil
		for _, cmd := range all {
			if cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil) {
				return nil, cmd.Err()
			}
		}
	}
	return cmds, err
}

// alive refuses a guest that would live for ever or not at all.
func alive(ttl time.Duration) error {
	if ttl < time.Millisecond {
		return fmt.Errorf("a guest cannot live for %v", ttl)
	}
	return nil
}

func chunks[T any](all []T) func(yield func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(all) > 0 {
			n := min(batch, len(all))
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}
