package outbound

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// maxText is how much of a receiver's answer an operator gets to see.
const maxText = 500

// What is shorter than these is no token, and cutting it would only garble the
// text: a given secret, a query value, a path segment.
const (
	minSecret  = 4
	minQuery   = 8
	minSegment = 16
)

// Redact replaces each secret in text, also in the forms that URLs and JSON
// give it, by ***.
func Redact(text string, secrets ...string) string {
	var forms []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		forms = append(forms, s, url.QueryEscape(s), url.PathEscape(s))
		if quoted, err := json.Marshal(s); err == nil {
			forms = append(forms, string(quoted[1:len(quoted)-1]))
		}
	}
	// The longest first, so that no end of it stays when one holds another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, "***")
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Excerpt is the beginning of a receiver's text, 500 characters on one line and
// free of secrets, fit for an Error's Text. Secrets are cut out first: half of
// one at the end of an excerpt is too much.
func Excerpt(text string, secrets ...string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(Redact(text, secrets...), "\uFFFD"))
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > maxText {
			break
		}
		if unicode.IsControl(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// secretsOf finds what in a request must not come back in an error, whoever
// echoes it.
func secretsOf(req *http.Request) []string {
	var found []string
	if auth := req.Header.Get("Authorization"); auth != "" {
		_, credentials, _ := strings.Cut(auth, " ")
		found = append(found, auth, credentials)
	}
	if password, ok := req.URL.User.Password(); ok {
		found = append(found, password)
	}
	for _, values := range req.URL.Query() {
		for _, v := range values {
			if len(v) >= minQuery {
				found = append(found, v)
			}
		}
	}
	for segment := range strings.SplitSeq(req.URL.Path, "/") {
		if len(segment) >= minSegment {
			found = append(found, segment)
		}
	}
	return found
}
