package api

import (
	"context"
	"net/http"
	"time"

	"usher/contacts"
	"usher/internal/gateway"
)

// agent is a person of the business.
type agent struct {
	ID                string    `json:"id" example:"agt_01k8z9x2m4q7c"`
	Name              string    `json:"name"`
	Email             *string   `json:"email"`
	Phone             *string   `json:"phone" doc:"E.164"`
	Role              string    `json:"role" enum:"agent,admin"`
	Availability      string    `json:"availability" enum:"available,away,busy" doc:"busy also while the agent holds max_conversations"`
	MaxConversations  *int      `json:"max_conversations" doc:"That the agent holds at once; null: any number"`
	OpenConversations int       `json:"open_conversations"`
	CreatedAt         time.Time `json:"created_at"`
}

// agentBody is what may be written of an agent; its own availability an agent
// may set itself.
type agentBody struct {
	Name             string `json:"name"`
	Email            string `json:"email,omitempty" doc:"Nobody else's in the business, contacts included"`
	Phone            string `json:"phone,omitempty" doc:"Nobody else's in the business, contacts included"`
	Role             string `json:"role,omitempty" enum:"agent,admin"`
	Availability     string `json:"availability,omitempty" enum:"available,away,busy"`
	MaxConversations int    `json:"max_conversations,omitempty"`
}

type agentAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     agent
}

type agentsAnswer struct {
	Body page[agent]
}

func agentOf(a *contacts.Agent, open int) agent {
	row := agent{ID: a.ID, Name: a.Name, Email: orNull(a.Email), Phone: orNull(a.Phone), Role: string(a.Role),
		Availability: string(a.Availability), OpenConversations: open, CreatedAt: a.CreatedAt.UTC()}
	if a.MaxConversations > 0 {
		row.MaxConversations = &a.MaxConversations
	}
	if a.Availability == contacts.Available && !a.Free(open) {
		row.Availability = string(contacts.Busy)
	}
	return row
}

func (s *Server) listAgents(ctx context.Context, in *Paging) (*agentsAnswer, error) {
	all, open, err := s.gateway.Agents(ctx, businessOf(ctx))
	if err != nil {
		return nil, err
	}
	rows := make([]agent, len(all))
	for i, a := range all {
		rows[i] = agentOf(a, open[a.ID])
	}
	list, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &agentsAnswer{list}, nil
}

func (s *Server) getAgent(ctx context.Context, in *ByID) (*agentAnswer, error) {
	b := businessOf(ctx)
	a, err := s.store(ctx).Agent(b.ID, in.ID)
	return s.agentAnswer(ctx, b, a, err)
}

func (s *Server) agentAnswer(ctx context.Context, b *gateway.Business, a *contacts.Agent, err error) (*agentAnswer, error) {
	if err != nil {
		return nil, s.holderOf(ctx, b, err)
	}
	open, err := s.store(ctx).OpenConversations(b.ID)
	if err != nil {
		return nil, err
	}
	return &agentAnswer{ETag: etag(a.Version), Body: agentOf(a, open[a.ID])}, nil
}

func (s *Server) createAgent(ctx context.Context, in *Raw) (*agentAnswer, error) {
	b := businessOf(ctx)
	p, err := readAgent(in.RawBody)
	if err != nil {
		return nil, err
	}
	a, err := s.gateway.CreateAgent(ctx, b, p)
	answer, err := s.agentAnswer(ctx, b, a, err)
	if err != nil {
		return nil, err
	}
	answer.Location = "/v1/agents/" + a.ID
	return answer, nil
}

type patchAgentInput struct {
	ByID
	Raw
	IfMatch string `header:"If-Match" doc:"ETag of the version that the change is meant for"`
}

func (s *Server) patchAgent(ctx context.Context, in *patchAgentInput) (*agentAnswer, error) {
	who := callerOf(ctx)
	version, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := readAgent(in.RawBody)
	if err != nil {
		return nil, err
	}
	if !who.may(scopeAdmin) {
		own := gateway.AgentPatch{Availability: p.Availability}
		if who.AgentID != in.ID || p != own {
			return nil, newProblem(http.StatusForbidden, "an agent may set its own availability; the rest needs the scope admin")
		}
	}
	p.IfVersion = version
	a, err := s.gateway.PatchAgent(ctx, who.business, in.ID, p)
	return s.agentAnswer(ctx, who.business, a, err)
}

func (s *Server) deleteAgent(ctx context.Context, in *ByID) (*nothing, error) {
	if err := s.gateway.DeleteAgent(ctx, businessOf(ctx), in.ID); err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

// readAgent reads what a body says of an agent; null clears.
func readAgent(body []byte) (gateway.AgentPatch, error) {
	var p gateway.AgentPatch
	err := patchOf(body, map[string]any{"name": &p.Name, "email": &p.Email, "phone": &p.Phone, "role": &p.Role,
		"availability": &p.Availability, "max_conversations": &p.MaxConversations})
	return p, err
}
