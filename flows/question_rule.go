package flows

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
	"unicode/utf8"

	"usher/contacts"
)

// answerRule is what an author asks of an answer besides its kind.
//
//	rule: '[A-Z]{2}-\d{4}'              the whole answer, an RE2 pattern
//	rule: {min: 1, max: 500}            of a number; of a date: 2026-05-31 or today
//	rule: {min_length: 2, max_length: 40, pattern: …}
type answerRule struct {
	pattern              *regexp.Regexp
	min, max             *float64
	first, last          string // days; today is that of the turn
	minLength, maxLength int    // characters; 0: any
}

const (
	today      = "today"
	maxPattern = 1000 // bytes
)

// rule reads the key of a question. The kind of its input is known by then.
func (r *reader) rule(o *object, q *question) {
	e, ok := o.take("rule")
	if !ok {
		return
	}
	q.rule = &answerRule{}
	kind := q.kind()
	if kind == "" {
		r.fault(e.at(), "rule: an answer by %s has none", q.input.name)
		return
	}
	if s, ok := scalar(e.value); ok {
		r.pattern(e.at(), s, kind, q.rule)
		return
	}
	keys, ok := r.object(e.value, e.at(), "rule")
	if !ok {
		return
	}
	if s, e, ok := keys.text("pattern"); ok {
		r.pattern(e.at(), s, kind, q.rule)
	}
	if min, e, ok := keys.text("min"); ok {
		r.bound(e, "min", min, kind, &q.rule.min, &q.rule.first)
	}
	if max, e, ok := keys.text("max"); ok {
		r.bound(e, "max", max, kind, &q.rule.max, &q.rule.last)
	}
	q.rule.minLength, q.rule.maxLength = keys.count("min_length", contacts.TextLimit), keys.count("max_length", contacts.TextLimit)
	if kind != "text" && (q.rule.minLength > 0 || q.rule.maxLength > 0) {
		r.fault(e.at(), "rule: a %s has no length; min and max say how large it may be", kind)
	}
	keys.done()
	if u := q.rule; u.min != nil && u.max != nil && *u.min > *u.max || u.first != today && u.last != today && u.last != "" && u.first > u.last ||
		u.maxLength > 0 && u.minLength > u.maxLength {
		r.fault(e.at(), "rule: no answer can be between these bounds")
	}
}

func (r *reader) pattern(at place, s, kind string, into *answerRule) {
	if kind != "text" {
		r.fault(at, "rule: a pattern is for texts; a %s has min and max", kind)
		return
	}
	whole, err := regexp.Compile(`^(?:` + s + `)$`)
	if _, alone := regexp.Compile(s); alone != nil || err != nil || len(s) > maxPattern {
		r.fault(at, "rule: want an RE2 pattern of at most %d bytes", maxPattern)
		return
	}
	into.pattern = whole
}

func (r *reader) bound(e entry, key, s, kind string, number **float64, day *string) {
	switch kind {
	case "number":
		n, err := contacts.ParseNumber(s, contacts.Locale{})
		if err != nil {
			r.fault(e.at(), "%s: want a number", key)
		}
		*number = &n
	case "date":
		if *day = today; s == today {
			return
		}
		d, err := contacts.ParseDate(s, contacts.Locale{})
		if err != nil {
			r.fault(e.at(), "%s: want a date like 2026-05-31, or today", key)
		}
		*day = d
	default:
		r.fault(e.at(), "%s: is for numbers and dates; a text has min_length and max_length", key)
	}
}

// kind is what a rule can bound of an answer: number, date or text; empty: it
// has none.
func (q *question) kind() string {
	if q.field != nil && (q.field.Type == contacts.Number || q.field.Type == contacts.Date) {
		return string(q.field.Type)
	}
	switch q.input.name {
	case "number", "date":
		return q.input.name
	case "text", "email", "phone", "url":
		if q.field != nil && q.field.Type == contacts.YesNo {
			return ""
		}
		return "text"
	default:
		return ""
	}
}

// brokenRule is an answer that was understood and does not obey: it is not read
// in another way.
type brokenRule string

func (e brokenRule) Error() string { return string(e) }

func isBroken(err error) bool {
	var broken brokenRule
	return errors.As(err, &broken)
}

// check says what is wrong with an answer, as the input read it and as the field
// keeps it.
func (u *answerRule) check(read, kept any, now func() time.Time) error {
	n, isNumber := kept.(float64)
	if !isNumber {
		n, isNumber = read.(float64)
	}
	if isNumber && (u.min != nil && n < *u.min || u.max != nil && n > *u.max) {
		return brokenRule("is out of bounds")
	}
	s, _ := kept.(string)
	bound := func(day string) string {
		if day == today {
			return now().Format(time.DateOnly)
		}
		return day
	}
	if u.first != "" && s < bound(u.first) || u.last != "" && s > bound(u.last) {
		return brokenRule("is out of bounds")
	}
	if length := utf8.RuneCountInString(s); u.minLength > 0 && length < u.minLength || u.maxLength > 0 && length > u.maxLength {
		return brokenRule("has another length")
	}
	if u.pattern != nil && !u.pattern.MatchString(s) {
		return brokenRule("does not fit the pattern")
	}
	return nil
}

// wanted says, in the place of the input's own words, what the rule asks for.
func (u *answerRule) wanted(in input) string {
	span := func(what, low, high string) string {
		switch {
		case low == "":
			return fmt.Sprintf("Please answer with a %s up to %s.", what, high)
		case high == "":
			return fmt.Sprintf("Please answer with a %s from %s on.", what, low)
		default:
			return fmt.Sprintf("Please answer with a %s from %s to %s.", what, low, high)
		}
	}
	number := func(n *float64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatFloat(*n, 'f', -1, 64)
	}
	switch {
	case u.min != nil || u.max != nil:
		return span("number", number(u.min), number(u.max))
	case u.first != "" || u.last != "":
		return span("date", u.first, u.last)
	case u.pattern != nil && in.name == "text":
		return "That does not have the right form. Please try again."
	case u.minLength > 0 && u.maxLength > 0 && in.name == "text":
		return fmt.Sprintf("Please answer with %d to %d characters.", u.minLength, u.maxLength)
	case u.minLength > 0 && in.name == "text":
		return fmt.Sprintf("Please answer with at least %d characters.", u.minLength)
	case u.maxLength > 0 && in.name == "text":
		return fmt.Sprintf("Please answer with at most %d characters.", u.maxLength)
	default:
		return in.invalid
	}
}
