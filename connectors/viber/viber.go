// Package viber is the channel for Viber bots: callbacks signed with the bot's
// token come in, replies leave through the REST bot API.
package viber

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"usher/config"
	"usher/connectors"
)

// maxSenderName is the longest name of a sender, in characters.
const maxSenderName = 28

// settings is the channel's block of the configuration.
type settings struct {
	AuthToken  config.Secrets `json:"auth_token"`  // of the bot; two while it is changed, the first sends
	SenderName string         `json:"sender_name"` // above what the bot says; the channel's name if not set
	BaseURL    string         `json:"base_url"`
}

// channel is one bot.
type channel struct {
	settings
	signers connectors.Signers
	http    *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	_, name, _ := strings.Cut(s.ID, "/")
	c := &channel{http: s.HTTP, settings: settings{BaseURL: "https://chatapi.viber.com", SenderName: name}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("viber: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	var check connectors.Check
	check.Secrets("auth_token", c.AuthToken, "Viber's admin panel shows it")
	for _, token := range c.AuthToken {
		if token != "" {
			check.Token("auth_token", token, "")
		}
	}
	if utf8.RuneCountInString(c.SenderName) > maxSenderName {
		check.Problem("sender_name", fmt.Sprintf("must have 1 to %d characters", maxSenderName))
	}
	check.BaseURL("base_url", c.BaseURL, "https://chatapi.viber.com")
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("viber: %w", err)
	}
	c.signers = connectors.NewSigners(c.AuthToken)
	return c, nil
}

// Verify implements connectors.Connector.
func (c *channel) Verify(r *connectors.Request) error {
	if !c.signers.SignedHex(r.Header.Get("X-Viber-Content-Signature"), r.Body) {
		return connectors.ErrUnverified
	}
	return nil
}

// Answers implements connectors.Picker. Whoever opens the chat for the first
// time has not subscribed: nothing can be sent, but one message may be returned.
func (c *channel) Answers(e *connectors.Event) bool {
	return e.Kind == connectors.KindStarted && (e.Subscribed == nil || !*e.Subscribed)
}

// Deadline implements connectors.Responder. Viber does not say how long it waits;
// the strictest platform that does waits so long.
func (c *channel) Deadline() time.Duration { return 3 * time.Second }

// Respond implements connectors.Responder: all that is said as the one message
// that Viber shows.
func (c *channel) Respond(_ *connectors.Request, turn connectors.Turn) connectors.Response {
	var welcome connectors.Message
	var said []string
	for _, reply := range turn.Replies {
		said = append(said, reply.Text)
		welcome.Media = append(welcome.Media, reply.Media...)
		if len(reply.Buttons) > 0 {
			welcome.Buttons = reply.Buttons
		}
	}
	welcome.Text = strings.Join(said, "\n\n")
	shows := connectors.CapabilitiesOf("viber")
	shows.Media = nil // one message: the addresses of pictures are written
	for _, bubble := range shows.Render(welcome) {
		if body, err := c.compose(bubble).encode(); err == nil {
			return connectors.Response{ContentType: "application/json", Body: body}
		}
	}
	return connectors.Response{}
}

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) { fmt.Fprint(f, "viber channel") }
