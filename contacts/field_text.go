package contacts

import (
	"fmt"
	"unicode/utf8"
)

// parseText keeps a text as it was written, outer blanks aside.
func parseText(v any, _ Locale) (any, error) {
	s, err := textOf(v)
	if err != nil {
		return nil, err
	}
	if err := within(s, TextLimit); err != nil {
		return nil, err
	}
	return s, nil
}

func within(s string, limit int) error {
	if utf8.RuneCountInString(s) > limit {
		return &Invalid{CodeTooLong, fmt.Sprintf("at most %d characters", limit)}
	}
	return nil
}
