package connectors

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// JSON is one value of a platform's document, as it is written; "" is none, and
// so is null. It was checked as a whole when the document was read, so looking
// inside cannot fail: what is not there, or of another type, is empty. Names are
// exact; of a name that comes twice the last counts. Numbers keep all of their
// digits.
type JSON string

// ReadJSON checks a document. ErrUnreadable: it is no JSON, or nests deeper than
// MaxDepth.
func ReadJSON(body []byte) (JSON, error) {
	if err := checkDepth(body); err != nil {
		return "", err
	}
	if !json.Valid(body) {
		return "", fmt.Errorf("%w: no JSON", ErrUnreadable)
	}
	return JSON(strings.Trim(string(body), " \t\r\n")).orNone(), nil
}

// Members yields names and values of an object in the order in which they are
// written; nothing if j is none.
func (j JSON) Members() iter.Seq2[string, JSON] {
	return func(yield func(string, JSON) bool) {
		if !j.IsObject() {
			return
		}
		for i := j.next(1); j[i] != '}'; {
			end := j.end(i)
			name := j[i:end].name()
			i = j.next(j.next(end) + 1) // past the colon
			end = j.end(i)
			if !yield(name, j[i:end].orNone()) {
				return
			}
			i = j.nextItem(end)
		}
	}
}

// Elements yields the elements of a list; nothing if j is none. A null among
// them is an element too.
func (j JSON) Elements() iter.Seq[JSON] {
	return func(yield func(JSON) bool) {
		if !j.IsList() {
			return
		}
		for i := j.next(1); j[i] != ']'; {
			end := j.end(i)
			if !yield(j[i:end]) {
				return
			}
			i = j.nextItem(end)
		}
	}
}

// Get follows names into nested objects.
func (j JSON) Get(path ...string) JSON {
	for _, name := range path {
		found := JSON("")
		for key, value := range j.Members() {
			if key == name {
				found = value
			}
		}
		j = found
	}
	return j
}

// name is Text for what seldom has anything but plain letters.
func (j JSON) name() string {
	for i := 1; i < len(j)-1; i++ {
		if b := j[i]; b == '\\' || b >= utf8.RuneSelf {
			return j.Text()
		}
	}
	return string(j[1 : len(j)-1])
}

// Fields is an object taken apart once, for one of which much is looked up.
type Fields []Field

// Field is a member of an object.
type Field struct {
	Name  string
	Value JSON
}

// Fields takes an object apart; nil if j is none.
func (j JSON) Fields() (all Fields) {
	if j.IsObject() {
		all = make(Fields, 0, 16)
	}
	for name, value := range j.Members() {
		all = append(all, Field{name, value})
	}
	return all
}

// Get follows names as JSON.Get does.
func (f Fields) Get(path ...string) JSON {
	for i := len(f) - 1; i >= 0; i-- {
		if f[i].Name == path[0] {
			return f[i].Value.Get(path[1:]...)
		}
	}
	return ""
}

// Text is what a string means. NUL is left out, because databases and terminals
// trip over it; lone surrogates and what is no UTF-8 become U+FFFD.
func (j JSON) Text() string {
	if j == "" || j[0] != '"' {
		return ""
	}
	inner := string(j[1 : len(j)-1])
	if strings.IndexByte(inner, '\\') < 0 && utf8.ValidString(inner) {
		return inner
	}
	var text string
	if json.Unmarshal([]byte(j), &text) != nil {
		return ""
	}
	return strings.ReplaceAll(text, "\x00", "")
}

// ID is a string, or a number as it is written: platforms send ids and times as
// either.
func (j JSON) ID() string {
	if j != "" && (j[0] == '-' || '0' <= j[0] && j[0] <= '9') {
		return string(j)
	}
	return j.Text()
}

// Number reads a number, also one in a string. ok is false for anything else.
func (j JSON) Number() (n float64, ok bool) { return Number(j.ID()) }

// True says whether j is true.
func (j JSON) True() bool { return j == "true" }

// Flag is a boolean, nil if j is none: false and not said are different.
func (j JSON) Flag() *bool {
	if j != "true" && j != "false" {
		return nil
	}
	is := j == "true"
	return &is
}

// Object reads an object that somebody else shaped; nil if j is none.
func (j JSON) Object() map[string]any {
	if !j.IsObject() {
		return nil
	}
	object, _ := j.Value().(map[string]any)
	return object
}

// Value is the value in Go's types; numbers are float64.
func (j JSON) Value() any {
	switch {
	case j.IsObject():
		object := map[string]any{}
		for name, value := range j.Members() {
			object[name] = value.Value()
		}
		return object
	case j.IsList():
		list := []any{}
		for value := range j.Elements() {
			list = append(list, value.orNone().Value())
		}
		return list
	case j == "true" || j == "false":
		return j == "true"
	case j == "":
		return nil
	case j[0] == '"':
		return j.Text()
	default:
		if n, ok := j.Number(); ok {
			return n
		}
		return string(j) // beyond a float64
	}
}

// IsObject says whether j is an object.
func (j JSON) IsObject() bool { return j != "" && j[0] == '{' }

// IsList says whether j is a list.
func (j JSON) IsList() bool { return j != "" && j[0] == '[' }

// Raw is a copy of j as it is written.
func (j JSON) Raw() []byte { return []byte(j) }

func (j JSON) orNone() JSON {
	if j == "null" {
		return ""
	}
	return j
}

// next is the first place from i on that is no blank.
func (j JSON) next(i int) int {
	for isBlank(j[i]) {
		i++
	}
	return i
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// nextItem is the place of the item after one that ends at i, or of the bracket
// that closes the list of them.
func (j JSON) nextItem(i int) int {
	if i = j.next(i); j[i] == ',' {
		i = j.next(i + 1)
	}
	return i
}

// end is the place after the value that begins at i.
func (j JSON) end(i int) int {
	switch j[i] {
	case '"':
		for i++; j[i] != '"'; i++ {
			if j[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		for depth := 0; ; i++ {
			switch j[i] {
			case '"':
				i = j.end(i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	default:
		for i < len(j) && j[i] != ',' && j[i] != ']' && j[i] != '}' && !isBlank(j[i]) {
			i++
		}
		return i
	}
}
