package redisstore

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"usher/contacts"
)

//go:embed save.lua
var saveScript string

// Save implements contacts.GuestStore. Each guest is one script, which is atomic;
// the scripts of one call share a pipeline.
func (s *Store) Save(ctx context.Context, writes []contacts.GuestWrite) []error {
	errs := make([]error, 0, len(writes))
	for part := range chunks(writes) {
		errs = append(errs, s.save(ctx, part)...)
	}
	return errs
}

func (s *Store) save(ctx context.Context, writes []contacts.GuestWrite) []error {
	errs := make([]error, len(writes))
	scripts := make([]*script, len(writes))
	todo := make([]int, 0, len(writes))
	for i, write := range writes {
		scripts[i], errs[i] = s.script(write)
		if errs[i] == nil {
			todo = append(todo, i)
		}
	}
	unknown := s.run(ctx, scripts, todo, errs, func(p redis.Pipeliner, sc *script) *redis.Cmd {
		return p.EvalSha(ctx, s.saveHash, sc.keys, sc.args...)
	})
	// A server that has not seen the script, or has lost it, gets its text.
	s.run(ctx, scripts, unknown, errs, func(p redis.Pipeliner, sc *script) *redis.Cmd {
		return p.Eval(ctx, saveScript, sc.keys, sc.args...)
	})
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("save guest %s: %w", writes[i].Guest.ID, err)
		}
	}
	return errs
}

// run sends the scripts at the places of todo, writes what became of each to
// errs and returns the places whose script the server does not know.
func (s *Store) run(ctx context.Context, scripts []*script, todo []int, errs []error, call func(redis.Pipeliner, *script) *redis.Cmd) (unknown []int) {
	if len(todo) == 0 {
		return nil
	}
	p := s.client.Pipeline()
	cmds := make([]*redis.Cmd, len(todo))
	for n, i := range todo {
		cmds[n] = call(p, scripts[i])
	}
	_, _ = p.Exec(ctx) // its error is one of the commands', which are read below
	for n, i := range todo {
		written, err := cmds[n].Int()
		switch {
		case err != nil && redis.HasErrorPrefix(err, "NOSCRIPT"):
			errs[i] = err
			unknown = append(unknown, i)
		case err != nil:
			errs[i] = err
		case written == 0:
			errs[i] = contacts.ErrConflict
		default:
			errs[i] = nil
		}
	}
	return unknown
}

// script is one call of save.lua.
type script struct {
	keys []string
	args []any
}

func (s *Store) script(write contacts.GuestWrite) (*script, error) {
	if err := alive(write.TTL); err != nil {
		return nil, err
	}
	read := write.Guest.Conversation.Version
	if read == contacts.MovedVersion {
		return nil, contacts.ErrConflict
	}
	next := *write.Guest // the caller's stays as it is
	next.Conversation.Version = read + 1
	next.ExpiresAt = time.Now().Add(write.TTL)
	record, err := next.Marshal()
	if err != nil {
		return nil, err
	}
	lines := write.Lines
	if len(lines) > contacts.TranscriptLimit {
		lines = lines[len(lines)-contacts.TranscriptLimit:]
	}
	args := make([]any, 0, 4+len(lines))
	args = append(args, contacts.GuestVersion(read), record, write.TTL.Milliseconds(), contacts.TranscriptLimit)
	for _, line := range lines {
		record, err := line.Marshal(next.ID)
		if err != nil {
			return nil, err
		}
		args = append(args, record)
	}
	return &script{keys: []string{s.guestKey(next.ID), s.linesKey(next.ID)}, args: args}, nil
}
