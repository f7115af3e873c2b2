package viber

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"

	"usher/connectors"
	"usher/internal/outbound"
)

// message is the body of one call: one bubble in the chat.
type message struct {
	Receiver string    `json:"receiver,omitempty"`
	Sender   sender    `json:"sender"`
	Tracking string    `json:"tracking_data,omitempty"` // comes back with the person's next message
	Type     string    `json:"type"`
	Text     string    `json:"text"`
	Media    string    `json:"media,omitempty"`
	Keyboard *keyboard `json:"keyboard,omitempty"`
}

type sender struct {
	Name string `json:"name"`
}

type keyboard struct {
	Type    string   `json:"Type"`
	Buttons []button `json:"Buttons"`
}

// button is a row of its own: titles are seldom short enough for two.
type button struct {
	Columns int    `json:"Columns"`
	Rows    int    `json:"Rows"`
	Action  string `json:"ActionType"`
	Body    string `json:"ActionBody"`
	Text    string `json:"Text"` // HTML
}

// compose writes what was rendered for Viber.
func (c *channel) compose(m connectors.Message) *message {
	one := &message{Sender: sender{c.SenderName}, Tracking: m.ID, Type: "text", Text: m.Text}
	if len(m.Media) > 0 {
		one.Type, one.Media = "picture", m.Media[0].URL
	}
	for i, b := range m.Buttons {
		if i == 0 {
			one.Keyboard = &keyboard{Type: "keyboard"}
		}
		one.Keyboard.Buttons = append(one.Keyboard.Buttons, button{Columns: 6, Rows: 1, Action: "reply", Body: b.Value, Text: html.EscapeString(b.Title)})
	}
	return one
}

// encode leaves HTML as it is: the body is no page.
func (m *message) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("write message: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Send implements connectors.Sender. A message that needs several calls stops at
// the first that fails, and repeats the earlier ones when it is sent again: Viber
// knows no idempotency key. The id returned is the last bubble's.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	bubbles := connectors.CapabilitiesOf("viber").Render(m)
	switch {
	case to.ExternalID == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(bubbles) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New("viber: no HTTP client")
	}
	for _, bubble := range bubbles {
		bubble.ID = m.ID
		one := c.compose(bubble)
		one.Receiver = to.ExternalID
		if platformID, err = c.post(ctx, one); err != nil {
			return "", err
		}
	}
	return platformID, nil
}

// post makes one call. Viber answers 200 whether it took the message or not: the
// status in the body decides.
func (c *channel) post(ctx context.Context, m *message) (platformID string, err error) {
	body, err := m.encode()
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/pa/send_message", bytes.NewReader(body))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	token := string(c.AuthToken[0])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Viber-Auth-Token", token)
	answer, err := outbound.Do(c.http, req, token)
	if err != nil {
		return "", err
	}
	result, err := connectors.ReadJSON(answer.Body)
	status := result.Get("status").ID()
	id := result.Get("message_token").ID()
	switch {
	case status == "0" && id != "":
		return id, nil
	case status == "" || status == "0":
		return "", outbound.Unreadable(answer.Status, errors.Join(err, errors.New("no message_token")))
	default:
		return "", &outbound.Error{
			Class: classOf(status), Status: answer.Status, Code: status,
			Text: outbound.Excerpt(status+" "+result.Get("status_message").Text(), token),
		}
	}
}

// classOf says what comes next after a refusal. Source: developers.viber.com,
// REST bot API, error codes. What is not listed would be refused again.
func classOf(status string) outbound.Class {
	switch status {
	case "12": // too many requests
		return outbound.Retry
	case "2", "8", "15", // the token, or the bot that it belongs to
		"7", "9", "10", // account blocked, suspended, without webhook
		"23", "24": // free messages used up, no balance
		return outbound.Auth
	default: // also 5, 6: the person has no Viber, or has not subscribed
		return outbound.Permanent
	}
}
