package connectors

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"usher/config"
)

// A Check collects what is wrong with a channel's settings, so that all of it is
// told at once. No message shows a value.
type Check struct{ problems []error }

// Problem names a setting and what is wrong with it.
func (c *Check) Problem(setting, what string) {
	c.problems = append(c.problems, fmt.Errorf("%s: %s", setting, what))
}

// Secrets wants one secret or two. An empty one would let everyone in.
func (c *Check) Secrets(setting string, secrets config.Secrets, hint string) {
	if len(secrets) == 0 {
		c.Problem(setting, "is missing; "+hint)
	}
	for _, secret := range secrets {
		if secret == "" {
			c.Problem(setting, "one of them is empty")
		}
	}
}

// Token wants a credential that can stand in a header or a URL.
func (c *Check) Token(setting string, token config.Secret, hint string) {
	switch {
	case token == "":
		c.Problem(setting, "is missing; "+hint)
	case strings.ContainsFunc(string(token), func(r rune) bool { return r <= ' ' || r > '~' }):
		c.Problem(setting, "has a blank, a line break or another character that no token has")
	}
}

// BaseURL wants the beginning of an API's addresses, as example.
func (c *Check) BaseURL(setting, value, example string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		c.Problem(setting, "must be like "+example)
	}
}

// Err is everything that was found, nil if nothing was.
func (c *Check) Err() error { return errors.Join(c.problems...) }

// OneOf compares what a caller showed with the secrets that are valid, in a time
// that tells nothing about them.
func OneOf(shown string, secrets config.Secrets) bool {
	given, match := sha256.Sum256([]byte(shown)), 0
	for _, secret := range secrets {
		want := sha256.Sum256([]byte(secret))
		match |= subtle.ConstantTimeCompare(given[:], want[:])
	}
	return match == 1
}
