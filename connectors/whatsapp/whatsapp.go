// Package whatsapp is the channel for the WhatsApp Cloud API: webhooks signed
// with the app secret come in, replies leave through the Graph API.
package whatsapp

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"usher/connectors"
	"usher/internal/meta"
)

// settings is the channel's block of the configuration.
type settings struct {
	meta.Settings
	// PhoneNumberID names the one number of this channel; empty: every number
	// of the app that no other channel names.
	PhoneNumberID string `json:"phone_number_id"`
	ListButton    string `json:"list_button"` // what opens a list of choices
}

// channel is one configured number, or all numbers of an app.
type channel struct {
	settings
	signers connectors.Signers
	http    *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	c := &channel{http: s.HTTP, settings: settings{Settings: meta.Defaults(), ListButton: "Choose"}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("whatsapp: %w", err)
	}
	var check connectors.Check
	c.Check(&check, "phone_number_id", c.PhoneNumberID)
	if n := utf8.RuneCountInString(c.ListButton); n == 0 || n > maxListButton {
		check.Problem("list_button", fmt.Sprintf("must have 1 to %d characters", maxListButton))
	}
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("whatsapp: %w", err)
	}
	c.signers = connectors.NewSigners(c.AppSecret)
	return c, nil
}

// Verify implements connectors.Connector.
func (c *channel) Verify(r *connectors.Request) error { return meta.Verify(c.signers, r) }

// Account implements connectors.Accounter.
func (c *channel) Account() string { return c.PhoneNumberID }

// Capabilities implements connectors.Describer. WhatsApp's own forms have to be
// designed at Meta first, so a form is asked field by field.
func (c *channel) Capabilities() connectors.Capabilities {
	return connectors.CapabilitiesOf("whatsapp")
}

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "whatsapp channel (phone_number_id %q)", c.PhoneNumberID)
}
