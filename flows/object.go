package flows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"usher/contacts"
)

// reader turns a document into a flow and collects every fault on the way.
type reader struct {
	file     string
	lines    []string
	flow     *Flow
	kinds    []kind
	scope    *scope
	problems []Problem
	// later runs when all steps are known: expressions name variables and
	// targets name steps that stand further down.
	later []func()
	// asked, if set, is told which keys an object could have.
	asked func(what string, keys []string)
}

func (r *reader) fault(at place, format string, args ...any) {
	r.problems = append(r.problems, Problem{File: r.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) warn(at place, format string, args ...any) {
	r.fault(at, format, args...)
	r.problems[len(r.problems)-1].Warning = true
}

// dash is where the list item begins: its "-", if it has one.
func (r *reader) dash(item *yaml.Node) place {
	line, before := item.Line, item.Column-1
	for ; line >= 1 && line <= len(r.lines); line-- {
		head := strings.TrimRight(firstRunes(r.lines[line-1], before), " \t")
		if strings.HasSuffix(head, "-") {
			return place{line, utf8.RuneCountInString(head)}
		}
		if head != "" {
			break
		}
		before = -1
	}
	return placeOf(item)
}

// firstRunes is the beginning of s; all of it for a negative n.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// entry is one key of a mapping with its value.
type entry struct {
	key   key
	value *yaml.Node
}

type key struct {
	Value string
	place place
}

func (e entry) at() place { return e.key.place }

// object is a mapping whose keys are taken one by one; whatever is left is a
// fault.
type object struct {
	r       *reader
	what    string
	at      place
	entries []entry
	asked   []string // keys that could be there
	taken   []bool
}

// object reads a mapping. The null object has no keys: ok is false and the fault
// is reported.
func (r *reader) object(n *yaml.Node, at place, what string) (*object, bool) {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		r.fault(at, "%s: want keys with values, not %s", what, kindOf(n))
		return nil, false
	}
	o := &object{r: r, what: what, at: at, entries: make([]entry, 0, len(n.Content)/2), asked: make([]string, 0, 16)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		// An alias stands where it is used, not where it was defined.
		named := follow(n.Content[i])
		e := entry{key{named.Value, placeOf(n.Content[i])}, follow(n.Content[i+1])}
		if named.Kind != yaml.ScalarNode {
			r.fault(e.at(), "a key must be a plain word")
			continue
		}
		if slices.ContainsFunc(o.entries, func(o entry) bool { return o.key.Value == e.key.Value }) {
			r.fault(e.at(), "%q is given twice", e.key.Value)
			continue
		}
		o.entries = append(o.entries, e)
	}
	o.taken = make([]bool, len(o.entries))
	return o, true
}

// has looks for a key without taking it.
func (o *object) has(key string) bool {
	return slices.ContainsFunc(o.entries, func(e entry) bool { return e.key.Value == key })
}

// take returns the entry of a key, which is then no unknown one.
func (o *object) take(key string) (entry, bool) {
	o.asked = append(o.asked, key)
	for i, e := range o.entries {
		if e.key.Value == key {
			o.taken[i] = true
			return e, true
		}
	}
	return entry{}, false
}

// rest are the keys that nobody took.
func (o *object) rest() []entry {
	var rest []entry
	for i, e := range o.entries {
		if !o.taken[i] {
			rest = append(rest, e)
		}
	}
	return rest
}

// done reports the keys that nobody took.
func (o *object) done() {
	if o.r.asked != nil {
		o.r.asked(o.what, o.asked)
	}
	for _, e := range o.rest() {
		o.r.fault(e.at(), "unknown key %q%s", e.key.Value, closest(e.key.Value, o.asked))
	}
}

// text takes a key whose value is a text; numbers and the like count as written.
func (o *object) text(key string) (string, entry, bool) {
	e, ok := o.take(key)
	if !ok {
		return "", e, false
	}
	s, ok := scalar(e.value)
	if !ok {
		o.r.fault(e.at(), "%s: want a text, not %s", key, kindOf(e.value))
		return "", e, false
	}
	if strings.TrimSpace(s) == "" {
		o.r.fault(e.at(), "%s is empty", key)
		return "", e, false
	}
	return s, e, true
}

// flag takes a key whose value is true or false; nil if it is not there.
func (o *object) flag(key string) *bool {
	e, ok := o.take(key)
	if !ok {
		return nil
	}
	v, err := strconv.ParseBool(e.value.Value)
	if err != nil || e.value.Kind != yaml.ScalarNode {
		o.r.fault(e.at(), "%s: want true or false", key)
		return nil
	}
	return &v
}

// count takes a key whose value is a whole number from 1 to most; 0 if it is not
// there.
func (o *object) count(key string, most int) int {
	e, ok := o.take(key)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(e.value.Value)
	if err != nil || n < 1 || n > most {
		o.r.fault(e.at(), "%s: want a whole number from 1 to %d", key, most)
		return 0
	}
	return n
}

// texts takes a key whose value is a text or a list of texts.
func (o *object) texts(key string) ([]string, entry, bool) {
	e, ok := o.take(key)
	if !ok {
		return nil, e, false
	}
	items := []*yaml.Node{e.value}
	if e.value.Kind == yaml.SequenceNode {
		items = e.value.Content
	}
	var texts []string
	for _, item := range items {
		s, ok := scalar(follow(item))
		if !ok || strings.TrimSpace(s) == "" {
			o.r.fault(e.at(), "%s: want a text or a list of texts", key)
			return nil, e, false
		}
		texts = append(texts, s)
	}
	if len(texts) == 0 {
		o.r.fault(e.at(), "%s: the list is empty", key)
		return nil, e, false
	}
	return texts, e, true
}

// items takes a key whose value is a list.
func (o *object) items(key string, most int) ([]*yaml.Node, entry, bool) {
	e, ok := o.take(key)
	if !ok {
		return nil, e, false
	}
	switch {
	case e.value.Kind != yaml.SequenceNode:
		o.r.fault(e.at(), "%s: want a list, not %s", key, kindOf(e.value))
	case len(e.value.Content) == 0:
		o.r.fault(e.at(), "%s: the list is empty", key)
	case len(e.value.Content) > most:
		o.r.fault(e.at(), "%s: %d items; %d are the most", key, len(e.value.Content), most)
	default:
		return e.value.Content, e, true
	}
	return nil, e, false
}

// field takes a key that names a contact field that flows may write.
func (o *object) field(key string) (contacts.Field, bool) {
	name, e, ok := o.text(key)
	if !ok {
		return contacts.Field{}, false
	}
	return o.r.settable(name, e.at(), key)
}

func (r *reader) settable(name string, at place, key string) (contacts.Field, bool) {
	field, ok := r.scope.fields.Lookup(name)
	root, rest, path := strings.Cut(name, ".")
	switch {
	case !ok && (root == "event" || root == "channel" || root == "now"):
		r.fault(at, "%s: %q is the system's and can only be read", key, name)
	case !ok && path && root == "vars":
		r.fault(at, "%s: an answer is a variable by the id of its step; give it the id %q", key, rest)
	case !ok && path && root == "contact":
		r.fault(at, "%s: name the contact field alone: %s", key, rest)
	case !ok:
		r.fault(at, "%s: no contact field %q%s", key, name, closest(name, r.scope.fieldNames()))
	case !field.Settable:
		r.fault(at, "%s: %q cannot be set by a flow", key, name)
		return field, false
	}
	return field, ok
}

func isTrue(written string) bool {
	yes, err := strconv.ParseBool(written)
	return err == nil && yes
}

// scalar is the value of a text, number or truth value as it is written.
func scalar(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return "", false
	}
	return n.Value, true
}

// follow looks through aliases. A chain of them cannot be a circle: an anchor is
// never an alias.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func kindOf(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.ShortTag() == "!!null":
		return "nothing"
	default:
		return "a text"
	}
}
