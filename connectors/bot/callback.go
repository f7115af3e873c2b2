package bot

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"usher/config"
	"usher/connectors"
	"usher/internal/outbound"
)

// caller is a bot channel that posts what no request waits for to its
// callback_url.
type caller struct {
	*channel
	url   string
	token config.Secret
	hc    *http.Client
}

func newCaller(c *channel, s settings, hc *http.Client) *caller {
	out := &caller{channel: c, url: s.CallbackURL, hc: hc}
	if len(s.Token) > 0 {
		out.token = s.Token[0]
	}
	return out
}

// callback is what the bot reads at its callback_url.
type callback struct {
	ExternalID string                 `json:"external_id"`
	MessageID  string                 `json:"message_id"` // the same when it is sent again
	Replies    []connectors.TurnReply `json:"replies"`
}

// Send posts m, signed as Standard Webhooks by every configured secret, or with
// the channel's token as bearer where there is no secret. The bot has no id of
// its own for it. Errors are *outbound.Error.
func (c *caller) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	reply := connectors.TurnReply{Text: m.Text, Media: m.Media, Buttons: m.Buttons, Form: m.Form}
	body := connectors.AnswerJSON(callback{ExternalID: to.ExternalID, MessageID: m.ID, Replies: []connectors.TurnReply{complete(reply)}}).Body
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "callback_url is no address"}
	}
	req.Header.Set("Content-Type", "application/json")
	switch {
	case len(c.webhooks.Keys) > 0:
		c.webhooks.Sign(req.Header, m.ID, time.Now(), body)
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	_, err = outbound.Do(c.hc, req)
	return "", err
}
