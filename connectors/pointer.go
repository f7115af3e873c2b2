package connectors

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Pointer is a JSON Pointer (RFC 6901): where in a document something is. The
// zero value points to nothing.
type Pointer struct{ path []string }

// ParsePointer reads a pointer like /contact/id; ~1 stands for / in a name, ~0
// for ~.
func ParsePointer(s string) (Pointer, error) {
	if !strings.HasPrefix(s, "/") {
		return Pointer{}, errors.New("want a JSON pointer, like /contact/id")
	}
	path := strings.Split(s[1:], "/")
	for i, part := range path {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return Pointer{}, errors.New("~ is written ~0, and / in a name ~1")
		}
		path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
	}
	return Pointer{path}, nil
}

// Find returns what the pointer points to in a document.
func (p Pointer) Find(doc JSON) JSON {
	if p.path == nil {
		return ""
	}
	for _, name := range p.path {
		if !doc.IsList() {
			doc = doc.Get(name)
			continue
		}
		i, found := 0, JSON("")
		for element := range doc.Elements() {
			if strconv.Itoa(i) == name {
				found = element.orNone()
			}
			i++
		}
		doc = found
	}
	return doc
}

// maxExact is up to where a platform that writes numbers as doubles means every
// digit.
const maxExact = 1 << 53

// ID is the text or number that the pointer points to; 1.7882E12 is the whole
// number that it stands for.
func (p Pointer) ID(doc JSON) string {
	id := p.Find(doc)
	if n, ok := id.Number(); ok && id[0] != '"' && strings.ContainsAny(string(id), ".eE") && n == math.Trunc(n) && math.Abs(n) <= maxExact {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return id.ID()
}

// A Mapping says where in somebody's document the members of an Event are. A
// name that is none of them is one of our fields, and its value a parameter.
type Mapping map[string]Pointer

// ParseMapping reads the setting; its error names the faulty entries.
func ParseMapping(pointers map[string]string) (Mapping, error) {
	m := Mapping{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(pointers)) {
		p, err := ParsePointer(pointers[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("mapping.%s: %w", name, err))
		}
		m[name] = p
	}
	return m, errors.Join(faults...)
}

// Read fills an event from a document. What is of the wrong type is left out.
func (m Mapping) Read(e *Event, doc JSON) {
	for name, p := range m {
		switch name {
		case "account":
			e.Account = p.ID(doc)
		case "external_id":
			e.ExternalID = p.ID(doc)
		case "session":
			e.Session = p.ID(doc)
		case "message_id":
			e.MessageID = p.ID(doc)
		case "customer_id":
			e.CustomerID = p.ID(doc)
		case "phone":
			e.Phone = p.ID(doc)
		case "name":
			e.Name = p.Find(doc).Text()
		case "email":
			e.Email = p.Find(doc).Text()
		case "language":
			e.Language = p.Find(doc).Text()
		case "text":
			e.Text = p.Find(doc).ID()
		case "kind":
			e.Kind = Kind(p.Find(doc).Text())
		case "timestamp":
			e.Timestamp = Moment(p.Find(doc).ID())
		case "verified":
			e.Verified = p.Find(doc).True()
		default:
			if value := p.Find(doc).Value(); value != nil {
				if e.Parameters == nil {
					e.Parameters = map[string]any{}
				}
				e.Parameters[name] = value
			}
		}
	}
}

// Moment reads RFC 3339, or seconds or milliseconds since 1970; zero if it is
// neither.
func Moment(s string) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
		if at = at.UTC(); at.Year() < 1 || at.Year() > 9999 { // cannot be written again
			return time.Time{}
		}
		return at
	}
	at, _ := Instant(s)
	return at
}
