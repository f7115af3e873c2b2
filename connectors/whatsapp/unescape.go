package whatsapp

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape gives the meaning of what stands between the quotes of a JSON
// string. Lone surrogates and bytes that are no UTF-8 become U+FFFD, one each;
// NUL is left out, because databases and terminals trip over it.
func unescape(raw string) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		b := raw[i]
		switch {
		case b == '\\' && raw[i+1] == 'u':
			r, size := escaped(raw[i:])
			i += size
			if r != 0 {
				out = utf8.AppendRune(out, r)
			}
		case b == '\\':
			out = append(out, short(raw[i+1]))
			i += 2
		case b < utf8.RuneSelf:
			out = append(out, b)
			i++
		default:
			r, size := utf8.DecodeRuneInString(raw[i:])
			out = utf8.AppendRune(out, r)
			i += size
		}
	}
	return string(out)
}

// escaped reads \uXXXX, or a pair of them, from text that was checked.
func escaped(s string) (r rune, size int) {
	r, _ = hex4(s)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads \uXXXX at the start of s.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, b := range []byte(s[2:6]) {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b|0x20 && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(b)
	}
	return r, true
}

func short(b byte) byte {
	switch b {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return b // quote, backslash, slash
}
