// Package line is the channel for official accounts of LINE: webhooks signed
// with the channel secret come in, replies leave through the Messaging API.
package line

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"usher/config"
	"usher/connectors"
)

type settings struct {
	ChannelSecret config.Secrets `json:"channel_secret"` // two while it is reissued
	AccessToken   config.Secret  `json:"access_token"`   // long-lived channel access token
	BaseURL       string         `json:"base_url"`
}

// channel is one official account.
type channel struct {
	settings
	http *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	c := &channel{http: s.HTTP, settings: settings{BaseURL: "https://api.line.me"}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	var check connectors.Check
	check.Secrets("channel_secret", c.ChannelSecret, "LINE shows it under Basic settings of the channel")
	check.Token("access_token", c.AccessToken, "LINE issues one under Messaging API of the channel; without it no reply can be sent")
	check.BaseURL("base_url", c.BaseURL, "https://api.line.me")
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("line: %w", err)
	}
	return c, nil
}

// signatureHeader carries the base64 HMAC of the body as it was sent.
const signatureHeader = "X-Line-Signature"

// Verify implements connectors.Connector. While the channel secret is reissued,
// either of the two will do.
func (c *channel) Verify(r *connectors.Request) error {
	given, err := base64.StdEncoding.Strict().DecodeString(r.Header.Get(signatureHeader))
	if err != nil || len(given) != sha256.Size {
		return connectors.ErrUnverified
	}
	match := false
	for _, secret := range c.ChannelSecret {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(r.Body)
		match = hmac.Equal(mac.Sum(nil), given) || match
	}
	if !match {
		return connectors.ErrUnverified
	}
	return nil
}

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) { fmt.Fprint(f, "line channel") }
