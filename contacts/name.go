package contacts

import "strings"

// ParseName is a name, or a part of one, in canonical form: on one line, blanks
// single.
func ParseName(s string) (string, error) {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if s == "" {
		return "", ErrBlank
	}
	if err := within(s, NameLimit); err != nil {
		return "", err
	}
	return s, nil
}

// CleanRawName is a name as a channel gave it, cut to NameLimit characters.
func CleanRawName(s string) string {
	if len(s) > inputLimit {
		s = s[:inputLimit]
	}
	runes := []rune(strings.Join(strings.Fields(clean(s)), " "))
	if len(runes) > NameLimit {
		runes = runes[:NameLimit]
	}
	return strings.TrimSpace(string(runes))
}

// SplitName cuts a whole name at its first blank; one word is a first name.
func SplitName(raw string) (first, last string) {
	first, last, _ = strings.Cut(strings.Join(strings.Fields(raw), " "), " ")
	return first, last
}

// ComposeName is first, middle and last with single blanks between.
func ComposeName(first, middle, last string) string {
	return strings.Join(strings.Fields(first+" "+middle+" "+last), " ")
}
