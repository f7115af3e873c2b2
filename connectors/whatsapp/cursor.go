package whatsapp

import "usher/connectors"

// A cursor walks JSON text from front to back. It checks every byte that it
// passes and sets bad at the first that is no JSON; from then on all methods
// return nothing, so callers look at bad once, at the end.
//
// It exists because reading the body is the largest part of accepting a
// webhook: encoding/json takes several times as long as everything else.
type cursor struct {
	s     string
	i     int
	depth int
	bad   bool
	key   string // name of the member being read
	wrong string // name of the first member that was of another type than asked for
}

// A span is the place of one JSON value in the text; the zero span is none.
// (No value that is asked for starts at 0: that is the body itself.)
type span struct{ from, to int }

// at returns a cursor for a part of the same, already checked, text.
func (c *cursor) at(part span) cursor { return cursor{s: c.s, i: part.from} }

// jump goes to a part that was passed, to read the value called name. The caller
// sets i back to what is returned.
func (c *cursor) jump(part span, name string) (back int) {
	back, c.i, c.key = c.i, part.from, name
	return back
}

// peek returns the first byte of the next value, 0 at the end.
func (c *cursor) peek() byte {
	if c.i < len(c.s) && c.s[c.i] > ' ' { // Meta writes no blanks
		return c.s[c.i]
	}
	return c.blanks()
}

func (c *cursor) blanks() byte {
	for ; c.i < len(c.s); c.i++ {
		switch b := c.s[c.i]; b {
		case ' ', '\n', '\r', '\t':
		default:
			return b
		}
	}
	return 0
}

// members yields the names of an object's members in order, also those named
// twice. A value that the loop leaves alone is passed over. What is no object
// yields nothing.
func (c *cursor) members(yield func(key string) bool) {
	if !c.enter('{') {
		return
	}
	if c.peek() == '}' {
		c.leave()
		return
	}
	for !c.bad {
		key := c.name()
		if c.peek() != ':' {
			c.bad = true
			return
		}
		c.i++
		c.peek()
		c.key = key
		at := c.i
		if !yield(key) {
			return
		}
		if c.i == at {
			c.skip()
		}
		if c.closed('}') {
			return
		}
	}
}

// elements yields the positions of an array's elements, like members.
func (c *cursor) elements(yield func(from int) bool) {
	if !c.enter('[') {
		return
	}
	if c.peek() == ']' {
		c.leave()
		return
	}
	for !c.bad {
		c.peek()
		at := c.i
		if !yield(at) {
			return
		}
		if c.i == at {
			c.skip()
		}
		if c.closed(']') {
			return
		}
	}
}

// text reads a string; null is empty, anything else is wrong.
func (c *cursor) text() string {
	if c.peek() != '"' {
		c.mismatch()
		return ""
	}
	raw, plain := c.quoted()
	if plain {
		return raw
	}
	if c.bad {
		return ""
	}
	return unescape(raw)
}

// scalar reads a string, or a number as it is written: ids and times come as
// either.
func (c *cursor) scalar() string {
	if b := c.peek(); b == '-' || '0' <= b && b <= '9' {
		from := c.i
		c.number()
		return c.s[from:c.i]
	}
	return c.text()
}

// flag reads a boolean; null is false, anything else is wrong.
func (c *cursor) flag() bool {
	switch c.peek() {
	case 't':
		c.literal("true")
		return true
	case 'f':
		c.literal("false")
	default:
		c.mismatch()
	}
	return false
}

// value passes over the next value and returns its place; null is none.
func (c *cursor) value() span {
	null := c.peek() == 'n'
	from := c.i
	c.skip()
	if null {
		return span{}
	}
	return span{from, c.i}
}

// skip passes over the next value.
func (c *cursor) skip() {
	switch c.peek() {
	case '{':
		for range c.members {
		}
	case '[':
		for range c.elements {
		}
	case '"':
		c.quoted()
	case 't':
		c.literal("true")
	case 'f':
		c.literal("false")
	case 'n':
		c.literal("null")
	default:
		c.number()
	}
}

// enter goes into an object or array; false: the next value is none.
func (c *cursor) enter(open byte) bool {
	if c.peek() != open {
		c.mismatch()
		return false
	}
	c.i++
	c.depth++
	if c.depth > connectors.MaxDepth {
		c.bad = true
	}
	return !c.bad
}

func (c *cursor) leave() {
	c.i++
	c.depth--
}

// closed passes the comma or the end of an object or array.
func (c *cursor) closed(end byte) bool {
	switch b := c.peek(); {
	case c.bad:
	case b == ',':
		c.i++
		return false
	case b == end:
		c.leave()
	default:
		c.bad = true
	}
	return true
}

// mismatch passes over a value of a type that was not asked for.
func (c *cursor) mismatch() {
	if c.peek() != 'n' && c.wrong == "" {
		c.wrong = c.key
	}
	c.skip()
}

func (c *cursor) name() string {
	if c.peek() != '"' {
		c.bad = true
		return ""
	}
	raw, plain := c.quoted()
	if plain || c.bad {
		return raw
	}
	return unescape(raw)
}
