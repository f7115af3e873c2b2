package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// MaxRetryAfter bounds a receiver's Retry-After: what is put off for longer
// than deliveries are retried for would never be tried again.
const MaxRetryAfter = 72 * time.Hour

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // at most MaxBody
}

// Do sends req and reads the answer. Its error is an *Error, as Check says; the
// answer comes along with it if there was one, for platforms that explain
// themselves in the body. Secrets are cut from every text in the error, and so
// are, unasked, the request's Authorization and what looks like a token in its
// URL.
func Do(hc *http.Client, req *http.Request, secrets ...string) (Answer, error) {
	secrets = append(secretsOf(req), secrets...)
	resp, err := hc.Do(req)
	if err != nil {
		return Answer{}, transportError(err, secrets)
	}
	defer resp.Body.Close()
	body, err := readBody(resp.Body)
	answer := Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}
	if failed := statusError(resp, body, secrets); failed != nil {
		return answer, failed
	}
	if err != nil {
		return answer, Unreadable(resp.StatusCode, err)
	}
	return answer, nil
}

// Check turns what http.Client.Do gave into an *Error, or nil for a 2xx. It
// reads and closes the body of every answer that is not 2xx.
//
//	408 423 425 429 477 5xx, no answer   Retry
//	401 403                              Auth
//	402 410                              Disabled
//	3xx, other 4xx                       Permanent
//	address refused by the guard         NotAllowed
//
// Unknown is set where the receiver may have done what was asked: 5xx, a
// timeout or reset after the connection was made.
func Check(resp *http.Response, err error, secrets ...string) error {
	if err != nil {
		return transportError(err, secrets)
	}
	if resp.StatusCode/100 == 2 {
		return nil
	}
	defer resp.Body.Close()
	if resp.Request != nil {
		secrets = append(secretsOf(resp.Request), secrets...)
	}
	body, _ := readBody(resp.Body) // as much text as there is; the status has said enough
	return statusError(resp, body, secrets)
}

// Unreadable is the error for a 2xx whose body is not what it must be: cut off,
// too large, not the expected JSON. The call may have worked.
func Unreadable(status int, cause error) *Error {
	text := "answer is not readable"
	if errors.Is(cause, ErrTooLarge) {
		text = ErrTooLarge.Error()
	}
	return &Error{Class: Retry, Status: status, Text: text, Unknown: true, Err: withoutURL(cause)}
}

// RetryAfter reads the header of that name, seconds or a date; zero when it is
// absent, unreadable or past. It is bounded by MaxRetryAfter.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	var wait time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		wait = time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), MaxRetryAfter)
}

// readBody reads at most MaxBody, whatever client gave the body.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, MaxBody+1))
	if len(body) > MaxBody {
		return body[:MaxBody], ErrTooLarge
	}
	return body, err
}

func statusError(resp *http.Response, body []byte, secrets []string) error {
	status := resp.StatusCode
	if status/100 == 2 {
		return nil
	}
	failed := &Error{Status: status, Class: classOf(status), Unknown: status >= 500, Text: Excerpt(string(body), secrets...)}
	if failed.Class == Retry {
		failed.RetryAfter = RetryAfter(resp.Header, time.Now())
	}
	if failed.Text == "" {
		failed.Text = http.StatusText(status)
		if status/100 == 3 {
			failed.Text = "redirects are not followed"
		}
	}
	return failed
}

func classOf(status int) Class {
	switch status {
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests,
		477: // HubSpot: the account is being moved
		return Retry
	case http.StatusUnauthorized, http.StatusForbidden:
		return Auth
	case http.StatusPaymentRequired, http.StatusGone:
		return Disabled
	}
	if status >= 500 {
		return Retry
	}
	return Permanent
}

func transportError(err error, secrets []string) error {
	var own *Error
	if errors.As(err, &own) { // of the guard; without the dial error around it
		return own
	}
	cause := withoutURL(err)
	failed := &Error{Class: Retry, Unknown: !unsent(cause), Err: cause}
	switch {
	case errors.Is(cause, context.Canceled):
		failed.Text = "cancelled"
	case os.IsTimeout(cause), errors.Is(cause, context.DeadlineExceeded):
		failed.Text = "no answer in time"
	default:
		failed.Text = Excerpt(cause.Error(), secrets...)
	}
	return failed
}

// unsent says that the receiver cannot have seen the request.
func unsent(err error) bool {
	var cert *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	return dialFailed(err) || errors.As(err, &cert) || errors.As(err, &noTLS)
}

// dialFailed says that no connection was made.
func dialFailed(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns)
}
