package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"usher/connectors"
	"usher/internal/outbound"
)

// Send implements connectors.Sender. A message that needs several calls stops at
// the first that fails, and repeats the earlier ones when it is sent again:
// Twilio knows no idempotency key. The id returned is the last bubble's; the
// statuses of all of them carry the message's own id.
func (c *channel) Send(ctx context.Context, to connectors.Address, m connectors.Message) (platformID string, err error) {
	bubbles := connectors.CapabilitiesOf("twilio").Render(m)
	switch {
	case to.ExternalID == "":
		return "", &outbound.Error{Class: outbound.Permanent, Text: "address without external_id"}
	case len(bubbles) == 0:
		return "", &outbound.Error{Class: outbound.Permanent, Text: "message has neither text nor media nor choices"}
	case c.http == nil:
		return "", errors.New("twilio: no HTTP client")
	}
	call, err := c.between(to)
	if err != nil {
		return "", err
	}
	if c.statusURL != "" {
		call.Set("StatusCallback", c.statusURL+"?"+url.Values{reference: {m.ID}}.Encode())
	}
	for _, bubble := range bubbles {
		call.Del("Body")
		call.Del("MediaUrl")
		if bubble.Text != "" {
			call.Set("Body", bubble.Text)
		}
		for _, media := range bubble.Media {
			if media.URL == "" { // Twilio has no ids for what it is to send
				return "", &outbound.Error{Class: outbound.Permanent, Text: "media without url"}
			}
			call.Add("MediaUrl", media.URL)
		}
		if platformID, err = c.post(ctx, call); err != nil {
			return "", err
		}
	}
	return platformID, nil
}

// between says from where to whom. Who wrote through WhatsApp is answered there.
func (c *channel) between(to connectors.Address) (url.Values, error) {
	person, medium := to.ExternalID, ""
	if connectors.ScopedUserID(person) || to.IDs != nil {
		medium = whatsapp
	}
	if to.IDs != nil && to.IDs.WaID != "" {
		person = "+" + to.IDs.WaID
	}
	call := url.Values{"To": {medium + person}}
	_, own := parties(c.From)
	switch {
	case c.service() != "":
		call.Set("MessagingServiceSid", c.service())
	case to.Account != "":
		call.Set("From", medium+to.Account)
	case own != "":
		call.Set("From", medium+own)
	default:
		return nil, &outbound.Error{Class: outbound.Permanent, Text: "from: not configured, and the address names none"}
	}
	return call, nil
}

func (c *channel) post(ctx context.Context, call url.Values) (platformID string, err error) {
	endpoint := c.BaseURL + "/2010-04-01/Accounts/" + url.PathEscape(c.AccountSID) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(call.Encode()))
	if err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "base_url cannot be called"}
	}
	token := string(c.AuthToken[0])
	req.SetBasicAuth(c.AccountSID, token)
	req.Header.Set("Content-Type", formType)
	req.Header.Set("Accept", "application/json")
	answer, err := outbound.Do(c.http, req, token)
	result, unread := connectors.ReadJSON(answer.Body)
	if err != nil {
		return "", classified(err, result, token)
	}
	id := result.Get("sid").ID()
	if id == "" {
		return "", outbound.Unreadable(answer.Status, errors.Join(unread, errors.New("no sid")))
	}
	return id, nil
}

// classified says what comes next after a refusal that Twilio explained: its own
// code decides, where it is known.
func classified(err error, result connectors.JSON, token string) error {
	var failed *outbound.Error
	code, cerr := strconv.Atoi(result.Get("code").ID())
	if !errors.As(err, &failed) || failed.Status == 0 || cerr != nil {
		return err
	}
	failed.Code = strconv.Itoa(code)
	failed.Text = outbound.Excerpt(failed.Code+" "+result.Get("message").Text(), token)
	if code == outsideWindow {
		failed.Text = outbound.Excerpt("more than 24 hours since the person wrote: only a template goes; "+failed.Text, token)
	}
	if class, known := judge(code); known {
		failed.Class, failed.Unknown = class, false
	}
	return failed
}
