// Package twilio is the channel for Twilio Messaging: SMS, MMS and WhatsApp
// through one account. Signed forms come in, replies leave through the REST API.
package twilio

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"usher/config"
	"usher/connectors"
)

// settings is the channel's block of the configuration.
type settings struct {
	AccountSID string         `json:"account_sid"`
	AuthToken  config.Secrets `json:"auth_token"` // of the account; two while it is changed, the first sends
	// From is the one number of this channel, or a messaging service (MG…) that
	// chooses one; empty: people are answered from the number they wrote to.
	From    string `json:"from"`
	BaseURL string `json:"base_url"`
}

// channel is one number, or all numbers of an account.
type channel struct {
	settings
	statusURL string // where Twilio tells what became of messages; empty: nowhere
	http      *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	c := &channel{http: s.HTTP, settings: settings{BaseURL: "https://api.twilio.com"}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("twilio: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	var check connectors.Check
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(c.AccountSID) {
		check.Problem("account_sid", "must be like AC and 32 digits; Twilio's console shows it")
	}
	check.Secrets("auth_token", c.AuthToken, "Twilio's console shows it beside the account SID")
	if c.From != "" && !regexp.MustCompile(`^(MG\w+|(whatsapp:)?\+?\w+)$`).MatchString(c.From) {
		check.Problem("from", "must be a number like +12025550190, or a messaging service's SID")
	}
	check.BaseURL("base_url", c.BaseURL, "https://api.twilio.com")
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("twilio: %w", err)
	}
	if s.URL != "" {
		c.statusURL = s.URL + statusPath
	}
	return c, nil
}

// statusPath, below the channel's own path, takes delivery statuses.
const statusPath = "/status"

// Account implements connectors.Accounter.
func (c *channel) Account() string {
	if c.service() != "" {
		return ""
	}
	_, number := parties(c.From)
	return number
}

// service is the messaging service that chooses the number to send from.
func (c *channel) service() string {
	if strings.HasPrefix(c.From, "MG") {
		return c.From
	}
	return ""
}

// Acknowledge implements connectors.Acknowledger: TwiML that says nothing, since
// replies are sent.
func (c *channel) Acknowledge([]connectors.Item) connectors.Response {
	return connectors.Response{ContentType: "text/xml; charset=utf-8", Body: []byte("<Response/>")}
}

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "twilio channel (from %q)", c.From) }
