package flows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of templates: a document cannot hold an endless one, and no value makes
// a message that a channel would choke on.
const (
	maxTemplate = 8 << 10 // bytes of source
	maxParts    = 100
	maxFilters  = 10
	maxOutput   = 16 << 10 // bytes of result; the longest text of any channel
)

// template is a parsed text with {{ values }} in it.
type template struct {
	fixed string // the whole text, if it has no values
	parts []part
}

// part is a fixed text or a value with its filters.
type part struct {
	fixed   string
	value   *name
	filters []filterCall
}

type filterCall struct {
	name  string
	apply func(m *machine, v any, args []any) any
	args  []any // text or float64
}

// template parses a text once; every fault is found here.
func (s *scope) template(source string) (*template, error) {
	if len(source) > maxTemplate {
		return nil, fmt.Errorf("longer than %d bytes", maxTemplate)
	}
	t := &template{}
	rest := source
	for rest != "" {
		before, after, found := strings.Cut(rest, "{{")
		if strings.Contains(before, "{%") {
			return nil, errors.New("{% … %} is not supported; use when and route")
		}
		if before != "" {
			t.parts = append(t.parts, part{fixed: before})
		}
		if !found {
			break
		}
		p, length, err := s.placeholder(after)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, p)
		rest = after[length:]
	}
	if len(t.parts) > maxParts {
		return nil, fmt.Errorf("more than %d parts", maxParts)
	}
	if len(t.parts) == 1 && t.parts[0].value == nil && len(t.parts[0].filters) == 0 {
		t.fixed, t.parts = t.parts[0].fixed, nil
	}
	return t, nil
}

// placeholder parses what follows {{, up to and with the }}.
func (s *scope) placeholder(source string) (part, int, error) {
	l := lexer{source: source}
	var p part
	first := l.next()
	switch first.kind {
	case 'p':
		n, err := s.resolve(strings.Split(first.text, "."))
		if err != nil {
			return p, 0, err
		}
		p.value = &n
	case 't', 'n':
		p.fixed = first.text
	default:
		return p, 0, fmt.Errorf("{{ %s: want a name such as contact.email", l.near())
	}
	for {
		switch token := l.next(); token.kind {
		case '}':
			return p, l.at, nil
		case '|':
			call, err := l.filter()
			if err != nil {
				return p, 0, err
			}
			if p.filters = append(p.filters, call); len(p.filters) > maxFilters {
				return p, 0, fmt.Errorf("more than %d filters", maxFilters)
			}
		case 0:
			return p, 0, errors.New("{{ without }}")
		default:
			return p, 0, fmt.Errorf("{{ %s: want | or }} after %s", l.near(), first.text)
		}
	}
}

// lexer cuts a placeholder into tokens.
type lexer struct {
	source string
	at     int
}

// token kinds: p path, t text, n number, | : , } themselves, ? anything else,
// 0 the end.
type token struct {
	kind byte
	text string
}

func (l *lexer) near() string {
	near, _, _ := strings.Cut(l.source, "}}")
	if len(near) > 40 {
		near = near[:40]
	}
	return strings.TrimSpace(strings.ToValidUTF8(near, ""))
}

func (l *lexer) next() token {
	for l.at < len(l.source) && strings.IndexByte(" \t\r\n", l.source[l.at]) >= 0 {
		l.at++
	}
	if l.at == len(l.source) {
		return token{}
	}
	start := l.at
	switch c := l.source[l.at]; {
	case c == '\'' || c == '"':
		end := strings.IndexByte(l.source[l.at+1:], c)
		if end < 0 {
			l.at = len(l.source)
			return token{}
		}
		l.at += end + 2
		return token{'t', l.source[start+1 : l.at-1]}
	case isLetter(c):
		for l.at < len(l.source) && (isLetter(l.source[l.at]) || isDigit(l.source[l.at]) || l.source[l.at] == '.' || l.source[l.at] == '-') {
			l.at++
		}
		return token{'p', l.source[start:l.at]}
	case isDigit(c) || c == '-':
		for l.at++; l.at < len(l.source) && (isDigit(l.source[l.at]) || l.source[l.at] == '.'); {
			l.at++
		}
		return token{'n', l.source[start:l.at]}
	case c == '|' || c == ':' || c == ',':
		l.at++
		return token{c, string(c)}
	case strings.HasPrefix(l.source[l.at:], "}}"):
		l.at += 2
		return token{'}', "}}"}
	default:
		l.at++
		return token{'?', string(c)}
	}
}

// filter parses what follows a |: a name, perhaps with arguments.
func (l *lexer) filter() (filterCall, error) {
	word := l.next()
	f, ok := filterNamed(word.text)
	if word.kind != 'p' || !ok {
		return filterCall{}, fmt.Errorf("no filter %q%s", word.text, closest(word.text, filterNames()))
	}
	call := filterCall{name: f.name, apply: f.apply}
	before := l.at
	if l.next().kind != ':' {
		l.at = before
	} else {
		for {
			switch arg := l.next(); arg.kind {
			case 't':
				call.args = append(call.args, arg.text)
			case 'n':
				n, err := strconv.ParseFloat(arg.text, 64)
				if err != nil {
					return call, fmt.Errorf("%s: %q is no number", f.name, arg.text)
				}
				call.args = append(call.args, n)
			default:
				return call, fmt.Errorf("%s: want a quoted text or a number after the colon", f.name)
			}
			if before = l.at; l.next().kind != ',' {
				l.at = before
				break
			}
		}
	}
	if len(call.args) < f.least || len(call.args) > f.most {
		return call, fmt.Errorf("%s: %d arguments; as in %s", f.name, len(call.args), f.example)
	}
	return call, nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// render is the text with its values; what is unknown is left out.
func (t *template) render(m *machine) string {
	if t.parts == nil {
		return t.fixed
	}
	var b strings.Builder
	for i := range t.parts {
		b.WriteString(t.parts[i].render(m))
		if b.Len() > maxOutput {
			return cut(b.String(), maxOutput)
		}
	}
	return b.String()
}

func (p *part) render(m *machine) string {
	if p.value == nil && p.filters == nil {
		return p.fixed
	}
	return text(p.get(m))
}

// get is the value as it is; nil if it is unknown.
func (p *part) get(m *machine) any {
	var v any = p.fixed
	if p.value != nil {
		v = p.value.get(m)
	}
	for i := range p.filters {
		if v = p.filters[i].apply(m, v, p.filters[i].args); v != nil {
			if s, ok := v.(string); ok {
				v = cut(s, maxOutput)
			}
		}
	}
	return v
}

// text is a value as people read it; nothing is the empty text.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return v.Format("2006-01-02 15:04")
	case []string:
		return strings.Join(v, ", ")
	default:
		return ""
	}
}

// cut shortens a text to at most so many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
