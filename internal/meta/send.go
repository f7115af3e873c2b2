package meta

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

// call is the body of one call: one bubble in the chat.
type call struct {
	Recipient recipient `json:"recipient"`
	Type      string    `json:"messaging_type"`
	Message   bubble    `json:"message"`
}

type recipient struct {
	ID      string `json:"id,omitempty"`
	UserRef string `json:"user_ref,omitempty"`
}

type bubble struct {
	Text         string       `json:"text,omitempty"`
	QuickReplies []quickReply `json:"quick_replies,omitempty"`
	Attachment   *file        `json:"attachment,omitempty"`
	Metadata     string       `json:"metadata,omitempty"` // comes back with the echo
}

type quickReply struct {
	Type    string `json:"content_type"`
	Title   string `json:"title"`
	Payload string `json:"payload"`
}

type file struct {
	Type    string `json:"type"`
	Payload source `json:"payload"`
}

type source struct {
	URL string `json:"url,omitempty"`
	ID  string `json:"attachment_id,omitempty"`
}

// Send implements connectors.Sender. A message that needs several calls stops at
// the first that fails, and repeats the earlier ones when it is sent again: the
// Graph API knows no idempotency key. The id returned is the last bubble's.
func (c *Channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	bubbles := c.compose(m)
	switch {
	case to.ExternalID == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(bubbles) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New(c.kind + ": no HTTP client")
	}
	person := recipient{ID: to.ExternalID}
	if ref, ok := strings.CutPrefix(to.ExternalID, userRef); ok {
		person = recipient{UserRef: ref}
	}
	for _, one := range bubbles {
		if platformID, err = c.post(ctx, call{Recipient: person, Type: "RESPONSE", Message: one}); err != nil {
			return "", err
		}
	}
	return platformID, nil
}

// compose turns a message into the bubbles that say it.
func (c *Channel) compose(m connectors.Message) (all []bubble) {
	for _, shown := range connectors.CapabilitiesOf(c.kind).Render(m) {
		one := bubble{Text: shown.Text}
		if c.object == "page" && m.ID != "" { // Instagram takes none
			one.Metadata = ownMark + m.ID
		}
		for _, media := range shown.Media {
			one.Attachment = &file{Type: media.Type, Payload: source{URL: media.URL}}
			if media.URL == "" {
				one.Attachment.Payload.ID = media.ID
			}
		}
		for _, b := range shown.Buttons {
			one.QuickReplies = append(one.QuickReplies, quickReply{Type: "text", Title: b.Title, Payload: b.Value})
		}
		all = append(all, one)
	}
	return all
}

func (c *Channel) post(ctx context.Context, one call) (platformID string, err error) {
	body, err := json.Marshal(one)
	if err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	// A token is one page's or account's: who it is of sends.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/"+c.APIVersion+"/me/messages", bytes.NewReader(body))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	token := string(c.AccessToken)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	answer, err := outbound.Do(c.http, req, token)
	result, unread := connectors.ReadJSON(answer.Body)
	if err != nil {
		return "", classified(err, result.Get("error"), answer.Header, token)
	}
	id := result.Get("message_id").ID()
	if id == "" {
		return "", outbound.Unreadable(answer.Status, errors.Join(unread, errors.New("no message_id")))
	}
	return id, nil
}

// classified says what comes next after a refusal that the Graph API explained.
func classified(err error, explained connectors.JSON, h http.Header, token string) error {
	var failed *outbound.Error
	code, cerr := strconv.Atoi(explained.Get("code").ID())
	if !errors.As(err, &failed) || failed.Status == 0 || cerr != nil {
		return err
	}
	subcode, _ := strconv.Atoi(explained.Get("error_subcode").ID())
	failed.Code = strconv.Itoa(code)
	if subcode != 0 {
		failed.Code += "/" + strconv.Itoa(subcode)
	}
	text := failed.Code + " " + explained.Get("message").Text()
	if isWindow(code, subcode) {
		text = "more than 24 hours since the person wrote; " + text
	}
	failed.Text = outbound.Excerpt(text, token)
	v, known := judge(code, subcode)
	switch {
	case known:
		failed.Class, failed.Unknown = v.class, false
	case explained.Get("is_transient").True():
		failed.Class = outbound.Retry
	}
	if failed.RetryAfter = 0; failed.Class == outbound.Retry {
		if failed.RetryAfter = outbound.RetryAfter(h, time.Now()); failed.RetryAfter == 0 {
			failed.RetryAfter = v.wait
		}
	}
	return failed
}
