package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

// Send implements connectors.Sender. A message that needs several calls stops at
// the first that fails, and repeats the earlier ones when it is sent again: the
// Bot API knows no idempotency key. The id returned is the last bubble's, unique
// in its chat only.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	chat := to.GroupID
	if chat == "" {
		chat = to.ExternalID
	}
	calls := compose(m)
	switch {
	case chat == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(calls) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New("telegram: no HTTP client")
	}
	for _, one := range calls {
		one.Connection = to.BusinessConnectionID
		var moved string
		if platformID, moved, err = c.say(ctx, one, chat); moved != "" {
			chat = moved // the group was given another id: the call was not carried out
			platformID, _, err = c.say(ctx, one, chat)
		}
		if err != nil {
			return "", err
		}
	}
	return platformID, nil
}

// say makes one call; moved is the chat's new id if that is why it failed.
func (c *channel) say(ctx context.Context, one call, chat string) (id, moved string, err error) {
	one.Chat = chatID(chat)
	body, err := json.Marshal(one)
	if err != nil {
		return "", "", fmt.Errorf("write message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/bot"+string(c.Token)+"/"+one.method, bytes.NewReader(body))
	if err != nil {
		return "", "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	req.Header.Set("Content-Type", "application/json")
	answer, err := outbound.Do(c.http, req, string(c.Token))
	result, unread := connectors.ReadJSON(answer.Body)
	if err != nil {
		return "", result.Get("parameters", "migrate_to_chat_id").ID(), c.classified(err, result)
	}
	if id = result.Get("result", "message_id").ID(); id == "" {
		return "", "", outbound.Unreadable(answer.Status, errors.Join(unread, errors.New("no message_id")))
	}
	return id, "", nil
}

// chatID is a number, as the Bot API has it; a channel's name is a text.
func chatID(chat string) any {
	if _, err := strconv.ParseInt(chat, 10, 64); err != nil {
		return chat
	}
	return json.Number(chat)
}

// classified says what comes next after a refusal that Telegram explained. Its
// codes are those of HTTP, with meanings of its own.
func (c *channel) classified(err error, result connectors.JSON) error {
	var failed *outbound.Error
	code := result.Get("error_code").ID()
	if !errors.As(err, &failed) || failed.Status == 0 || code == "" {
		return err
	}
	failed.Code, failed.Unknown = code, failed.Unknown && code[0] == '5'
	if text := result.Get("description").Text(); text != "" {
		failed.Text = outbound.Excerpt(text, string(c.Token))
	}
	if wait, ok := result.Get("parameters", "retry_after").Number(); ok && wait > 0 {
		failed.RetryAfter = min(time.Duration(wait*float64(time.Second)), outbound.MaxRetryAfter)
	}
	switch code {
	case "401", "404": // the token is wrong, or revoked
		failed.Class = outbound.Auth
	case "400", "403": // no such chat; blocked by the person, put out of the group
		failed.Class = outbound.Permanent
	case "429":
		failed.Class = outbound.Retry
	}
	return failed
}
