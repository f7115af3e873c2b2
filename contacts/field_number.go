package contacts

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// maxNumber keeps whole numbers exact in a float64 and every value printable
// without an exponent.
const maxNumber = 1e15

// A number in a text: digits, then groups set off by a mark. Whether the marks
// make sense is decided by unmark.
var (
	numberInText = regexp.MustCompile(`\d+(?:[.,'’ ]\d+)*`)
	plainNumber  = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$`)
	dashes       = strings.NewReplacer("−", "-", "–", "-", "—", "-")
)

func parseNumber(v any, l Locale) (any, error) {
	switch v := v.(type) {
	case float64:
		return bounded(v)
	case int:
		return bounded(float64(v))
	case int64:
		return bounded(float64(v))
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil, notANumber()
		}
		return bounded(f)
	case string:
		return ParseNumber(v, l)
	default:
		return nil, &Invalid{CodeType, "want a number"}
	}
}

// ParseNumber reads the one number of a text as the person writes numbers:
// "1,234.5", "1.234,5", "1 234", "about 20 people". Two numbers, or one that a
// word changes ("20 thousand", "minus 5"), are refused rather than guessed.
func ParseNumber(s string, l Locale) (float64, error) {
	s = clean(plain(s))
	if s == "" {
		return 0, ErrBlank
	}
	if len(s) > inputLimit {
		return 0, &Invalid{CodeTooLong, "far too long"}
	}
	s = dashes.Replace(s)
	found := numberInText.FindAllStringIndex(s, 2)
	if len(found) != 1 {
		if plainNumber.MatchString(s) { // .5 or 1e5 and nothing else
			return floatOf(s)
		}
		return 0, notANumber()
	}
	from, to := found[0][0], found[0][1]
	before, after := s[:from], s[to:]
	if strings.HasSuffix(before, ".") || touches(before, after) || changes(before) || changes(after) {
		if plainNumber.MatchString(s) {
			return floatOf(s)
		}
		return 0, notANumber()
	}
	digits, ok := unmark(s[from:to], l.decimalComma())
	if !ok {
		return 0, notANumber()
	}
	if strings.HasSuffix(before, "-") {
		digits = "-" + digits
	}
	return floatOf(digits)
}

// touches says that a letter or sign sticks to the number and may change it:
// 20k, covid-19, x20.
func touches(before, after string) bool {
	before = strings.TrimRight(before, "+-")
	if last := []rune(before); len(last) > 0 && unicode.IsLetter(last[len(last)-1]) {
		return true
	}
	next := []rune(after)
	return len(next) > 0 && unicode.IsLetter(next[0])
}

// changes says that a word makes another number of the one beside it.
func changes(words string) bool {
	for _, word := range strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch word {
		case "minus", "negative", "k", "m", "mm", "mn", "bn", "mio", "mrd", "tsd", "dozen", "hundred", "thousand", "thousands",
			"million", "millions", "billion", "billions", "lakh", "lakhs", "crore", "crores", "hundert", "tausend", "millionen",
			"mille", "mil", "millones", "milioni", "milhões", "cent", "half", "times":
			return true
		}
	}
	return strings.ContainsAny(words, "^*×½¼¾/:")
}

// unmark turns 1.234,5 and the like into 1234.5. A single mark before three
// digits is read by the person's habit.
func unmark(s string, comma bool) (string, bool) {
	decimal := ""
	dot, com := strings.Count(s, "."), strings.Count(s, ",")
	switch {
	case dot > 0 && com > 0:
		decimal = "."
		if strings.LastIndex(s, ",") > strings.LastIndex(s, ".") {
			decimal = ","
		}
	case dot+com == 1:
		mark := "."
		if com == 1 {
			mark = ","
		}
		whole, part, _ := strings.Cut(s, mark)
		ownDecimal := (mark == ",") == comma
		if ownDecimal || len(part) != 3 || len(whole) > 3 || strings.HasPrefix(whole, "0") {
			decimal = mark
		}
	}
	whole, part := s, ""
	if decimal != "" {
		if strings.Count(s, decimal) != 1 {
			return "", false
		}
		whole, part, _ = strings.Cut(s, decimal)
		if strings.Trim(part, "0123456789") != "" {
			return "", false
		}
		part = "." + part
	}
	whole, ok := ungroup(whole)
	return whole + part, ok
}

// ungroup takes one kind of mark out of a whole number: groups of three, or of
// two before the last as in 12,34,567.
func ungroup(s string) (string, bool) {
	isMark := func(r rune) bool { return r < '0' || r > '9' }
	groups := strings.FieldsFunc(s, isMark)
	if len(groups) == 1 {
		return groups[0], true
	}
	marks := strings.FieldsFunc(s, func(r rune) bool { return !isMark(r) })
	for _, mark := range marks {
		if mark != marks[0] {
			return "", false
		}
	}
	last := len(groups) - 1
	inner := len(groups[last])
	if last > 1 {
		inner = len(groups[1])
	}
	for i, group := range groups {
		switch {
		case i == 0 && len(group) <= inner,
			i == last && len(group) == 3,
			i > 0 && i < last && len(group) == inner && (inner == 3 || inner == 2 && marks[0] == ","):
		default:
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

func floatOf(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, notANumber()
	}
	return bounded(f)
}

func bounded(f float64) (float64, error) {
	if math.IsNaN(f) || math.Abs(f) > maxNumber {
		return 0, &Invalid{CodeInvalid, "want a number between -1e15 and 1e15"}
	}
	return f + 0, nil // makes -0 a 0
}

func notANumber() error { return &Invalid{CodeInvalid, "want a number"} }
