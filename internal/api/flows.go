package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"usher/connectors"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/gateway"
)

// flow is a flow and where it stands.
type flow struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Draft         int       `json:"draft" doc:"The version that is worked on"`
	Published     *int      `json:"published" doc:"The version that new runs get; null: none"`
	ManagedByFile bool      `json:"managed_by_file" doc:"Declared by the configuration and changed only there"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	Document      string    `json:"document,omitempty" doc:"The draft as it was written; not in lists"`
	Warnings      []fault   `json:"warnings,omitempty" doc:"What its author hardly meant; only in the answer that saves it"`
}

// flowVersion is one saved document of a flow.
type flowVersion struct {
	Version     int        `json:"version"`
	Draft       bool       `json:"draft" doc:"The one that is worked on"`
	Published   bool       `json:"published" doc:"The one that new runs get"`
	Author      *string    `json:"author" doc:"The agent or the key that saved it; file: the configuration"`
	CreatedAt   time.Time  `json:"created_at"`
	PublishedBy *string    `json:"published_by" doc:"Who last published it"`
	PublishedAt *time.Time `json:"published_at"`
	Document    string     `json:"document,omitempty" doc:"As it was written; not in lists"`
}

// flowDocument describes what POST and PUT take: JSON, or the same in YAML.
type flowDocument struct {
	ID       string           `json:"id"`
	Name     string           `json:"name,omitempty"`
	Start    map[string]any   `json:"start,omitempty" doc:"Which conversations the flow is for"`
	Defaults map[string]any   `json:"defaults,omitempty"`
	Vars     []string         `json:"vars,omitempty"`
	Steps    []map[string]any `json:"steps"`
}

// publishBody names what new runs get.
type publishBody struct {
	Version *int `json:"version,omitempty" doc:"An older one too; left out: the draft"`
}

type flowAnswer struct {
	Location string `header:"Location"`
	Body     flow
}

type flowsAnswer struct {
	Body page[flow]
}

type flowVersionAnswer struct {
	Body flowVersion
}

type flowVersionsAnswer struct {
	Body page[flowVersion]
}

type flowDiffAnswer struct {
	Body struct {
		From int    `json:"from"`
		To   int    `json:"to"`
		Diff string `json:"diff" doc:"Unified, by lines; empty: the same document"`
	}
}

func flowOf(f sqlstore.Flow) flow {
	row := flow{ID: f.ID, Name: f.Name, Draft: f.Draft, ManagedByFile: f.FromFile, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt}
	if f.Published > 0 {
		row.Published = &f.Published
	}
	return row
}

func versionOfFlow(f sqlstore.Flow, v sqlstore.FlowVersion) flowVersion {
	row := flowVersion{Version: v.Version, Draft: v.Version == f.Draft, Published: v.Version == f.Published,
		Author: orNull(v.Author), CreatedAt: v.CreatedAt, PublishedBy: orNull(v.PublishedBy), Document: string(v.Document)}
	if !v.PublishedAt.IsZero() {
		row.PublishedAt = &v.PublishedAt
	}
	return row
}

// author of a change: the agent whose key it is, else the key.
func (c *caller) author() string { return cmp.Or(c.AgentID, c.ID) }

func (s *Server) listFlows(ctx context.Context, in *Paging) (*flowsAnswer, error) {
	all, err := s.store(ctx).Flows(businessOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	rows := make([]flow, len(all))
	for i, f := range all {
		rows[i] = flowOf(f)
	}
	list, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &flowsAnswer{list}, nil
}

func (s *Server) createFlow(ctx context.Context, in *Raw) (*flowAnswer, error) {
	made, warnings, err := s.gateway.CreateFlow(ctx, businessOf(ctx), in.RawBody, callerOf(ctx).author())
	if errors.Is(err, sqlstore.ErrTaken) {
		return nil, newProblem(http.StatusConflict, "there is a flow of this id already", fault{Field: "id", Code: codeTaken, Detail: "PUT saves a new draft of it"})
	}
	if err != nil {
		return nil, flowProblem(err, in.RawBody)
	}
	answer := &flowAnswer{Location: "/v1/flows/" + made.ID, Body: flowOf(made)}
	answer.Body.Document, answer.Body.Warnings = string(in.RawBody), problemsOf(warnings, in.RawBody)
	return answer, nil
}

func (s *Server) getFlow(ctx context.Context, in *ByID) (*flowAnswer, error) {
	b := businessOf(ctx)
	f, err := s.store(ctx).Flow(b.ID, in.ID)
	if err != nil {
		return nil, err
	}
	draft, err := s.store(ctx).FlowVersion(b.ID, f.ID, f.Draft)
	if err != nil {
		return nil, err
	}
	answer := &flowAnswer{Body: flowOf(f)}
	answer.Body.Document = string(draft.Document)
	return answer, nil
}

type putFlowInput struct {
	ByID
	Raw
}

func (s *Server) putFlow(ctx context.Context, in *putFlowInput) (*flowAnswer, error) {
	f, warnings, err := s.gateway.DraftFlow(ctx, businessOf(ctx), in.ID, in.RawBody, callerOf(ctx).author())
	if err != nil {
		return nil, flowProblem(err, in.RawBody)
	}
	answer := &flowAnswer{Body: flowOf(f)}
	answer.Body.Document, answer.Body.Warnings = string(in.RawBody), problemsOf(warnings, in.RawBody)
	return answer, nil
}

type publishInput struct {
	ByID
	Raw
}

func (s *Server) publishFlow(ctx context.Context, in *publishInput) (*flowAnswer, error) {
	var body publishBody
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &body); err != nil {
			return nil, err
		}
	}
	version := 0
	if body.Version != nil {
		if version = *body.Version; version < 1 {
			return nil, invalid(fault{Field: "version", Code: "invalid", Detail: "want the number of a version"})
		}
	}
	f, err := s.gateway.PublishFlow(ctx, businessOf(ctx), in.ID, version, callerOf(ctx).author())
	if err != nil {
		return nil, flowProblem(err, nil)
	}
	return &flowAnswer{Body: flowOf(f)}, nil
}

type listFlowVersionsInput struct {
	ByID
	Paging
}

func (s *Server) listFlowVersions(ctx context.Context, in *listFlowVersionsInput) (*flowVersionsAnswer, error) {
	b := businessOf(ctx)
	f, err := s.store(ctx).Flow(b.ID, in.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.store(ctx).FlowVersions(b.ID, f.ID)
	if err != nil {
		return nil, err
	}
	rows := make([]flowVersion, 0, len(all))
	for _, v := range slices.Backward(all) {
		rows = append(rows, versionOfFlow(f, v))
	}
	list, err := cut(rows, &in.Paging)
	if err != nil {
		return nil, err
	}
	return &flowVersionsAnswer{list}, nil
}

type getFlowVersionInput struct {
	ByID
	Version int `path:"version" minimum:"1"`
}

func (s *Server) getFlowVersion(ctx context.Context, in *getFlowVersionInput) (*flowVersionAnswer, error) {
	b := businessOf(ctx)
	f, err := s.store(ctx).Flow(b.ID, in.ID)
	if err != nil {
		return nil, err
	}
	v, err := s.store(ctx).FlowVersion(b.ID, f.ID, in.Version)
	if err != nil {
		return nil, err
	}
	return &flowVersionAnswer{versionOfFlow(f, v)}, nil
}

type diffFlowInput struct {
	ByID
	From int `query:"from" minimum:"1" doc:"Left out: the published version"`
	To   int `query:"to" minimum:"1" doc:"Left out: the draft"`
}

func (s *Server) diffFlow(ctx context.Context, in *diffFlowInput) (*flowDiffAnswer, error) {
	b := businessOf(ctx)
	f, err := s.store(ctx).Flow(b.ID, in.ID)
	if err != nil {
		return nil, err
	}
	answer := &flowDiffAnswer{}
	answer.Body.From, answer.Body.To = cmp.Or(in.From, f.Published), cmp.Or(in.To, f.Draft)
	if answer.Body.From == 0 {
		return nil, invalid(fault{Field: "from", Code: codeRequired, Detail: "no version of the flow is published: say which one"})
	}
	from, err := s.store(ctx).FlowVersion(b.ID, f.ID, answer.Body.From)
	if err != nil {
		return nil, err
	}
	to, err := s.store(ctx).FlowVersion(b.ID, f.ID, answer.Body.To)
	if err != nil {
		return nil, err
	}
	name := func(v sqlstore.FlowVersion) string { return fmt.Sprintf("%s v%d", f.ID, v.Version) }
	answer.Body.Diff = flows.Diff(name(from), name(to), from.Document, to.Document)
	return answer, nil
}

// flowProblem is what an error about a document is to its author.
func flowProblem(err error, doc []byte) error {
	var faults *gateway.FlowFaults
	var field *connectors.FieldError
	switch {
	case errors.As(err, &faults):
		return invalid(problemsOf(faults.Problems, doc)...)
	case errors.Is(err, gateway.ErrManagedByFile):
		return newProblem(http.StatusConflict, "the flow stands in the configuration", fault{Field: "id", Code: codeFile, Detail: "change it there"})
	case errors.As(err, &field):
		return invalid(fault{Field: field.Field, Code: field.Code, Detail: field.Detail})
	}
	return err
}

// problemsOf tells problems of a document with their places.
func problemsOf(problems []flows.Problem, doc []byte) []fault {
	lines := strings.Split(string(doc), "\n")
	faults := make([]fault, len(problems))
	for i, p := range problems {
		faults[i] = fault{Field: keyAt(lines, p.Line, p.Column), Code: "invalid", Detail: p.Message, Line: p.Line, Column: p.Column}
	}
	return faults
}

// keyAt is the key that stands at a place of a document; document if there is
// none.
func keyAt(lines []string, line, column int) string {
	const whole = "document"
	if line < 1 || line > len(lines) {
		return whole
	}
	runes := []rune(lines[line-1])
	if column < 1 || column > len(runes) {
		return whole
	}
	rest := strings.TrimLeft(string(runes[column-1:]), `"'-{[ `)
	if end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }); end >= 0 {
		rest = rest[:end]
	}
	return cmp.Or(shown(rest), whole)
}
