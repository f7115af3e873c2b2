package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"usher/contacts"
	"usher/internal/gateway"
	"usher/internal/ids"
	"usher/internal/inbox"
)

// event is one row of the inbox.
type event struct {
	ID         string               `json:"id"`
	Channel    string               `json:"channel"`
	DedupeKey  *string              `json:"dedupe_key" doc:"What makes a redelivery the same event; its digest once the content is gone"`
	State      string               `json:"state" enum:"accepted,done,ignored,quarantined"`
	Reason     *string              `json:"reason"`
	ReceivedAt time.Time            `json:"received_at"`
	DoneAt     *time.Time           `json:"done_at"`
	GuestID    *string              `json:"guest_id"`
	ContactID  *string              `json:"contact_id"`
	Event      json.RawMessage      `json:"event" doc:"What was understood; null once the content is gone"`
	Trace      []gateway.TraceEntry `json:"trace,omitempty" doc:"What came of it, step by step; not in lists"`
}

type eventAnswer struct {
	Body event
}

type eventsAnswer struct {
	Body page[event]
}

type rawAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func eventOf(e *inbox.Event) event {
	row := event{
		ID: e.EventID(), Channel: e.Channel, State: e.State.String(), Reason: orNull(e.Reason), ReceivedAt: e.ReceivedAt(),
		GuestID: orNull(e.GuestID), ContactID: orNull(e.ContactID), Event: json.RawMessage("null"),
	}
	if e.DoneAt != 0 {
		at := time.UnixMicro(e.DoneAt).UTC()
		row.DoneAt = &at
	}
	if !json.Valid(e.Event) {
		digest := hex.EncodeToString(e.Dedupe[:])
		row.DedupeKey = &digest
		return row
	}
	row.Event = e.Event
	var own struct {
		DedupeKey string `json:"dedupe_key"`
	}
	if json.Unmarshal(e.Event, &own) == nil {
		row.DedupeKey = orNull(own.DedupeKey)
	}
	return row
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type listEventsInput struct {
	Paging
	State     string `query:"state" enum:"accepted,done,ignored,quarantined"`
	Channel   string `query:"channel"`
	ContactID string `query:"contact_id"`
	Sort      string `query:"sort" enum:"received_at,-received_at" doc:"Left out: the newest first"`
}

func (s *Server) listEvents(ctx context.Context, in *listEventsInput) (*eventsAnswer, error) {
	b := businessOf(ctx)
	q := gateway.EventQuery{State: in.State, Channel: in.Channel, ContactID: in.ContactID, Cursor: in.Cursor, Sort: in.Sort, Limit: in.Limit}
	list, next, err := s.gateway.Events(ctx, b, q)
	if err != nil {
		return nil, err
	}
	total, err := in.total(func() (int, error) { return s.gateway.CountEvents(ctx, b, q) })
	if err != nil {
		return nil, err
	}
	rows := make([]event, len(list))
	for i, e := range list {
		rows[i] = eventOf(e)
	}
	return &eventsAnswer{pageOf(rows, next, total)}, nil
}

func (s *Server) getEvent(ctx context.Context, in *ByID) (*eventAnswer, error) {
	b := businessOf(ctx)
	e, err := s.eventByID(ctx, b, in.ID)
	if err != nil {
		return nil, err
	}
	traces, err := s.gateway.Traces(ctx, b, []*inbox.Event{e})
	if err != nil {
		return nil, err
	}
	row := eventOf(e)
	row.Trace = traces[0]
	return &eventAnswer{row}, nil
}

type conversationTraceInput struct {
	ByID
	Paging
}

// conversationTrace is what came of each event of a conversation, oldest first.
func (s *Server) conversationTrace(ctx context.Context, in *conversationTraceInput) (*eventsAnswer, error) {
	b := businessOf(ctx)
	list, traces, next, err := s.gateway.ConversationTrace(ctx, b, in.ID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	total, err := in.total(func() (int, error) { return s.gateway.CountConversationEvents(ctx, b, in.ID) })
	if err != nil {
		return nil, err
	}
	rows := make([]event, len(list))
	for i, e := range list {
		rows[i] = eventOf(e)
		rows[i].Trace = traces[i]
	}
	return &eventsAnswer{pageOf(rows, next, total)}, nil
}

// eventBody is the item as the platform sent it, byte for byte. As a download:
// it is whatever somebody else wrote.
func (s *Server) eventBody(ctx context.Context, in *ByID) (*rawAnswer, error) {
	e, err := s.eventByID(ctx, businessOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if e.Raw == nil {
		return nil, contacts.ErrNotFound
	}
	kind := "application/octet-stream"
	if json.Valid(e.Raw) {
		kind = "application/json"
	}
	return &rawAnswer{kind, e.Raw}, nil
}

func (s *Server) replayEvent(ctx context.Context, in *ByID) (*accepted, error) {
	id, err := ids.Parse("evt", in.ID)
	if err != nil {
		return nil, inbox.ErrNotFound
	}
	if err := s.gateway.ReplayEvent(ctx, businessOf(ctx), id); err != nil {
		return nil, err
	}
	return &accepted{}, nil
}

func (s *Server) eventByID(ctx context.Context, b *gateway.Business, text string) (*inbox.Event, error) {
	id, err := ids.Parse("evt", text)
	if err != nil {
		return nil, inbox.ErrNotFound
	}
	return s.gateway.Event(ctx, b, id)
}
