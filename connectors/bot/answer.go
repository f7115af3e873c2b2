package bot

import (
	"bytes"
	"encoding/json"

	"usher/connectors"
)

// encodeTurn writes t without a null where the contract has a list or map, and
// without HTML escapes: bots log what they read.
func encodeTurn(t connectors.Turn) []byte {
	if t.Known == nil {
		t.Known = map[string]bool{}
	}
	if t.Values == nil {
		t.Values = map[string]any{}
	}
	replies := make([]connectors.TurnReply, 0, len(t.Replies))
	for _, r := range t.Replies {
		replies = append(replies, complete(r))
	}
	t.Replies = replies
	return encode(t)
}

func complete(r connectors.TurnReply) connectors.TurnReply {
	if r.Media == nil {
		r.Media = []connectors.Media{}
	}
	if r.Buttons == nil {
		r.Buttons = []connectors.Button{}
	}
	if r.Form != nil && r.Form.Fields == nil {
		r.Form = &connectors.Form{Title: r.Form.Title, Fields: []connectors.FormField{}}
	}
	return r
}

// encode cannot fail on what usher itself put together: values are texts,
// numbers and booleans.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("{}")
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
