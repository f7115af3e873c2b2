package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// apiKey is an API key without what it is.
type apiKey struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Scopes        []string   `json:"scopes"`
	AgentID       *string    `json:"agent_id"`
	ManagedByFile bool       `json:"managed_by_file" doc:"Given in the configuration and changed only there"`
	CreatedAt     time.Time  `json:"created_at"`
	RevokedAt     *time.Time `json:"revoked_at"`
	Key           string     `json:"key,omitempty" doc:"Only in the answer that makes it"`
}

// keyBody makes a key.
type keyBody struct {
	Name    string   `json:"name"`
	Scopes  []string `json:"scopes" doc:"admin, agent, read, bot"`
	AgentID *string  `json:"agent_id,omitempty" doc:"The agent that assignee_id=me means"`
}

type keyAnswer struct {
	Location string `header:"Location"`
	Body     apiKey
}

type keysAnswer struct {
	Body page[apiKey]
}

const (
	// keyPrefix lets people and secret scanners recognise a key.
	keyPrefix = "usher_"
	keyNames  = 200 // characters of a name
)

func keyOf(k sqlstore.Key) apiKey {
	row := apiKey{ID: k.ID, Name: k.Name, Scopes: k.Scopes, AgentID: orNull(k.AgentID), ManagedByFile: k.FromFile, CreatedAt: k.CreatedAt}
	if !k.RevokedAt.IsZero() {
		row.RevokedAt = &k.RevokedAt
	}
	return row
}

func (s *Server) listKeys(ctx context.Context, in *Paging) (*keysAnswer, error) {
	all, err := s.store(ctx).Keys(callerOf(ctx).Business)
	if err != nil {
		return nil, err
	}
	rows := make([]apiKey, len(all))
	for i, k := range all {
		rows[i] = keyOf(k)
	}
	list, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &keysAnswer{list}, nil
}

func (s *Server) createKey(ctx context.Context, in *Raw) (*keyAnswer, error) {
	var body keyBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	if err := body.check(); err != nil {
		return nil, err
	}
	secret := keyPrefix + strings.ToLower(rand.Text())
	hash := sha256.Sum256([]byte(secret))
	k := sqlstore.Key{
		ID: "key_" + strings.ToLower(rand.Text()[:16]), Business: callerOf(ctx).Business, Name: body.Name,
		Hash: hash[:], Scopes: body.Scopes, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if body.AgentID != nil {
		k.AgentID = *body.AgentID
	}
	if err := s.write(ctx, func(st *sqlstore.Store) error { return st.CreateKey(k) }); err != nil {
		return nil, err
	}
	s.auth.forget()
	answer := keyOf(k)
	answer.Key = secret
	return &keyAnswer{Location: "/v1/keys/" + k.ID, Body: answer}, nil
}

func (b *keyBody) check() error {
	var faults []fault
	b.Name = strings.TrimSpace(b.Name)
	switch {
	case b.Name == "":
		faults = append(faults, fault{Field: "name", Code: codeRequired, Detail: "name is required"})
	case len(b.Name) > keyNames:
		faults = append(faults, fault{Field: "name", Code: "too_long", Detail: "want at most 200 bytes"})
	}
	if len(b.Scopes) == 0 {
		faults = append(faults, fault{Field: "scopes", Code: codeRequired, Detail: "scopes is required: admin, agent, read, bot"})
	}
	all := []scope{scopeAdmin, scopeAgent, scopeRead, scopeBot}
	for _, name := range b.Scopes {
		if !slices.Contains(all, scope(name)) {
			faults = append(faults, fault{Field: "scopes", Code: "invalid", Detail: "want admin, agent, read or bot"})
			break
		}
	}
	if len(faults) > 0 {
		return invalid(faults...)
	}
	slices.Sort(b.Scopes)
	b.Scopes = slices.Compact(b.Scopes)
	return nil
}

func (s *Server) revokeKey(ctx context.Context, in *ByID) (*nothing, error) {
	business := callerOf(ctx).Business
	err := s.write(ctx, func(st *sqlstore.Store) error {
		all, err := st.Keys(business)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(k sqlstore.Key) bool { return k.ID == in.ID })
		switch {
		case at < 0:
			return contacts.ErrNotFound
		case all[at].FromFile:
			return newProblem(http.StatusConflict, "the key stands in the configuration", fault{Code: codeFile, Detail: "take it out there"})
		}
		return st.RevokeKey(business, in.ID, time.Now())
	})
	if err != nil {
		return nil, err
	}
	s.auth.forget()
	return &nothing{}, nil
}

// whoami is the caller as it sees itself.
type whoami struct {
	KeyID    string   `json:"key_id"`
	Name     string   `json:"name"`
	Scopes   []string `json:"scopes"`
	AgentID  *string  `json:"agent_id"`
	Business struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Country  string `json:"country"`
		Timezone string `json:"timezone"`
	} `json:"business"`
}

type meAnswer struct {
	Body whoami
}

func (s *Server) me(ctx context.Context, _ *struct{}) (*meAnswer, error) {
	who := callerOf(ctx)
	me := whoami{KeyID: who.ID, Name: who.Name, Scopes: who.Scopes, AgentID: orNull(who.AgentID)}
	me.Business.ID, me.Business.Name, me.Business.Country = who.business.ID, who.business.Name, who.business.Country
	if who.business.Timezone != nil {
		me.Business.Timezone = who.business.Timezone.String()
	}
	return &meAnswer{me}, nil
}
