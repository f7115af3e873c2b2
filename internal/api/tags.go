package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tag is a word that groups contacts.
type tag struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

type tagBody struct {
	Name string `json:"name" doc:"1 to 64 characters on one line"`
}

type tagsAnswer struct {
	Body page[tag]
}

type tagAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     tag
}

func (s *Server) listTags(ctx context.Context, in *Paging) (*tagsAnswer, error) {
	list, err := s.store(ctx).Tags(businessOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	rows := make([]tag, len(list))
	for i, t := range list {
		rows[i] = tag{t.Name, t.CreatedAt.UTC()}
	}
	p, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &tagsAnswer{p}, nil
}

// createTag makes a tag; one that is there already is no second.
func (s *Server) createTag(ctx context.Context, in *Raw) (*tagAnswer, error) {
	var body tagBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	name := strings.TrimSpace(body.Name)
	if name == "" {
		return nil, invalid(fault{Field: "name", Code: codeRequired, Detail: "name is required"})
	}
	made, err := s.gateway.AddTag(ctx, businessOf(ctx), name)
	if err != nil {
		return nil, err
	}
	if !made {
		return nil, newProblem(http.StatusConflict, "there is a tag "+name+" already", fault{Field: "name", Code: codeTaken, Detail: "there is a tag of this name already"})
	}
	return &tagAnswer{Status: http.StatusCreated, Location: "/v1/tags", Body: tag{name, time.Now().UTC()}}, nil
}

type contactTagInput struct {
	ByID
	Tag string `path:"tag"`
}

func (in *contactTagInput) tag() (string, error) {
	name, err := url.PathUnescape(in.Tag)
	if err != nil {
		return "", invalid(fault{Field: "tag", Code: "invalid", Detail: "want a percent-encoded text"})
	}
	return name, nil
}

type statusOnly struct{ Status int }

// tagContact answers 201 when it makes the tag, else 204.
func (s *Server) tagContact(ctx context.Context, in *contactTagInput) (*statusOnly, error) {
	name, err := in.tag()
	if err != nil {
		return nil, err
	}
	_, by := callerOf(ctx).origin()
	made, err := s.gateway.TagContact(ctx, businessOf(ctx), in.ID, name, by)
	if err != nil {
		return nil, err
	}
	if made {
		return &statusOnly{http.StatusCreated}, nil
	}
	return &statusOnly{http.StatusNoContent}, nil
}

func (s *Server) untagContact(ctx context.Context, in *contactTagInput) (*nothing, error) {
	name, err := in.tag()
	if err != nil {
		return nil, err
	}
	_, by := callerOf(ctx).origin()
	if err := s.gateway.UntagContact(ctx, businessOf(ctx), in.ID, name, by); err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

// blockBody says until when nothing that the contact writes arrives.
type blockBody struct {
	Until *time.Time `json:"until,omitempty" doc:"Left out: for ever; a time that has passed unblocks"`
}

type blockInput struct {
	ByID
	Raw
}

func (s *Server) blockContact(ctx context.Context, in *blockInput) (*contactAnswer, error) {
	b := businessOf(ctx)
	var body blockBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &body); err != nil {
			return nil, err
		}
	}
	var until time.Time
	if body.Until != nil {
		until = *body.Until
	}
	_, by := callerOf(ctx).origin()
	c, err := s.gateway.BlockContact(ctx, b, in.ID, until, by)
	if err != nil {
		return nil, err
	}
	return s.contactAnswer(ctx, b, c)
}
