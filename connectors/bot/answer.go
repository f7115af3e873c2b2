package bot

import "usher/connectors"

// filled is t without a null where the contract has a list or map.
func filled(t connectors.Turn) connectors.Turn {
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
	return t
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
