package hubspottest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

type input struct {
	ID         string            `json:"id"`
	IDProperty string            `json:"idProperty"`
	TraceID    string            `json:"objectWriteTraceId"`
	Properties map[string]string `json:"properties"`
}

// known lists the properties that the account has beside Key.
func known(name string) bool {
	return slices.Contains([]string{Key, "firstname", "lastname", "email", "phone", "company", "lifecyclestage",
		"usher_transcript", "usher_company_size", "jobtitle"}, name)
}

func (s *Server) handle(w http.ResponseWriter, r *http.Request, params map[string]string) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/batch/upsert"):
		var body struct {
			Inputs []input `json:"inputs"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body) // checked before
		s.upsert(w, body.Inputs)
	case strings.Contains(r.URL.Path, "/properties/"):
		s.property(w, params["propertyName"])
	case r.Method == http.MethodGet:
		s.get(w, params["contactId"], r.URL.Query().Get("idProperty"))
	case r.Method == http.MethodPatch:
		var body struct {
			Properties map[string]string `json:"properties"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.patch(w, params["contactId"], body.Properties)
	default:
		answer(w, http.StatusNotImplemented, map[string]any{"message": "not in this stand-in"})
	}
}

// upsert looks keys up, perhaps waits for others that do the same, and writes.
func (s *Server) upsert(w http.ResponseWriter, inputs []input) {
	s.mu.Lock()
	missed := map[string]bool{}
	for _, in := range inputs {
		missed[in.ID] = s.by(in.IDProperty, in.ID) == nil
	}
	s.mu.Unlock()
	s.rendezvous()

	s.mu.Lock()
	defer s.mu.Unlock()
	var results, failures []any
	before := s.snapshot()
	for _, in := range inputs {
		c, failure := s.upsertOne(in, missed[in.ID])
		if failure != nil {
			failure["context"] = map[string]any{"objectWriteTraceId": []string{in.TraceID}}
			failures = append(failures, failure)
			continue
		}
		results = append(results, s.show(c, in))
	}
	switch {
	case len(failures) == 0:
		answer(w, http.StatusOK, map[string]any{"status": "COMPLETE", "results": results})
	case s.Partial:
		slices.Reverse(results) // no order is promised
		answer(w, http.StatusMultiStatus, map[string]any{"status": "COMPLETE", "results": results, "numErrors": len(failures), "errors": failures})
	default:
		s.contacts = before
		failure, _ := failures[0].(map[string]any)
		delete(failure, "context")
		status := http.StatusBadRequest
		if failure["category"] == "CONFLICT" {
			status = http.StatusConflict
		}
		answer(w, status, failure)
	}
}

func (s *Server) rendezvous() {
	s.mu.Lock()
	if s.Meet == 0 || s.met >= s.Meet {
		s.mu.Unlock()
		return
	}
	if s.met++; s.met == s.Meet {
		close(s.meeting)
	}
	s.mu.Unlock()
	<-s.meeting
}

func (s *Server) upsertOne(in input, missed bool) (*Contact, map[string]any) {
	c := s.by(in.IDProperty, in.ID)
	if c != nil && missed { // the unique index speaks: another one was faster
		return nil, conflict(c.ID)
	}
	id := ""
	if c != nil {
		id = c.ID
	}
	if failure := s.validate(in.Properties, id); failure != nil {
		return nil, failure
	}
	if c == nil {
		c = s.insert(map[string]string{in.IDProperty: in.ID})
	}
	maps.Copy(c.Properties, in.Properties)
	return c, nil
}

func (s *Server) validate(properties map[string]string, self string) map[string]any {
	for name, value := range properties {
		if !known(name) {
			return map[string]any{"status": "error", "category": "VALIDATION_ERROR", "message": fmt.Sprintf("Property %q does not exist", name)}
		}
		if name == "email" && value != "" && !strings.Contains(value, "@") {
			return map[string]any{"status": "error", "category": "VALIDATION_ERROR", "message": "Property values were not valid",
				"errors": []any{map[string]any{"message": "email is invalid", "code": "INVALID_EMAIL"}}}
		}
		if (name == Key || name == "email") && value != "" {
			if holder := s.by(name, value); holder != nil && holder.ID != self {
				return conflict(holder.ID)
			}
		}
	}
	return nil
}

func (s *Server) get(w http.ResponseWriter, value, property string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.by(property, value)
	if c == nil {
		answer(w, http.StatusNotFound, map[string]any{"status": "error", "message": "resource not found", "category": "OBJECT_NOT_FOUND"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"id": c.ID, "properties": c.Properties})
}

func (s *Server) patch(w http.ResponseWriter, id string, properties map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.contacts[id]
	if c == nil {
		answer(w, http.StatusNotFound, map[string]any{"status": "error", "message": "resource not found"})
		return
	}
	if failure := s.validate(properties, id); failure != nil {
		status := http.StatusBadRequest
		if failure["category"] == "CONFLICT" {
			status = http.StatusConflict
		}
		answer(w, status, failure)
		return
	}
	maps.Copy(c.Properties, properties)
	answer(w, http.StatusOK, map[string]any{"id": c.ID, "properties": c.Properties})
}

func (s *Server) property(w http.ResponseWriter, name string) {
	if !known(name) {
		answer(w, http.StatusNotFound, map[string]any{"status": "error", "message": "no such property"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"name": name, "type": "string", "fieldType": "text", "hasUniqueValue": name == Key})
}

// by finds a contact by id (property empty), key or any of its e-mails.
func (s *Server) by(property, value string) *Contact {
	if property == "" {
		return s.contacts[value]
	}
	for _, c := range s.contacts {
		if c.Properties[property] == value || property == "email" && slices.Contains(c.Secondary, value) {
			return c
		}
	}
	return nil
}

func (s *Server) show(c *Contact, in input) map[string]any {
	shown := map[string]any{"id": c.ID, "properties": c.Properties}
	if s.Bare {
		rest := maps.Clone(c.Properties)
		delete(rest, in.IDProperty)
		shown["properties"] = rest
	}
	return shown
}

func (s *Server) snapshot() map[string]*Contact {
	copied := make(map[string]*Contact, len(s.contacts))
	for id, c := range s.contacts {
		copied[id] = &Contact{ID: c.ID, Properties: maps.Clone(c.Properties), Secondary: c.Secondary}
	}
	return copied
}

func conflict(id string) map[string]any {
	return map[string]any{"status": "error", "category": "CONFLICT", "message": "Contact already exists. Existing ID: " + id}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
