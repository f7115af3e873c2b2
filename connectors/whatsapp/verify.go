package whatsapp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"sync"

	"usher/config"
	"usher/connectors"
)

// signatureHeader carries sha256= and the hex HMAC of the body as it was sent,
// escapes and all.
const signatureHeader = "X-Hub-Signature-256"

// Verify implements connectors.Connector. While the app secret is rotated,
// either of the two will do.
func (c *channel) Verify(r *connectors.Request) error {
	digits, ok := strings.CutPrefix(r.Header.Get(signatureHeader), "sha256=")
	var given [sha256.Size]byte
	if !ok || len(digits) != 2*len(given) {
		return connectors.ErrUnverified
	}
	if _, err := hex.Decode(given[:], []byte(digits)); err != nil {
		return connectors.ErrUnverified
	}
	for _, s := range c.signers {
		if s.signed(r.Body, given[:]) {
			return nil
		}
	}
	return connectors.ErrUnverified
}

// signer checks signatures with one secret. Setting an HMAC up costs as much as
// running it over a message, so the set-up ones are kept.
type signer struct{ idle sync.Pool }

// mac is an HMAC and room for its sum.
type mac struct {
	hash.Hash
	sum []byte
}

func newSigner(secret config.Secret) *signer {
	key := []byte(secret)
	return &signer{sync.Pool{New: func() any {
		return &mac{hmac.New(sha256.New, key), make([]byte, 0, sha256.Size)}
	}}}
}

// signed compares in constant time.
func (s *signer) signed(body, given []byte) bool {
	m := s.idle.Get().(*mac)
	defer s.idle.Put(m)
	m.Reset()
	m.Write(body)
	return hmac.Equal(m.Sum(m.sum), given)
}
