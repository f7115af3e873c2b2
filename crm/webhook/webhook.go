// Package webhook delivers leads to any receiver of signed webhooks: the
// document byte for byte, signed as Standard Webhooks say
// (https://www.standardwebhooks.com).
//
// webhook-id is the same over all attempts and replays of one delivery, so a
// receiver that remembers it takes each once.
package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/config"
	"usher/crm"
	"usher/internal/outbound"
)

// drained is how much of a success's body is read, so that its connection can
// be used again. What a receiver says beyond its status is of no interest.
const drained = 4 << 10

type settings struct {
	URL     string                   `json:"url"`
	Secret  config.Secrets           `json:"secret"`
	Headers map[string]config.Secret `json:"headers"` // sent as they are, for receivers that want a key
}

type connector struct {
	hc      *http.Client
	url     string
	signer  signer
	headers http.Header
	secrets []string
	now     func() time.Time
}

// New builds a connector from the settings url, secret (one, or two while it is
// rotated) and headers.
func New(setup crm.Setup) (crm.Connector, error) {
	_, own, err := crm.SplitRetry(setup.Settings)
	if err != nil {
		return nil, err
	}
	var s settings
	if err := own.Decode(&s); err != nil {
		return nil, err
	}
	c := &connector{hc: setup.HTTP, url: s.URL, headers: http.Header{}, now: time.Now}
	if c.hc == nil {
		return nil, errors.New("webhook: no HTTP client")
	}
	target, err := url.Parse(s.URL)
	if err != nil || target.Host == "" || target.Scheme != "https" && target.Scheme != "http" {
		return nil, errors.New("url: want https://host/path")
	}
	if c.signer, err = newSigner(s.Secret); err != nil {
		return nil, err
	}
	for _, secret := range s.Secret {
		c.secrets = append(c.secrets, string(secret), strings.TrimPrefix(string(secret), secretPrefix))
	}
	for name, value := range s.Headers {
		if err := checkHeader(name, string(value)); err != nil {
			return nil, err
		}
		c.headers.Set(name, string(value))
		c.secrets = append(c.secrets, string(value))
	}
	return c, nil
}

// Batch is 1: a webhook is one document.
func (c *connector) Batch() int { return 1 }

func (c *connector) Push(ctx context.Context, pushes []crm.Push) []crm.Receipt {
	receipts := make([]crm.Receipt, len(pushes))
	for i, p := range pushes {
		receipts[i] = c.push(ctx, p)
	}
	return receipts
}

func (c *connector) push(ctx context.Context, p crm.Push) crm.Receipt {
	req, err := c.request(ctx, p)
	if err != nil {
		return crm.Receipt{Err: err}
	}
	resp, err := c.hc.Do(req)
	if err := outbound.Check(resp, err, c.secrets...); err != nil {
		receipt := crm.Receipt{Err: err}
		if resp != nil {
			receipt.Status = resp.StatusCode
		}
		return receipt
	}
	defer resp.Body.Close()
	// The status has decided: an answer that is cut off changes nothing.
	_, _ = io.CopyN(io.Discard, resp.Body, drained)
	return crm.Receipt{Status: resp.StatusCode}
}

// request signs the very bytes that are sent, with the time of this attempt.
func (c *connector) request(ctx context.Context, p crm.Push) (*http.Request, error) {
	if p.ID == "" || strings.ContainsAny(p.ID, ". \t\r\n") {
		// A dot would let two different messages have the same signed bytes.
		return nil, &outbound.Error{Class: outbound.Permanent, Text: "delivery id is empty or has a dot or blank"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(p.Document))
	if err != nil {
		return nil, &outbound.Error{Class: outbound.Permanent, Text: "url is not usable"}
	}
	at := c.now()
	signature, err := c.signer.sign(p.ID, at, p.Document)
	if err != nil {
		return nil, fmt.Errorf("sign webhook: %w", err)
	}
	req.Header = c.headers.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, p.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return req, nil
}

// checkHeader refuses names that usher or HTTP itself sets, and what cannot be
// sent at all.
func checkHeader(name, value string) error {
	switch key := http.CanonicalHeaderKey(name); {
	case key == "Content-Type", key == "Content-Length", key == "Host", key == "Connection",
		key == "Transfer-Encoding", key == "Trailer", key == "Upgrade", strings.HasPrefix(key, "Webhook-"):
		return fmt.Errorf("headers.%s: is set by usher", name)
	case !isToken(name):
		return fmt.Errorf("headers: %q is no header name", name)
	case strings.ContainsAny(value, "\r\n\x00"):
		return fmt.Errorf("headers.%s: value has a line break", name)
	}
	return nil
}

// isToken is RFC 9110's rule for header names.
func isToken(s string) bool {
	for _, r := range s {
		if !strings.ContainsRune("!#$%&'*+-.^_`|~", r) &&
			(r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}
