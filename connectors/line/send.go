package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

const (
	maxBubbles = 5 // messages in one call
	// waitQuota is the wait where the month's messages are used up: somebody has
	// to buy more, or it becomes next month.
	waitQuota = time.Hour
)

// bubble is one message object.
type bubble struct {
	Type       string      `json:"type"`
	Text       string      `json:"text,omitempty"`
	Original   string      `json:"originalContentUrl,omitempty"`
	Preview    string      `json:"previewImageUrl,omitempty"`
	QuickReply *quickReply `json:"quickReply,omitempty"`
}

type quickReply struct {
	Items []choice `json:"items"`
}

type choice struct {
	Type   string `json:"type"`
	Action action `json:"action"`
}

type action struct {
	Type    string `json:"type"`
	Label   string `json:"label"`
	Data    string `json:"data"`
	Display string `json:"displayText"`
}

// compose turns a message into the bubbles that say it.
func compose(m connectors.Message) []bubble {
	var bubbles []bubble
	m.Media = slices.Clone(m.Media)
	for i, media := range m.Media {
		if media.Type == "image" && !strings.HasPrefix(media.URL, "https://") {
			m.Media[i].Type = "file" // LINE fetches pictures by https only: the address is written
		}
	}
	for _, shown := range connectors.CapabilitiesOf("line").Render(m) {
		if len(shown.Media) > 0 {
			bubbles = append(bubbles, bubble{Type: "image", Original: shown.Media[0].URL, Preview: shown.Media[0].URL})
			continue
		}
		one := bubble{Type: "text", Text: shown.Text}
		for _, b := range shown.Buttons {
			if one.QuickReply == nil {
				one.QuickReply = &quickReply{}
			}
			one.QuickReply.Items = append(one.QuickReply.Items, choice{"action", action{"postback", b.Title, b.Value, b.Title}})
		}
		bubbles = append(bubbles, one)
	}
	return bubbles
}

// call is the body of a reply or of a push.
type call struct {
	ReplyToken string   `json:"replyToken,omitempty"`
	To         string   `json:"to,omitempty"`
	Messages   []bubble `json:"messages"`
}

// Send implements connectors.Sender. A reply token is used while it works, since
// replies cost nothing; everything else is pushed under a key by which LINE
// takes it only once. The id returned is the last bubble's.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	bubbles := compose(m)
	target := to.GroupID
	if target == "" {
		target = to.ExternalID
	}
	switch {
	case target == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(bubbles) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New("line: no HTTP client")
	}
	for n := 0; len(bubbles) > 0; n++ {
		some := bubbles[:min(len(bubbles), maxBubbles)]
		bubbles = bubbles[len(some):]
		if n == 0 && to.ReplyToken != "" {
			platformID, err = c.post(ctx, "reply", "", call{ReplyToken: to.ReplyToken, Messages: some})
			if !spent(err) {
				if err != nil {
					return "", err
				}
				continue
			}
		}
		platformID, err = c.post(ctx, "push", connectors.RetryKey(m.ID, n), call{To: target, Messages: some})
		if err != nil {
			return "", err
		}
	}
	return platformID, nil
}

// spent says whether a reply failed because its token was used before or is too
// old: nothing was sent.
func spent(err error) bool {
	var failed *outbound.Error
	return errors.As(err, &failed) && failed.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(failed.Text), "reply token")
}

// post makes one call. What LINE has taken before under this key is sent.
func (c *channel) post(ctx context.Context, method, retryKey string, body call) (platformID string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/v2/bot/message/"+method, bytes.NewReader(raw))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+string(c.AccessToken))
	if retryKey != "" {
		req.Header.Set("X-Line-Retry-Key", retryKey)
	}
	answer, err := outbound.Do(c.http, req)
	if err != nil && (answer.Status != http.StatusConflict || retryKey == "") {
		return "", classified(err)
	}
	doc, _ := connectors.ReadJSON(answer.Body) // taken, by the status; an id need not be told
	for sent := range doc.Get("sentMessages").Elements() {
		platformID = sent.Get("id").ID()
	}
	return platformID, nil
}

// classified says what comes next where the status alone does not.
func classified(err error) error {
	var failed *outbound.Error
	if !errors.As(err, &failed) {
		return err
	}
	switch {
	case failed.Status == http.StatusTooManyRequests && failed.RetryAfter == 0 && strings.Contains(failed.Text, "monthly limit"):
		failed.RetryAfter = waitQuota
	case failed.Status == http.StatusGone || failed.Status == http.StatusPaymentRequired:
		failed.Class = outbound.Permanent
	}
	return failed
}
