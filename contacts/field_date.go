package contacts

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Dates outside these years are typing mistakes, and not every database could
// keep them.
const (
	minYear = 1000
	maxYear = 9999
)

const day = "2006-01-02"

var (
	yearFirst  = regexp.MustCompile(`^(\d{4})[-./ ] ?(\d{1,2})[-./ ] ?(\d{1,2})\.?$`)
	yearLast   = regexp.MustCompile(`^(\d{1,2})[-./ ] ?(\d{1,2})[-./ ] ?(\d{4})\.?$`)
	basic      = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})$`)
	eastern    = regexp.MustCompile(`^(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日号일]?$`)
	millis     = regexp.MustCompile(`^-?\d{12,14}$`)
	dayMonth   = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|er|º|ª)?\.?[ -](?:(?:of|de|di|do) )?(\pL+)\.?,?[ -](?:(?:de|del|do) )?(\d{4})(?:\.| ?г\.?| года| року)?$`)
	monthFirst = regexp.MustCompile(`^(\pL+)\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$`)
	yearMonth  = regexp.MustCompile(`^(\d{4})[.,]?[ -](\pL+)\.?[ -](\d{1,2})\.?$`)
)

func parseDate(v any, l Locale) (any, error) {
	switch v := v.(type) {
	case float64:
		if v != float64(int64(v)) {
			return nil, notADate()
		}
		return dayOf(int64(v), l)
	case int:
		return dayOf(int64(v), l)
	case int64:
		return dayOf(v, l)
	case json.Number:
		ms, err := v.Int64()
		if err != nil {
			return nil, notADate()
		}
		return dayOf(ms, l)
	case map[string]any: // as Dialogflow writes one
		part := func(name string) int {
			n, _ := v[name].(float64)
			return int(n)
		}
		return inRange(part("year"), part("month"), part("day"))
	case time.Time:
		return inRange(v.Year(), int(v.Month()), v.Day())
	case string:
		return ParseDate(v, l)
	default:
		return nil, &Invalid{CodeType, "want a date"}
	}
}

// ParseDate reads a day and returns it as YYYY-MM-DD. It takes ISO 8601, RFC
// 3339 (the day as written), milliseconds since 1970, 2/5/2024 and the like
// (day first, except where the person's country puts the month first; if only
// one reading is a date, that one) and months by name: 2 May 2024. Years have
// four digits: nobody knows which century another one means.
func ParseDate(s string, l Locale) (string, error) {
	s = strings.ToLower(strings.Join(strings.Fields(clean(plain(s))), " "))
	if s == "" {
		return "", ErrBlank
	}
	if len(s) > maxPlace {
		return "", notADate()
	}
	if m := yearFirst.FindStringSubmatch(s); m != nil {
		return calendar(m[1], m[2], m[3])
	}
	if m := eastern.FindStringSubmatch(s); m != nil {
		return calendar(m[1], m[2], m[3])
	}
	if m := basic.FindStringSubmatch(s); m != nil {
		return calendar(m[1], m[2], m[3])
	}
	if millis.MatchString(s) {
		ms, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "", notADate()
		}
		return dayOf(ms, l)
	}
	if m := yearLast.FindStringSubmatch(s); m != nil {
		first, second := m[1], m[2]
		if l.monthFirst() {
			first, second = second, first
		}
		if date, err := calendar(m[3], second, first); err == nil {
			return date, nil
		}
		return calendar(m[3], first, second)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02t15:04:05.999999999z07:00", "2006-01-02t15:04:05",
		"2006-01-02t15:04", "2006-01-02t15:04z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05z07:00"} {
		// Layouts of package time are case-sensitive where they spell T and Z.
		if at, err := time.Parse(strings.ToUpper(layout), strings.ToUpper(s)); err == nil {
			return inRange(at.Year(), int(at.Month()), at.Day())
		}
	}
	return dateInWords(s, l)
}

// dateInWords reads a date whose month has a name, or that words lead to.
func dateInWords(s string, l Locale) (string, error) {
	language, _ := l.tongue()
	if m := dayMonth.FindStringSubmatch(s); m != nil {
		return calendar(m[3], monthNamed(m[2], language), m[1])
	}
	if m := monthFirst.FindStringSubmatch(s); m != nil {
		return calendar(m[3], monthNamed(m[1], language), m[2])
	}
	if m := yearMonth.FindStringSubmatch(s); m != nil {
		return calendar(m[1], monthNamed(m[2], language), m[3])
	}
	if first, rest, more := strings.Cut(s, " "); more && leadsToDate(strings.Trim(first, ",.:")) {
		return ParseDate(rest, l)
	}
	return "", notADate()
}

// dayOf is the day of an instant. Midnight UTC is how programs write a day
// without a time; any other instant is seen from the person's time zone.
func dayOf(ms int64, l Locale) (string, error) {
	at := time.UnixMilli(ms).UTC()
	const aDay = 24 * 60 * 60 * 1000
	if ms%aDay != 0 && l.Timezone != nil {
		at = at.In(l.Timezone)
	}
	return inRange(at.Year(), int(at.Month()), at.Day())
}

func calendar(year, month, dayOfMonth string) (string, error) {
	y, _ := strconv.Atoi(year) // digits only; an empty month is 0 and refused
	m, _ := strconv.Atoi(month)
	d, _ := strconv.Atoi(dayOfMonth)
	return inRange(y, m, d)
}

func inRange(y, m, d int) (string, error) {
	at := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < minYear || y > maxYear || at.Day() != d || int(at.Month()) != m {
		return "", notADate()
	}
	return at.Format(day), nil
}

func notADate() error { return &Invalid{CodeInvalid, "want a date like 2024-05-02"} }
