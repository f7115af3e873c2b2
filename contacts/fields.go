package contacts

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of custom fields: a name fits an indexed column, and a page of fields
// stays a page.
const (
	maxFieldName    = 64
	maxFieldTitle   = 200
	maxCustomFields = 500
)

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Fields are the fields of one business: the built-in ones and its own. Fields
// are added and never change or go. It is safe for concurrent use.
type Fields struct {
	adding sync.Mutex
	now    atomic.Pointer[fieldSet]
}

// fieldSet is the fields at one time.
type fieldSet struct {
	all    []Field
	byName map[string]int
}

// NewFields adds a business's own fields to the built-in ones. Its error joins
// every fault that it finds.
func NewFields(custom []Field) (*Fields, error) {
	all := builtIns()
	set := &fieldSet{all: all, byName: make(map[string]int, len(all)+len(custom))}
	for i := range all {
		set.byName[all[i].Name] = i
	}
	var faults []error
	if len(custom) > maxCustomFields {
		faults = append(faults, tooMany(len(custom)))
		custom = custom[:maxCustomFields]
	}
	for _, field := range custom {
		if err := set.add(field); err != nil {
			faults = append(faults, fmt.Errorf("field %q: %w", field.Name, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	f := &Fields{}
	f.now.Store(set)
	return f, nil
}

// Add a custom field. Whoever looked before may still see the fields without
// it.
func (f *Fields) Add(field Field) error {
	f.adding.Lock()
	defer f.adding.Unlock()
	old := f.now.Load()
	set := &fieldSet{all: slices.Clone(old.all), byName: maps.Clone(old.byName)}
	if n := len(old.all) - len(builtIns()) + 1; n > maxCustomFields {
		return tooMany(n)
	}
	if err := set.add(field); err != nil {
		return fmt.Errorf("field %q: %w", field.Name, err)
	}
	f.now.Store(set)
	return nil
}

func tooMany(n int) error {
	return fmt.Errorf("%d custom fields; %d are the most", n, maxCustomFields)
}

func (f *fieldSet) add(field Field) error {
	if !fieldName.MatchString(field.Name) || len(field.Name) > maxFieldName {
		return fmt.Errorf("a name is a small letter, then small letters, digits and _, %d at most", maxFieldName)
	}
	if at, taken := f.byName[field.Name]; taken {
		if f.all[at].BuiltIn {
			return errors.New("the name of a built-in field")
		}
		return errors.New("given twice")
	}
	if !field.Type.Valid() {
		return fmt.Errorf("type %q is none of %s, %s, %s, %s", field.Type, Text, Number, Date, YesNo)
	}
	if len(field.Title) > maxFieldTitle {
		return fmt.Errorf("the title is longer than %d bytes", maxFieldTitle)
	}
	if strings.TrimSpace(field.Title) == "" {
		field.Title = titleOf(field.Name)
	}
	field.BuiltIn, field.Settable = false, true
	f.byName[field.Name] = len(f.all)
	f.all = append(f.all, field)
	return nil
}

// Lookup finds a field by its name.
func (f *Fields) Lookup(name string) (Field, bool) {
	set := f.now.Load()
	at, ok := set.byName[name]
	if !ok {
		return Field{}, false
	}
	return set.all[at], true
}

// All returns the built-in fields, then the custom ones as they were given.
func (f *Fields) All() []Field { return slices.Clone(f.now.Load().all) }

// Custom returns the custom fields as they were given.
func (f *Fields) Custom() []Field {
	var custom []Field
	for _, field := range f.now.Load().all {
		if !field.BuiltIn {
			custom = append(custom, field)
		}
	}
	return custom
}

// IsValue says whether a field is kept in Values: what may be set, and the
// customer id, which only a proven source sets.
func (f Field) IsValue() bool { return f.Settable || f.Name == "customer_id" }

// Valid says whether t is one of the four types.
func (t FieldType) Valid() bool {
	switch t {
	case Text, Number, Date, YesNo:
		return true
	default:
		return false
	}
}

// builtIns lists the built-in fields in the order in which they are shown.
func builtIns() []Field {
	readOnly := func(name string, t FieldType) Field {
		return Field{Name: name, Title: titleOf(name), Type: t, BuiltIn: true}
	}
	value := func(name string) Field {
		return Field{Name: name, Title: titleOf(name), Type: Text, BuiltIn: true, Settable: true}
	}
	return []Field{
		readOnly("id", Text), readOnly("type", Text), readOnly("status", Text),
		value("name"), value("first_name"), value("middle_name"), value("last_name"),
		value("email"), value("phone"), readOnly("customer_id", Text),
		value("company"), value("country"), value("city"), value("zip"),
		value("language"), value("timezone"), value("contact_address"), value("billing_address"),
		readOnly("tags", Text), readOnly("assignee_id", Text),
		readOnly("channel", Text), readOnly("flow", Text), readOnly("via", Text),
		readOnly("created_at", Date), readOnly("updated_at", Date), readOnly("last_seen_at", Date),
	}
}

// titleOf turns company_size into Company size.
func titleOf(name string) string {
	switch name {
	case "id":
		return "ID"
	case "customer_id":
		return "Customer ID"
	case "email":
		return "E-mail"
	}
	words := strings.TrimSpace(strings.ReplaceAll(name, "_", " "))
	return strings.ToUpper(words[:1]) + words[1:]
}
