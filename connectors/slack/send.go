package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

const (
	// waitRate is the wait where Slack says too much and not how long: a channel
	// takes about one message a second.
	waitRate = time.Second
	maxAlt   = 2000 // text instead of a picture
)

// call is the body of chat.postMessage.
type call struct {
	Channel string  `json:"channel"`
	Thread  string  `json:"thread_ts,omitempty"`
	Text    string  `json:"text"` // beside blocks: what notifications show
	Blocks  []block `json:"blocks,omitempty"`
	Unfurl  *bool   `json:"unfurl_links,omitempty"`
	Media   *bool   `json:"unfurl_media,omitempty"`
	// ClientMsgID is a UUID by which Slack takes the message once.
	ClientMsgID string `json:"client_msg_id,omitempty"`
}

type block struct {
	Type     string   `json:"type"`
	Text     *text    `json:"text,omitempty"`
	ImageURL string   `json:"image_url,omitempty"`
	AltText  string   `json:"alt_text,omitempty"`
	Elements []button `json:"elements,omitempty"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type button struct {
	Type     string `json:"type"`
	ActionID string `json:"action_id"`
	Text     text   `json:"text"`
	Value    string `json:"value"`
}

// escape writes the three characters that Slack reads as its own.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// compose turns a message into the calls that say it.
func compose(m connectors.Message) []call {
	m.Media = slices.Clone(m.Media)
	for i, media := range m.Media {
		if media.URL == "" || media.Type == "image" && !strings.HasPrefix(media.URL, "https://") {
			m.Media[i].Type = "file" // Slack shows pictures by https only: the address is written
		}
	}
	var calls []call
	for _, shown := range connectors.CapabilitiesOf("slack").Render(m) {
		one := call{Text: escape.Replace(shown.Text)}
		if m.NoPreview {
			no := false
			one.Unfurl, one.Media = &no, &no
		}
		if len(shown.Media) > 0 || len(shown.Buttons) > 0 {
			one.Blocks = blocks(shown, one.Text)
		}
		if one.Text == "" { // a picture alone
			one.Text = one.Blocks[0].AltText
		}
		calls = append(calls, one)
	}
	return calls
}

func blocks(m connectors.Message, said string) []block {
	var all []block
	if said != "" {
		all = append(all, block{Type: "section", Text: &text{"mrkdwn", said}})
	}
	for _, media := range m.Media {
		alt := media.Filename
		if alt == "" {
			alt = media.Type
		}
		all = append(all, block{Type: "image", ImageURL: media.URL, AltText: alt[:min(len(alt), maxAlt)]})
	}
	if len(m.Buttons) > 0 {
		row := block{Type: "actions"}
		for i, b := range m.Buttons {
			row.Elements = append(row.Elements, button{"button", "choice_" + strconv.Itoa(i), text{"plain_text", b.Title}, b.Value})
		}
		all = append(all, row)
	}
	return all
}

// Send implements connectors.Sender: where the person wrote, else to the person
// alone. A message that needs several calls stops at the first that fails; what
// Slack has taken before, it takes only once. The id returned is the last one's.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	channel := to.ChannelID
	if channel == "" {
		channel = to.ExternalID
	}
	calls := compose(m)
	switch {
	case channel == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(calls) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New("slack: no HTTP client")
	}
	for n, one := range calls {
		one.Channel, one.Thread, one.ClientMsgID = channel, to.ReplyTo, connectors.RetryKey(m.ID, n)
		if platformID, err = c.post(ctx, one); err != nil {
			return "", err
		}
	}
	return platformID, nil
}

func (c *channel) post(ctx context.Context, body call) (ts string, err error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/chat.postMessage", bytes.NewReader(raw))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", "Bearer "+string(c.Token))
	answer, err := outbound.Do(c.http, req)
	doc, unread := connectors.ReadJSON(answer.Body)
	code := doc.Get("error").Text()
	switch {
	case err != nil && code == "":
		return "", err
	case code == "duplicate_message_not_found":
		return "", nil // taken before, and deleted since
	case code != "":
		return "", c.refused(answer, code)
	case !doc.Get("ok").True():
		return "", outbound.Unreadable(answer.Status, errors.Join(unread, errors.New("neither ok nor an error")))
	}
	return doc.Get("ts").ID(), nil
}

// refused classifies by the code of the error, which comes with a 200 mostly.
func (c *channel) refused(answer outbound.Answer, code string) error {
	failed := &outbound.Error{
		Status: answer.Status, Code: code, Class: judge(code), Text: outbound.Excerpt(string(answer.Body), string(c.Token)),
		RetryAfter: outbound.RetryAfter(answer.Header, time.Now()),
	}
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		if failed.RetryAfter == 0 {
			failed.RetryAfter = waitRate
		}
	case "fatal_error", "internal_error", "request_timeout", "service_unavailable":
		failed.Unknown = true
	}
	return failed
}

// judge looks a code up; one that is not known is tried again. Source:
// docs.slack.dev, chat.postMessage, errors.
func judge(code string) outbound.Class {
	switch code {
	case "not_authed", "invalid_auth", "account_inactive", "token_expired", "token_revoked", "no_permission", "missing_scope",
		"not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied", "accesslimited", "enterprise_is_restricted",
		"team_access_not_granted", "two_factor_setup_required", "access_token_expired":
		return outbound.Auth
	case "channel_not_found", "not_in_channel", "is_archived", "user_not_found", "cannot_dm_bot", "cant_dm_bot", "messages_tab_disabled",
		"restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel",
		"restricted_action_non_threadable_channel", "restricted_action_thread_locked", "restricted_too_many_attachments",
		"as_user_not_supported", "cannot_reply_to_message", "thread_not_found", "is_inactive", "duplicate_channel_not_found",
		"msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "invalid_arguments", "invalid_arg_name",
		"invalid_array_arg", "invalid_charset", "invalid_form_data", "invalid_post_type", "missing_post_type", "invalid_json", "json_not_object",
		"markdown_text_conflict", "method_deprecated", "deprecated_endpoint", "slack_connect_canvas_sharing_blocked",
		"slack_connect_file_link_sharing_blocked", "slack_connect_blocked_file_type", "unsupported_team_type":
		return outbound.Permanent
	default:
		return outbound.Retry
	}
}
