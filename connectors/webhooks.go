package connectors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/config"
)

// Headers of Standard Webhooks (standardwebhooks.com), version v1: HMAC-SHA256
// over id "." seconds "." body.
const (
	HeaderWebhookID        = "Webhook-Id"
	HeaderWebhookTimestamp = "Webhook-Timestamp"
	HeaderWebhookSignature = "Webhook-Signature"

	webhookSecret = "whsec_" // begins a secret: base64 of the key follows
	signatureV1   = "v1,"
	// maxSignatures bounds the work that a header can cause; a sender that
	// rotates its key sends two.
	maxSignatures = 16
	// DefaultTolerance is the one of the Standard Webhooks libraries, and of Slack.
	DefaultTolerance = 5 * time.Minute
)

// Webhooks signs and checks bodies as Standard Webhooks do.
type Webhooks struct {
	Keys      [][]byte
	Tolerance time.Duration // of signed times; 0: any time
}

// WebhookKey reads a secret as Standard Webhooks write it: whsec_ and base64.
func WebhookKey(secret config.Secret) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), webhookSecret))
	if err != nil || len(key) == 0 {
		return nil, errors.New("secret: want whsec_ and base64, as Standard Webhooks write it")
	}
	return key, nil
}

// IsWebhookSecret says whether a secret is written so.
func IsWebhookSecret(secret config.Secret) bool {
	return strings.HasPrefix(string(secret), webhookSecret)
}

// ToleranceOf reads the setting tolerance.
func ToleranceOf(d *config.Duration) (time.Duration, error) {
	switch {
	case d == nil:
		return DefaultTolerance, nil
	case *d < 0:
		return 0, errors.New("tolerance: is negative")
	default:
		return time.Duration(*d), nil
	}
}

// Recent says whether a signed time, in Unix seconds as the header has it, is
// within the tolerance; 0 takes any time.
func Recent(seconds string, now time.Time, tolerance time.Duration) bool {
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return false
	}
	sent := time.Unix(unix, 0)
	return tolerance == 0 || sent.After(now.Add(-tolerance)) && sent.Before(now.Add(tolerance))
}

// Signed says whether any of the request's signatures is one of any of the keys,
// and its time within the tolerance.
func (w Webhooks) Signed(r *Request) bool {
	id, sent := r.Header.Get(HeaderWebhookID), r.Header.Get(HeaderWebhookTimestamp)
	if len(w.Keys) == 0 || id == "" || !Recent(sent, r.At, w.Tolerance) {
		return false
	}
	signatures := strings.SplitN(r.Header.Get(HeaderWebhookSignature), " ", maxSignatures+1)
	match := false
	for _, key := range w.Keys {
		want := signV1(key, id, sent, r.Body)
		for _, got := range signatures[:min(len(signatures), maxSignatures)] {
			match = hmac.Equal([]byte(got), want) || match
		}
	}
	return match
}

// Sign sets the headers of what is sent, by every key.
func (w Webhooks) Sign(h http.Header, id string, now time.Time, body []byte) {
	sent := strconv.FormatInt(now.Unix(), 10)
	var signatures []string
	for _, key := range w.Keys {
		signatures = append(signatures, string(signV1(key, id, sent, body)))
	}
	h.Set(HeaderWebhookID, id)
	h.Set(HeaderWebhookTimestamp, sent)
	h.Set(HeaderWebhookSignature, strings.Join(signatures, " "))
}

// signV1 returns the signature as it stands in the header, version included.
func signV1(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	mac.Write([]byte{'.'})
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return base64.StdEncoding.AppendEncode([]byte(signatureV1), mac.Sum(nil))
}
