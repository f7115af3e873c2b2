// Package telegram is the channel for bots of the Telegram Bot API: updates that
// show the secret token of setWebhook come in, replies leave as method calls.
package telegram

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"usher/config"
	"usher/connectors"
)

// settings is the channel's block of the configuration.
type settings struct {
	Token       config.Secret  `json:"token"`        // of the bot, from @BotFather
	SecretToken config.Secrets `json:"secret_token"` // made up by the operator for setWebhook; two while it is changed
	BaseURL     string         `json:"base_url"`
}

// channel is one bot.
type channel struct {
	settings
	http *http.Client
}

// New is the channel's Factory.
func New(s connectors.Setup) (connectors.Connector, error) {
	c := &channel{http: s.HTTP, settings: settings{BaseURL: "https://api.telegram.org"}}
	if err := s.Settings.Decode(&c.settings); err != nil {
		return nil, fmt.Errorf("telegram: %w", err)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	var check connectors.Check
	check.Token("token", c.Token, "@BotFather shows it; without it no reply can be sent")
	if c.Token != "" && !regexp.MustCompile(`^[A-Za-z0-9:_-]+$`).MatchString(string(c.Token)) {
		check.Problem("token", "has characters that no bot's token has")
	}
	check.Secrets("secret_token", c.SecretToken, "make one up and give it to setWebhook too")
	for _, secret := range c.SecretToken {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{0,256}$`).MatchString(string(secret)) {
			check.Problem("secret_token", "may have up to 256 letters, digits, _ and -")
		}
	}
	check.BaseURL("base_url", c.BaseURL, "https://api.telegram.org")
	if err := check.Err(); err != nil {
		return nil, fmt.Errorf("telegram: %w", err)
	}
	return c, nil
}

// Verify implements connectors.Connector. Telegram signs nothing: who knows the
// secret token is Telegram.
func (c *channel) Verify(r *connectors.Request) error {
	shown := r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	if shown == "" || !connectors.OneOf(shown, c.SecretToken) {
		return connectors.ErrUnverified
	}
	return nil
}

// Acknowledge implements connectors.Acknowledger. An answer may be one method
// call: a pressed button is told that it was noticed, else it waits for that.
func (c *channel) Acknowledge(items []connectors.Item) connectors.Response {
	for _, it := range items {
		if it.Event.CallbackID == "" {
			continue
		}
		body, err := json.Marshal(map[string]string{"method": "answerCallbackQuery", "callback_query_id": it.Event.CallbackID})
		if err == nil {
			return connectors.Response{ContentType: "application/json", Body: body}
		}
	}
	return connectors.Response{}
}

// Format keeps fmt away from the secrets inside.
func (c *channel) Format(f fmt.State, _ rune) { fmt.Fprint(f, "telegram channel") }
