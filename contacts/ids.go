package contacts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// Prefixes of the ids of people and conversations. What follows is the same for
// a guest, the contact that it becomes and its conversation.
const (
	guestPrefix        = "gst_"
	contactPrefix      = "con_"
	conversationPrefix = "cnv_"
)

// idBytes make 16 characters: two of a billion people share an id with a
// probability below one in a million.
const idBytes = 10

// GuestID is the id of a person on a channel: always the same for the same
// person, and nothing that an outsider without the salt could work out.
func GuestID(salt []byte, business, channel, externalID string) string {
	return guestPrefix + suffixOf(salt, business, channel, externalID)
}

// ConversationID is the id of the person's conversation on the channel.
func ConversationID(salt []byte, business, channel, externalID string) string {
	return conversationPrefix + suffixOf(salt, business, channel, externalID)
}

// ContactIDOf is the id of the contact that a guest becomes.
func ContactIDOf(guestID string) string { return contactPrefix + SuffixOf(guestID) }

// GuestIDOf is the id of the guest that a contact was, had it been one.
func GuestIDOf(contactID string) string { return guestPrefix + SuffixOf(contactID) }

// ConversationIDOf is the id of a guest's conversation.
func ConversationIDOf(guestID string) string { return conversationPrefix + SuffixOf(guestID) }

// SuffixOf is an id without its prefix.
func SuffixOf(id string) string {
	if _, suffix, ok := strings.Cut(id, "_"); ok {
		return suffix
	}
	return id
}

func suffixOf(salt []byte, parts ...string) string {
	mac := hmac.New(sha256.New, salt)
	for _, part := range parts {
		var size [8]byte // so that ("a","bc") is not ("ab","c")
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		mac.Write(size[:])
		mac.Write([]byte(part))
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(mac.Sum(nil)[:idBytes]))
}
