package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/hours"
	"usher/internal/ids"
)

const (
	// mostAgents and mostTeams bound what a business has of them: lists of both
	// are read whole.
	mostAgents = 5000
	mostTeams  = 500
	// nameMost bounds their names, in bytes.
	nameMost = 200
	// mostHours bounds the entries of a team's hours; a week has seven days.
	mostHours = 30
	// mostConversations is the largest bound of what an agent holds.
	mostConversations = 10_000
)

// AgentPatch changes an agent, or makes one. What is nil stays.
type AgentPatch struct {
	Name, Email, Phone, Role, Availability *string // empty e-mail and phone clear
	MaxConversations                       *int    // 0: any number
	IfVersion                              int64   // 0: whatever the version
}

// CreateAgent makes an agent. Errors: *connectors.FieldError, or
// *sqlstore.TakenError with the holder of a phone or e-mail.
func (g *Gateway) CreateAgent(ctx context.Context, b *Business, p AgentPatch) (*contacts.Agent, error) {
	a := &contacts.Agent{ID: ids.Format("agt", g.inbox.NewID()), BusinessID: b.ID, Role: contacts.RoleAgent,
		Availability: contacts.Available, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		all, err := people.Agents(b.ID)
		if err != nil {
			return err
		}
		if len(all) >= mostAgents {
			return &connectors.FieldError{Field: "name", Code: "invalid", Detail: fmt.Sprintf("there are %d agents; that is the most", mostAgents)}
		}
		return g.putAgent(people, b, a, p)
	})
	return a, g.withHolder(ctx, b, err)
}

// PatchAgent changes an agent. Errors: contacts.ErrNotFound, ErrPrecondition,
// *connectors.FieldError, *sqlstore.TakenError.
func (g *Gateway) PatchAgent(ctx context.Context, b *Business, id string, p AgentPatch) (*contacts.Agent, error) {
	var a *contacts.Agent
	err := g.repeated(func() error {
		return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) (err error) {
			people := sqlstore.New(tx)
			if a, err = people.Agent(b.ID, id); err != nil {
				return err
			}
			if p.IfVersion != 0 && p.IfVersion != a.Version {
				return ErrPrecondition
			}
			return g.putAgent(people, b, a, p)
		})
	})
	if err == nil && a.Availability == contacts.Available {
		g.deal(ctx, b)
	}
	return a, g.withHolder(ctx, b, err)
}

// DeleteAgent forgets an agent and frees its addresses. What it was assigned
// stays its own until somebody takes it.
func (g *Gateway) DeleteAgent(ctx context.Context, b *Business, id string) error {
	return g.repeated(func() error {
		return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
			people := sqlstore.New(tx)
			return inOrder(
				func() error { return people.DeleteAgent(b.ID, id) },
				func() error { return people.ReleaseAll(b.ID, id) },
			)
		})
	})
}

// repeated does what lost a race again.
func (g *Gateway) repeated(do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if try < maxTries && (errors.Is(err, contacts.ErrConflict) || database.IsTransient(err)) {
			continue
		}
		return err
	}
}

// putAgent changes an agent and moves its addresses.
func (g *Gateway) putAgent(people *sqlstore.Store, b *Business, a *contacts.Agent, p AgentPatch) error {
	was := agentAddresses(a)
	if err := applyAgent(b, a, p); err != nil {
		return err
	}
	is := agentAddresses(a)
	gone := slices.DeleteFunc(slices.Clone(was), func(x sqlstore.Address) bool { return slices.Contains(is, x) })
	added := slices.DeleteFunc(is, func(x sqlstore.Address) bool { return slices.Contains(was, x) })
	holder := sqlstore.Holder{Kind: sqlstore.HolderAgent, ID: a.ID, Trust: contacts.Vouched}
	var rows []sqlstore.AddressRow
	for _, address := range added {
		rows = append(rows, sqlstore.AddressRow{Business: b.ID, Address: address, Holder: holder})
	}
	return inOrder(
		func() error { return g.mustBeFree(people, b, a.ID, added) },
		func() error { return people.Release(b.ID, a.ID, gone) },
		func() error { return people.AddAddresses(rows) },
		func() error { return people.PutAgent(a) },
	)
}

func agentAddresses(a *contacts.Agent) []sqlstore.Address {
	var all []sqlstore.Address
	for kind, value := range map[string]string{"email": a.Email, "phone": a.Phone} {
		if value != "" {
			all = append(all, sqlstore.Address{Kind: kind, Value: contacts.AddressKey(kind, value)})
		}
	}
	return all
}

func applyAgent(b *Business, a *contacts.Agent, p AgentPatch) error {
	var faults []error
	fault := func(field, code, detail string) {
		faults = append(faults, &connectors.FieldError{Field: field, Code: code, Detail: detail})
	}
	if p.Name != nil {
		a.Name = strings.TrimSpace(*p.Name)
	}
	switch {
	case a.Name == "":
		fault("name", "required", "name is required")
	case len(a.Name) > nameMost:
		fault("name", "too_long", "want at most 200 bytes")
	}
	for _, address := range []struct {
		field string
		given *string
		into  *string
	}{{"email", p.Email, &a.Email}, {"phone", p.Phone, &a.Phone}} {
		if address.given == nil {
			continue
		}
		f, _ := b.Fields.Lookup(address.field)
		value, err := f.Parse(*address.given, b.locale())
		if invalid := asInvalid(err); invalid != nil {
			fault(address.field, invalid.Code, invalid.Detail)
			continue
		}
		*address.into, _ = value.(string) // blank clears
	}
	if p.Role != nil {
		a.Role = contacts.Role(*p.Role)
	}
	if a.Role != contacts.RoleAgent && a.Role != contacts.RoleAdmin {
		fault("role", "invalid", "want agent or admin")
	}
	if p.Availability != nil {
		a.Availability = contacts.Availability(*p.Availability)
	}
	switch a.Availability {
	case contacts.Available, contacts.Away, contacts.Busy:
	default:
		fault("availability", "invalid", "want available, away or busy")
	}
	if p.MaxConversations != nil {
		a.MaxConversations = *p.MaxConversations
	}
	if a.MaxConversations < 0 || a.MaxConversations > mostConversations {
		fault("max_conversations", "invalid", "want a whole number from 0 (any number) to 10000")
	}
	return errors.Join(faults...)
}

// Agents lists the agents of a business with how many conversations each of them
// answers.
func (g *Gateway) Agents(ctx context.Context, b *Business) ([]*contacts.Agent, map[string]int, error) {
	people := sqlstore.New(g.DB.Read(ctx))
	all, err := people.Agents(b.ID)
	if err != nil {
		return nil, nil, err
	}
	open, err := people.OpenConversations(b.ID)
	return all, open, err
}

// TeamPatch changes a team, or makes one. What is nil stays.
type TeamPatch struct {
	ID                  *string // of a new team; left out: made of its name
	Name                *string
	Members             *[]string // ids of agents
	Enabled, AutoAssign *bool
	Hours               *map[string]string // none: the business's
	IfVersion           int64              // 0: whatever the version
}

// CreateTeam makes a team. Errors: *connectors.FieldError, sqlstore.ErrTaken.
func (g *Gateway) CreateTeam(ctx context.Context, b *Business, p TeamPatch) (*contacts.Team, error) {
	t := &contacts.Team{BusinessID: b.ID, Members: []string{}, Enabled: true, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		all, err := people.Teams(b.ID)
		if err != nil {
			return err
		}
		if len(all) >= mostTeams {
			return &connectors.FieldError{Field: "name", Code: "invalid", Detail: fmt.Sprintf("there are %d teams; that is the most", mostTeams)}
		}
		if p.ID != nil {
			t.ID = *p.ID
		} else if p.Name != nil {
			t.ID = teamID(*p.Name)
		}
		if t.Name = t.ID; !isTeamID(t.ID) {
			return &connectors.FieldError{Field: "id", Code: "invalid", Detail: "want lower-case letters, digits, - and _, up to 64"}
		}
		if err := applyTeam(people, t, p); err != nil {
			return err
		}
		return people.PutTeam(t)
	})
	return t, err
}

// PatchTeam changes a team. Errors: contacts.ErrNotFound, ErrPrecondition,
// *connectors.FieldError.
func (g *Gateway) PatchTeam(ctx context.Context, b *Business, id string, p TeamPatch) (*contacts.Team, error) {
	var t *contacts.Team
	err := g.repeated(func() error {
		return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) (err error) {
			people := sqlstore.New(tx)
			if t, err = people.Team(b.ID, id); err != nil {
				return err
			}
			if p.IfVersion != 0 && p.IfVersion != t.Version {
				return ErrPrecondition
			}
			if err := applyTeam(people, t, p); err != nil {
				return err
			}
			return people.PutTeam(t)
		})
	})
	if err == nil && t.AutoAssign {
		g.deal(ctx, b)
	}
	return t, err
}

// DeleteTeam forgets a team. Handing over to it counts as to nobody from then on.
func (g *Gateway) DeleteTeam(ctx context.Context, b *Business, id string) error {
	return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error { return sqlstore.New(tx).DeleteTeam(b.ID, id) })
}

// teamID is what flows call a team of that name.
func teamID(name string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		default:
			return '-'
		}
	}, strings.ToLower(strings.TrimSpace(name)))
	return strings.Trim(id, "-_")
}

func isTeamID(id string) bool { return id != "" && len(id) <= 64 && teamID(id) == id }

func applyTeam(people *sqlstore.Store, t *contacts.Team, p TeamPatch) error {
	var faults []error
	fault := func(field, code, detail string) {
		faults = append(faults, &connectors.FieldError{Field: field, Code: code, Detail: detail})
	}
	if p.Name != nil {
		t.Name = strings.TrimSpace(*p.Name)
	}
	switch {
	case t.Name == "":
		fault("name", "required", "name is required")
	case len(t.Name) > nameMost:
		fault("name", "too_long", "want at most 200 bytes")
	}
	if p.Enabled != nil {
		t.Enabled = *p.Enabled
	}
	if p.AutoAssign != nil {
		t.AutoAssign = *p.AutoAssign
	}
	if p.Hours != nil {
		t.Hours = *p.Hours
		if len(t.Hours) > mostHours {
			fault("hours", "too_long", "want at most 30 entries")
			t.Hours = nil
		}
		wrong := hours.Week(t.Hours).Faults()
		for _, days := range sortedKeys(wrong) {
			fault("hours", "invalid", fmt.Sprintf("%.40s: %v", days, wrong[days]))
		}
	}
	if p.Members != nil {
		all, err := people.Agents(t.BusinessID)
		if err != nil {
			return err
		}
		t.Members = append([]string{}, slices.Compact(slices.Sorted(slices.Values(*p.Members)))...)
		for _, id := range t.Members {
			if !slices.ContainsFunc(all, func(a *contacts.Agent) bool { return a.ID == id }) {
				fault("members", "unknown", fmt.Sprintf("there is no agent %.64q", id))
				break
			}
		}
	}
	return errors.Join(faults...)
}
