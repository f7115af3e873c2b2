package api

import (
	"context"
	"net/http"

	"usher/connectors"
)

// takeBody says who gets a conversation.
type takeBody struct {
	AgentID string `json:"agent_id,omitempty" doc:"Left out: the key's agent. Admins may give it to any, also if another has it"`
}

type takeInput struct {
	ByID
	RawBody []byte `contentType:"application/json" required:"false"`
}

func (s *Server) takeConversation(ctx context.Context, in *takeInput) (*conversationAnswer, error) {
	who := callerOf(ctx)
	var agentID *string
	if len(in.RawBody) > 0 {
		if err := patchOf(in.RawBody, map[string]any{"agent_id": &agentID}); err != nil {
			return nil, err
		}
	}
	a := connectors.Act{Do: connectors.ActTake, AgentID: who.AgentID}
	if agentID != nil && *agentID != who.AgentID {
		if !who.may(scopeAdmin) {
			return nil, newProblem(http.StatusForbidden, "to give a conversation to another agent needs the scope admin")
		}
		a.AgentID, a.Force = *agentID, true
	}
	return s.act(ctx, in.ID, a)
}

func (s *Server) releaseConversation(ctx context.Context, in *ByID) (*conversationAnswer, error) {
	return s.act(ctx, in.ID, s.own(ctx, connectors.ActRelease))
}

func (s *Server) closeConversation(ctx context.Context, in *ByID) (*conversationAnswer, error) {
	return s.act(ctx, in.ID, s.own(ctx, connectors.ActClose))
}

func (s *Server) reopenConversation(ctx context.Context, in *ByID) (*conversationAnswer, error) {
	return s.act(ctx, in.ID, s.own(ctx, connectors.ActReopen))
}

// own is an act of the caller. What other agents have, only admins touch.
func (s *Server) own(ctx context.Context, do string) connectors.Act {
	who := callerOf(ctx)
	return connectors.Act{Do: do, AgentID: who.AgentID, Force: who.may(scopeAdmin)}
}

// act does something with a conversation and answers with it.
func (s *Server) act(ctx context.Context, id string, a connectors.Act) (*conversationAnswer, error) {
	if _, err := s.gateway.Act(ctx, businessOf(ctx), id, a); err != nil {
		return nil, err
	}
	return s.conversation(ctx, id)
}

// writtenMessage is what an agent writes.
type writtenMessage struct {
	Text    string `json:"text"`
	Private bool   `json:"private,omitempty" doc:"A note among agents: never sent"`
}

type messageAnswer struct {
	Location string `header:"Location"`
	Body     message
}

func (s *Server) writeMessage(ctx context.Context, in *struct {
	ByID
	Raw
}) (*messageAnswer, error) {
	var body writtenMessage
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	a := s.own(ctx, connectors.ActMessage)
	a.Text, a.Private = body.Text, body.Private
	line, err := s.gateway.Act(ctx, businessOf(ctx), in.ID, a)
	if err != nil {
		return nil, err
	}
	return &messageAnswer{Location: "/v1/conversations/" + in.ID + "/messages", Body: messageOf(*line)}, nil
}

func (s *Server) retryMessage(ctx context.Context, in *ByID) (*accepted, error) {
	if err := s.gateway.RetryMessage(ctx, businessOf(ctx), in.ID); err != nil {
		return nil, err
	}
	return &accepted{}, nil
}
