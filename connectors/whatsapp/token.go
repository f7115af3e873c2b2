package whatsapp

import "math/bits"

func (c *cursor) literal(word string) {
	if len(c.s)-c.i < len(word) || c.s[c.i:c.i+len(word)] != word {
		c.bad = true
		return
	}
	c.i += len(word)
}

// number follows RFC 8259: no plus, no leading zero, no bare point.
func (c *cursor) number() {
	if c.i < len(c.s) && c.s[c.i] == '-' {
		c.i++
	}
	if c.i < len(c.s) && c.s[c.i] == '0' {
		c.i++
	} else {
		c.digits()
	}
	if c.i < len(c.s) && c.s[c.i] == '.' {
		c.i++
		c.digits()
	}
	if c.i < len(c.s) && c.s[c.i]|0x20 == 'e' {
		c.i++
		if c.i < len(c.s) && (c.s[c.i] == '+' || c.s[c.i] == '-') {
			c.i++
		}
		c.digits()
	}
}

// digits passes at least one.
func (c *cursor) digits() {
	from := c.i
	for c.i < len(c.s) && '0' <= c.s[c.i] && c.s[c.i] <= '9' {
		c.i++
	}
	if c.i == from {
		c.bad = true
	}
}

// quoted passes a string and returns what is between the quotes; plain says
// that it means itself: ASCII without escapes.
func (c *cursor) quoted() (raw string, plain bool) {
	s, from := c.s, c.i+1
	plain = true
	for i := from; ; {
		i = ordinary(s, i)
		if i >= len(s) || s[i] < 0x20 {
			c.bad = true
			return "", false
		}
		switch b := s[i]; {
		case b == '"':
			c.i = i + 1
			return s[from:i], plain
		case b != '\\':
			plain = false
			i++
		default:
			n := escape(s[i:])
			if n == 0 {
				c.bad = true
				return "", false
			}
			plain = false
			i += n
		}
	}
}

// ordinary returns the first place from i on that holds a quote, a backslash, a
// control character or no ASCII; len(s) if there is none. It looks at eight
// bytes at once: a byte below n sets its top bit when n is taken off, and the
// lowest top bit set is always a true one.
func ordinary(s string, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		found := (w | (w - ones*0x20) | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & tops
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] >= 0x20 && s[i] < 0x80 && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// escape returns the length of the escape that s begins with, 0 for none.
func escape(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}
