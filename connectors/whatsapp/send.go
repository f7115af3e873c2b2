package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

const (
	// The Graph API's answers have a few hundred bytes; a proxy's error page
	// may be longer and is of no use.
	maxAnswer = 64 << 10
	// So much of an answer is kept for people to read.
	maxErrorText = 500
)

// Send implements connectors.Sender. A message that needs several calls stops
// at the first that fails, and repeats the earlier ones when it is sent again:
// the Graph API knows no idempotency key. The id returned is the last bubble's;
// the statuses of all of them carry the message's own id.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	endpoint, err := c.endpoint(to)
	if err != nil {
		return "", err
	}
	parts := c.compose(m)
	if len(parts) == 0 {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	}
	for _, p := range parts {
		p.Product, p.RecipientType, p.Callback = "whatsapp", "individual", m.ID
		p.To, p.Recipient = recipient(to)
		if platformID, err = c.post(ctx, endpoint, p); err != nil {
			return "", err
		}
	}
	return platformID, nil
}

func (c *channel) endpoint(to connectors.Address) (string, error) {
	number := c.PhoneNumberID
	if number == "" {
		number = to.Account
	}
	switch {
	case number == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "phone_number_id: not configured, and the address names none"}
	case to.ExternalID == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case c.http == nil:
		return "", errors.New("whatsapp: no HTTP client")
	}
	return c.BaseURL + "/" + c.APIVersion + "/" + url.PathEscape(number) + "/messages", nil
}

// recipient names the person by every id that the Graph API takes.
func recipient(to connectors.Address) (phone, user string) {
	phone = to.ExternalID
	if connectors.ScopedUserID(phone) {
		phone, user = "", phone
	}
	if to.IDs != nil && phone == "" {
		phone = to.IDs.WaID
	}
	return phone, user
}

func (c *channel) post(ctx context.Context, endpoint string, p part) (platformID string, err error) {
	body, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("write message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	req.Header.Set("Authorization", "Bearer "+string(c.AccessToken))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return "", notAnswered(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if res.StatusCode/100 != 2 {
		return "", c.refused(res, answer)
	}
	var sent struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
	}
	if err == nil {
		err = json.Unmarshal(answer, &sent)
	}
	if err == nil && (len(sent.Messages) == 0 || sent.Messages[0].ID == "") {
		err = errors.New("no message id")
	}
	if err != nil {
		// Taken, by the status; under which id, nobody knows.
		return "", &outbound.Error{
			Status: res.StatusCode, Text: "unusable answer: " + c.readable(answer),
			Unknown: true, Err: fmt.Errorf("read answer: %w", err),
		}
	}
	return sent.Messages[0].ID, nil
}

// notAnswered classifies a call without answer. Only where no connection was
// made is it sure that nothing was sent.
func notAnswered(err error) error {
	var known *outbound.Error
	if errors.As(err, &known) {
		return known
	}
	var op *net.OpError
	unsent := errors.As(err, &op) && op.Op == "dial"
	return &outbound.Error{Class: outbound.Retry, Unknown: !unsent, Err: err}
}

// refused classifies an answer by the platform's error code; by the status only
// where no code is given.
func (c *channel) refused(res *http.Response, answer []byte) error {
	var graph struct {
		Error struct {
			Code *int `json:"code"`
		} `json:"error"`
	}
	failed := &outbound.Error{
		Status: res.StatusCode, Text: c.readable(answer),
		RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now()),
	}
	if json.Unmarshal(answer, &graph) != nil || graph.Error.Code == nil {
		failed.Class = byStatus(res.StatusCode)
		// A gateway that gave up may have passed the message on.
		failed.Unknown = res.StatusCode >= 500
		return failed
	}
	code := *graph.Error.Code
	if code == outsideWindow {
		failed.Text = "more than 24 hours since the person wrote: only a template goes; " + failed.Text
	}
	v, _ := judge(code) // unknown: Retry
	failed.Class, failed.Code = v.class, strconv.Itoa(code)
	if failed.RetryAfter == 0 {
		failed.RetryAfter = v.wait
	}
	return failed
}

func byStatus(status int) outbound.Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return outbound.Auth
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return outbound.Retry
	default: // also 3xx: the address is wrong
		return outbound.Permanent
	}
}

// retryAfter reads seconds or a date.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(waitMarketing/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return min(at.Sub(now), waitMarketing)
	}
	return 0
}

// readable is the start of an answer, fit to be shown: some gateways echo the
// request with its token.
func (c *channel) readable(answer []byte) string {
	s := strings.ReplaceAll(string(answer), string(c.AccessToken), "***")
	s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD"))
	if runes := []rune(s); len(runes) > maxErrorText {
		return string(runes[:maxErrorText])
	}
	return s
}
