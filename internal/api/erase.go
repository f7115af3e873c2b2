package api

import (
	"context"
	"time"

	"usher/contacts/sqlstore"
)

// erasure is the work of forgetting a person.
type erasure struct {
	ID        string     `json:"id"`
	JobID     string     `json:"job_id"`
	State     string     `json:"state" enum:"running,done"`
	CreatedAt time.Time  `json:"created_at"`
	DoneAt    *time.Time `json:"done_at"`
}

type erasureAnswer struct {
	Location string `header:"Location"`
	Body     erasure
}

func erasureOf(e sqlstore.Erasure) erasure {
	out := erasure{ID: e.ID, JobID: e.ID, State: "running", CreatedAt: e.CreatedAt.UTC()}
	if !e.DoneAt.IsZero() {
		done := e.DoneAt.UTC()
		out.State, out.DoneAt = "done", &done
	}
	return out
}

func (s *Server) eraseContact(ctx context.Context, in *ByID) (*erasureAnswer, error) {
	e, err := s.gateway.Erase(ctx, businessOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &erasureAnswer{"/v1/erasures/" + e.ID, erasureOf(e)}, nil
}

func (s *Server) getErasure(ctx context.Context, in *ByID) (*erasureAnswer, error) {
	e, err := s.gateway.Erasing(ctx, businessOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &erasureAnswer{Body: erasureOf(e)}, nil
}
