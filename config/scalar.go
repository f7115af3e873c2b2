package config

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// isScalar says whether a setting of this type is written as one value.
func isScalar(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return true
	}
	return t == reflect.TypeFor[netip.Prefix]()
}

// setText reads text into a scalar setting. Its error says what is wanted and
// never what was given: that may be a secret in the wrong place.
func setText(into reflect.Value, text string) error {
	if into.Kind() == reflect.Pointer {
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	var err error
	switch to := into.Addr().Interface().(type) {
	case *time.Duration:
		*to, err = ParseDuration(text)
	case *netip.Prefix:
		*to, err = parsePrefix(text)
	case encoding.TextUnmarshaler:
		err = to.UnmarshalText([]byte(text))
	case *bool:
		if text != "true" && text != "false" {
			err = errors.New("not a yes or no")
		}
		*to = text == "true"
	case *int:
		*to, err = strconv.Atoi(text)
	default:
		into.SetString(text)
	}
	if err != nil {
		return fmt.Errorf("want %s", wanted(into.Type()))
	}
	return nil
}

// wanted says how a value of the type is written.
func wanted(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration, as 90d, 12h or 1m30s"
	case reflect.TypeFor[netip.Prefix]():
		return "a network, as 10.0.0.0/8"
	case reflect.TypeFor[Bytes]():
		return "a size, as 4MiB or 512KiB"
	case reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	}
	return "a text"
}

// ParseDuration reads what time.ParseDuration does, and days: 90d, 1d12h.
func ParseDuration(s string) (time.Duration, error) {
	head, rest, hasDays := strings.Cut(s, "d")
	if !hasDays {
		return time.ParseDuration(s)
	}
	days, err := strconv.ParseFloat(head, 64)
	const most = float64(1<<63-1) / float64(day) / 2 // 146 years; leaves room for the rest
	if err != nil || !(days > -most && days < most) || strings.ContainsAny(head, "eExXpP_") {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	d := time.Duration(days * float64(day))
	if rest == "" {
		return d, nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || rest[0] == '+' || rest[0] == '-' {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	if strings.HasPrefix(head, "-") {
		more = -more
	}
	return d + more, nil
}

// Bytes is a size; in the file a number of bytes or one with a unit.
type Bytes int64

// UnmarshalText reads 4194304, 512KiB, 4MiB, 1GiB; KB, MB and GB mean the same.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	shift := 0
	for i, unit := range []string{"K", "M", "G"} {
		for _, suffix := range []string{unit + "iB", unit + "B"} {
			if cut, ok := strings.CutSuffix(s, suffix); ok {
				s, shift = strings.TrimSpace(cut), 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size", text)
	}
	*b = Bytes(n << shift)
	return nil
}

// parsePrefix reads a network, or an address as the network of it alone.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().Prefix(addr.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// nearest is the known name that a misspelt one may have meant; empty if none
// is near.
func nearest[T any](name string, known map[string]T) string {
	best, bestAt := "", 3
	for candidate := range known {
		d := distance(name, candidate)
		if d < bestAt || d == bestAt && best != "" && candidate < best {
			best, bestAt = candidate, d
		}
	}
	return best
}

// distance is how many letters must change to make a into b.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
