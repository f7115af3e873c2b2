package outbound

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Class says what comes next after a failed call.
type Class int

// The classes. Their handling is the gateway's; connectors only classify.
const (
	// Retry: try again later. The zero value, so that what nobody classified is
	// retried.
	Retry Class = iota
	// Permanent: it will never work as it is; dead-letter it.
	Permanent
	// Auth: credentials are refused; pause and tell the operator.
	Auth
	// Disabled: the receiver wants no more of it (410, closed account).
	Disabled
	// NotAllowed: the address guard refused the target; nothing was sent.
	NotAllowed
)

func (c Class) String() string {
	switch c {
	case Retry:
		return "retry"
	case Permanent:
		return "permanent"
	case Auth:
		return "auth"
	case Disabled:
		return "disabled"
	case NotAllowed:
		return "not allowed"
	default:
		return fmt.Sprintf("class %d", int(c))
	}
}

// Error is a failed call to somebody else's API.
type Error struct {
	Class  Class
	Status int    // HTTP; zero: no answer came
	Code   string // the platform's own, if any
	Text   string // first 500 characters of the answer, secrets removed
	// RetryAfter replaces the usual wait; zero: not said.
	RetryAfter time.Duration
	// Unknown: the call may have worked although no usable answer came.
	Unknown bool
	Err     error
}

// Error is fit for operators: the status and the receiver's text, never a URL,
// whose path or query may carry a token.
func (e *Error) Error() string {
	switch {
	case e.Class == NotAllowed:
		return "not allowed: " + e.Text
	case e.Status != 0 && e.Text != "":
		return fmt.Sprintf("%d %s", e.Status, e.Text)
	case e.Status != 0:
		return fmt.Sprintf("status %d", e.Status)
	case e.Text != "":
		return e.Text
	case e.Err != nil:
		return withoutURL(e.Err).Error()
	default:
		return "call failed"
	}
}

// Unwrap gives the cause, so that errors.Is finds a cancelled context.
func (e *Error) Unwrap() error { return e.Err }

// withoutURL takes off the wrapping that prints the whole URL.
func withoutURL(err error) error {
	var wrapped *url.Error
	for errors.As(err, &wrapped) && wrapped.Err != nil {
		err = wrapped.Err
	}
	return err
}
