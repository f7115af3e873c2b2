package whatsapp

import (
	"time"

	"usher/connectors"
	"usher/internal/outbound"
)

// verdict is what one of the platform's error codes says about a message.
type verdict struct {
	class outbound.Class
	wait  time.Duration // before the next try; zero: the usual one
}

// Waits where Meta says to slow down and no Retry-After came.
const (
	waitPair       = 6 * time.Second // one person may get about one message in this time
	waitThroughput = 5 * time.Second // messages of one number per second
	waitApp        = time.Minute     // calls of the whole app or account per hour
	waitSpam       = time.Hour       // too many recent messages were blocked or reported
	waitMarketing  = 24 * time.Hour  // the person has had enough marketing for a day
)

// outsideWindow is the refusal of anything but a template when the person has not
// written for 24 hours.
const outsideWindow = 131047

// judge looks a code up. Meta answers the same code with different HTTP
// statuses, so the code decides; known is false for one that is not in its
// table. Source: developers.facebook.com, Cloud API, error codes.
func judge(code int) (v verdict, known bool) {
	switch code {
	case 130429:
		return verdict{outbound.Retry, waitThroughput}, true
	case 131056:
		return verdict{outbound.Retry, waitPair}, true
	case 4, 80007, 131064:
		return verdict{outbound.Retry, waitApp}, true
	case 131048, 133016:
		return verdict{outbound.Retry, waitSpam}, true
	case 131049:
		return verdict{outbound.Retry, waitMarketing}, true
	case 1, 2, 131000, 131016, 131053, 131057:
		return verdict{outbound.Retry, 0}, true

	case 131026, // the number has no WhatsApp, or an old one
		outsideWindow,
		131051, 131008, 131009, // type, parameter missing, parameter wrong
		131021, // to ourselves
		100, 33,
		131050, 130472, // no marketing for this person
		131030, 131062, // not on the test list; needs a phone number
		137000:
		return verdict{outbound.Permanent, 0}, true
	case 0, 3, 10, 190, // token
		131005, 131031, 368, 130497, // permission, account locked or restricted
		131042,         // payment
		131037, 131045: // name or certificate of the number
		return verdict{outbound.Auth, 0}, true
	}
	switch {
	case 132000 <= code && code < 133000: // templates
		return verdict{outbound.Permanent, 0}, true
	case 200 <= code && code < 300: // permissions
		return verdict{outbound.Auth, 0}, true
	}
	return verdict{}, false
}

// failure says whether a message that failed may be sent again; empty if the
// platform's errors do not tell.
func failure(errors []connectors.PlatformErr) string {
	for _, e := range errors {
		switch v, known := judge(e.Code); {
		case !known || e.Code == 0: // 0 is also an error without code
		case v.class == outbound.Retry:
			return "retryable"
		default:
			return "permanent"
		}
	}
	return ""
}
