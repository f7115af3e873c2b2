package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"usher/internal/outbound"
)

// Waits where HubSpot's answer names none.
const (
	waitRolling = 10 * time.Second // policy TEN_SECONDLY_ROLLING
	waitSecond  = time.Second      // policy SECONDLY
	waitDaily   = time.Hour        // policy DAILY, the account's midnight unknown: look again now and then
	waitLocked  = 2 * time.Second  // 423
)

// maxPause bounds how long one answer stops all calls of this connection; an
// account's limit may be raised, and its other users may stop.
const maxPause = time.Minute

// The categories and codes in HubSpot's errors that matter here. Every field of
// an error is optional, so none may be relied on.
const (
	categoryConflict = "CONFLICT"
	codeTaken        = "CONFLICTING_UNIQUE_VALUE"
)

// call sends one request. Its error is an *outbound.Error; for a failure that
// HubSpot explained, problem is its explanation.
func (c *connector) call(ctx context.Context, method, path string, query url.Values, body any) (outbound.Answer, problem, error) {
	if err := c.wait(ctx); err != nil {
		return outbound.Answer{}, problem{}, err
	}
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return outbound.Answer{}, problem{}, &outbound.Error{Class: outbound.Permanent, Text: "contact cannot be written as JSON", Err: err}
		}
	}
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(payload))
	if err != nil {
		return outbound.Answer{}, problem{}, &outbound.Error{Class: outbound.Permanent, Text: "address cannot be built"}
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	answer, err := outbound.Do(c.hc, req, c.token)
	var failed *outbound.Error
	if !errors.As(err, &failed) {
		return answer, problem{}, nil
	}
	p := readProblem(answer.Body)
	if failed.Code == "" {
		failed.Code = p.code()
	}
	c.settleWait(failed, p)
	return answer, p, failed
}

// get reads a JSON document into into.
func (c *connector) get(ctx context.Context, path string, query url.Values, into any) error {
	answer, _, err := c.call(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return outbound.Unreadable(answer.Status, err)
	}
	return nil
}

// wait keeps to the account's limit, and away from HubSpot while it said so.
func (c *connector) wait(ctx context.Context) error {
	if left := time.Duration(c.paused.Load() - c.now().UnixNano()); left > 0 {
		return &outbound.Error{Status: http.StatusTooManyRequests, RetryAfter: left,
			Text: "not sent: HubSpot asked to wait"}
	}
	if c.limiter == nil {
		return nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return &outbound.Error{Text: "not sent: no call was free in time", Err: err}
	}
	return nil
}

// settleWait fills in how long to wait where HubSpot did not say, and pauses
// the connection where the failure is the account's, not the record's.
func (c *connector) settleWait(failed *outbound.Error, p problem) {
	now := c.now()
	switch failed.Status {
	case http.StatusTooManyRequests:
		if failed.RetryAfter > 0 {
			break
		}
		switch p.PolicyName {
		case "SECONDLY":
			failed.RetryAfter = waitSecond
		case "DAILY":
			failed.RetryAfter = waitDaily
			if c.zone != nil {
				y, m, d := now.In(c.zone).Date()
				failed.RetryAfter = time.Date(y, m, d+1, 0, 0, 0, 0, c.zone).Sub(now)
			}
		default:
			failed.RetryAfter = waitRolling
		}
	case http.StatusLocked:
		failed.RetryAfter = max(failed.RetryAfter, waitLocked)
		return
	case 477: // the account is being moved
	default:
		return
	}
	c.paused.Store(now.Add(min(failed.RetryAfter, maxPause)).UnixNano())
}
