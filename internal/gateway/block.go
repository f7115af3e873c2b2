package gateway

import (
	"context"
	"time"

	"usher/connectors"
	"usher/contacts"
)

// forEver is until when a contact is blocked whom nobody is to unblock by time.
var forEver = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// BlockContact keeps what a contact writes from arriving until a time; zero: for
// ever. A time that has passed unblocks. by: the agent or key that wants it.
// Error: contacts.ErrNotFound.
func (g *Gateway) BlockContact(ctx context.Context, b *Business, id string, until time.Time, by string) (*contacts.Contact, error) {
	if until.IsZero() || until.After(forEver) {
		until = forEver
	}
	if !until.After(time.Now()) {
		until = time.Time{}
	}
	return g.change(ctx, b, id, "manual", by, func(c *contacts.Contact) error {
		c.BlockedUntil = until.UTC().Truncate(time.Microsecond)
		return nil
	})
}

// shutOut ends the event of a blocked contact: it is ignored, and what it said is
// not kept. What the business does itself goes on.
func (t *turn) shutOut() bool {
	if t.contact == nil || !t.contact.BlockedUntil.After(t.now) || t.ev.Direction == connectors.DirectionOut {
		return false
	}
	switch t.ev.Kind {
	case connectors.KindCapture, connectors.KindResumed, connectors.KindAct:
		return false
	}
	t.conv, t.contact, t.guest, t.take, t.proven = nil, nil, nil, nil, nil
	t.outcome.State, t.outcome.Reason, t.outcome.Blank = ignored, "the contact is blocked", true
	return true
}
