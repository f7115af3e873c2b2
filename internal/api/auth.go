package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/gateway"
)

// scope is what an API key may do.
type scope string

// The scopes: admin may all, agent may also read.
const (
	scopeRead  scope = "read"
	scopeAgent scope = "agent"
	scopeBot   scope = "bot"
	scopeAdmin scope = "admin"
)

// caller is whoever shows an API key.
type caller struct {
	sqlstore.Key
	business *gateway.Business
}

// may says whether one of the wanted scopes is among, or implied by, the key's.
func (c *caller) may(wanted ...scope) bool { return may(c.Scopes, wanted...) }

// origin is how what the caller writes came about, and who that is.
func (c *caller) origin() (via, by string) {
	if c.AgentID != "" {
		return viaManual, c.AgentID
	}
	return viaAPI, c.ID
}

func may(scopes []string, wanted ...scope) bool {
	for _, has := range scopes {
		for _, want := range wanted {
			switch {
			case has == string(want), has == string(scopeAdmin), has == string(scopeAgent) && want == scopeRead:
				return true
			}
		}
	}
	return false
}

const (
	// keyTTL is how long another node may take to notice a revoked key.
	keyTTL = 10 * time.Second
	// keysMost bounds the memory; beyond it what is known is forgotten.
	keysMost = 4096
	// tokenMost is far more than a key has: a longer one is not looked at.
	tokenMost = 512
)

// keyTimeout is less than platforms wait for an answer.
const keyTimeout = 4 * time.Second

// keyring knows the keys that were used lately, and tokens that are none.
type keyring struct {
	read func(ctx context.Context, hash []byte) (*sqlstore.Key, error)

	mu    sync.Mutex
	known map[[sha256.Size]byte]keyEntry
}

type keyEntry struct {
	key   *sqlstore.Key // nil: no key has this hash
	until time.Time
}

// find returns whose token it is, nil if nobody's.
func (k *keyring) find(ctx context.Context, token string) (*sqlstore.Key, error) {
	if token == "" || len(token) > tokenMost {
		return nil, nil
	}
	hash, now := sha256.Sum256([]byte(token)), time.Now()
	k.mu.Lock()
	entry, ok := k.known[hash]
	k.mu.Unlock()
	if ok && now.Before(entry.until) {
		return entry.key, nil
	}
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	key, err := k.read(ctx, hash[:])
	if errors.Is(err, contacts.ErrNotFound) {
		key, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= keysMost {
		clear(k.known)
	}
	k.known[hash] = keyEntry{key, now.Add(keyTTL)}
	return key, nil
}

// forget makes the next use of every key look it up.
func (k *keyring) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.known)
}

// callerKey is where a request's context has its caller.
type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

func businessOf(ctx context.Context) *gateway.Business { return callerOf(ctx).business }

// needs is where an operation's metadata has the scopes of which it takes any.
const needs = "usher.needs"

// authenticate lets a request pass whose key has a scope that the operation
// takes. It runs before any parameter is looked at.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	scheme, token, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		token = ""
	}
	key, err := s.auth.find(ctx.Context(), strings.TrimSpace(token))
	if err != nil {
		s.refuse(ctx, err)
		return
	}
	if key == nil {
		s.refuse(ctx, newProblem(http.StatusUnauthorized, "want an API key: Authorization: Bearer …").with("WWW-Authenticate", "Bearer"))
		return
	}
	business, ok := s.gateway.Business(key.Business)
	if !ok {
		s.refuse(ctx, newProblem(http.StatusUnauthorized, "the business of this key is not served any more"))
		return
	}
	who := &caller{Key: *key, business: business}
	wanted, _ := ctx.Operation().Metadata[needs].([]scope)
	if !who.may(wanted...) {
		s.refuse(ctx, newProblem(http.StatusForbidden, "the key needs the scope "+orList(wanted)))
		return
	}
	next(huma.WithValue(ctx, callerKey{}, who))
}

// refuse answers for a middleware.
func (s *Server) refuse(ctx huma.Context, err error) {
	p := problemOf(err)
	s.note(ctx.Method(), ctx.Operation().Path, p, err)
	if err := p.send(unwrap(ctx)); err != nil {
		s.log.Error("write problem", "error", err)
	}
}

func orList(scopes []scope) string {
	names := make([]string, len(scopes))
	for i, sc := range scopes {
		names[i] = string(sc)
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}
