package flows

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// filter changes a value on its way into a text.
type filter struct {
	name        string
	least, most int // arguments
	example     string
	apply       func(m *machine, v any, args []any) any
}

const urlFilter = "url"

// filters lists what may follow a | in a template.
var filters = sync.OnceValue(func() []filter {
	onText := func(f func(string) string) func(*machine, any, []any) any {
		return func(_ *machine, v any, _ []any) any {
			if v == nil {
				return nil
			}
			return f(text(v))
		}
	}
	return []filter{
		{"default", 1, 1, "default: 'there'", func(_ *machine, v any, args []any) any {
			if isKnown(v) {
				return v
			}
			return args[0]
		}},
		{"upcase", 0, 0, "upcase", onText(strings.ToUpper)},
		{"downcase", 0, 0, "downcase", onText(strings.ToLower)},
		{"capitalize", 0, 0, "capitalize", onText(capitalize)},
		{"trim", 0, 0, "trim", onText(strings.TrimSpace)},
		{urlFilter, 0, 0, urlFilter, onText(func(s string) string {
			return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
		})},
		{"truncate", 1, 1, "truncate: 20", func(_ *machine, v any, args []any) any { return truncate(text(v), args[0]) }},
		{"join", 1, 1, "join: ' and '", func(_ *machine, v any, args []any) any {
			if list, ok := v.([]string); ok {
				return strings.Join(list, text(args[0]))
			}
			return v
		}},
		{"date", 0, 1, "date: '%d.%m.%Y'", func(m *machine, v any, args []any) any {
			layout := "%d %B %Y"
			if len(args) == 1 {
				layout = text(args[0])
			}
			if t, ok := moment(v, m.zone()); ok {
				return strftime(t, layout)
			}
			return v
		}},
	}
})

func filterNamed(name string) (filter, bool) {
	all := filters()
	i := slices.IndexFunc(all, func(f filter) bool { return f.name == name })
	if i < 0 {
		return filter{}, false
	}
	return all[i], true
}

func filterNames() []string {
	var names []string
	for _, f := range filters() {
		names = append(names, f.name)
	}
	return names
}

func capitalize(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

func truncate(s string, most any) string {
	n, _ := most.(float64)
	runes := []rune(s)
	if n < 1 || n >= float64(len(runes)) {
		return s
	}
	return strings.TrimSpace(string(runes[:int(n)-1])) + "…"
}

// moment is the time that a date field or another moment stands for.
func moment(v any, zone *time.Location) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v.In(zone), true
	case string:
		if t, err := time.ParseInLocation(time.DateOnly, v, zone); err == nil {
			return t, true
		}
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			return t.In(zone), true
		}
	}
	return time.Time{}, false
}

// strftime writes a moment by the letters that most languages share.
func strftime(t time.Time, layout string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(layout, "%")
		b.WriteString(before)
		if !found || after == "" || b.Len() > maxOutput {
			return b.String()
		}
		layout = after[1:]
		switch after[0] {
		case 'Y':
			b.WriteString(t.Format("2006"))
		case 'y':
			b.WriteString(t.Format("06"))
		case 'm':
			b.WriteString(t.Format("01"))
		case 'B':
			b.WriteString(t.Format("January"))
		case 'b':
			b.WriteString(t.Format("Jan"))
		case 'd':
			b.WriteString(t.Format("02"))
		case 'e':
			b.WriteString(t.Format("2"))
		case 'A':
			b.WriteString(t.Format("Monday"))
		case 'a':
			b.WriteString(t.Format("Mon"))
		case 'H':
			b.WriteString(t.Format("15"))
		case 'I':
			b.WriteString(t.Format("03"))
		case 'M':
			b.WriteString(t.Format("04"))
		case 'S':
			b.WriteString(t.Format("05"))
		case 'p':
			b.WriteString(t.Format("PM"))
		case 'Z':
			b.WriteString(t.Format("MST"))
		default:
			b.WriteByte(after[0])
		}
	}
}
