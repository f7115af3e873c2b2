// Package rasa is the channel of Rasa assistants, in the three ways in which one
// talks to other programs: usher is its action server, gets what it says through
// its callback channel, or is spoken to as Rasa itself is, by its REST channel.
package rasa

import (
	"cmp"
	"fmt"
	"io"

	"usher/connectors"
)

type channel struct{ *connectors.Fulfilment }

var _ connectors.Picker = (*channel)(nil)

// New is the channel's Factory.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s connectors.FulfilmentSettings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, fmt.Errorf("rasa: %w", err)
	}
	shared, err := connectors.NewFulfilment(s)
	if err != nil {
		return nil, fmt.Errorf("rasa: %w", err)
	}
	return &channel{shared}, nil
}

// Parse reads a call of an action, a user's message, or what the assistant says:
// one message, or a list of them.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if doc.IsList() {
		var items []connectors.Item
		for said := range doc.Elements() {
			items = append(items, c.item(said))
		}
		return items, nil
	}
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: nothing that Rasa sends", connectors.ErrUnreadable)
	}
	return []connectors.Item{c.item(doc)}, nil
}

func (c *channel) item(doc connectors.JSON) connectors.Item {
	item := connectors.Item{Raw: doc.Raw()}
	switch {
	case doc.Get("next_action") != "":
		item.Event = c.action(doc)
	case doc.Get("recipient_id") != "":
		item.Event = said(doc)
		if e := item.Event; e.Text == "" && e.Media == nil && e.Buttons == nil && e.Custom == nil {
			item.Problem = "the assistant's message has nothing known in it"
		}
	case doc.Get("message").Text() != "":
		item.Event = connectors.Event{Kind: connectors.KindMessage, Text: doc.Get("message").Text(),
			Source: doc.Get("input_channel").Text(), Metadata: doc.Get("metadata").Object()}
		c.Identify(&item.Event, doc, sender(doc))
		c.Keep(&item.Event, doc, nil, nil)
	default:
		item.Event.Kind, item.Problem = connectors.KindUnsupported, "neither an action nor a message"
	}
	return item
}

// anybody is who Rasa says has sent a message without a sender.
const anybody = "default"

func sender(doc connectors.JSON) string {
	return cmp.Or(doc.Get("sender").ID(), doc.Get("sender_id").ID(), doc.Get("tracker", "sender_id").ID(), anybody)
}

// action reads a call of a custom action. Slots that are empty say nothing.
func (c *channel) action(doc connectors.JSON) connectors.Event {
	tracker := doc.Get("tracker")
	latest := tracker.Get("latest_message")
	e := connectors.Event{
		Kind:      connectors.KindFulfilment,
		MessageID: latest.Get("message_id").ID(),
		Action:    doc.Get("next_action").Text(),
		Text:      latest.Get("text").Text(),
		Intent:    latest.Get("intent", "name").Text(),
		Source:    tracker.Get("latest_input_channel").Text(),
		Metadata:  latest.Get("metadata").Object(),
	}
	switch e.Action { // Rasa wants actions to be called action_something
	case "action_usher_known":
		e.Action = connectors.ActionKnown
	case "action_usher_flow":
		e.Action = connectors.ActionFlow
	}
	e.Timestamp, _ = connectors.Instant(tracker.Get("latest_event_time").ID())
	c.Identify(&e, doc, sender(doc))
	slots := map[string]any{}
	for name, value := range tracker.Get("slots").Members() {
		if value != "" {
			slots[name] = value.Value()
		}
	}
	person, _ := slots["usher"].(map[string]any)
	fresh, complete := sinceTheUser(tracker)
	c.Keep(&e, doc, slots, func(name string, _ any) bool {
		return complete && c.WasTold(person, name) && !fresh[name]
	})
	return e
}

// sinceTheUser are the slots that were set since the user last spoke; others are
// as old as an earlier answer may be. complete: the tracker has its events.
func sinceTheUser(tracker connectors.JSON) (fresh map[string]bool, complete bool) {
	fresh = map[string]bool{}
	for event := range tracker.Get("events").Elements() {
		switch event.Get("event").Text() {
		case "user":
			clear(fresh)
			complete = true
		case "slot":
			fresh[event.Get("name").Text()] = true
		}
	}
	for entity := range tracker.Get("latest_message", "entities").Elements() {
		fresh[entity.Get("entity").Text()] = true
	}
	return fresh, complete
}

// said reads a message of the assistant. It has neither id nor time.
func said(doc connectors.JSON) connectors.Event {
	e := connectors.Event{
		Kind: connectors.KindBotMessage, Direction: connectors.DirectionOut,
		ExternalID: doc.Get("recipient_id").ID(), Text: doc.Get("text").Text(), Custom: doc.Get("custom").Value(),
	}
	if image := doc.Get("image").Text(); image != "" {
		e.Media = append(e.Media, connectors.Media{Type: "image", URL: image})
	}
	if attached := attachment(doc.Get("attachment")); attached.URL != "" {
		e.Media = append(e.Media, attached)
	}
	for button := range doc.Get("buttons").Elements() {
		e.Buttons = append(e.Buttons, connectors.Offer{Title: button.Get("title").Text(), Payload: button.Get("payload").Text()})
	}
	return e
}

// attachment is an address, or an object whose shape is its channel's.
func attachment(doc connectors.JSON) connectors.Media {
	payload := doc.Get("payload")
	m := connectors.Media{
		Type: cmp.Or(doc.Get("type").Text(), "file"),
		URL:  cmp.Or(doc.Text(), doc.Get("url").Text(), payload.Get("url").Text(), payload.Get("src").Text()),
	}
	return m
}

// Answers implements connectors.Picker: nobody reads the answer to what the
// assistant has said.
func (c *channel) Answers(e *connectors.Event) bool { return e.Direction != connectors.DirectionOut }

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "rasa channel") }
