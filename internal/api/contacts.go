package api

import (
	"context"
	"errors"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/gateway"
)

type contactAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     person
}

type contactsAnswer struct {
	Body page[person]
}

type listContactsInput struct {
	Paging
	Sort string `query:"sort" doc:"A field, - before it turns the order round" example:"-created_at"`
	ContactFilters
}

func (s *Server) listContacts(ctx context.Context, in *listContactsInput) (*contactsAnswer, error) {
	b := businessOf(ctx)
	filter, err := in.filter(b, callerOf(ctx))
	if err != nil {
		return nil, err
	}
	order, err := sqlstore.ParseSort(in.Sort, b.Fields)
	if err != nil {
		return nil, invalid(fault{Field: "sort", Code: "invalid", Detail: err.Error()})
	}
	list, next, total, err := s.store(ctx).ListContacts(b.ID, filter,
		sqlstore.Page{Limit: in.Limit, Cursor: in.Cursor, Sort: order, Count: in.Count})
	if err != nil {
		return nil, err
	}
	documents, err := s.gateway.ContactDocuments(ctx, b, list)
	if err != nil {
		return nil, err
	}
	people := make([]person, len(documents))
	for i, d := range documents {
		people[i] = d
	}
	return &contactsAnswer{pageOf(people, next, total)}, nil
}

type countContactsInput struct {
	Paging
	ContactFilters
	By []string `query:"by" required:"true" enum:"status,flow,type,channel" doc:"Each combination of these is counted" example:"status,flow"`
}

// countsAnswer has a row for each combination: what was counted by, null for
// none, and count.
type countsAnswer struct {
	Body page[map[string]any]
}

func (s *Server) countContacts(ctx context.Context, in *countContactsInput) (*countsAnswer, error) {
	b := businessOf(ctx)
	filter, err := in.filter(b, callerOf(ctx))
	if err != nil {
		return nil, err
	}
	counts, err := s.store(ctx).CountContacts(b.ID, filter, in.By...)
	if err != nil {
		return nil, err
	}
	rows := make([]map[string]any, len(counts))
	for i, c := range counts {
		rows[i] = map[string]any{"count": c.Count}
		for j, by := range in.By {
			rows[i][by] = orNull(c.Values[j])
		}
	}
	list, err := cut(rows, &in.Paging)
	if err != nil {
		return nil, err
	}
	return &countsAnswer{list}, nil
}

type getContactInput struct {
	ByID
	Include string `query:"include" enum:"deliveries" doc:"deliveries: what each destination has of the contact, or why not"`
}

func (s *Server) getContact(ctx context.Context, in *getContactInput) (*contactAnswer, error) {
	b := businessOf(ctx)
	c, err := s.store(ctx).Contact(b.ID, in.ID)
	if err != nil {
		return nil, err
	}
	answer, err := s.contactAnswer(ctx, b, c)
	if err != nil || in.Include == "" {
		return answer, err
	}
	states, err := s.gateway.DeliveryStates(ctx, b, c.ID)
	if err != nil {
		return nil, err
	}
	if states == nil {
		states = []map[string]any{}
	}
	answer.Body["deliveries"] = states
	return answer, nil
}

func (s *Server) createContact(ctx context.Context, in *Raw) (*contactAnswer, error) {
	b := businessOf(ctx)
	w, err := readPerson(in.RawBody, b.Fields, "status", "tags", "assignee_id")
	if err != nil {
		return nil, err
	}
	draft, err := w.draft()
	if err != nil {
		return nil, err
	}
	draft.Via, draft.By = callerOf(ctx).origin()
	c, err := s.gateway.CreateContact(ctx, b, draft)
	if err != nil {
		return nil, s.holderOf(ctx, b, err)
	}
	answer, err := s.contactAnswer(ctx, b, c)
	if err != nil {
		return nil, err
	}
	answer.Location = "/v1/contacts/" + c.ID
	return answer, nil
}

type patchContactInput struct {
	ByID
	Raw
	IfMatch string `header:"If-Match" doc:"ETag of the version that the change is meant for"`
}

func (s *Server) patchContact(ctx context.Context, in *patchContactInput) (*contactAnswer, error) {
	b := businessOf(ctx)
	version, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	w, err := readPerson(in.RawBody, b.Fields, "status", "tags", "assignee_id", "do_not_contact")
	if err != nil {
		return nil, err
	}
	p, faults := w.patch()
	if len(faults) > 0 {
		return nil, invalid(faults...)
	}
	p.IfVersion = version
	p.Via, p.By = callerOf(ctx).origin()
	c, err := s.gateway.PatchContact(ctx, b, in.ID, p)
	if err != nil {
		return nil, s.holderOf(ctx, b, err)
	}
	return s.contactAnswer(ctx, b, c)
}

func (s *Server) archiveContact(ctx context.Context, in *ByID) (*nothing, error) {
	_, by := callerOf(ctx).origin()
	if err := s.gateway.ArchiveContact(ctx, businessOf(ctx), in.ID, by); err != nil {
		return nil, err
	}
	return &nothing{}, nil
}

func (s *Server) restoreContact(ctx context.Context, in *ByID) (*contactAnswer, error) {
	b := businessOf(ctx)
	_, by := callerOf(ctx).origin()
	c, err := s.gateway.RestoreContact(ctx, b, in.ID, by)
	if err != nil {
		return nil, s.holderOf(ctx, b, err)
	}
	return s.contactAnswer(ctx, b, c)
}

func (s *Server) contactAnswer(ctx context.Context, b *gateway.Business, c *contacts.Contact) (*contactAnswer, error) {
	document, err := s.gateway.ContactDocument(ctx, b, c)
	if err != nil {
		return nil, err
	}
	return &contactAnswer{ETag: etag(c.Version), Body: document}, nil
}

// holderOf adds to the error of a taken address whether its holder is archived:
// then restoring may be what is wanted. Bots do not learn who it is.
func (s *Server) holderOf(ctx context.Context, b *gateway.Business, err error) error {
	var taken *sqlstore.TakenError
	if !errors.As(err, &taken) || taken.Holder == nil {
		return err
	}
	p := problemOf(err)
	if !callerOf(ctx).may(scopeAgent) {
		p.Errors[0].Holder = nil
		return p
	}
	if taken.Holder.Kind == sqlstore.HolderContact {
		c, lookup := s.store(ctx).Contact(b.ID, taken.Holder.ID)
		if lookup != nil && !errors.Is(lookup, contacts.ErrNotFound) {
			return lookup
		}
		p.Errors[0].Holder.Archived = lookup == nil && c.Archived
	}
	return p
}
