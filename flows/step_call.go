package flows

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"usher/connectors"
	"usher/contacts"
)

// serviceCall asks another service and keeps what it says. The run waits meanwhile.
//
//   - call:
//     method: PUT                 # GET, or POST with a body
//     url: "https://accounts.example.com/v1/people/{{ contact.email }}"
//     headers: {Authorization: "Bearer {{ secret.accounts }}"}
//     body: {size: "{{ contact.company_size }}"}
//     save: {customer_tier: /data/tier, vars.manager: /data/manager/name}
//     timeout: 5s
//     retry: 2
//     otherwise: qualify
type serviceCall struct {
	method  string
	url     urlTemplate
	headers []header
	json    *payload  // nil: no JSON
	raw     *template // nil: no text
	timeout time.Duration
	retries int
	saves   []save
}

type header struct {
	name  string
	value *template
}

// save is one value of an answer and where it goes.
type save struct {
	name     string   // as in Resume.Values: of a field, or vars.<name>
	pointer  []string // the parts of a JSON pointer
	field    *contacts.Field
	variable *variable
}

const (
	defaultTimeout = 5 * time.Second
	maxTimeout     = time.Minute
	maxRetries     = 5
	maxSaves       = 50
)

func readCall(r *reader, o *object, e entry, _ *step) body {
	b := &serviceCall{timeout: defaultTimeout}
	c, ok := r.object(e.value, e.at(), "call")
	if !ok {
		return b
	}
	r.url(c, &b.url)
	r.headers(c, &b.headers)
	b.readBody(r, c)
	b.readMethod(r, c)
	b.readSave(r, c)
	b.timeout = c.spanOf("timeout", defaultTimeout, maxTimeout)
	if retry, ok := c.take("retry"); ok {
		n, err := strconv.Atoi(retry.value.Value)
		if err != nil || n < 0 || n > maxRetries {
			r.fault(retry.at(), "retry: want a whole number from 0 to %d", maxRetries)
		}
		b.retries = n
	}
	c.done()
	return b
}

func (b *serviceCall) readBody(r *reader, c *object) {
	e, ok := c.take("body")
	if !ok {
		return
	}
	if source, ok := scalar(e.value); ok {
		r.compileSecret(source, e.at(), "body", &b.raw)
		return
	}
	b.json = r.payload(e.value, e.at())
}

func (b *serviceCall) readMethod(r *reader, c *object) {
	hasBody := b.json != nil || b.raw != nil
	b.method = http.MethodGet
	if hasBody {
		b.method = http.MethodPost
	}
	method, e, ok := c.text("method")
	if !ok {
		return
	}
	b.method = strings.ToUpper(method)
	switch b.method {
	case http.MethodGet:
		if hasBody {
			r.fault(e.at(), "method: a GET has no body")
		}
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		r.fault(e.at(), "method: %q is none of GET, POST, PUT, PATCH, DELETE", method)
	}
}

func (b *serviceCall) readSave(r *reader, c *object) {
	e, ok := c.take("save")
	if !ok {
		return
	}
	o, ok := r.object(e.value, e.at(), "save")
	if !ok {
		return
	}
	if len(o.entries) > maxSaves {
		r.fault(e.at(), "save: %d values; %d are the most", len(o.entries), maxSaves)
		return
	}
	for _, item := range o.entries {
		s := save{name: item.key.Value}
		source, ok := scalar(item.value)
		if s.pointer, ok = parsePointer(source, ok); !ok {
			r.fault(item.at(), "save: %s: want a JSON pointer such as /data/tier", s.name)
		}
		if id, ok := strings.CutPrefix(s.name, "vars."); ok {
			if stepID.MatchString(id) {
				s.variable = r.scope.declare(id, types.Any)
			} else {
				r.fault(item.at(), "save: %q is no name of a variable", s.name)
			}
		} else if field, ok := r.settable(s.name, item.at(), "save"); ok {
			s.field = &field
		}
		b.saves = append(b.saves, s)
	}
}

func (b *serviceCall) changes() {}

func (b *serviceCall) cause() string { return connectors.CauseCall }

func (b *serviceCall) enter(m *machine, _ *step) verdict {
	m.await(Wait{Cause: connectors.CauseCall, At: m.turn.Now, Event: m.turn.EventID})
	m.trace("called", b.method+" "+b.url.host)
	return verdict{do: wait}
}

// resume: an answer takes seconds, and a message in between is none.
func (b *serviceCall) resume(m *machine, _ *step) verdict {
	if isInput(m.turn.Event.Kind) {
		m.trace("waits", "for the answer of "+b.url.host+"; a message before it changes nothing")
	}
	return verdict{do: wait}
}

func (b *serviceCall) request(m *machine, _ *step) (*Request, error) {
	address, err := b.url.render(m)
	if err != nil {
		return nil, err
	}
	out := &Request{Method: b.method, URL: address, Headers: m.headers(b.headers), Timeout: b.timeout, Retries: b.retries}
	switch {
	case b.json != nil:
		if out.Body, err = json.Marshal(b.json.value(m)); err != nil {
			return nil, err
		}
		out.header("Content-Type", "application/json")
	case b.raw != nil:
		out.Body = []byte(b.raw.render(m))
		kind := "text/plain; charset=utf-8"
		if json.Valid(out.Body) {
			kind = "application/json"
		}
		out.header("Content-Type", kind)
	}
	out.header("Accept", "application/json")
	if b.method != http.MethodGet { // what is sent again after a crash is done once
		out.header("Idempotency-Key", m.visitKey())
	}
	return out, nil
}

func (b *serviceCall) response(answer []byte, resume *connectors.Resume) {
	if len(b.saves) == 0 || len(bytes.TrimSpace(answer)) == 0 {
		return
	}
	doc, err := parseAnswer(answer)
	if err != nil {
		resume.Outcome, resume.Detail = connectors.OutcomeFailed, "the answer is not JSON"
		return
	}
	resume.Values = map[string]any{}
	for _, s := range b.saves {
		if v := single(lookUp(doc, s.pointer)); isKnown(v) {
			resume.Values[s.name] = v
		}
	}
}

func (b *serviceCall) resumed(m *machine, _ *step, r *connectors.Resume) verdict {
	if r.Outcome != connectors.OutcomeOK {
		m.trace("failed", r.Detail)
		return verdict{do: fail}
	}
	m.trace("answered", r.Detail)
	for i := range b.saves {
		b.saves[i].take(m, r.Values)
	}
	return verdict{do: next}
}

// take keeps one value. One that its field cannot hold leaves the field as it is.
func (s *save) take(m *machine, values map[string]any) {
	v := values[s.name]
	if !isKnown(v) {
		m.trace("missing", s.name)
		return
	}
	if s.field == nil {
		switch v.(type) {
		case string, float64, bool:
			m.setVariable(s.variable, v)
			m.trace("set", s.name)
		}
		return
	}
	stored, err := m.parse(func(l contacts.Locale) (any, error) { return s.field.Parse(v, l) })
	if err != nil {
		m.trace("invalid", s.name+": "+reason(err))
		return
	}
	m.capture(s.field.Name, stored, "call")
}
