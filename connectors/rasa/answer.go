package rasa

import (
	"maps"
	"slices"

	"usher/connectors"
)

// reply is one message to the user, as Rasa's channels write it.
type reply struct {
	Recipient string   `json:"recipient_id,omitempty"`
	Text      string   `json:"text,omitempty"`
	Image     string   `json:"image,omitempty"`
	Buttons   []button `json:"buttons,omitempty"`
}

type button struct {
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

// outcome is what an action server answers.
type outcome struct {
	Events    []slotSet `json:"events"`
	Responses []reply   `json:"responses"`
}

type slotSet struct {
	Event     string   `json:"event"`
	Timestamp *float64 `json:"timestamp"` // null: now
	Name      string   `json:"name"`
	Value     any      `json:"value"`
}

// Respond answers a user's message with what is said, an action also with the
// slots usher and those of the known values, as far as the domain has them: Rasa
// complains of others.
func (c *channel) Respond(r *connectors.Request, t connectors.Turn) connectors.Response {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil || doc.Get("next_action") == "" {
		return connectors.AnswerJSON(replies(t, sender(doc)))
	}
	person, values := c.Tell(t)
	values["usher"] = person
	out := outcome{Events: []slotSet{}, Responses: replies(t, "")}
	there := doc.Get("tracker", "slots").Object()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, ok := there[name]; ok {
			out.Events = append(out.Events, slotSet{Event: "slot", Name: name, Value: values[name]})
		}
	}
	return connectors.AnswerJSON(out)
}

// replies has an image in a message of its own, as Rasa has.
func replies(t connectors.Turn, recipient string) []reply {
	all := []reply{}
	for _, said := range t.Replies {
		for _, m := range connectors.CapabilitiesOf("rasa").Render(connectors.Message{
			Text: said.Text, Media: said.Media, Buttons: said.Buttons, Form: said.Form,
		}) {
			for _, media := range m.Media {
				all = append(all, reply{Recipient: recipient, Image: media.URL})
			}
			if m.Text == "" && len(m.Buttons) == 0 {
				continue
			}
			one := reply{Recipient: recipient, Text: m.Text}
			for _, b := range m.Buttons {
				one.Buttons = append(one.Buttons, button{b.Title, b.Value})
			}
			all = append(all, one)
		}
	}
	return all
}
