package meta

import (
	"time"

	"usher/internal/outbound"
)

// verdict is what one of the Graph API's error codes says about a message.
type verdict struct {
	class outbound.Class
	wait  time.Duration // before the next try; zero: the usual one
}

// waitRate is for calls that are too many, where no Retry-After came: the limits
// of pages and apps are counted over hours, those of a page's messages over
// seconds.
const waitRate = time.Minute

// judge looks a code up; Meta answers the same code with different HTTP
// statuses, so the code decides where it is known. Source:
// developers.facebook.com, Messenger Platform, error codes.
func judge(code, subcode int) (v verdict, known bool) {
	if isWindow(code, subcode) {
		return verdict{outbound.Permanent, 0}, true
	}
	switch code {
	case 4, 17, 32, 613, 80006: // too many calls
		return verdict{outbound.Retry, waitRate}, true
	case 1, 2, 1200: // trouble
		return verdict{outbound.Retry, 0}, true
	case 551, // the person is not available: has blocked the page, or left
		100, // no such person, or a parameter
		200, 230:
		return verdict{outbound.Permanent, 0}, true
	case 190, 102, 3, 10, 368: // token, permission, account restricted
		return verdict{outbound.Auth, 0}, true
	}
	return verdict{}, false
}

// isWindow says whether a message was refused because the person has not written
// for a day.
func isWindow(code, subcode int) bool {
	return code == 10 && (subcode == 2018278 || subcode == 2018065 || subcode == 2534022)
}
