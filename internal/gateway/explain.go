package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/flows"
	"usher/internal/ids"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// Bounds of an event's trace: what a flow does in one turn and people read.
const (
	traceLines = 200
	traceBytes = 32 << 10
	detailMost = 1000
)

type traceLine = flows.TraceLine

// Kinds of lines that are not a flow's.
const (
	aboutPerson   = "person"
	aboutReplies  = "replies"  // how many were put on their way
	aboutDelivery = "delivery" // the id of one
)

// explain keeps with the event what became of it.
func (t *turn) explain() error {
	lines := bounded(t.trace)
	if who, changed := t.whose(); changed {
		lines = append([]traceLine{who}, lines...)
	}
	if len(t.replies) > 0 {
		lines = append(lines, traceLine{Kind: aboutReplies, Did: "queued", Detail: strconv.Itoa(len(t.replies))})
	}
	for _, d := range t.deliveries {
		lines = append(lines, traceLine{Kind: aboutDelivery, Did: "queued", Detail: d.ID})
	}
	if len(lines) == 0 {
		return nil
	}
	trace, err := json.Marshal(lines)
	if err != nil {
		return fmt.Errorf("%w: encode trace: %w", errFlow, err)
	}
	t.outcome.Trace = trace
	return nil
}

// bounded keeps the first lines and says how many there were beyond.
func bounded(lines []traceLine) []traceLine {
	kept := make([]traceLine, 0, min(len(lines), traceLines))
	size := 0
	for i, l := range lines {
		if len(l.Detail) > detailMost {
			l.Detail = strings.ToValidUTF8(l.Detail[:detailMost], "") + "…"
		}
		if size += len(l.Step) + len(l.Kind) + len(l.Did) + len(l.Detail); len(kept) == traceLines || size > traceBytes {
			return append(kept, traceLine{Kind: "flow", Did: "cut", Detail: fmt.Sprintf("%d more lines", len(lines)-i)})
		}
		kept = append(kept, l)
	}
	return kept
}

// whose says how the event changed whose the conversation is.
func (t *turn) whose() (line traceLine, changed bool) {
	line.Kind = aboutPerson
	switch {
	case t.contact == nil, !t.isNew && t.guest == nil:
		return line, false
	case t.isNew:
		line.Did = "became a contact"
	case t.conv.Linked:
		line.Did = "proved to be a contact"
	default:
		line.Did = "claims to be a contact, and sees only what was said here"
	}
	line.Detail = t.contact.ID
	return line, true
}

// TraceEntry is one thing that became of an event.
type TraceEntry struct {
	At     time.Time `json:"at"`
	Stage  string    `json:"stage" enum:"received,verified,person,step,effect,delivery"`
	Detail string    `json:"detail" doc:"In words"`
}

// Traces tells what became of each event: received, verified, whose it is, each
// step and why, what it caused, how its replies and deliveries went.
func (g *Gateway) Traces(ctx context.Context, b *Business, events []*inbox.Event) ([][]TraceEntry, error) {
	stored := make([][]traceLine, len(events))
	var replyIDs, deliveryIDs []string
	for i, e := range events {
		if len(e.Trace) > 0 {
			if err := json.Unmarshal(e.Trace, &stored[i]); err != nil {
				return nil, fmt.Errorf("read trace: %w", err)
			}
		}
		for _, l := range stored[i] {
			switch l.Kind {
			case aboutReplies:
				replyIDs = append(replyIDs, repliesOf(e, l)...)
			case aboutDelivery:
				deliveryIDs = append(deliveryIDs, l.Detail)
			}
		}
	}
	read := g.DB.Read(ctx)
	replies, err := outbox.RepliesByID(read, replyIDs)
	if err != nil {
		return nil, err
	}
	deliveries, err := outbox.ByID(read, b.ID, deliveryIDs)
	if err != nil {
		return nil, err
	}
	traces := make([][]TraceEntry, len(events))
	for i, e := range events {
		traces[i] = traceOf(e, stored[i], replies, deliveries)
	}
	return traces, nil
}

// repliesOf are the ids that say gave to an event's replies.
func repliesOf(e *inbox.Event, l traceLine) []string {
	n, _ := strconv.Atoi(l.Detail)
	var all []string
	for i := range min(n, traceLines) {
		all = append(all, ids.Of("msg", e.ID, i+1))
	}
	return all
}

func traceOf(e *inbox.Event, stored []traceLine, replies map[string]outbox.Reply, deliveries map[string]*outbox.Delivery) []TraceEntry {
	var trace []TraceEntry
	add := func(at time.Time, stage string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		trace = append(trace, TraceEntry{at.UTC(), stage, strings.Join(parts, ": ")})
	}
	received, done := e.ReceivedAt(), time.UnixMicro(e.DoneAt)
	add(received, "received", "on "+e.Channel)
	if e.State == inbox.Quarantined && e.Raw != nil {
		add(received, "verified", "kept in quarantine", e.Reason)
	} else {
		add(received, "verified", "the sender proved to be the platform, or needs no proof")
	}
	if e.State == inbox.Accepted {
		return trace
	}
	if who := e.ContactID + e.GuestID; who != "" && !slices.ContainsFunc(stored, func(l traceLine) bool { return l.Kind == aboutPerson }) {
		add(done, "person", who)
	}
	for _, l := range stored {
		switch l.Kind {
		case aboutPerson:
			add(done, "person", l.Did, l.Detail)
		case aboutReplies:
			for _, id := range repliesOf(e, l) {
				if r, ok := replies[id]; ok {
					add(time.UnixMicro(r.CreatedAt), "effect", "reply "+id, r.Progress.String(), r.LastError)
				}
			}
		case aboutDelivery:
			if d := deliveries[l.Detail]; d != nil {
				add(d.UpdatedAt, "delivery", fmt.Sprintf("%s to %s", d.Kind, d.Destination), fmt.Sprintf("%s after %d attempts", d.State, d.AttemptCount), d.LastError)
			}
		default:
			stage := "step"
			if isEffect(l.Did) {
				stage = "effect"
			}
			add(done, stage, l.Step, l.Kind, l.Did, l.Detail)
		}
	}
	return trace
}

// isEffect says whether what a step did reaches beyond the conversation's run.
func isEffect(did string) bool {
	return slices.Contains([]string{"captured", "set", "pushed", "called", "passed on", "asked for a person", "closed"}, did)
}

// ConversationTrace lists the events of a conversation in their order, each with
// its trace. Errors: contacts.ErrNotFound, ErrCursor.
func (g *Gateway) ConversationTrace(ctx context.Context, b *Business, id, cursor string, limit int) (events []*inbox.Event, traces [][]TraceEntry, next string, err error) {
	query, err := g.conversationEvents(ctx, b, id)
	if err != nil {
		return nil, nil, "", err
	}
	if cursor != "" {
		if query.After, err = ids.Parse("evt", cursor); err != nil {
			return nil, nil, "", ErrCursor
		}
	}
	query.Ascending, query.Limit = true, limit+1
	if events, err = g.inbox.List(ctx, query); err != nil {
		return nil, nil, "", err
	}
	if len(events) > limit {
		events = events[:limit]
		next = events[limit-1].EventID()
	}
	traces, err = g.Traces(ctx, b, events)
	return events, traces, next, err
}

// CountConversationEvents says how many events a conversation has in the inbox.
// Error: contacts.ErrNotFound.
func (g *Gateway) CountConversationEvents(ctx context.Context, b *Business, id string) (int, error) {
	query, err := g.conversationEvents(ctx, b, id)
	if err != nil {
		return 0, err
	}
	return g.inbox.Count(ctx, query)
}

func (g *Gateway) conversationEvents(ctx context.Context, b *Business, id string) (inbox.Query, error) {
	conv, _, err := g.Conversation(ctx, b, id)
	if err != nil {
		return inbox.Query{}, err
	}
	return inbox.Query{Business: b.ID, Channel: conv.Channel, Lanes: []int64{inbox.LaneOf(b.ID, conv.Channel, conv.ExternalID)}}, nil
}
