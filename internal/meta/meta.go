// Package meta is what the messaging platforms of Meta have in common: how a
// webhook is set up and signed, and, for Messenger and Instagram, how people's
// messages are written and answered. It knows no single platform.
package meta

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"usher/config"
	"usher/connectors"
)

// Settings are those that every channel of Meta has.
type Settings struct {
	AppSecret   config.Secrets `json:"app_secret"`   // of the Meta app; two while it is rotated
	VerifyToken config.Secret  `json:"verify_token"` // made up by the operator, entered at Meta too
	AccessToken config.Secret  `json:"access_token"`
	BaseURL     string         `json:"base_url"`
	APIVersion  string         `json:"api_version"`
}

// Defaults are the settings that need not be given.
func Defaults() Settings {
	return Settings{BaseURL: "https://graph.facebook.com", APIVersion: "v25.0"}
}

// Check puts what is wrong with them, and with the account's id, into check.
func (s *Settings) Check(check *connectors.Check, accountSetting, account string) {
	s.BaseURL = strings.TrimRight(s.BaseURL, "/")
	check.Secrets("app_secret", s.AppSecret, "Meta shows it under App settings, Basic")
	if s.VerifyToken == "" {
		check.Problem("verify_token", "is missing; make one up and enter it at Meta too")
	}
	check.Token("access_token", s.AccessToken, "without it no reply can be sent")
	if strings.ContainsFunc(account, func(r rune) bool { return r < '0' || r > '9' }) {
		check.Problem(accountSetting, "must be digits: the id that Meta gave it")
	}
	check.BaseURL("base_url", s.BaseURL, "https://graph.facebook.com")
	if !regexp.MustCompile(`^v\d{1,3}\.\d{1,2}$`).MatchString(s.APIVersion) {
		check.Problem("api_version", "must be like v25.0")
	}
}

// Verify checks the signature of a body as it was sent, escapes and all.
func Verify(signers connectors.Signers, r *connectors.Request) error {
	digits, ok := strings.CutPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256=")
	if !ok || !signers.SignedHex(digits, r.Body) {
		return connectors.ErrUnverified
	}
	return nil
}

// Challenge answers the handshake: Meta asks once, when a webhook is set up. ok
// is false for any other request.
func (s *Settings) Challenge(r *connectors.Request) (response connectors.Response, ok bool) {
	mode, ok := r.Query["hub.mode"]
	if !ok || r.Method != http.MethodGet {
		return connectors.Response{}, false
	}
	token := r.Query["hub.verify_token"]
	if mode != "subscribe" || subtle.ConstantTimeCompare([]byte(token), []byte(s.VerifyToken)) != 1 {
		return plain(http.StatusForbidden, "verify_token does not match\n"), true
	}
	return plain(http.StatusOK, r.Query["hub.challenge"]), true
}

func plain(status int, body string) connectors.Response {
	return connectors.Response{Status: status, ContentType: "text/plain; charset=utf-8", Body: []byte(body)}
}

// Channel is one configured page or account, or all of an app: the whole of
// Messenger and of Instagram.
type Channel struct {
	Settings
	kind, object string // ours, and Meta's word for what a webhook is about
	account      string
	signers      connectors.Signers
	http         *http.Client
}

// NewChannel builds a channel whose settings have been checked.
func NewChannel(kind, object, account string, s Settings, hc *http.Client) *Channel {
	return &Channel{Settings: s, kind: kind, object: object, account: account, signers: connectors.NewSigners(s.AppSecret), http: hc}
}

// Verify implements connectors.Connector.
func (c *Channel) Verify(r *connectors.Request) error { return Verify(c.signers, r) }

// Account implements connectors.Accounter.
func (c *Channel) Account() string { return c.account }

// Format keeps fmt away from the secrets inside.
func (c *Channel) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s channel (account %q)", c.kind, c.account)
}
