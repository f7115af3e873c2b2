// Package hubspottest is a HubSpot to test against: it keeps contacts, holds
// key and e-mail unique, and refuses every request that the contract in
// testdata does not allow.
package hubspottest

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/hubspot.openapi.json
var contract []byte

// Token is the one that a Server accepts.
const Token = "pat-na1-00000000-0000-4000-8000-000000000001"

// Key is the unique property that holds the lead key.
const Key = "usher_lead_id"

// Contact is one record.
type Contact struct {
	ID         string
	Properties map[string]string
	// Secondary e-mails are unique among all e-mails too.
	Secondary []string
}

// Fault is what happens to one request instead of, or after, its handling.
type Fault struct {
	Commit bool // handle the request first
	Status int  // answer with it; zero: hang up without an answer
	Header map[string]string
	Body   string
}

// Server is a stand-in account. Set its switches before the first request.
type Server struct {
	URL string
	// Partial answers a batch with a bad input by 207; else it fails whole.
	Partial bool
	// Bare leaves out of results whatever names their input.
	Bare bool
	// Meet makes that many upserts look for their keys before any of them
	// writes, as parallel ones at HubSpot may.
	Meet int

	mu       sync.Mutex
	contacts map[string]*Contact
	nextID   int
	faults   []Fault
	requests []string
	problems []string
	met      int
	meeting  chan struct{}
	router   routers.Router
}

// New starts a server that ends with the test, which fails if any request broke
// the contract.
func New(t testing.TB) *Server {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(contract)
	require.NoError(t, err)
	doc.Servers = nil // paths only: the server's address is made anew each time
	router, err := legacy.NewRouter(doc)
	require.NoError(t, err)
	s := &Server{contacts: map[string]*Contact{}, nextID: 500, meeting: make(chan struct{}), router: router}
	server := httptest.NewServer(s)
	s.URL = server.URL
	t.Cleanup(func() {
		server.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.problems, "requests against the contract")
	})
	return s
}

// Add puts a contact there that was made by someone else, and gives its id.
func (s *Server) Add(properties map[string]string, secondary ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(maps.Clone(properties), secondary...).ID
}

// Contacts lists the records by id.
func (s *Server) Contacts() []Contact {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Contact
	for _, id := range slices.Sorted(maps.Keys(s.contacts)) {
		c := s.contacts[id]
		list = append(list, Contact{ID: c.ID, Properties: maps.Clone(c.Properties), Secondary: c.Secondary})
	}
	return list
}

// Fail lets the next requests run into these, one each.
func (s *Server) Fail(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Requests lists what came in, as "METHOD path".
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) insert(properties map[string]string, secondary ...string) *Contact {
	s.nextID++
	c := &Contact{ID: strconv.Itoa(s.nextID), Properties: properties, Secondary: secondary}
	s.contacts[c.ID] = c
	return c
}

// ServeHTTP checks the request, then handles it or lets it fail.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, err := s.check(r)
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	if err != nil && !errors.Is(err, errToken) {
		s.problems = append(s.problems, err.Error())
	}
	var fault *Fault
	if err == nil && len(s.faults) > 0 {
		fault, s.faults = &s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()

	switch {
	case errors.Is(err, errToken):
		answer(w, http.StatusUnauthorized, map[string]any{"status": "error", "message": "Authentication credentials not found", "category": "INVALID_AUTHENTICATION"})
		return
	case err != nil:
		answer(w, http.StatusBadRequest, map[string]any{"status": "error", "message": "against the contract", "category": "VALIDATION_ERROR"})
		return
	case fault == nil:
		s.handle(w, r, params)
		return
	case fault.Commit:
		s.handle(httptest.NewRecorder(), r, params)
	}
	fault.write(w)
}

func (f *Fault) write(w http.ResponseWriter) {
	if f.Status == 0 {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
		return
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write([]byte(f.Body))
}

var errToken = errors.New("token is missing or wrong")

// check holds a request against the contract and gives its path parameters.
func (s *Server) check(r *http.Request) (map[string]string, error) {
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: authenticate},
	})
	if err != nil {
		if strings.Contains(err.Error(), errToken.Error()) {
			err = errToken
		}
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return params, nil
}

func authenticate(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	if in.RequestValidationInput.Request.Header.Get("Authorization") != "Bearer "+Token {
		return errToken
	}
	return nil
}
