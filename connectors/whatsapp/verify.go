package whatsapp

import (
	"strings"

	"usher/connectors"
)

// signatureHeader carries sha256= and the hex HMAC of the body as it was sent,
// escapes and all.
const signatureHeader = "X-Hub-Signature-256"

// Verify implements connectors.Connector.
func (c *channel) Verify(r *connectors.Request) error {
	digits, ok := strings.CutPrefix(r.Header.Get(signatureHeader), "sha256=")
	if !ok || !c.signers.SignedHex(digits, r.Body) {
		return connectors.ErrUnverified
	}
	return nil
}
