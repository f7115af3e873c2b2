package connectors

import "time"

// Visitors is a channel whose people come through a public web page: usher
// itself hands out their ids, and a signed token is the only proof of one.
type Visitors interface {
	// NewSession makes an unguessable external id and the token that proves it.
	NewSession(now time.Time) (externalID, token string, expires time.Time)
	// Renew makes a fresh token for an id that Authenticate has just returned.
	Renew(externalID string, now time.Time) (token string, expires time.Time)
	// Authenticate returns the external id that token proves. ok is false for
	// a token that is not ours, of another channel, or expired.
	Authenticate(token string, now time.Time) (externalID string, ok bool)
	// Origin says whether the page that sent r may use the channel, and what
	// Access-Control-Allow-Origin its answer carries ("" for none). Tokens
	// travel in headers only, so answers never allow credentials.
	Origin(r *Request) (allow string, ok bool)
	// Identify reads a statement about a visitor that the business signed with
	// its identity secret. The event has no ExternalID: it is about whoever
	// Authenticate says is asking. ErrUnverified: it proves nothing.
	Identify(statement string, now time.Time) (Event, error)
}
