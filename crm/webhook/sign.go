package webhook

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/config"
)

// The length that Standard Webhooks asks of a key, which its library does not
// check.
const (
	minKey = 24
	maxKey = 64
)

const secretPrefix = "whsec_"

// signer signs with each key, so that a receiver may hold either while the
// secret is rotated.
type signer []*standardwebhooks.Webhook

func newSigner(secrets config.Secrets) (signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("secret: missing; want whsec_ and the base64 of 24 to 64 random bytes")
	}
	var s signer
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), secretPrefix))
		if err != nil || len(key) < minKey || len(key) > maxKey {
			return nil, errors.New("secret: want whsec_ and the base64 of 24 to 64 random bytes")
		}
		hook, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return nil, errors.New("secret: not usable")
		}
		s = append(s, hook)
	}
	return s, nil
}

// sign gives the value of webhook-signature: one signature per key, in the
// order of the keys, separated by spaces.
func (s signer) sign(id string, at time.Time, body []byte) (string, error) {
	signatures := make([]string, len(s))
	for i, hook := range s {
		signature, err := hook.Sign(id, at, body)
		if err != nil {
			return "", err
		}
		signatures[i] = signature
	}
	return strings.Join(signatures, " "), nil
}
