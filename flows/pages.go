package flows

import (
	"net/url"
	"strings"
)

// onPage says whether a page is one of the patterns: "/pricing*" by its path,
// anything else by host and path, * for any characters.
func onPage(patterns []string, page string) bool {
	u, err := url.Parse(page)
	if err != nil {
		return false
	}
	path := u.Path
	if path == "" {
		path = "/"
	}
	for _, pattern := range patterns {
		subject := u.Host + path
		switch {
		case strings.HasPrefix(pattern, "/"):
			subject = path
		case strings.Contains(pattern, "://"):
			subject = u.Scheme + "://" + subject
		}
		if like(pattern, subject) {
			return true
		}
	}
	return false
}

// examplePage is the address of a page that a pattern of onPage fits.
func examplePage(pattern string) string {
	page := strings.ReplaceAll(pattern, "*", "")
	switch {
	case strings.HasPrefix(pattern, "/"):
		return "https://www.example.com" + page
	case strings.Contains(pattern, "://"):
		return page
	default:
		return "https://" + page
	}
}

// like matches a pattern with * for any characters, in time linear in each of
// its pieces.
func like(pattern, s string) bool {
	pieces := strings.Split(pattern, "*")
	if len(pieces) == 1 {
		return pattern == s
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, piece := range pieces[1 : len(pieces)-1] {
		_, after, found := strings.Cut(s, piece)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}
