package connectors

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds how deeply a JSON body may nest. No platform comes near it,
// and what is kept is wrapped and decoded again by code with limits of its own.
const MaxDepth = 64

// Bearer returns the token of the Authorization header, "" if there is none.
func (r *Request) Bearer() string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// CheckJSON returns ErrUnreadable for a body that is not UTF-8 or nests deeper
// than MaxDepth. It does not check that the body is JSON: decoding does.
func CheckJSON(body []byte) error {
	if !utf8.Valid(body) {
		return fmt.Errorf("%w: not UTF-8", ErrUnreadable)
	}
	return checkDepth(body)
}

func checkDepth(body []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return fmt.Errorf("%w: nested deeper than %d", ErrUnreadable, MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
