package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/gateway"
)

// team is a group of agents.
type team struct {
	ID         string            `json:"id" example:"sales" doc:"What flows call it"`
	Name       string            `json:"name"`
	Members    []string          `json:"members" doc:"Ids of agents"`
	Enabled    bool              `json:"enabled" doc:"false: handing over to the team fails"`
	AutoAssign bool              `json:"auto_assign" doc:"Give conversations to the member who has waited longest"`
	Hours      map[string]string `json:"hours" doc:"When its people are there, in the business's time zone; null: the business's hours"`
	CreatedAt  time.Time         `json:"created_at"`
}

// teamBody is what may be written of a team.
type teamBody struct {
	ID         string            `json:"id,omitempty" doc:"Left out: made of the name; does not change"`
	Name       string            `json:"name,omitempty"`
	Members    []string          `json:"members,omitempty"`
	Enabled    bool              `json:"enabled,omitempty" default:"true"`
	AutoAssign bool              `json:"auto_assign,omitempty"`
	Hours      map[string]string `json:"hours,omitempty"`
}

type teamAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     team
}

type teamsAnswer struct {
	Body page[team]
}

func teamOf(t *contacts.Team) team {
	row := team{t.ID, t.Name, t.Members, t.Enabled, t.AutoAssign, t.Hours, t.CreatedAt.UTC()}
	if len(row.Hours) == 0 {
		row.Hours = nil
	}
	return row
}

func (s *Server) listTeams(ctx context.Context, in *Paging) (*teamsAnswer, error) {
	all, err := s.store(ctx).Teams(callerOf(ctx).Business)
	if err != nil {
		return nil, err
	}
	rows := make([]team, len(all))
	for i, t := range all {
		rows[i] = teamOf(t)
	}
	list, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &teamsAnswer{list}, nil
}

func (s *Server) getTeam(ctx context.Context, in *ByID) (*teamAnswer, error) {
	t, err := s.store(ctx).Team(callerOf(ctx).Business, in.ID)
	return answerTeam(t, err)
}

func answerTeam(t *contacts.Team, err error) (*teamAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &teamAnswer{ETag: etag(t.Version), Body: teamOf(t)}, nil
}

func (s *Server) createTeam(ctx context.Context, in *Raw) (*teamAnswer, error) {
	p, err := readTeam(in.RawBody)
	if err != nil {
		return nil, err
	}
	answer, err := answerTeam(s.gateway.CreateTeam(ctx, businessOf(ctx), p))
	switch {
	case errors.Is(err, sqlstore.ErrTaken):
		return nil, newProblem(http.StatusConflict, "there is a team of this id already", fault{Field: "id", Code: codeTaken, Detail: "there is a team of this id already"})
	case err != nil:
		return nil, err
	}
	answer.Location = "/v1/teams/" + answer.Body.ID
	return answer, nil
}

type patchTeamInput struct {
	ByID
	Raw
	IfMatch string `header:"If-Match" doc:"ETag of the version that the change is meant for"`
}

func (s *Server) patchTeam(ctx context.Context, in *patchTeamInput) (*teamAnswer, error) {
	version, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := readTeam(in.RawBody)
	if err != nil {
		return nil, err
	}
	if p.ID != nil && *p.ID != in.ID {
		return nil, invalid(fault{Field: "id", Code: codeReadOnly, Detail: "the id of a team does not change"})
	}
	p.IfVersion = version
	return answerTeam(s.gateway.PatchTeam(ctx, businessOf(ctx), in.ID, p))
}

func (s *Server) deleteTeam(ctx context.Context, in *ByID) (*nothing, error) {
	if err := s.gateway.DeleteTeam(ctx, businessOf(ctx), in.ID); err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

func readTeam(body []byte) (gateway.TeamPatch, error) {
	var p gateway.TeamPatch
	err := patchOf(body, map[string]any{"id": &p.ID, "name": &p.Name, "members": &p.Members, "enabled": &p.Enabled,
		"auto_assign": &p.AutoAssign, "hours": &p.Hours})
	return p, err
}
