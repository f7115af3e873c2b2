package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/gateway"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// Codes of faults, beside those of contacts.Invalid and connectors.FieldError.
const (
	codeRequired = "required"
	codeUnknown  = "unknown"
	codeReadOnly = "read_only"
	codeTaken    = "taken"
	codeState    = "state"
	codeFile     = "managed_by_file"
)

// problemType is what every problem of the API is served as (RFC 9457).
const problemType = "application/problem+json"

// problem is the answer to a request that failed. It is an error, so handlers
// return it, and the schema of every error in the OpenAPI document.
type problem struct {
	Type   string  `json:"type" example:"about:blank" doc:"About:blank: the status says it all"`
	Title  string  `json:"title" example:"Unprocessable Entity"`
	Status int     `json:"status" example:"422"`
	Detail string  `json:"detail,omitempty" doc:"What went wrong this time, for people"`
	Errors []fault `json:"errors,omitempty" doc:"One entry for each thing at fault"`

	header http.Header
}

// fault is one thing that a request got wrong.
type fault struct {
	Field  string  `json:"field,omitempty" example:"phone" doc:"Flat name of the field or parameter"`
	Code   string  `json:"code" example:"taken" doc:"For programs: required, unknown, type, invalid, too_long, mangled, read_only, taken, managed_by_file, state"`
	Detail string  `json:"detail,omitempty" doc:"For people"`
	Holder *holder `json:"holder,omitempty" doc:"Who has the value that is taken"`
	Line   int     `json:"line,omitempty" doc:"Of a document, from 1"`
	Column int     `json:"column,omitempty"`
}

// holder is who has an address that must be unique.
type holder struct {
	Kind     string `json:"kind" example:"contact" doc:"contact or agent"`
	ID       string `json:"id"`
	Archived bool   `json:"archived" doc:"An archived holder keeps its addresses; restoring it may be what is wanted"`
}

func (p *problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// GetStatus, GetHeaders and ContentType are what huma asks an error for.
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return problemType }

func newProblem(status int, detail string, faults ...fault) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

func (p *problem) with(header, value string) *problem {
	if p.header == nil {
		p.header = http.Header{}
	}
	p.header.Set(header, value)
	return p
}

// invalid is a 422 for the faults, told in one sentence too.
func invalid(faults ...fault) *problem {
	details := make([]string, 0, len(faults))
	for _, f := range faults {
		switch {
		case f.Detail == "":
			details = append(details, strings.TrimSpace(f.Field+" "+f.Code))
		case f.Field == "" || strings.Contains(f.Detail, f.Field):
			details = append(details, f.Detail)
		default:
			details = append(details, f.Field+": "+f.Detail)
		}
	}
	return newProblem(http.StatusUnprocessableEntity, strings.Join(details, "; "), faults...)
}

// retryAfter is what a sender waits for after a 503, in seconds: the backlog
// shrinks by thousands of events within it.
const retryAfter = "1"

// problemOf says what an error is to the caller. What nobody foresaw is a 500
// without a word of the error's text.
func problemOf(err error) *problem {
	var (
		own   *problem
		field *connectors.FieldError
		taken *sqlstore.TakenError
		state *gateway.StateError
		moved *gateway.MovedError
		fe    *fiber.Error
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &field):
		return invalid(faultsOf(err)...)
	case errors.As(err, &taken):
		f := fault{Field: taken.Address.Kind, Code: codeTaken, Detail: taken.Address.Kind + " belongs to somebody else"}
		if taken.Holder != nil {
			f.Holder = &holder{Kind: taken.Holder.Kind, ID: taken.Holder.ID}
		}
		return newProblem(http.StatusConflict, f.Detail, f)
	case errors.As(err, &state):
		return newProblem(http.StatusConflict, state.Reason, fault{Code: codeState, Detail: state.Reason})
	case errors.As(err, &moved):
		return newProblem(http.StatusPermanentRedirect, "the guest has become a contact").with("Location", "/v1/contacts/"+moved.To)
	case errors.As(err, &fe):
		return newProblem(fe.Code, "")
	}
	return problemOfSentinel(err)
}

// faultsOf are the faults of fields in an error, all that it joins.
func faultsOf(err error) []fault {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []fault
		for _, one := range several.Unwrap() {
			all = append(all, faultsOf(one)...)
		}
		return all
	}
	var field *connectors.FieldError
	if !errors.As(err, &field) {
		return nil
	}
	return []fault{{Field: field.Field, Code: field.Code, Detail: field.Detail}}
}

func problemOfSentinel(err error) *problem {
	is := func(any ...error) bool {
		for _, target := range any {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
	switch {
	case is(connectors.ErrUnverified):
		return newProblem(http.StatusUnauthorized, "signature or token is missing or wrong")
	case is(connectors.ErrUnreadable):
		return newProblem(http.StatusBadRequest, err.Error())
	case is(sqlstore.ErrFilter):
		return invalid(fault{Code: "invalid", Detail: err.Error()})
	case is(gateway.ErrCursor):
		return invalid(fault{Field: "cursor", Code: "invalid", Detail: "the cursor is not of this list"})
	case is(gateway.ErrBusy, context.DeadlineExceeded, context.Canceled), database.IsUnreachable(err):
		return newProblem(http.StatusServiceUnavailable, "not now; come again").with("Retry-After", retryAfter)
	case is(gateway.ErrPrecondition):
		return newProblem(http.StatusPreconditionFailed, "changed since it was read")
	case is(gateway.ErrState, outbox.ErrState, inbox.ErrConflict):
		return newProblem(http.StatusConflict, "not possible in this state", fault{Code: codeState})
	case is(contacts.ErrConflict):
		return newProblem(http.StatusConflict, "changed by somebody else at the same time; try again", fault{Code: codeState})
	case is(contacts.ErrNotFound, inbox.ErrNotFound, outbox.ErrNotFound):
		return newProblem(http.StatusNotFound, "")
	default:
		return newProblem(http.StatusInternalServerError, "")
	}
}

// failed is Fiber's error handler: whatever a handler returned, and what the
// server itself refused before there was one.
func (s *Server) failed(c *fiber.Ctx, err error) error {
	p := problemOf(err)
	s.note(c.Method(), c.Route().Path, p, err)
	if p.Status == http.StatusRequestEntityTooLarge {
		linger(c.Context().Conn())
	}
	return p.send(c)
}

func (p *problem) send(c *fiber.Ctx) error {
	for name := range p.header {
		c.Set(name, p.header.Get(name))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, problemType)
	return c.Status(p.Status).Send(body)
}

// note logs what is ours to mend. The error's text names ids, never values.
func (s *Server) note(method, route string, p *problem, err error) {
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable {
		s.log.Error("request failed", "method", method, "route", route, "status", p.Status, "error", err)
	}
}

// ownProblems turns huma's errors, about parameters, into ours. The values that
// they repeat are dropped: they may be personal.
func ownProblems(_ huma.Context, _ string, v any) (any, error) {
	theirs, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	faults := make([]fault, 0, len(theirs.Errors))
	for _, e := range theirs.Errors {
		_, name, _ := strings.Cut(e.Location, ".")
		f := fault{Field: name, Code: "invalid", Detail: e.Message}
		switch {
		case strings.HasPrefix(e.Message, "unknown "):
			f.Code = codeUnknown
		case strings.HasPrefix(e.Message, "required "):
			f.Code = codeRequired
		}
		faults = append(faults, f)
	}
	if len(faults) == 0 {
		return newProblem(theirs.Status, theirs.Detail), nil
	}
	p := invalid(faults...)
	p.Status, p.Title = theirs.Status, http.StatusText(theirs.Status)
	return p, nil
}
