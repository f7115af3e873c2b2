// Package webchat is the channel of people who write on a web page: usher's own
// widget, or another vendor's whose messages have the same shape. It reads what
// browsers post and proves who they are; what is said to them they read from
// usher itself, so nothing is sent.
//
// A browser is nobody's friend: the only proof of a visitor is the signed token
// of a session, the list of origins only keeps the widget off other people's
// pages, and every text has a bound.
package webchat

import (
	"errors"
	"fmt"
	"io"

	"usher/config"
	"usher/connectors"
)

// The values of the setting visitor_tokens.
const (
	tokensRequired = "required"
	tokensOptional = "optional"
)

type settings struct {
	// Origins are the pages that may use the channel: https://example.com,
	// https://*.example.com. Empty: any, since a page that shows the chat gains
	// nothing that a program could not do without a browser.
	Origins []string `json:"origins"`
	// IdentitySecret signs what the business says about its own users.
	IdentitySecret config.Secrets `json:"identity_secret"`
	// VisitorTokens is required, or optional where another vendor's widget
	// cannot send one; its visitors then prove nothing and are shown nothing.
	VisitorTokens string `json:"visitor_tokens"`
	// Track says when the pages that a visitor sees are kept: never, consent,
	// always.
	Track string `json:"track"`
}

type channel struct {
	id       string
	country  string
	origins  origins
	optional bool
	key      []byte         // signs visitor tokens of this channel only
	identity config.Secrets // verifies statements of the business
}

var (
	_ connectors.Visitors = (*channel)(nil)
	_ connectors.Streamer = (*channel)(nil)
)

// New builds a webchat channel. It is a connectors.Factory; Setup.Key is
// needed.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s settings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, err
	}
	allowed, err := parseOrigins(s.Origins)
	if err != nil {
		return nil, err
	}
	switch s.VisitorTokens {
	case "", tokensRequired, tokensOptional:
	default:
		return nil, errors.New("visitor_tokens: want required or optional")
	}
	switch s.Track {
	case "", "never", "consent", "always":
	default:
		return nil, errors.New("track: want never, consent or always")
	}
	for _, secret := range s.IdentitySecret {
		if secret == "" {
			return nil, errors.New("identity_secret: is empty")
		}
	}
	if len(setup.Key) < minKey {
		return nil, fmt.Errorf("no key of %d bytes or more to sign visitor tokens with", minKey)
	}
	return &channel{
		id:       setup.ID,
		country:  setup.Country,
		origins:  allowed,
		optional: s.VisitorTokens == tokensOptional,
		key:      tokenKey(setup.Key, setup.ID),
		identity: s.IdentitySecret,
	}, nil
}

// Verify checks the page, the visitor token, and that the author a body names
// is the one that the token proves. Without a token a message is taken only
// where tokens are optional.
func (c *channel) Verify(r *connectors.Request) error {
	if _, ok := c.Origin(r); !ok {
		return connectors.ErrUnverified
	}
	token := r.Bearer()
	if token == "" && r.Header.Get("Authorization") == "" {
		if c.optional {
			return nil
		}
		return connectors.ErrUnverified
	}
	id, ok := c.Authenticate(token, r.At)
	if !ok {
		return connectors.ErrUnverified
	}
	// A body that cannot be read is Parse's to refuse.
	if body, err := decode(r.Body); err == nil && body.Author != "" && body.Author != id {
		return connectors.ErrUnverified
	}
	return nil
}

// Streams marks that visitors read their conversation from usher.
func (c *channel) Streams() {}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "webchat channel") }
