package sqlstore

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"usher/contacts"
)

// fold is the form in which two spellings of a word are the same: without case
// and accents, so that jose finds José.
func fold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	chain := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), cases.Fold(), norm.NFC)
	folded, _, err := transform.String(chain, s)
	if err != nil {
		return strings.ToLower(s)
	}
	return folded
}

// searchable is what q looks into: the words of name, e-mail and phone, folded,
// each with a blank before it, so that a word's beginning is found by LIKE.
func searchable(c *contacts.Contact) string {
	var b strings.Builder
	for _, value := range []string{c.Values.Text("name"), c.Values.Text("email"), c.Values.Text("phone")} {
		for _, word := range strings.Fields(fold(value)) {
			b.WriteString(" " + word)
			// Also by the parts of the word: o'brien, smith-jones, ada@example.com.
			for i, r := range word {
				if rest := strings.TrimLeftFunc(word[i:], isMark); isMark(r) && rest != "" {
					b.WriteString(" " + rest)
				}
			}
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

func isMark(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
