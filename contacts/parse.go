package contacts

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrBlank: what was given is no value (null, an empty or blank text). It leaves
// a value as it is and is no fault of the person.
var ErrBlank = errors.New("no value given")

// Why a value is refused.
const (
	CodeInvalid = "invalid"  // it is none of this field
	CodeMangled = "mangled"  // a spreadsheet or the like has destroyed it
	CodeTooLong = "too_long" // beyond the field's limit
	CodeType    = "type"     // a list, an object or another JSON type
)

// Invalid is a value that a field refuses. Detail says what is wanted and never
// repeats the value.
type Invalid struct {
	Code   string
	Detail string
}

func (e *Invalid) Error() string { return e.Code + ": " + e.Detail }

// Bounds of a value, in characters.
const (
	// TextLimit is what fits a text field: a long answer, not a document.
	TextLimit = 640
	// NameLimit is for a name and each of its parts, so that a composed name
	// fits TextLimit, and for a customer id.
	NameLimit = 200
	// inputLimit bounds what is looked at at all, in bytes.
	inputLimit = 16 << 10
)

// Parse reads a value as people, programs and files write it and returns it in
// canonical form: text and date (YYYY-MM-DD) string, number float64, yes_no
// bool. JSON's own types are welcome: string, float64, json.Number, bool, nil.
// The error is ErrBlank or an *Invalid.
func (f Field) Parse(v any, l Locale) (any, error) {
	if v == nil {
		return nil, ErrBlank
	}
	parsed, err := f.parser()(v, l)
	if err != nil {
		return nil, err
	}
	return parsed, nil
}

type parser func(any, Locale) (any, error)

// parser is the rule of a field: that of its type, unless the field is a
// built-in one that has more to say.
func (f Field) parser() parser {
	if f.BuiltIn {
		switch f.Name {
		case "name", "first_name", "middle_name", "last_name":
			return fromText(func(s string, _ Locale) (string, error) { return ParseName(s) })
		case "email":
			return fromText(func(s string, _ Locale) (string, error) { return ParseEmail(s) })
		case "phone":
			return fromText(func(s string, l Locale) (string, error) { return ParsePhone(s, l.Country) })
		case "customer_id":
			return fromText(func(s string, _ Locale) (string, error) { return s, within(s, NameLimit) })
		case "country":
			return fromText(func(s string, _ Locale) (string, error) { return ParseCountry(s) })
		case "timezone":
			return fromText(func(s string, _ Locale) (string, error) { return ParseTimezone(s) })
		case "language":
			return fromText(func(s string, _ Locale) (string, error) { return ParseLanguage(s) })
		}
	}
	switch f.Type {
	case Number:
		return parseNumber
	case Date:
		return parseDate
	case YesNo:
		return parseYesNo
	default:
		return parseText
	}
}

func fromText(parse func(string, Locale) (string, error)) parser {
	return func(v any, l Locale) (any, error) {
		s, err := textOf(v)
		if err != nil {
			return nil, err
		}
		return parse(s, l)
	}
}

// textOf is a text or number as cleaned text; never blank.
func textOf(v any) (string, error) {
	var s string
	switch v := v.(type) {
	case nil:
		return "", ErrBlank
	case string:
		s = v
	case json.Number:
		s = v.String()
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		s = strconv.Itoa(v)
	case int64:
		s = strconv.FormatInt(v, 10)
	default:
		return "", &Invalid{CodeType, "want a text"}
	}
	if len(s) > inputLimit {
		return "", &Invalid{CodeTooLong, "far too long"}
	}
	if s = clean(s); s == "" {
		return "", ErrBlank
	}
	return s, nil
}

// clean drops what nobody typed: outer blanks, control and invisible characters
// at the ends, broken UTF-8. Line breaks and tabs inside stay.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r == '\uFEFF', unicode.IsControl(r) && r != '\n' && r != '\t':
			return -1
		default:
			return r
		}
	}, strings.ReplaceAll(s, "\r\n", "\n"))
	return strings.TrimFunc(norm.NFC.String(s), invisible)
}

// invisible characters surround copied text: blanks, zero-width and direction
// marks.
func invisible(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }

// plain is text for machines to read: full-width forms made narrow, digits of
// all scripts made 0 to 9, odd blanks made plain ones, invisible marks and what
// only dresses an emoji dropped: 2️⃣ is 2.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
			return r
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r), r == '\uFE0E', r == '\uFE0F', r == '\u20E3', r >= '\U0001F3FB' && r <= '\U0001F3FF':
			return -1
		default:
			return asciiDigit(r)
		}
	}, norm.NFKC.String(s))
}

func asciiDigit(r rune) rune {
	for _, digits := range unicode.Nd.R16 {
		if r >= rune(digits.Lo) && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if r >= rune(digits.Lo) && r <= rune(digits.Hi) {
			return '0' + (r-rune(digits.Lo))%10
		}
	}
	return r
}

// withoutLeadIn is what follows the words that lead to a value in a chat
// answer: "my number is 07700 900123", "E-mail: ada@example.com".
func withoutLeadIn(s string) string {
	fields := strings.Fields(s)
	for i := len(fields) - 2; i >= 0; i-- {
		if leadsIn(strings.ToLower(fields[i])) {
			fields = fields[i+1:]
			break
		}
	}
	rest := strings.Join(fields, " ")
	for _, scheme := range []string{"tel:", "mailto:", "phone:", "mobile:", "email:", "e-mail:"} {
		if len(rest) > len(scheme) && strings.EqualFold(rest[:len(scheme)], scheme) {
			rest = rest[len(scheme):]
		}
	}
	return strings.TrimSpace(rest)
}

func leadsIn(word string) bool {
	switch word {
	case "is", "it's", "it’s", "its", "on", "at", "ist", "lautet", "est", "es", "è", "é", "email", "e-mail", "mail", "phone", "mobile", "number", "sure,", "ok,", "yes,":
		return true
	default:
		return len(word) > 1 && strings.HasSuffix(word, ":")
	}
}
