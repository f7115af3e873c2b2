package connectortest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// Fixture is one recorded request and what it means.
type Fixture struct {
	Name    string
	Request connectors.Request
	Expect  Expect
}

// Expect is the content of <name>.expect.json.
type Expect struct {
	Channel   string           `json:"channel"`
	Signature string           `json:"signature"` // valid, invalid, none
	Events    []map[string]any `json:"events"`
	Ignored   []string         `json:"ignored"` // for the reader: parts that give no event
	Respond   *Respond         `json:"respond"`
	Mapping   map[string]any   `json:"mapping"`
	Notes     string           `json:"notes"`
}

// Respond is the answer that the platform must get.
type Respond struct {
	Status  int     `json:"status"`
	Body    *string `json:"body"`
	BodyNot *string `json:"body_not"`
}

// Load reads all fixtures of a folder, in order of their names.
func Load(t testing.TB, dir string) []Fixture {
	t.Helper()
	heads, err := filepath.Glob(filepath.Join(dir, "*.http"))
	require.NoError(t, err)
	sort.Strings(heads)
	all := make([]Fixture, 0, len(heads))
	for _, head := range heads {
		all = append(all, load(t, strings.TrimSuffix(head, ".http")))
	}
	return all
}

func load(t testing.TB, stem string) Fixture {
	t.Helper()
	f := Fixture{Name: filepath.Base(stem)}
	head, err := os.ReadFile(stem + ".http")
	require.NoError(t, err)
	want, err := os.ReadFile(stem + ".expect.json")
	require.NoError(t, err)
	dec := json.NewDecoder(bytes.NewReader(want))
	dec.UseNumber() // ids may be larger than a float holds
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&f.Expect), "%s.expect.json", stem)
	require.Contains(t, []string{"valid", "invalid", "none"}, f.Expect.Signature)

	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(body(t, stem)))))
	require.NoError(t, err, "%s.http", stem)
	f.Request = request(t, r, f.Expect.Channel)
	return f
}

// body finds the request body; a GET has none.
func body(t testing.TB, stem string) []byte {
	t.Helper()
	for _, end := range []string{".json", ".txt"} {
		raw, err := os.ReadFile(stem + end)
		if err == nil {
			return raw
		}
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return nil
}

func request(t testing.TB, r *http.Request, channel string) connectors.Request {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	require.NoError(t, err, "Content-Length and body differ")
	query := map[string]string{}
	for key, values := range r.URL.Query() {
		query[key] = values[0]
	}
	_, path, _ := strings.Cut(r.URL.Path, "/hooks/"+channel+"/acme")
	return connectors.Request{
		Method: r.Method,
		URL:    "https://" + r.Host + r.URL.RequestURI(),
		Path:   path,
		Query:  query,
		Header: r.Header,
		Body:   raw,
		IP:     "203.0.113.7",
		At:     signedAt(r.Header),
	}
}

// signedAt is the time that the signature covers, so that a fixture never grows
// too old; a fixed one where no time is signed.
func signedAt(h http.Header) time.Time {
	for _, name := range []string{"webhook-timestamp", "X-Slack-Request-Timestamp"} {
		if seconds, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil {
			return time.Unix(seconds, 0).UTC()
		}
	}
	return time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)
}

// Copy gives a request that may be changed without touching the fixture.
func (f Fixture) Copy() *connectors.Request {
	r := f.Request
	r.Header = r.Header.Clone()
	r.Body = bytes.Clone(r.Body)
	r.Query = map[string]string{}
	for key, value := range f.Request.Query {
		r.Query[key] = value
	}
	return &r
}

// IsJSON says whether the body is one JSON document.
func (f Fixture) IsJSON() bool { return json.Valid(f.Request.Body) }
