package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with the configuration. It never holds a value
// that may be a secret.
type Problem struct {
	Source string // "usher.yaml:12", "USHER_LISTEN"; empty: nobody gave the setting
	Path   string // of the key: "channels[0].id"; empty: the whole file
	Text   string

	line int // in the file, for the order
}

func (p Problem) String() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{p.Source, p.Path, p.Text} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ": ")
}

// Problems is everything wrong with a configuration, one line each.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// sorted puts what has a line in the file first, in the file's order.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		switch {
		case (a.line == 0) != (b.line == 0):
			return b.line - a.line
		default:
			return a.line - b.line
		}
	})
	return p
}

// add notes a problem of the setting at path, once: what could not even be
// read is not judged again.
func (l *loader) add(path, format string, args ...any) {
	if l.broken[path] {
		return
	}
	l.broken[path] = true
	where := l.place(path)
	l.problems = append(l.problems, Problem{
		Source: where.source, Path: path, Text: fmt.Sprintf(format, args...), line: where.line,
	})
}

// place is where the setting, or else what holds it, was given.
func (l *loader) place(path string) place {
	for {
		if at, ok := l.where[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return place{}
		}
		path = path[:cut]
	}
}

// spoilt says whether the setting or something that holds it was unreadable.
func (l *loader) spoilt(path string) bool {
	for {
		if l.broken[path] {
			return true
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return false
		}
		path = path[:cut]
	}
}
