package flows

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"usher/connectors"
	"usher/contacts"
)

// choice is one offered answer.
type choice struct {
	title, value string
	stored       any // canonical
}

// sent finds the choice that a tapped button, a form or a program means: by its
// value, else by what a person could type.
func (q *question) sent(said string) (choice, bool) {
	for _, c := range q.choices {
		if said == c.value {
			return c, true
		}
	}
	if c, ok := q.named(said); ok {
		return c, true
	}
	return q.counted(said)
}

// typed finds the choice that somebody wrote: by its title, its value or its
// number. Where the numbers are all that is shown they count before values: 1 is
// the first, also if another one's value is 1.
func (q *question) typed(m *machine, said string) (choice, bool) {
	if len(q.choices) == 0 {
		return choice{}, false
	}
	c, named := q.named(said)
	n, counted := q.counted(said)
	switch {
	case named && counted && !strings.EqualFold(said, strings.TrimSpace(c.title)) && m.turn.Channel.Layout(q.buttons(m)) == connectors.AsText:
		return n, true
	case named:
		return c, true
	case counted:
		return n, true
	}
	return q.meant(said)
}

// named finds a choice by its title, else its value. Case and outer blanks do
// not count.
func (q *question) named(said string) (choice, bool) {
	for _, c := range q.choices {
		if strings.EqualFold(said, strings.TrimSpace(c.title)) {
			return c, true
		}
	}
	for _, c := range q.choices {
		if strings.EqualFold(said, c.value) {
			return c, true
		}
	}
	return choice{}, false
}

// counted finds a choice by its number, if choices are numbered at all.
func (q *question) counted(said string) (choice, bool) {
	if n, ok := ordinal(said); ok && q.numbered() && n <= len(q.choices) {
		return q.choices[n-1], true
	}
	return choice{}, false
}

// meant finds the only choice whose words were said: "pricing!" is 💰 Pricing,
// and so is "2. Pricing" if it is the second.
func (q *question) meant(said string) (choice, bool) {
	said = bare(said)
	if number, rest, ok := strings.Cut(said, " "); ok {
		if c, counted := q.counted(number); counted && bare(rest) == bare(c.title) {
			return c, true
		}
	}
	var found choice
	matches := 0
	for _, c := range q.choices {
		if title := bare(c.title); title != "" && title == said {
			found = c
			matches++
		}
	}
	return found, matches == 1
}

// bare is a text without what stands around its words.
func bare(s string) string {
	s = strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(s))), " ")
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
}

// ordinal reads 2, 2., (2), #2 and 2️⃣, in the digits of any script.
func ordinal(said string) (int, bool) {
	said = strings.Trim(said, " .)(#:")
	if said == "" || len(said) > 30 {
		return 0, false
	}
	for _, r := range said {
		if !unicode.IsDigit(r) && r != '\uFE0F' && r != '\u20E3' {
			return 0, false
		}
	}
	n, err := contacts.ParseNumber(said, contacts.Locale{})
	return int(n), err == nil && n >= 1 && n <= maxChoices+1
}
