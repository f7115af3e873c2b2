// Package slack is the channel for apps of Slack: events, pressed buttons and
// commands signed with the signing secret come in, replies leave through the Web
// API.
package slack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"

	"usher/config"
	"usher/connectors"
)

type settings struct {
	SigningSecret config.Secrets `json:"signing_secret"` // two while it is regenerated
	Token         config.Secret  `json:"token"`          // of the bot: xoxb-…
	// TeamID names the one workspace of this channel; empty: every workspace that
	// no other channel of the app names.
	TeamID    string           `json:"team_id"`
	Tolerance *config.Duration `json:"tolerance"` // of signed times; 0: any time
	BaseURL   string           `json:"base_url"`
}

// channel is one app in one workspace, or in all of them.
type channel struct {
	settings
	tolerance time.Duration
	http      *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	c := &channel{http: s.HTTP, settings: settings{BaseURL: "https://slack.com/api"}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	var check connectors.Check
	var err error
	if c.tolerance, err = connectors.ToleranceOf(c.Tolerance); err != nil {
		check.Problem("tolerance", "is negative")
	}
	check.Secrets("signing_secret", c.SigningSecret, "Slack shows it under Basic Information of the app")
	check.Token("token", c.Token, "Slack shows the bot's under OAuth & Permissions; without it no reply can be sent")
	check.BaseURL("base_url", c.BaseURL, "https://slack.com/api")
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	return c, nil
}

// Verify implements connectors.Connector: the signature covers the time, which
// must be a recent one. While the secret is regenerated, either of the two will
// do.
func (c *channel) Verify(r *connectors.Request) error {
	sent := r.Header.Get("X-Slack-Request-Timestamp")
	digits, ok := strings.CutPrefix(r.Header.Get("X-Slack-Signature"), "v0=")
	given, err := hex.DecodeString(digits)
	if !ok || err != nil || len(given) != sha256.Size || !connectors.Recent(sent, r.At, c.tolerance) {
		return connectors.ErrUnverified
	}
	match := false
	for _, secret := range c.SigningSecret {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + sent + ":"))
		mac.Write(r.Body)
		match = hmac.Equal(mac.Sum(nil), given) || match
	}
	if !match {
		return connectors.ErrUnverified
	}
	return nil
}

// Challenge implements connectors.Challenger: Slack asks when the address of the
// webhook is entered, and signs as always.
func (c *channel) Challenge(r *connectors.Request) (response connectors.Response, ok bool) {
	if !bytes.Contains(r.Body, []byte(verification)) {
		return connectors.Response{}, false
	}
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil || doc.Get("type").Text() != verification || c.Verify(r) != nil {
		return connectors.Response{}, false
	}
	return connectors.Response{ContentType: "text/plain; charset=utf-8", Body: []byte(doc.Get("challenge").Text())}, true
}

const verification = "url_verification"

// Account implements connectors.Accounter.
func (c *channel) Account() string { return c.TeamID }

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "slack channel (team_id %q)", c.TeamID) }
