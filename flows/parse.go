package flows

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/expr-lang/expr/types"

	"usher/contacts"
)

// maxFlowSteps is far beyond what anybody keeps an overview of.
const maxFlowSteps = 500

var (
	flowID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	stepID = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

// Parse reads a flow document, YAML or JSON, and checks everything in it that
// can be checked without the other flows: all problems at once, in reading
// order. The flow is nil if one of them is more than a warning. fields nil: the
// built-in ones.
func Parse(file string, doc []byte, fields *contacts.Fields) (*Flow, []Problem) {
	if fields == nil {
		builtIn, err := contacts.NewFields(nil)
		if err != nil {
			return nil, []Problem{{File: file, Line: 1, Column: 1, Message: err.Error()}}
		}
		fields = builtIn
	}
	return newReader(file, doc, fields).parse(doc)
}

func newReader(file string, doc []byte, fields *contacts.Fields) *reader {
	return &reader{
		file:  file,
		lines: strings.Split(string(doc), "\n"),
		flow:  &Flow{file: file, Source: doc},
		kinds: kinds(),
		scope: &scope{fields: fields, guess: true},
	}
}

func (r *reader) parse(doc []byte) (*Flow, []Problem) {
	root, at, err := parseDocument(doc)
	if err != nil {
		r.fault(at, "%s", err)
		return nil, r.problems
	}
	if o, ok := r.object(root, placeOf(root), "a flow"); ok {
		r.document(o)
	}
	for _, compile := range r.later {
		compile()
	}
	if len(r.flow.steps) > 0 {
		r.check()
	}
	if r.scope.slots > maxVars {
		r.fault(at, "more than %d variables", maxVars)
	}
	if Faulty(r.problems) {
		return nil, sorted(r.problems)
	}
	r.flow.vars, r.flow.slots = r.scope.vars, r.scope.slots
	return r.flow, sorted(r.problems)
}

// Document is a flow as its author wrote it.
type Document struct {
	File string
	Text []byte
}

// ParseAll parses documents side by side: the flows that are free of faults and
// all problems, in the order of the documents.
func ParseAll(documents []Document, fields *contacts.Fields) ([]*Flow, []Problem) {
	parsed := make([]*Flow, len(documents))
	found := make([][]Problem, len(documents))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(documents)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(documents)); i = next.Add(1) - 1 {
				parsed[i], found[i] = Parse(documents[i].File, documents[i].Text, fields)
			}
		})
	}
	readers.Wait()
	return slices.DeleteFunc(parsed, func(f *Flow) bool { return f == nil }), slices.Concat(found...)
}

func (r *reader) document(o *object) {
	f := r.flow
	id, e, ok := o.text("id")
	switch {
	case ok && !flowID.MatchString(id):
		r.fault(e.at(), "id: want letters, digits, - and _, at most 64")
	case !ok && !o.has("id"):
		r.fault(o.at, "a flow needs an id")
	}
	f.ID, f.Name, f.at = id, id, o.at
	if ok {
		f.at = e.at()
	}
	if name, _, ok := o.text("name"); ok {
		f.Name = name
	}
	_, _, _ = o.text("description")
	_, _, _ = o.text("$schema") // for editors
	r.start(o)
	r.defaults(o)
	// Names of values that a bot platform sends as parameters.
	declared, e, _ := o.texts("vars")
	for _, v := range declared {
		if !stepID.MatchString(v) {
			r.fault(e.at(), "vars: %q is no name of a variable", v)
			continue
		}
		r.scope.declare(v, types.Any)
	}
	if !o.has("steps") {
		r.fault(o.at, "a flow needs steps")
	}
	items, _, _ := o.items("steps", maxFlowSteps)
	o.done()
	f.steps = make([]step, len(items))
	for i, item := range items {
		at := r.dash(item)
		f.steps[i].at = at
		if o, ok := r.object(item, at, "a step"); ok {
			r.step(o, &f.steps[i])
		}
	}
	for i, s := range f.steps {
		if s.body == nil {
			f.steps[i].body = goOn{} // reported already; keeps the check going
		}
	}
}

func (r *reader) defaults(o *object) {
	e, ok := o.take("defaults")
	if !ok {
		return
	}
	d, ok := r.object(e.value, e.at(), "defaults")
	if !ok {
		return
	}
	r.flow.defaults.attempts, r.flow.defaults.skipIfKnown = r.patience(d, 0)
	d.done()
}

// maxAttempts keeps a conversation from asking for ever.
const maxAttempts = 20

// patience reads attempts and skip_if_known of a step, or of the defaults. The
// attempts are as said if neither has any.
func (r *reader) patience(o *object, otherwise int) (attempts int, skipIfKnown bool) {
	attempts, skipIfKnown = cmp.Or(r.flow.defaults.attempts, otherwise), r.flow.defaults.skipIfKnown
	if n := o.count("attempts", maxAttempts); n > 0 {
		attempts = n
	}
	if skip := o.flag("skip_if_known"); skip != nil {
		skipIfKnown = *skip
	}
	return attempts, skipIfKnown
}

// step reads the keys of every step and then those of its kind.
func (r *reader) step(o *object, s *step) {
	if id, e, ok := o.text("id"); ok {
		switch {
		case id == "end" || !stepID.MatchString(id):
			r.fault(e.at(), "id: %q cannot be a step's; want letters, digits, - and _", id)
		case r.flow.stepNamed(id) >= 0:
			r.fault(e.at(), "a second step %q", id)
		default:
			s.id = id
		}
	}
	r.condition(o, "when", &s.when)
	r.target(o, "go", &s.then)
	r.target(o, "otherwise", &s.otherwise)
	var found []entry
	for _, k := range r.kinds {
		e, ok := o.take(k.key)
		if !ok {
			continue
		}
		if found = append(found, e); len(found) > 1 {
			r.fault(e.at(), "one step does one thing, not %s and %s", s.kind, k.key)
			continue
		}
		s.kind = k.key
		o.what = "step " + k.key
		s.body = k.read(r, o, e, s)
	}
	switch {
	case len(found) > 0:
	case o.has("go"):
		s.kind, s.body, o.what = "go", goOn{}, "step go"
	case len(o.rest()) == 0:
		r.fault(s.at, "a step needs one of %s, go", strings.Join(kindKeys(), ", "))
		return
	}
	o.done()
}

func (f *Flow) stepNamed(id string) int {
	for i := range f.steps {
		if f.steps[i].id == id && id != "" {
			return i
		}
	}
	return -1
}

// condition reads a key that holds an expression.
func (r *reader) condition(o *object, key string, into **condition) {
	source, e, ok := o.text(key)
	if !ok {
		return
	}
	r.later = append(r.later, func() {
		compiled, err := r.scope.compile(source)
		r.warnOfGuesses(e.at(), key)
		if err != nil {
			r.fault(e.at(), "%s: %s", key, err)
			return
		}
		*into = compiled
	})
}

// text reads a key that holds a template.
func (r *reader) text(o *object, key string, into **template) {
	if source, e, ok := o.text(key); ok {
		r.compileText(source, e.at(), key, into)
	}
}

func (r *reader) compileText(source string, at place, key string, into **template) {
	*into = &template{} // until then, and if it is faulty
	r.later = append(r.later, func() {
		compiled, err := r.scope.template(source)
		r.warnOfGuesses(at, key)
		if err != nil {
			r.fault(at, "%s: %s", key, err)
			return
		}
		**into = *compiled
	})
}

// compileSecret is compileText for what goes to another service.
func (r *reader) compileSecret(source string, at place, key string, into **template) {
	r.later = append(r.later, func() { r.scope.secrets = true })
	r.compileText(source, at, key, into)
	r.later = append(r.later, func() {
		for _, name := range r.scope.secretsNamed {
			r.flow.secrets = append(r.flow.secrets, secretUse{name, at})
		}
		r.scope.secrets, r.scope.secretsNamed = false, nil
	})
}

// warnOfGuesses says which variables only a bot's parameters can set.
func (r *reader) warnOfGuesses(at place, key string) {
	for _, path := range r.scope.guessed {
		r.warn(at, "%s: nothing in this flow sets vars.%s; it is known only if a bot sends a parameter of that name", key, path)
	}
	r.scope.guessed = nil
}

// target reads a key that says where to go.
func (r *reader) target(o *object, key string, into *target) {
	name, e, ok := o.text(key)
	if !ok {
		return
	}
	*into = target{kind: toNowhere, name: name, at: e.at()}
	flow, leaves := strings.CutPrefix(name, "flow:")
	switch {
	case name == "end":
		into.kind = toEnd
	case leaves && flowID.MatchString(flow):
		into.kind, into.flow = toFlow, flow
	case leaves:
		r.fault(e.at(), "%s: %q is no id of a flow", key, flow)
	default:
		r.later = append(r.later, func() {
			if into.step = r.flow.stepNamed(name); into.step >= 0 {
				into.kind = toStep
				return
			}
			var ids []string
			for _, s := range r.flow.steps {
				ids = append(ids, s.id)
			}
			r.fault(e.at(), "%s: no step %q%s", key, name, closest(name, append(ids, "end")))
		})
	}
}

// reason is why a value was refused, without the value.
func reason(err error) string {
	var invalid *contacts.Invalid
	switch {
	case errors.As(err, &invalid):
		return invalid.Detail
	case errors.Is(err, contacts.ErrBlank):
		return "is empty"
	default:
		return err.Error()
	}
}

// String names the flow for logs.
func (f *Flow) String() string { return fmt.Sprintf("%s v%d", f.ID, f.Version) }
