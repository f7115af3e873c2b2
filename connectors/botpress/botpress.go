// Package botpress is the channel of bots behind the Messaging integration of
// Botpress: each message of the bot is posted to usher and written down in the
// conversation that it names.
package botpress

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"usher/config"
	"usher/connectors"
)

type settings struct {
	Token config.Secrets `json:"token"` // made up by the operator: the end of the response endpoint's address
}

type channel struct{ tokens connectors.Tokens }

var _ connectors.Relay = (*channel)(nil)

// New is the channel's Factory.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s settings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, fmt.Errorf("botpress: %w", err)
	}
	tokens, err := connectors.NewTokens(s.Token)
	if err == nil && len(s.Token) == 0 {
		err = errors.New("token: is missing; make one up and put it at the end of the response endpoint")
	}
	if err != nil {
		return nil, fmt.Errorf("botpress: %w", err)
	}
	return &channel{tokens}, nil
}

// Verify implements connectors.Connector. Botpress signs nothing and shows no
// header of ours: the token is the last part of the path.
func (c *channel) Verify(r *connectors.Request) error {
	if c.tokens.Match(strings.TrimPrefix(r.Path, "/")) {
		return nil
	}
	return c.tokens.Verify(r)
}

// Parse reads one message of the bot.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: no message of Botpress", connectors.ErrUnreadable)
	}
	e := connectors.Event{
		Kind: connectors.KindBotMessage, Direction: connectors.DirectionOut,
		ExternalID: doc.Get("conversationId").ID(),
		MessageID:  doc.Get("botpressMessageId").ID(),
	}
	e.DedupeKey = e.MessageID
	kind := doc.Get("type").Text()
	item := connectors.Item{Raw: r.Body}
	switch {
	case !read(&e, kind, doc.Get("payload")):
		e.Kind, e.RawType = connectors.KindUnsupported, kind
		if kind == "" {
			item.Problem = "message without type"
		}
	case e.Text == "" && e.Media == nil && e.Buttons == nil && e.Location == nil:
		item.Problem = kind + " with nothing in it"
	}
	if e.ExternalID == "" {
		item.Problem = "message without conversationId"
	}
	item.Event = e
	return []connectors.Item{item}, nil
}

// read fills an event from what a type carries; false for an unknown type.
func read(e *connectors.Event, kind string, payload connectors.JSON) bool {
	switch kind {
	case "text", "markdown":
		say(e, cmp.Or(payload.Get("text").Text(), payload.Get("markdown").Text()))
	case "image", "audio", "video", "file":
		address := cmp.Or(payload.Get(kind+"Url").Text(), payload.Get("url").Text())
		if address != "" {
			e.Media = append(e.Media, connectors.Media{Type: kind, URL: address, Filename: payload.Get("title").Text()})
		}
	case "choice", "dropdown":
		say(e, payload.Get("text").Text())
		offer(e, payload.Get("options"))
	case "card":
		card(e, payload)
	case "carousel":
		for item := range payload.Get("items").Elements() {
			card(e, item)
		}
	case "bloc":
		for item := range payload.Get("items").Elements() {
			if kind := item.Get("type").Text(); kind != "bloc" {
				read(e, kind, item.Get("payload"))
			}
		}
	case "location":
		latitude, lat := payload.Get("latitude").Number()
		longitude, long := payload.Get("longitude").Number()
		if lat && long {
			e.Location = &connectors.Location{Latitude: latitude, Longitude: longitude, Name: payload.Get("title").Text(), Address: payload.Get("address").Text()}
		}
	default:
		return false
	}
	return true
}

func card(e *connectors.Event, doc connectors.JSON) {
	say(e, doc.Get("title").Text())
	say(e, doc.Get("subtitle").Text())
	if image := doc.Get("imageUrl").Text(); image != "" {
		e.Media = append(e.Media, connectors.Media{Type: "image", URL: image})
	}
	offer(e, doc.Get("actions"))
}

func offer(e *connectors.Event, options connectors.JSON) {
	for option := range options.Elements() {
		label, value := option.Get("label").Text(), option.Get("value").ID()
		if label != "" || value != "" {
			e.Buttons = append(e.Buttons, connectors.Offer{Title: cmp.Or(label, value), Payload: value})
		}
	}
}

func say(e *connectors.Event, text string) {
	if e.Text != "" && text != "" {
		e.Text += "\n"
	}
	e.Text += text
}

// Relays implements connectors.Relay.
func (c *channel) Relays() {}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "botpress channel") }
