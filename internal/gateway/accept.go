package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"usher/connectors"
	"usher/internal/inbox"
)

// externalIDMax is the longest id of a person or session that is kept; no
// platform's come near it.
const externalIDMax = 255

// Accept takes a webhook in for good: verify over the raw bytes, parse, store;
// only then does it return what the platform is to be answered. An error means
// that nothing of it may count as taken.
//
// Errors: connectors.ErrUnverified, connectors.ErrUnreadable, a
// *connectors.FieldError, ErrBusy.
func (g *Gateway) Accept(ctx context.Context, ch *Channel, r *connectors.Request) (connectors.Response, error) {
	if c, ok := ch.Connector.(connectors.Challenger); ok {
		if response, ok := c.Challenge(r); ok {
			return response, nil
		}
	}
	if err := ch.Connector.Verify(r); err != nil {
		g.metrics.refused(ch, "signature")
		return connectors.Response{}, err
	}
	items, err := ch.Connector.Parse(r)
	if err != nil {
		g.metrics.refused(ch, "unreadable")
		return connectors.Response{}, err
	}
	var responder connectors.Responder
	if len(items) > 0 {
		responder = responderOf(ch, &items[len(items)-1].Event)
	}
	if responder != nil {
		if err := checkParameters(ch.Business, items); err != nil {
			return connectors.Response{}, err
		}
	}
	events := make([]*inbox.Event, len(items))
	for i := range items {
		if ev := &items[i].Event; ev.Kind == connectors.KindResumed || ev.Kind == connectors.KindAct || ev.Resume != nil || ev.Act != nil {
			ev.Resume, ev.Act, items[i].Problem = nil, nil, "only usher itself resumes a run"
		}
		events[i], err = g.row(ch, r, &items[i])
		if err != nil {
			return connectors.Response{}, err
		}
		if responder != nil && events[i].State == inbox.Accepted {
			events[i].ReservedBy, events[i].ReservedUntil = g.Node, responder.Deadline().Microseconds()
		}
	}
	if responder != nil {
		return g.turn(ctx, ch, responder, r, events)
	}
	if _, err := g.put(ctx, events); err != nil {
		return connectors.Response{}, err
	}
	g.metrics.accepted(ch, len(events))
	if c, ok := ch.Connector.(connectors.Acknowledger); ok {
		return c.Acknowledge(items), nil
	}
	return connectors.Response{}, nil
}

// row makes the inbox row of an item: under the channel that its account
// belongs to, or in quarantine with the reason.
func (g *Gateway) row(ch *Channel, r *connectors.Request, item *connectors.Item) (*inbox.Event, error) {
	ev := &item.Event
	owner, problem := ch, item.Problem
	if problem == "" {
		owner, problem = g.accountOwner(ch, r, ev)
	}
	if ev.Anonymous && ev.ExternalID != "" {
		// Nobody proved to be this person, so nobody's conversation is touched.
		ev.ExternalID = anonymousPrefix + ev.ExternalID
	}
	if problem == "" && (len(ev.ExternalID) > externalIDMax || len(ev.Session) > externalIDMax) {
		problem = "the id of the person is longer than anything that a platform sends"
		ev.ExternalID = ev.ExternalID[:min(len(ev.ExternalID), externalIDMax)]
	}
	if ev.Timestamp.IsZero() {
		ev.Timestamp = r.At
	}
	body, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	id := g.inbox.NewID()
	row := &inbox.Event{
		ID: id, Business: owner.Business.ID, Channel: owner.ID,
		Dedupe: inbox.DedupeOf(owner.Business.ID, owner.ID, dedupeKey(ev), id),
		Lane:   inbox.LaneOf(owner.Business.ID, owner.ID, ev.ExternalID),
		Event:  body, Raw: item.Raw, Parsed: ev,
	}
	if problem != "" {
		row.State, row.Reason = inbox.Quarantined, problem
	}
	if ev.Kind == connectors.KindResumed && problem == "" {
		row.Dedupe = inbox.DedupeOfOwn(owner.Business.ID, owner.ID, ev.DedupeKey)
	}
	return row, nil
}

// dedupeKey tells an event from any other of its channel. For one thing that a
// person says, a bot platform may ask several things, all under one id.
func dedupeKey(ev *connectors.Event) string {
	if ev.Kind == connectors.KindFulfilment && ev.DedupeKey != "" && ev.Action != "" {
		return ev.DedupeKey + "#" + ev.Action
	}
	return ev.DedupeKey
}

// anonymousPrefix sets apart conversations whose author proved nothing. No
// channel's own ids begin with it.
const anonymousPrefix = "~"

// accountOwner finds the channel that an item belongs to: the one that names its
// account and whose secret verifies the body; the one that was called if nobody
// names it and it takes every account.
func (g *Gateway) accountOwner(called *Channel, r *connectors.Request, ev *connectors.Event) (*Channel, string) {
	own, ok := called.Connector.(connectors.Accounter)
	if !ok || ev.Account == "" || own.Account() == ev.Account {
		return called, ""
	}
	named := g.accounts[account{called.Type(), ev.Account}]
	for _, ch := range named {
		if ch.Connector.Verify(r) == nil {
			return ch, ""
		}
	}
	if len(named) == 0 && own.Account() == "" {
		return called, ""
	}
	return called, fmt.Sprintf("account %s belongs to no channel that this signature fits", ev.Account)
}

// account is a platform's id of our side.
type account struct{ channelType, id string }

func accountsOf(businesses []*Business) map[account][]*Channel {
	all := map[account][]*Channel{}
	for _, b := range businesses {
		for _, ch := range b.Channels {
			if a, ok := ch.Connector.(connectors.Accounter); ok && a.Account() != "" {
				key := account{ch.Type(), a.Account()}
				all[key] = append(all[key], ch)
			}
		}
	}
	return all
}

// put stores events and returns the ids under which they are stored.
func (g *Gateway) put(ctx context.Context, events []*inbox.Event) ([]int64, error) {
	stored, err := g.inbox.Put(ctx, events)
	switch {
	case err == nil:
		return stored, nil
	case errors.Is(err, inbox.ErrFull):
		g.metrics.busy.Inc()
		return nil, fmt.Errorf("%w: the backlog is full", ErrBusy)
	default:
		g.metrics.busy.Inc()
		g.Log.Error("webhook not taken", "error", err)
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
}

// accepted is told by the inbox about new rows, in order.
func (g *Gateway) accepted(rows []*inbox.Event) {
	if g.Role == RoleIntake {
		g.Bus.Publish(topicInbox)
		return
	}
	ws := make([]*work, len(rows))
	for i, row := range rows {
		// What came in is in memory and need not be decoded again; after a
		// spool it is not.
		ev, _ := row.Parsed.(*connectors.Event)
		ws[i] = &work{row: row, event: ev, ref: inbox.Ref{ID: row.ID, Lane: row.Lane, Pos: row.Pos}}
	}
	if g.alone() {
		if g.lanes.accepted(ws) {
			g.Bus.Publish(topicInbox)
		}
		return
	}
	g.lanes.keepOwn(ws)
	g.Bus.Publish(topicInbox)
}

// topicInbox wakes the nodes that list undone events.
const topicInbox = "inbox"

// checkParameters refuses a turn with values that their fields cannot take,
// before anything is kept. Of a fulfilment they are what a platform made of what
// a person said: nobody is there to be told, and what cannot be used is left out.
func checkParameters(b *Business, items []connectors.Item) error {
	for i := range items {
		ev := &items[i].Event
		if ev.Kind == connectors.KindFulfilment {
			continue
		}
		for name, raw := range ev.Parameters {
			if _, _, err := parseValue(b, countryOf(ev), name, raw); err != nil {
				return &connectors.FieldError{Field: "parameters." + name, Code: err.Code, Detail: err.Detail}
			}
		}
	}
	return nil
}

func typeOf(channelID string) string {
	t, _, _ := strings.Cut(channelID, "/")
	return t
}

// turn stores the events of a request-reply channel, runs them in their turn
// and answers with the outcome of the last.
func (g *Gateway) turn(ctx context.Context, ch *Channel, responder connectors.Responder, r *connectors.Request, events []*inbox.Event) (connectors.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, responder.Deadline())
	defer cancel()
	for _, e := range events {
		g.answers.expect(e.ID)
		defer g.answers.forget(e.ID)
	}
	stored, err := g.put(ctx, events)
	if err != nil {
		return connectors.Response{}, err
	}
	g.metrics.accepted(ch, len(events))
	if len(events) == 0 {
		return connectors.Response{}, nil
	}
	last := len(events) - 1
	if events[last].State != inbox.Accepted {
		// In quarantine: it changes nothing, and the answer is the person as before.
		return g.answerWithPerson(ctx, ch, responder, r, events[last])
	}
	answer, err := g.await(ctx, events[last], stored[last])
	if err != nil || len(answer) == 0 {
		// Kept, and run when it can be; what it says comes first next time.
		return g.answerWithPerson(ctx, ch, responder, r, events[last])
	}
	var t storedTurn
	if err := json.Unmarshal(answer, &t); err != nil {
		return connectors.Response{}, fmt.Errorf("read stored answer: %w", err)
	}
	return responder.Respond(r, g.follow(ctx, t, stored[last] == events[last].ID)), nil
}

// answerWithPerson answers a request whose event says nothing now: the person as
// the conversation sees them, without replies.
func (g *Gateway) answerWithPerson(ctx context.Context, ch *Channel, responder connectors.Responder, r *connectors.Request, e *inbox.Event) (connectors.Response, error) {
	ev := decodeEvent(e)
	if ev == nil {
		return connectors.Response{}, fmt.Errorf("%w: the event is unreadable", ErrBusy)
	}
	t, err := g.Known(context.WithoutCancel(ctx), ch.Business, ch.ID, ev.ExternalID)
	if err != nil {
		return connectors.Response{}, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return responder.Respond(r, t), nil
}

// pollAnswer is how often a request looks for an answer that another node, or
// an earlier request, is working on.
const pollAnswer = 20 * time.Millisecond

// pollOwn is every how many polls a request looks for an answer that this node
// works on itself: it is told, unless another node has been faster.
const pollOwn = 10

// await returns the answer of a stored event once it is done, nil if time ran
// out. The event runs here, in its lane, if this node stored it.
func (g *Gateway) await(ctx context.Context, e *inbox.Event, stored int64) ([]byte, error) {
	mine, reserved := stored == e.ID, false
	ready := g.answers.ready(e.ID)
	tick := time.NewTicker(pollAnswer)
	defer tick.Stop()
	for n := 0; ; {
		// Also when its partition goes to another node while it waits: that
		// node leaves it to us.
		if mine && !reserved && !g.runsLane(e.Lane) {
			reserved = true
			go g.runReserved(ctx, e)
		}
		select {
		case outcome := <-ready:
			return outcome.Answer, nil
		case <-ctx.Done():
			return g.inGrace(e.ID, ready), nil
		case <-tick.C:
			if n++; mine && !reserved && n%pollOwn != 0 {
				continue
			}
			found, err := g.inbox.Load(ctx, []int64{stored})
			if err != nil {
				continue // the deadline ends this
			}
			if row := found[stored]; row != nil && row.State != inbox.Accepted {
				return row.Answer, nil
			}
		}
	}
}

// inGrace is the answer of a turn that was about to be committed when the time of
// its request ran out; nil if there is none. What is said later comes first in
// the next answer.
func (g *Gateway) inGrace(id int64, ready <-chan inbox.Outcome) []byte {
	if g.answers.giveUp(id) {
		return nil
	}
	end := time.NewTimer(answerGrace)
	defer end.Stop()
	select {
	case outcome := <-ready:
		return outcome.Answer
	case <-end.C:
		g.answers.forget(id)
		return nil
	}
}

// runReserved runs an event whose lane another node works on: that node leaves
// it to us until the reservation ends, we wait for the events before it.
func (g *Gateway) runReserved(ctx context.Context, e *inbox.Event) {
	tick := time.NewTicker(pollAnswer)
	defer tick.Stop()
	for ctx.Err() == nil {
		found, err := g.inbox.Load(ctx, []int64{e.ID})
		if err != nil || found[e.ID] == nil || found[e.ID].State != inbox.Accepted {
			return
		}
		row := found[e.ID]
		earlier, err := g.inbox.Earlier(ctx, row.Lane, row.Pos)
		if err == nil && !earlier {
			w := &work{row: row, ref: inbox.Ref{ID: row.ID, Lane: row.Lane, Pos: row.Pos}, alone: true}
			if g.runAlone(ctx, w) == nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
