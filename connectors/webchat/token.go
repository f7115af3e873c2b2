package webchat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

const (
	// tokenTTL is how long a visitor is known again without coming back: as
	// long as a guest is kept. A session that is opened with a token renews it.
	tokenTTL = 90 * 24 * time.Hour
	// minKey is the least that an HMAC key should have: 128 bits.
	minKey = 16
	// idPrefix tells a visitor of ours from the authors that others invent.
	idPrefix = "v_"
)

// tokenKey is the signing key of one channel: a token is worth nothing on
// another.
func tokenKey(installation []byte, channel string) []byte {
	mac := hmac.New(sha256.New, installation)
	mac.Write([]byte("webchat visitor token\x00" + channel))
	return mac.Sum(nil)
}

// NewSession makes a visitor: an id of 130 random bits and its token.
func (c *channel) NewSession(now time.Time) (externalID, token string, expires time.Time) {
	externalID = idPrefix + strings.ToLower(rand.Text())
	token, expires = c.Renew(externalID, now)
	return externalID, token, expires
}

// Renew signs a token: id "." expiry in seconds "." signature of both.
func (c *channel) Renew(externalID string, now time.Time) (token string, expires time.Time) {
	expires = now.Add(tokenTTL).UTC().Truncate(time.Second)
	signed := externalID + "." + strconv.FormatInt(expires.Unix(), 10)
	return signed + "." + signature(c.key, signed), expires
}

// Authenticate returns whose token it is. An unknown time proves nothing.
func (c *channel) Authenticate(token string, now time.Time) (externalID string, ok bool) {
	if len(token) > maxToken || now.IsZero() {
		return "", false
	}
	end := strings.LastIndexByte(token, '.')
	if end < 0 || !hmac.Equal([]byte(token[end+1:]), []byte(signature(c.key, token[:end]))) {
		return "", false
	}
	cut := strings.LastIndexByte(token[:end], '.')
	if cut <= 0 {
		return "", false
	}
	expires, err := strconv.ParseInt(token[cut+1:end], 10, 64)
	if err != nil || now.Unix() >= expires {
		return "", false
	}
	return token[:cut], true
}

// maxToken is far more than a token of ours has (about 85 bytes).
const maxToken = 512

// signature is HMAC-SHA256 as it stands in a token. Signatures are compared in
// this form: base64 has several spellings of the same bytes, a token only one.
func signature(key []byte, signed string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
