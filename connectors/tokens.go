package connectors

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher/config"
)

// Tokens are the secrets of a channel whose platform signs nothing and shows a
// token instead.
type Tokens struct{ secrets config.Secrets }

// NewTokens takes the setting token: one, or two while it is rotated.
func NewTokens(secrets config.Secrets) (Tokens, error) {
	if slices.Contains(secrets, "") { // would let everyone in
		return Tokens{}, errors.New("token: is empty")
	}
	return Tokens{secrets}, nil
}

// Match says whether it is one of the tokens.
func (t Tokens) Match(shown string) bool { return shown != "" && OneOf(shown, t.secrets) }

// Format keeps fmt away from the secrets inside.
func (t Tokens) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%d tokens", len(t.secrets)) }

// Verify takes an API key with scope bot, or a token where platforms can be told
// to show one: as bearer, as the password of Basic authentication, or in the
// query as token.
func (t Tokens) Verify(r *Request) error {
	if r.Authorized || t.Match(r.Bearer()) || t.Match(r.password()) || t.Match(r.Query["token"]) {
		return nil
	}
	return ErrUnverified
}

// password of Basic authentication, whoever the user is; "" if there is none.
func (r *Request) password() string {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "basic") {
		return ""
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(credentials))
	if err != nil {
		return ""
	}
	_, password, _ := strings.Cut(string(plain), ":")
	return password
}
