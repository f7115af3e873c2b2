package connectors

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"

	"usher/config"
)

// Tokens are the secrets of a channel whose platform signs nothing and shows a
// token instead. They are kept as digests, and none prints.
type Tokens struct{ digests [][sha256.Size]byte }

// NewTokens takes the setting token: one, or two while it is rotated.
func NewTokens(secrets config.Secrets) (Tokens, error) {
	var t Tokens
	for _, secret := range secrets {
		if secret == "" { // would let everyone in
			return Tokens{}, errors.New("token: is empty")
		}
		t.digests = append(t.digests, sha256.Sum256([]byte(secret)))
	}
	return t, nil
}

// Match says whether it is one of the tokens. It compares digests, so that
// neither length nor content shows in time.
func (t Tokens) Match(shown string) bool {
	if shown == "" {
		return false
	}
	digest, match := sha256.Sum256([]byte(shown)), 0
	for i := range t.digests {
		match |= subtle.ConstantTimeCompare(digest[:], t.digests[i][:])
	}
	return match == 1
}

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
