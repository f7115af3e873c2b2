package webchat

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"usher/connectors"
)

// timestamp is the browser's clock, RFC 3339 or milliseconds, as the page says;
// zero if it says nothing that is a time.
func timestamp(raw json.RawMessage) time.Time {
	var at time.Time
	var text string
	var number float64
	switch {
	case json.Unmarshal(raw, &number) == nil && number > 0 && number < 1e15:
		if number < 1e12 {
			number *= 1000 // seconds
		}
		at = time.UnixMilli(int64(number))
	case json.Unmarshal(raw, &text) == nil:
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}
		}
		at = parsed
	}
	if at = at.UTC(); at.Year() < 2000 || at.Year() > 2200 { // no clock that runs
		return time.Time{}
	}
	return at
}

func page(p *connectors.Page) *connectors.Page {
	if p == nil || !webURL(p.URL) {
		return nil
	}
	return &connectors.Page{URL: p.URL, Title: cut(clean(p.Title), maxTitle)}
}

func webURL(s string) bool {
	if len(s) > maxURL {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// language keeps what looks like a language tag.
func language(s string) string {
	ok := len(s) <= maxName
	for _, r := range s {
		ok = ok && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}
	if !ok {
		return ""
	}
	return s
}

// randomUUID says whether s is a version 4 UUID.
func randomUUID(s string) bool {
	if len(s) != 36 || s[14] != '4' || !strings.ContainsRune("89abAB", rune(s[19])) {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f' || s[i] >= 'A' && s[i] <= 'F'
		if dash != (s[i] == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

func plainID(s string) bool { return utf8.RuneCountInString(s) <= maxID && printable(s) }

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// clean drops NUL, which databases refuse, and changes nothing else.
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit])
}
