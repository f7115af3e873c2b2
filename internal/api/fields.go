package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// field is one thing that can be known of a person.
type field struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Type     string `json:"type" enum:"text,number,date,yes_no"`
	BuiltIn  bool   `json:"built_in"`
	ReadOnly bool   `json:"read_only" doc:"Only usher writes it"`
}

// fieldBody makes a custom field.
type fieldBody struct {
	Name  string `json:"name" pattern:"^[a-z][a-z0-9_]*$" doc:"Does not change"`
	Title string `json:"title,omitempty"`
	Type  string `json:"type" enum:"text,number,date,yes_no" doc:"Does not change"`
}

type fieldAnswer struct {
	Location string `header:"Location"`
	Body     field
}

type fieldsAnswer struct {
	Body page[field]
}

func fieldOf(f contacts.Field) field {
	return field{Name: f.Name, Title: f.Title, Type: string(f.Type), BuiltIn: f.BuiltIn, ReadOnly: !f.IsValue()}
}

func (s *Server) listFields(ctx context.Context, in *Paging) (*fieldsAnswer, error) {
	var rows []field
	for _, f := range businessOf(ctx).Fields.All() {
		rows = append(rows, fieldOf(f))
	}
	list, err := cut(rows, in)
	if err != nil {
		return nil, err
	}
	return &fieldsAnswer{list}, nil
}

func (s *Server) createField(ctx context.Context, in *Raw) (*fieldAnswer, error) {
	b := businessOf(ctx)
	var body fieldBody
	if err := decode(in.RawBody, &body); err != nil {
		return nil, err
	}
	f := contacts.Field{Name: body.Name, Title: strings.TrimSpace(body.Title), Type: contacts.FieldType(body.Type), Settable: true}
	if err := checkField(f, b.Fields); err != nil {
		return nil, err
	}
	err := s.gateway.AddField(ctx, b, f)
	if errors.Is(err, sqlstore.ErrTaken) {
		return nil, takenName(f.Name)
	}
	if err != nil {
		return nil, err
	}
	made, _ := b.Fields.Lookup(f.Name)
	return &fieldAnswer{Location: "/v1/fields", Body: fieldOf(made)}, nil
}

// checkField finds what is wrong with a new field, all of it.
func checkField(f contacts.Field, fields *contacts.Fields) error {
	if _, taken := fields.Lookup(f.Name); taken {
		return takenName(f.Name)
	}
	var faults []fault
	if f.Name == "" {
		faults = append(faults, fault{Field: "name", Code: codeRequired, Detail: "name is required"})
	}
	switch {
	case f.Type == "":
		faults = append(faults, fault{Field: "type", Code: codeRequired, Detail: "type is required: text, number, date or yes_no"})
	case !f.Type.Valid():
		faults = append(faults, fault{Field: "type", Code: "invalid", Detail: "want text, number, date or yes_no"})
	}
	if len(faults) == 0 {
		if _, err := contacts.NewFields([]contacts.Field{f}); err != nil {
			faults = append(faults, fault{Field: "name", Code: "invalid", Detail: err.Error()})
		}
	}
	if len(faults) > 0 {
		return invalid(faults...)
	}
	return nil
}

func takenName(name string) error {
	return newProblem(http.StatusConflict, "there is a field "+name+" already", fault{Field: "name", Code: codeTaken, Detail: "there is a field of this name already"})
}
