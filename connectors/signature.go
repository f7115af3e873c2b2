package connectors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync"

	"usher/config"
)

// Signers check HMAC-SHA256 signatures: while a secret is rotated, either of the
// two will do. Without secrets nothing is signed.
type Signers []*signer

// signer checks with one secret. Setting an HMAC up costs as much as running it
// over a message, so the set-up ones are kept.
type signer struct{ idle sync.Pool }

// mac is an HMAC and room for its sum.
type mac struct {
	hash.Hash
	sum []byte
}

// NewSigners takes the secrets as they are, as keys.
func NewSigners(secrets config.Secrets) Signers {
	var all Signers
	for _, secret := range secrets {
		key := []byte(secret)
		all = append(all, &signer{sync.Pool{New: func() any {
			return &mac{hmac.New(sha256.New, key), make([]byte, 0, sha256.Size)}
		}}})
	}
	return all
}

// Signed says whether given is the signature of the parts, one after the other.
// It compares in constant time.
func (s Signers) Signed(given []byte, parts ...[]byte) bool {
	for _, one := range s {
		if one.signed(given, parts) {
			return true
		}
	}
	return false
}

// SignedHex is Signed for a signature in hex.
func (s Signers) SignedHex(given string, parts ...[]byte) bool {
	var sum [sha256.Size]byte
	if len(given) != 2*len(sum) {
		return false
	}
	if _, err := hex.Decode(sum[:], []byte(given)); err != nil {
		return false
	}
	return s.Signed(sum[:], parts...)
}

func (s *signer) signed(given []byte, parts [][]byte) bool {
	m := s.idle.Get().(*mac)
	defer s.idle.Put(m)
	m.Reset()
	for _, part := range parts {
		m.Write(part)
	}
	return hmac.Equal(m.Sum(m.sum), given)
}
