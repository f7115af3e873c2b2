package flows

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxShown is how much of a value a trace shows, in bytes: enough to recognise
// it.
const maxShown = 80

// saw tells which values a condition was judged by, in words for a trace; empty
// if it looks at none.
func (c *condition) saw(m *machine) string { return saw(m, c.names) }

func saw(m *machine, names []name) string {
	if len(names) == 0 {
		return ""
	}
	seen := append(make([]byte, 0, 64), "saw "...)
	for i, n := range names {
		if i > 0 {
			seen = append(seen, ", "...)
		}
		value := "unknown"
		if v := n.get(m); v != nil {
			value = shown(v)
		}
		seen = append(append(append(seen, n.path...), " = "...), value...)
	}
	return string(seen)
}

// namesOf are what several conditions look at, each once.
func namesOf(conditions ...*condition) []name {
	var all []name
	for _, c := range conditions {
		if c == nil {
			continue
		}
		for _, n := range c.names {
			if !slices.ContainsFunc(all, func(o name) bool { return o.path == n.path }) {
				all = append(all, n)
			}
		}
	}
	return all
}

func shown(v any) string {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case time.Time:
		return v.Format(time.RFC3339)
	case []string:
		if len(v) == 0 {
			return "none"
		}
		return quoted(strings.Join(v, ", "))
	default:
		if s := text(v); s != "" {
			return s
		}
		return "a value"
	}
}

func quoted(s string) string {
	if short := cut(s, maxShown); short != s {
		return strconv.Quote(short + "…")
	}
	return strconv.Quote(s)
}

// join puts what is said into one line.
func join(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}
