// Package whatsapp is the channel for the WhatsApp Cloud API: webhooks signed
// with the app secret come in, replies leave through the Graph API.
package whatsapp

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"usher/config"
	"usher/connectors"
)

// settings is the channel's block of the configuration.
type settings struct {
	AppSecret   config.Secrets `json:"app_secret"`   // of the Meta app; two while it is rotated
	VerifyToken config.Secret  `json:"verify_token"` // made up by the operator, entered at Meta too
	AccessToken config.Secret  `json:"access_token"` // of a system user
	// PhoneNumberID names the one number of this channel; empty: every number
	// of the app that no other channel names.
	PhoneNumberID string `json:"phone_number_id"`
	BaseURL       string `json:"base_url"`
	APIVersion    string `json:"api_version"`
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
	c := &channel{http: s.HTTP, settings: settings{
		BaseURL:    "https://graph.facebook.com",
		APIVersion: "v25.0",
		ListButton: "Choose",
	}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("whatsapp: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("whatsapp: %w", err)
	}
	c.signers = connectors.NewSigners(c.AppSecret)
	return c, nil
}

// check reports every problem at once; each names its setting.
func (s *settings) check() error {
	var check connectors.Check
	check.Secrets("app_secret", s.AppSecret, "Meta shows it under App settings, Basic")
	if s.VerifyToken == "" {
		check.Problem("verify_token", "is missing; make one up and enter it at Meta too")
	}
	check.Token("access_token", s.AccessToken, "without it no reply can be sent")
	if strings.ContainsFunc(s.PhoneNumberID, func(r rune) bool { return r < '0' || r > '9' }) {
		check.Problem("phone_number_id", "must be digits: Meta's id of the number, not the number")
	}
	check.BaseURL("base_url", s.BaseURL, "https://graph.facebook.com")
	if !regexp.MustCompile(`^v\d{1,3}\.\d{1,2}$`).MatchString(s.APIVersion) {
		check.Problem("api_version", "must be like v25.0")
	}
	if n := utf8.RuneCountInString(s.ListButton); n == 0 || n > maxListButton {
		check.Problem("list_button", fmt.Sprintf("must have 1 to %d characters", maxListButton))
	}
	return check.Err()
}

// Challenge implements connectors.Challenger: Meta asks once, when the webhook
// is set up.
func (c *channel) Challenge(r *connectors.Request) (response connectors.Response, ok bool) {
	mode, ok := r.Query["hub.mode"]
	if !ok || r.Method != http.MethodGet {
		return connectors.Response{}, false
	}
	token := r.Query["hub.verify_token"]
	if mode != "subscribe" || subtle.ConstantTimeCompare([]byte(token), []byte(c.VerifyToken)) != 1 {
		return plain(http.StatusForbidden, "verify_token does not match\n"), true
	}
	return plain(http.StatusOK, r.Query["hub.challenge"]), true
}

func plain(status int, body string) connectors.Response {
	return connectors.Response{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(body)}
}

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
