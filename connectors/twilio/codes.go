package twilio

import (
	"usher/connectors"
	"usher/internal/outbound"
)

// outsideWindow is WhatsApp's refusal of anything but a template when the person
// has not written for a day.
const outsideWindow = 63016

// judge looks an error code up, of an answer or of a status; known is false for
// one about which the sources say nothing. Source: twilio.com/docs, errors.
func judge(code int) (class outbound.Class, known bool) {
	switch code {
	case 20429, 63018, 30001: // too many requests, WhatsApp's rate, queue full
		return outbound.Retry, true
	case 20003, 20005, 20008: // credentials, account suspended, test credentials
		return outbound.Auth, true
	case 21610, // the person has said STOP
		21211, 21614, 21408, // no number, no mobile, country not allowed
		30003, 30005, 30006, // unreachable, unknown, landline
		outsideWindow, 63003, 63013, 63024, 63032, 63033:
		return outbound.Permanent, true
	}
	return 0, false
}

// failure says whether a message that failed may be sent again; empty if the
// platform's errors do not tell.
func failure(errors []connectors.PlatformErr) string {
	for _, e := range errors {
		switch class, known := judge(e.Code); {
		case !known:
			return ""
		case class == outbound.Retry:
			return "retryable"
		default:
			return "permanent"
		}
	}
	return ""
}
