package bot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"usher/connectors"
)

// Headers of Standard Webhooks (standardwebhooks.com), version v1: HMAC-SHA256
// over id "." seconds "." body.
const (
	secretPrefix    = "whsec_"
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	signatureV1     = "v1,"
	// maxSignatures bounds the work that a header can cause; a sender that
	// rotates its key sends two.
	maxSignatures = 16
)

// signed says whether any of the request's signatures is one of any of the
// channel's keys, and its time within the tolerance.
func (c *channel) signed(r *connectors.Request) bool {
	id, sent := r.Header.Get(headerID), r.Header.Get(headerTimestamp)
	unix, err := strconv.ParseInt(sent, 10, 64)
	if len(c.keys) == 0 || id == "" || err != nil || !c.recent(time.Unix(unix, 0), r.At) {
		return false
	}
	signatures := strings.SplitN(r.Header.Get(headerSignature), " ", maxSignatures+1)
	match := false
	for _, key := range c.keys {
		want := sign(key, id, sent, r.Body)
		for _, got := range signatures[:min(len(signatures), maxSignatures)] {
			match = hmac.Equal([]byte(got), want) || match
		}
	}
	return match
}

func (c *channel) recent(sent, now time.Time) bool {
	return c.tolerance == 0 || sent.After(now.Add(-c.tolerance)) && sent.Before(now.Add(c.tolerance))
}

// sign returns the signature as it stands in the header, version included.
func sign(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	mac.Write([]byte{'.'})
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return base64.StdEncoding.AppendEncode([]byte(signatureV1), mac.Sum(nil))
}
