package api

import (
	"context"
	"net/http"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// knownPerson is what a bot may know of a person.
type knownPerson struct {
	GuestID   *string         `json:"guest_id"`
	ContactID *string         `json:"contact_id" doc:"Null unless something proves that the person is this contact"`
	Type      string          `json:"type" enum:"guest,lead,customer"`
	Status    *string         `json:"status"`
	Known     map[string]bool `json:"known" doc:"By field: is there a value"`
	Values    map[string]any  `json:"values" doc:"The values that this conversation may see"`
}

type knownAnswer struct {
	Body knownPerson
}

func personOf(t connectors.Turn) *knownAnswer {
	p := knownPerson{GuestID: t.GuestID, ContactID: t.ContactID, Type: t.Type, Status: t.Status, Known: t.Known, Values: t.Values}
	if p.Type == "" {
		p.Type = string(contacts.TypeGuest)
	}
	if p.Known == nil {
		p.Known = map[string]bool{}
	}
	if p.Values == nil {
		p.Values = map[string]any{}
	}
	return &knownAnswer{p}
}

type knownInput struct {
	Channel    string `query:"channel" required:"true" example:"bot/site"`
	ExternalID string `query:"external_id" required:"true" doc:"The session or user that the bot names"`
	Fields     string `query:"fields" doc:"Names with commas between; left out: all" example:"email,company_size"`
}

func (s *Server) known(ctx context.Context, in *knownInput) (*knownAnswer, error) {
	b := businessOf(ctx)
	if _, ok := s.gateway.Channel(b.ID, in.Channel); !ok {
		return nil, newProblem(http.StatusNotFound, "there is no such channel")
	}
	wanted, err := wantedFields(in.Fields, b.Fields)
	if err != nil {
		return nil, err
	}
	turn, err := s.gateway.Known(ctx, b, in.Channel, in.ExternalID)
	if err != nil {
		return nil, err
	}
	answer := personOf(turn)
	if wanted != nil {
		answer.Body.only(wanted)
	}
	return answer, nil
}

// wantedFields splits a list of names; nil is all.
func wantedFields(list string, fields *contacts.Fields) ([]string, error) {
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	var names []string
	var faults []fault
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if _, ok := fields.Lookup(name); !ok {
			faults = append(faults, fault{Field: "fields", Code: codeUnknown, Detail: "no field is called " + shown(name)})
		}
		names = append(names, name)
	}
	if len(faults) > 0 {
		return nil, invalid(faults...)
	}
	return names, nil
}

// only leaves the wanted fields.
func (p *knownPerson) only(wanted []string) {
	known, values := make(map[string]bool, len(wanted)), make(map[string]any, len(wanted))
	for _, name := range wanted {
		known[name] = p.Known[name]
		switch name {
		case "type":
			known[name] = true
		case "status":
			known[name] = p.Status != nil
		}
		if v, ok := p.Values[name]; ok {
			values[name] = v
		}
	}
	p.Known, p.Values = known, values
}
