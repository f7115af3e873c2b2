package connectors

import (
	"crypto/sha256"
	"fmt"
)

// RetryKey is a UUID for one call of a message: the same when the message is
// sent again, so that a platform that knows such keys takes the call only once.
func RetryKey(messageID string, call int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s#%d", messageID, call))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x80 // version 8: made in a way of our own
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
