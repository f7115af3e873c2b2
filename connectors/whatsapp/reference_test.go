package whatsapp_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reference is what a text message means, read with encoding/json: slow, and
// sure. It knows well-formed messages with a phone number only.
type reference struct {
	Account, From, Name, ID, Text string
	At                            time.Time
}

// raw keeps the order-free rule of JSON that a parser must follow: of members
// with one name the last counts.
type raw = map[string]json.RawMessage

// readReference returns ok = false for anything but such messages alone.
func readReference(body []byte) (all []reference, ok bool) {
	var top raw
	var object string
	var entries []raw
	if json.Unmarshal(body, &top) != nil || !is(top["object"], &object) || !is(top["entry"], &entries) {
		return nil, false
	}
	for _, entry := range entries {
		var changes []raw
		if !is(entry["changes"], &changes) {
			return nil, false
		}
		for _, change := range changes {
			found, ok := readChange(change)
			if !ok {
				return nil, false
			}
			all = append(all, found...)
		}
	}
	return all, object == "whatsapp_business_account"
}

func readChange(change raw) (all []reference, ok bool) {
	var field string
	var value, metadata raw
	var account string
	var contacts, messages []raw
	if !is(change["field"], &field) || field != "messages" || !is(change["value"], &value) ||
		!is(value["metadata"], &metadata) || !is(metadata["phone_number_id"], &account) || account == "" ||
		!is(value["contacts"], &contacts) || !is(value["messages"], &messages) {
		return nil, false
	}
	for _, other := range []string{"message_echoes", "statuses", "user_preferences", "errors"} {
		if value[other] != nil {
			return nil, false
		}
	}
	names := map[string]string{}
	for i := len(contacts) - 1; i >= 0; i-- {
		var profile raw
		var id, name string
		if !only(contacts[i], "profile", "wa_id") || !is(contacts[i]["wa_id"], &id) || !digits(id) ||
			!is(contacts[i]["profile"], &profile) || !is(profile["name"], &name) {
			return nil, false
		}
		names[id] = name
	}
	for _, m := range messages {
		one, ok := readText(m)
		if !ok {
			return nil, false
		}
		one.Account, one.Name = account, names[one.From]
		all = append(all, one)
	}
	return all, true
}

func readText(m raw) (one reference, ok bool) {
	var kind, at string
	var text raw
	if !only(m, "from", "id", "timestamp", "type", "text") || !is(m["type"], &kind) || kind != "text" ||
		!is(m["from"], &one.From) || !digits(one.From) || !is(m["id"], &one.ID) || one.ID == "" ||
		!is(m["timestamp"], &at) || len(at) != 10 || !digits(at) || at[0] == '0' ||
		!is(m["text"], &text) || !is(text["body"], &one.Text) {
		return one, false
	}
	var seconds int64
	if json.Unmarshal([]byte(at), &seconds) != nil {
		return one, false
	}
	one.At = time.Unix(seconds, 0).UTC()
	return one, true
}

func is(text json.RawMessage, into any) bool {
	if text == nil || string(text) == "null" || json.Unmarshal(text, into) != nil {
		return false
	}
	if s, ok := into.(*string); ok {
		*s = strings.ReplaceAll(*s, "\x00", "")
	}
	return true
}

func only(m raw, names ...string) bool {
	for key := range m {
		found := false
		for _, name := range names {
			found = found || key == name
		}
		if !found {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	return len(s) >= 7 && len(s) <= 15 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// BenchmarkReference is what BenchmarkParse is compared with: the same body
// into structs, by encoding/json.
func BenchmarkReference(b *testing.B) {
	body := fixture(b, "text_plain").Request.Body
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var v struct {
			Object string
			Entry  []struct {
				Changes []struct {
					Field string
					Value struct {
						Metadata struct {
							ID string `json:"phone_number_id"`
						}
						Contacts []struct {
							WaID    string `json:"wa_id"`
							UserID  string `json:"user_id"`
							Profile struct{ Name, Username string }
						}
						Messages []struct {
							From, ID, Timestamp, Type string
							Text                      struct{ Body string }
						}
					}
				}
			}
		}
		require.NoError(b, json.Unmarshal(body, &v))
	}
}
