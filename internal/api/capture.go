package api

import (
	"context"
	"encoding/json"
	"net/http"

	"usher/internal/gateway"
)

// captureBody are details for a conversation that is running.
type captureBody struct {
	Channel    string         `json:"channel" example:"webchat/site"`
	ExternalID string         `json:"external_id"`
	Verified   *bool          `json:"verified,omitempty" doc:"True: e-mail and phone are known to be the person's own"`
	Name       *string        `json:"name,omitempty"`
	Email      *string        `json:"email,omitempty"`
	Phone      *string        `json:"phone,omitempty"`
	Fields     map[string]any `json:"fields,omitempty"`
}

func (s *Server) capture(ctx context.Context, in *Raw) (*knownAnswer, error) {
	return s.captured(ctx, in.RawBody, gateway.CaptureRequest{Via: viaAPI})
}

// identifyBody says which customer a person is.
type identifyBody struct {
	Channel    string  `json:"channel" example:"webchat/site"`
	ExternalID string  `json:"external_id"`
	CustomerID string  `json:"customer_id"`
	Name       *string `json:"name,omitempty"`
	Email      *string `json:"email,omitempty"`
	Phone      *string `json:"phone,omitempty"`
}

// viaIdentify is the source of what a business's server says of its customers.
const viaIdentify = "identify"

func (s *Server) identify(ctx context.Context, in *Raw) (*knownAnswer, error) {
	return s.captured(ctx, in.RawBody, gateway.CaptureRequest{Verified: true, Via: viaIdentify})
}

// captured adds what a body says to the conversation that it names.
func (s *Server) captured(ctx context.Context, body []byte, request gateway.CaptureRequest) (*knownAnswer, error) {
	b := businessOf(ctx)
	rest := []string{"channel", "external_id"}
	if request.Via == viaAPI {
		rest = append(rest, "verified")
	}
	w, err := readPerson(body, b.Fields, rest...)
	if err != nil {
		return nil, err
	}
	var channelID string
	var faults []fault
	for _, m := range []struct {
		name string
		into any
		want string
	}{{"channel", &channelID, "a text"}, {"external_id", &request.ExternalID, "a text"}, {"verified", &request.Verified, "true or false"}} {
		if raw, ok := w.rest[m.name]; ok && json.Unmarshal(raw, m.into) != nil {
			faults = append(faults, fault{Field: m.name, Code: "type", Detail: "want " + m.want})
		}
	}
	required := map[string]bool{"channel": channelID != "", "external_id": request.ExternalID != ""}
	if _, given := w.values["customer_id"]; given && !request.Verified {
		faults = append(faults, fault{Field: "customer_id", Code: codeReadOnly, Detail: "only what is verified says who a customer is"})
	}
	if request.Via == viaIdentify {
		required["customer_id"] = w.has("customer_id")
	}
	for _, name := range sortedNames(required) {
		if !required[name] && len(faults) == 0 {
			faults = append(faults, fault{Field: name, Code: codeRequired, Detail: name + " is required"})
		}
	}
	if len(faults) > 0 {
		return nil, invalid(faults...)
	}
	ch, ok := s.gateway.Channel(b.ID, channelID)
	if !ok {
		return nil, newProblem(http.StatusNotFound, "there is no such channel")
	}
	request.Values = w.values
	turn, err := s.gateway.Capture(ctx, ch, request)
	if err != nil {
		return nil, s.holderOf(ctx, b, err)
	}
	return personOf(turn), nil
}
