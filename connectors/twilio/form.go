package twilio

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// form is the fields of a body in the order in which they were sent.
type form []field

type field struct{ name, value string }

// readForm reads what browsers and Twilio call a form; ok is false if it is none.
func readForm(body []byte) (f form, ok bool) {
	text := string(body)
	f = make(form, 0, strings.Count(text, "&")+1)
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		f = append(f, field{name, value})
	}
	return f, true
}

// get is the first field of that name. NUL is left out, because databases and
// terminals trip over it.
func (f form) get(name string) string {
	for _, one := range f {
		if one.name == name {
			return strings.ToValidUTF8(strings.ReplaceAll(one.value, "\x00", ""), "\uFFFD")
		}
	}
	return ""
}

// signed is the part of the signed text that the fields are: in order of their
// names, and of their values where a name comes twice, each once.
func (f form) signed() []byte {
	sorted := slices.Clone(f)
	slices.SortFunc(sorted, func(a, b field) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	var text []byte
	for _, one := range slices.Compact(sorted) {
		text = append(append(text, one.name...), one.value...)
	}
	return text
}
