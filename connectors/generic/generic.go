// Package generic is the channel for any other program that posts JSON: the
// setting mapping says where in it everything is. It is signed by Standard
// Webhooks, or by X-Hub-Signature-256.
package generic

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"usher/config"
	"usher/connectors"
	"usher/contacts"
)

type settings struct {
	Secret    config.Secrets    `json:"secret"`    // whsec_ and base64, or any text; two while it is rotated
	Mapping   map[string]string `json:"mapping"`   // our names to JSON pointers
	Tolerance *config.Duration  `json:"tolerance"` // of signed times; 0: any time
}

type channel struct {
	webhooks connectors.Webhooks
	mapping  connectors.Mapping
	country  string
}

var _ connectors.Relay = (*channel)(nil)

// New is the channel's Factory.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s settings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, fmt.Errorf("generic: %w", err)
	}
	var check connectors.Check
	c := &channel{country: setup.Country}
	var err error
	if c.webhooks.Tolerance, err = connectors.ToleranceOf(s.Tolerance); err != nil {
		check.Problem("tolerance", "is negative")
	}
	check.Secrets("secret", s.Secret, "make one up and give it to the sender too")
	for _, secret := range s.Secret {
		key := []byte(secret)
		if connectors.IsWebhookSecret(secret) {
			if key, err = connectors.WebhookKey(secret); err != nil {
				check.Problem("secret", "want whsec_ and base64, as Standard Webhooks write it")
			}
		}
		c.webhooks.Keys = append(c.webhooks.Keys, key)
	}
	if s.Mapping["external_id"] == "" {
		check.Problem("mapping", "says not where the id of the person is: external_id")
	}
	c.mapping, err = connectors.ParseMapping(s.Mapping)
	if err := errors.Join(check.Err(), err); err != nil {
		return nil, fmt.Errorf("generic: %w", err)
	}
	return c, nil
}

// Verify implements connectors.Connector. While the secret is rotated, either of
// the two will do.
func (c *channel) Verify(r *connectors.Request) error {
	if c.webhooks.Signed(r) || c.hub(r) {
		return nil
	}
	return connectors.ErrUnverified
}

// hub checks the other way of signing: sha256= and the hex HMAC of the body.
func (c *channel) hub(r *connectors.Request) bool {
	digits, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	given, err := hex.DecodeString(digits)
	if !ok || err != nil || len(given) != sha256.Size {
		return false
	}
	match := false
	for _, key := range c.webhooks.Keys {
		mac := hmac.New(sha256.New, key)
		mac.Write(r.Body)
		match = hmac.Equal(mac.Sum(nil), given) || match
	}
	return match
}

// Parse reads one document.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	var e connectors.Event
	c.mapping.Read(&e, doc)
	e.DedupeKey = cmp.Or(e.MessageID, r.Header.Get(connectors.HeaderWebhookID))
	classify(&e)
	e.Phone, _ = contacts.ParsePhone(e.Phone, c.country) // what cannot be used is left out
	if _, err := contacts.ParseEmail(e.Email); err != nil {
		e.Email = ""
	}
	item := connectors.Item{Event: e, Raw: r.Body}
	if e.ExternalID == "" {
		item.Problem = "there is no id of a person where mapping.external_id points"
	}
	return []connectors.Item{item}, nil
}

// classify keeps the kind that the document says; without one it is a message if it has a text,
// and the answers to a form if not.
func classify(e *connectors.Event) {
	switch e.Kind {
	case "":
		e.Kind = connectors.KindMessage
		if e.Text == "" {
			e.Kind = connectors.KindForm
		}
	case connectors.KindMessage, connectors.KindForm, connectors.KindStarted, connectors.KindFollow, connectors.KindUnfollow, connectors.KindOptin:
	case connectors.KindPostback:
		e.Reply = &connectors.Choice{Type: "postback", ID: e.Text, Title: e.Text}
	case connectors.KindBotMessage:
		e.Direction = connectors.DirectionOut
	default:
		e.RawType, e.Kind = string(e.Kind), connectors.KindUnsupported
	}
}

// Relays implements connectors.Relay: who sends it knows only what was typed,
// unless mapping.verified says otherwise.
func (c *channel) Relays() {}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "generic channel") }
