// Package bot is the channel of bots that hold the conversation themselves:
// they post each turn as JSON and read the outcome in the answer. A bot is the
// business's own program, so what it says about ids is taken at its word; what
// it says about a person's addresses only where it vouches for them.
package bot

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"usher/config"
	"usher/connectors"
)

const (
	// defaultDeadline is what bot platforms commonly wait for a webhook.
	defaultDeadline = 5 * time.Second
	// maxDeadline keeps a turn from outliving its HTTP request.
	maxDeadline = 30 * time.Second
)

type settings struct {
	Token       config.Secrets   `json:"token"`        // bearer
	Secret      config.Secrets   `json:"secret"`       // Standard Webhooks: whsec_ and base64
	Tolerance   *config.Duration `json:"tolerance"`    // of signed times; 0: any time
	CallbackURL string           `json:"callback_url"` // gets the replies that no request waits for
	Deadline    *config.Duration `json:"deadline"`     // of a turn
	Forms       *bool            `json:"forms"`        // the bot can show forms; default true
}

type channel struct {
	country  string
	tokens   connectors.Tokens
	webhooks connectors.Webhooks
	deadline time.Duration
	forms    bool
}

var (
	_ connectors.Responder = (*channel)(nil)
	_ connectors.Describer = (*channel)(nil)
	_ connectors.Sender    = (*caller)(nil)
)

// New builds a bot channel. It is a connectors.Factory. With neither token nor
// secret only API keys open it. With callback_url it is a Sender.
func New(setup connectors.Setup) (connectors.Connector, error) {
	var s settings
	if err := setup.Settings.Decode(&s); err != nil {
		return nil, err
	}
	c := &channel{country: setup.Country, deadline: defaultDeadline, forms: s.Forms == nil || *s.Forms}
	var err error
	if c.tokens, err = connectors.NewTokens(s.Token); err != nil {
		return nil, err
	}
	for _, secret := range s.Secret {
		key, err := connectors.WebhookKey(secret)
		if err != nil {
			return nil, err
		}
		c.webhooks.Keys = append(c.webhooks.Keys, key)
	}
	if c.webhooks.Tolerance, err = connectors.ToleranceOf(s.Tolerance); err != nil {
		return nil, err
	}
	if s.Deadline != nil {
		c.deadline = time.Duration(*s.Deadline)
	}
	if c.deadline <= 0 || c.deadline > maxDeadline {
		return nil, fmt.Errorf("deadline: want more than 0 and at most %s", maxDeadline)
	}
	if s.CallbackURL == "" {
		return c, nil
	}
	u, err := url.Parse(s.CallbackURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, errors.New("callback_url: want a web address")
	}
	if setup.HTTP == nil {
		return nil, errors.New("callback_url: there is no HTTP client")
	}
	return newCaller(c, s, setup.HTTP), nil
}

// Verify takes an API key with scope bot, the channel's token as bearer, or a
// Standard Webhooks signature by the channel's secret.
func (c *channel) Verify(r *connectors.Request) error {
	if r.Authorized || c.tokens.Match(r.Bearer()) || c.webhooks.Signed(r) {
		return nil
	}
	return connectors.ErrUnverified
}

// Capabilities: every reply carries its buttons; a bot that cannot show a form
// says so in its settings and gets its questions one by one.
func (c *channel) Capabilities() connectors.Capabilities {
	shows := connectors.CapabilitiesOf("bot")
	shows.Forms = c.forms
	return shows
}

// Deadline is when an unfinished turn is answered with what there is.
func (c *channel) Deadline() time.Duration { return c.deadline }

// Respond writes the outcome of a turn: every key is there, and lists and maps
// are never null.
func (c *channel) Respond(_ *connectors.Request, t connectors.Turn) connectors.Response {
	return connectors.AnswerJSON(filled(t))
}

// Format keeps secrets out of whatever prints a channel.
func (c *channel) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bot channel") }
