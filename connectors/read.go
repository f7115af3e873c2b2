package connectors

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	// Values from here up are milliseconds: in seconds they would lie
	// 30,000 years ahead.
	milliseconds = 1e12
	// Instants from the year 10000 on cannot be written as RFC 3339.
	lastSecond = 253402300799
)

// Instant reads a time in seconds or milliseconds, to the millisecond; empty and
// 0 are none.
func Instant(s string) (at time.Time, ok bool) {
	if s == "" {
		return time.Time{}, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil || math.IsNaN(f) || math.Abs(f) > lastSecond*1000 {
			return time.Time{}, false
		}
		if f < milliseconds {
			f *= 1000
		}
		if n = int64(math.Round(f)); n > 0 && n < milliseconds {
			return time.UnixMilli(n).UTC(), true
		}
	}
	switch {
	case n == 0:
		return time.Time{}, true
	case n < 0 || n > lastSecond*1000+999:
		return time.Time{}, false
	case n >= milliseconds:
		return time.UnixMilli(n).UTC(), true
	case n > lastSecond:
		return time.Time{}, false
	default:
		return time.Unix(n, 0).UTC(), true
	}
}

// Number reads a number as programs write it. ok is false for anything else, also
// for what is neither finite nor a number.
func Number(s string) (n float64, ok bool) {
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// E.164 numbers have at most 15 digits; the shortest in use with a country
// code have seven.
const minDigits, maxDigits = 7, 15

// E164 gives a number in international form, digits only, its plus; empty if it
// is no number.
func E164(digits string) string {
	if len(digits) < minDigits || len(digits) > maxDigits || digits[0] == '0' {
		return ""
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return ""
		}
	}
	return "+" + digits
}

// PlainPhone leaves out what people write between the digits of an international
// number; any other stays as it is written.
func PlainPhone(phone string) string {
	rest, ok := strings.CutPrefix(strings.TrimSpace(phone), "+")
	if !ok {
		return phone
	}
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, rest)
	if digits == "" {
		return phone
	}
	return "+" + digits
}

// ScopedUserID says whether id is WhatsApp's id of a person for one business,
// which may stand where a phone number used to: two capital letters for the
// country, a point, letters and digits; with ENT. between for a portfolio.
func ScopedUserID(id string) bool {
	if len(id) < 4 || id[2] != '.' || !capital(id[0]) || !capital(id[1]) {
		return false
	}
	rest := strings.TrimPrefix(id[3:], "ENT.")
	for i := range len(rest) {
		if b := rest[i]; (b < '0' || b > '9') && !capital(b&^0x20) {
			return false
		}
	}
	return rest != ""
}

func capital(b byte) bool { return 'A' <= b && b <= 'Z' }

// Once keeps the first of the items with one dedupe key, or the first that
// could be understood.
func Once(items []Item) []Item {
	if len(items) < 2 {
		return items
	}
	first := make(map[string]int, len(items))
	kept := items[:0]
	for i := range items {
		key := items[i].Event.DedupeKey
		at, seen := first[key]
		switch {
		case key == "" || !seen:
			first[key] = len(kept)
			kept = append(kept, items[i])
		case kept[at].Problem != "" && items[i].Problem == "":
			kept[at] = items[i]
		}
	}
	return kept
}
