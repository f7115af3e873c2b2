package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/contacts"
)

// ErrFilter: a filter, an order or a cursor cannot be read. The message around
// it says why and may be shown.
var ErrFilter = errors.New("cannot filter by this")

// Bounds of a filter: what a person or a report asks for is far below.
const (
	clauseBytes  = 1024
	clauseValues = 100
	clausesMost  = 50
)

// Op compares a field with the values of a clause.
type Op string

// The operators. A field that is not known is equal to nothing and different
// from everything; smaller and greater do not hold for it.
const (
	Equal     Op = "="  // any of the values
	Different Op = "!=" // none of the values
	AtLeast   Op = ">="
	AtMost    Op = "<="
	Above     Op = ">"
	Below     Op = "<"
	Contains  Op = "~" // any of the values, whatever the case
	Known     Op = ":known"
	Unknown   Op = ":unknown"
)

// Clause is one condition on a field. Values are in the field's canonical form;
// those of an instant (created_at …) are Spans.
type Clause struct {
	Field  contacts.Field
	Op     Op
	Values []any
}

// ParseClause reads a condition as the API writes it: company_size>=50,
// plan=gold,silver (any of these), company="Acme, Inc", name~love, phone:known.
// Days of an instant are whole days where the locale is. The error is an
// ErrFilter.
func ParseClause(s string, fields *contacts.Fields, l contacts.Locale) (Clause, error) {
	if len(s) > clauseBytes {
		return Clause{}, fmt.Errorf("%w: longer than %d bytes", ErrFilter, clauseBytes)
	}
	end := strings.IndexFunc(s, func(r rune) bool { return !(r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9') })
	if end < 0 {
		end = len(s)
	}
	field, ok := fields.Lookup(s[:end])
	if !ok {
		return Clause{}, fmt.Errorf("%w: %q is no field", ErrFilter, s[:end])
	}
	c := Clause{Field: field}
	rest := strings.TrimLeft(s[end:], " ")
	for _, op := range []Op{Known, Unknown, Different, AtLeast, AtMost, Equal, Above, Below, Contains} {
		if after, found := strings.CutPrefix(rest, string(op)); found {
			c.Op, rest = op, strings.TrimSpace(after)
			break
		}
	}
	switch {
	case c.Op == "":
		return Clause{}, fmt.Errorf("%w: after %s one of = != >= <= > < ~ :known :unknown is wanted", ErrFilter, field.Name)
	case c.Op == Known || c.Op == Unknown:
		if rest != "" {
			return Clause{}, fmt.Errorf("%w: nothing follows %s%s", ErrFilter, field.Name, c.Op)
		}
		return c, nil
	}
	return c.with(rest, l)
}

// with adds the values that follow the operator.
func (c Clause) with(list string, l contacts.Locale) (Clause, error) {
	if err := c.allowed(); err != nil {
		return Clause{}, err
	}
	values := []string{list}
	if c.Op == Equal || c.Op == Different || c.Op == Contains {
		values = splitList(list)
	}
	if len(values) > clauseValues {
		return Clause{}, fmt.Errorf("%w: more than %d values", ErrFilter, clauseValues)
	}
	for _, s := range values {
		v, err := c.value(s, l)
		if errors.Is(err, contacts.ErrBlank) {
			return Clause{}, fmt.Errorf("%w: %s%s wants a value", ErrFilter, c.Field.Name, c.Op)
		}
		if err != nil {
			return Clause{}, fmt.Errorf("%w: %s: %w", ErrFilter, c.Field.Name, err)
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

// allowed says whether the operator makes sense for the field.
func (c Clause) allowed() error {
	ordered := c.Op == AtLeast || c.Op == AtMost || c.Op == Above || c.Op == Below
	switch {
	case c.Op == Contains && (c.Field.Type != contacts.Text || isTags(c.Field)),
		ordered && (c.Field.Type == contacts.YesNo || isTags(c.Field)):
		return fmt.Errorf("%w: %s does not work for %s", ErrFilter, c.Op, c.Field.Name)
	}
	return nil
}

// value reads one value as its field has it. Parts of a value need not be one.
func (c Clause) value(s string, l contacts.Locale) (any, error) {
	switch {
	case isInstant(c.Field):
		return ParseSpan(s, l)
	case c.Field.Type != contacts.Text:
		return c.Field.Parse(s, l)
	case s == "":
		return nil, contacts.ErrBlank
	case c.Op == Equal || c.Op == Different:
		if v, err := c.Field.Parse(s, l); err == nil {
			return v, nil
		}
	}
	return s, nil
}

// Span is the time from From on and before To.
type Span struct{ From, To time.Time }

// ParseSpan reads an instant (RFC 3339), which is as short as a time can be, or
// a day, which is whole where the locale is. The error is contacts.ErrBlank or a
// *contacts.Invalid.
func ParseSpan(s string, l contacts.Locale) (Span, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		t = t.UTC().Truncate(time.Microsecond)
		return Span{t, t.Add(time.Microsecond)}, nil
	}
	d, err := contacts.ParseDate(s, l)
	if err != nil {
		return Span{}, err
	}
	zone := l.Timezone
	if zone == nil {
		zone = time.UTC
	}
	from, err := time.ParseInLocation(time.DateOnly, d, zone)
	if err != nil {
		return Span{}, err
	}
	return Span{from, from.AddDate(0, 0, 1)}, nil
}

func isInstant(f contacts.Field) bool {
	return f.BuiltIn && slices.Contains([]string{"created_at", "updated_at", "last_seen_at"}, f.Name)
}

func isTags(f contacts.Field) bool { return f.BuiltIn && f.Name == "tags" }

// splitList splits at commas outside of double quotes, which it takes off.
func splitList(s string) []string {
	var parts []string
	var b strings.Builder
	quoted := false
	for _, r := range s {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ',' && !quoted:
			parts = append(parts, strings.TrimSpace(b.String()))
			b.Reset()
		default:
			b.WriteRune(r)
		}
	}
	return append(parts, strings.TrimSpace(b.String()))
}
