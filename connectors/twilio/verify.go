package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's choice; an HMAC with it is not broken
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"usher/connectors"
)

// Verify implements connectors.Connector. Signed are the address that Twilio
// called and the form's fields; of any other body its hash, which is part of the
// address. Whether Twilio writes the default port depends on who is called.
func (c *channel) Verify(r *connectors.Request) error {
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || len(given) != sha1.Size {
		return connectors.ErrUnverified
	}
	fields, ok := signedFields(r)
	if !ok {
		return connectors.ErrUnverified
	}
	for _, address := range addresses(r.URL) {
		for _, token := range c.AuthToken {
			mac := hmac.New(sha1.New, []byte(token))
			mac.Write([]byte(address))
			mac.Write(fields)
			if hmac.Equal(mac.Sum(nil), given) {
				return nil
			}
		}
	}
	return connectors.ErrUnverified
}

// signedFields is what follows the address in the signed text; ok is false for a
// body that nothing would cover.
func signedFields(r *connectors.Request) (fields []byte, ok bool) {
	if want, hashed := r.Query["bodySHA256"]; hashed && !strings.HasPrefix(r.Header.Get("Content-Type"), formType) {
		sum := sha256.Sum256(r.Body)
		return nil, subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(want))) == 1
	}
	f, ok := readForm(r.Body)
	return f.signed(), ok
}

const formType = "application/x-www-form-urlencoded"

// addresses is the address as it was called, without any port and with the
// default one.
func addresses(called string) []string {
	all := []string{called}
	scheme, rest, ok := strings.Cut(called, "://")
	if !ok {
		return all
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		return append(all, scheme+"://"+host[:colon]+path)
	}
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return append(all, scheme+"://"+host+port+path)
}
