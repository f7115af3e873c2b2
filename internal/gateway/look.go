package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/ids"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// ErrCursor: the cursor is none that a list gave out.
var ErrCursor = errors.New("unknown cursor")

// EventQuery selects events; zero values select all.
type EventQuery struct {
	State, Channel, ContactID string
	Cursor                    string
	Sort                      string // received_at, -received_at (default)
	Limit                     int
}

// Events lists accepted events, newest first unless sorted otherwise. Error:
// ErrCursor.
func (g *Gateway) Events(ctx context.Context, b *Business, q EventQuery) ([]*inbox.Event, string, error) {
	query, err := g.eventQuery(ctx, b, q)
	if err != nil {
		return nil, "", err
	}
	rows, err := g.inbox.List(ctx, query)
	if err != nil || len(rows) <= q.Limit {
		return rows, "", err
	}
	return rows[:q.Limit], rows[q.Limit-1].EventID(), nil
}

// CountEvents says how many events a list has in all.
func (g *Gateway) CountEvents(ctx context.Context, b *Business, q EventQuery) (int, error) {
	query, err := g.eventQuery(ctx, b, q)
	if err != nil {
		return 0, err
	}
	return g.inbox.Count(ctx, query)
}

func (g *Gateway) eventQuery(ctx context.Context, b *Business, q EventQuery) (inbox.Query, error) {
	query := inbox.Query{Business: b.ID, Channel: q.Channel, Ascending: q.Sort == "received_at", Limit: q.Limit + 1}
	if q.State != "" {
		state, ok := inbox.ParseState(q.State)
		if !ok {
			query.Lanes = []int64{} // there are none in a state that does not exist
			return query, nil
		}
		query.State = &state
	}
	if q.Cursor != "" {
		after, err := ids.Parse("evt", q.Cursor)
		if err != nil {
			return query, ErrCursor
		}
		query.After = after
	}
	if q.ContactID != "" {
		conversations, err := sqlstore.New(g.DB.Read(ctx)).ConversationsOf([]string{q.ContactID})
		if err != nil {
			return query, err
		}
		query.Lanes = []int64{}
		for _, conv := range conversations[q.ContactID] {
			if conv.BusinessID == b.ID {
				query.Lanes = append(query.Lanes, inbox.LaneOf(b.ID, conv.Channel, conv.ExternalID))
			}
		}
	}
	return query, nil
}

// Event returns one event. Error: inbox.ErrNotFound.
func (g *Gateway) Event(ctx context.Context, b *Business, id int64) (*inbox.Event, error) {
	return g.inbox.Get(ctx, b.ID, id)
}

// ReplayEvent runs a quarantined or ignored event now, at the end of its
// conversation; of a done one it sends again what was not sent. Errors:
// inbox.ErrNotFound, ErrState.
func (g *Gateway) ReplayEvent(ctx context.Context, b *Business, id int64) error {
	e, err := g.inbox.Get(ctx, b.ID, id)
	if err != nil {
		return err
	}
	switch e.State {
	case inbox.Accepted:
		return fmt.Errorf("%w: it is going to run", ErrState)
	case inbox.Done:
		err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error { return outbox.ReviveReplies(tx, e.Pos) })
		return err
	}
	if e.Event == nil {
		return fmt.Errorf("%w: its content is blanked", ErrState)
	}
	if err := g.inbox.Again(ctx, id); err != nil {
		if errors.Is(err, inbox.ErrConflict) {
			return ErrState
		}
		return err
	}
	g.lanes.fallBehind()
	g.Bus.Publish(topicInbox)
	return nil
}

// DeliveryQuery selects deliveries; zero values select all.
type DeliveryQuery struct {
	State, Destination, ContactID string
	Cursor                        string
	Limit                         int
}

// Deliveries lists deliveries, newest first. Error: ErrCursor.
func (g *Gateway) Deliveries(ctx context.Context, b *Business, q DeliveryQuery) ([]*outbox.Delivery, string, error) {
	q.Limit = max(q.Limit, 1)
	query := outbox.Query{Business: b.ID, State: q.State, Destination: q.Destination, ContactID: q.ContactID, Limit: q.Limit + 1}
	if q.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		at, id, ok := strings.Cut(string(raw), " ")
		us, perr := strconv.ParseInt(at, 10, 64)
		if err != nil || !ok || perr != nil {
			return nil, "", ErrCursor
		}
		query.Before, query.BeforeID = time.UnixMicro(us), id
	}
	all, err := outbox.List(g.DB.Read(ctx), query)
	if err != nil || len(all) <= q.Limit {
		return all, "", err
	}
	last := all[q.Limit-1]
	next := strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + " " + last.ID
	return all[:q.Limit], base64.RawURLEncoding.EncodeToString([]byte(next)), nil
}

// CountDeliveries says how many deliveries a list has in all.
func (g *Gateway) CountDeliveries(ctx context.Context, b *Business, q DeliveryQuery) (int, error) {
	return outbox.Count(g.DB.Read(ctx), outbox.Query{Business: b.ID, State: q.State, Destination: q.Destination, ContactID: q.ContactID})
}

// Delivery returns one delivery. Error: outbox.ErrNotFound.
func (g *Gateway) Delivery(ctx context.Context, b *Business, id string) (*outbox.Delivery, error) {
	return outbox.Get(g.DB.Read(ctx), b.ID, id)
}

// ReplayDelivery delivers once more, under the same ids; a delivered one only
// with force. Errors: outbox.ErrNotFound, ErrState.
func (g *Gateway) ReplayDelivery(ctx context.Context, b *Business, id string, force bool) error {
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error { return outbox.Replay(tx, b.ID, id, force) })
	if errors.Is(err, outbox.ErrState) {
		return ErrState
	}
	g.Bus.Publish(topicLeads)
	return err
}

// DeliveryStates tells, for each destination, whether it has the contact, and
// why not.
func (g *Gateway) DeliveryStates(ctx context.Context, b *Business, contactID string) ([]map[string]any, error) {
	c, err := sqlstore.New(g.DB.Read(ctx)).Contact(b.ID, contactID)
	if err != nil {
		return nil, err
	}
	all, err := outbox.List(g.DB.Read(ctx), outbox.Query{Business: b.ID, ContactID: contactID, Limit: 1000})
	if err != nil {
		return nil, err
	}
	claimed, err := outbox.Claimed(g.DB.Read(ctx), contactID)
	if err != nil {
		return nil, err
	}
	states := []map[string]any{}
	for _, d := range b.Destinations {
		states = append(states, deliveryState(g, d, c, all, claimed))
	}
	return states, nil
}

func deliveryState(g *Gateway, d *Destination, c *contacts.Contact, all []*outbox.Delivery, claimed map[string]bool) map[string]any {
	s := map[string]any{"destination": d.ID, "state": "not_sent", "reason": nil, "delivery_id": nil, "remote_id": nil, "remote_url": nil}
	var latest *outbox.Delivery
	for _, x := range all { // newest first: one that is not done tells most
		if x.Destination == d.ID && (latest == nil || latest.State == outbox.Delivered && x.State != outbox.Delivered) {
			latest = x
		}
	}
	if latest == nil {
		reason := d.fate(c)
		if reason == "" || g.paused(d) {
			reason = isPaused
		}
		s["reason"] = reason
		return s
	}
	s["state"], s["delivery_id"] = string(latest.State), latest.ID
	if latest.State == outbox.Pending && claimed[d.ID] {
		s["state"] = "delivering"
	}
	if latest.LastError != "" {
		s["reason"] = latest.LastError
	}
	for _, x := range all {
		if x.Destination == d.ID && x.RemoteID != "" {
			s["remote_id"] = x.RemoteID
			if x.RemoteURL != "" {
				s["remote_url"] = x.RemoteURL
			}
			break
		}
	}
	return s
}
