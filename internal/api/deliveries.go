package api

import (
	"context"
	"time"

	"usher/internal/gateway"
	"usher/internal/outbox"
)

// delivery is one document for one destination.
type delivery struct {
	ID            string     `json:"id"`
	Destination   string     `json:"destination"`
	ContactID     string     `json:"contact_id"`
	Kind          string     `json:"kind" example:"lead.created"`
	LeadKey       string     `json:"lead_key" doc:"The same for ever and for every destination"`
	State         string     `json:"state" enum:"pending,delivering,delivered,dead,paused,cancelled"`
	AttemptCount  int        `json:"attempt_count"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	LastError     *string    `json:"last_error"`
	RemoteID      *string    `json:"remote_id" doc:"The destination's own id of the record"`
	RemoteURL     *string    `json:"remote_url"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	Attempts      *[]attempt `json:"attempts,omitempty"`
}

type attempt struct {
	At         time.Time `json:"at"`
	Millis     int64     `json:"ms"`
	Outcome    string    `json:"outcome"`
	HTTPStatus *int      `json:"http_status"`
	Error      *string   `json:"error"`
}

type deliveryAnswer struct {
	Body delivery
}

type deliveriesAnswer struct {
	Body page[delivery]
}

func deliveryOf(d *outbox.Delivery) delivery {
	row := delivery{
		ID: d.ID, Destination: d.Destination, ContactID: d.ContactID, Kind: string(d.Kind), LeadKey: d.LeadKey, State: string(d.State),
		AttemptCount: d.AttemptCount, LastError: orNull(d.LastError), RemoteID: orNull(d.RemoteID), RemoteURL: orNull(d.RemoteURL),
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt,
	}
	if d.State == outbox.Pending && !d.DueAt.IsZero() {
		row.NextAttemptAt = &d.DueAt
	}
	return row
}

type listDeliveriesInput struct {
	Paging
	State       string `query:"state" enum:"pending,delivering,delivered,dead,paused,cancelled"`
	Destination string `query:"destination"`
	ContactID   string `query:"contact_id"`
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*deliveriesAnswer, error) {
	b := businessOf(ctx)
	q := gateway.DeliveryQuery{State: in.State, Destination: in.Destination, ContactID: in.ContactID, Cursor: in.Cursor, Limit: in.Limit}
	list, next, err := s.gateway.Deliveries(ctx, b, q)
	if err != nil {
		return nil, err
	}
	total, err := in.total(func() (int, error) { return s.gateway.CountDeliveries(ctx, b, q) })
	if err != nil {
		return nil, err
	}
	rows := make([]delivery, len(list))
	for i, d := range list {
		rows[i] = deliveryOf(d)
	}
	return &deliveriesAnswer{pageOf(rows, next, total)}, nil
}

func (s *Server) getDelivery(ctx context.Context, in *ByID) (*deliveryAnswer, error) {
	d, err := s.gateway.Delivery(ctx, businessOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	row := deliveryOf(d)
	attempts := make([]attempt, len(d.Attempts))
	for i, a := range d.Attempts {
		attempts[i] = attempt{At: a.At.UTC(), Millis: a.Millis, Outcome: a.Outcome, Error: orNull(a.Error)}
		if a.Status != 0 {
			attempts[i].HTTPStatus = &a.Status
		}
	}
	row.Attempts = &attempts
	return &deliveryAnswer{row}, nil
}

type replayDeliveryInput struct {
	ByID
	Raw
	Force bool `query:"force" doc:"Deliver again what was delivered"`
}

// replayBody may say force instead of the query.
type replayBody struct {
	Force *bool `json:"force,omitempty" doc:"Deliver again what was delivered"`
}

func (s *Server) replayDelivery(ctx context.Context, in *replayDeliveryInput) (*accepted, error) {
	body := replayBody{Force: &in.Force}
	if len(in.RawBody) > 0 {
		if err := decode(in.RawBody, &body); err != nil {
			return nil, err
		}
	}
	if err := s.gateway.ReplayDelivery(ctx, businessOf(ctx), in.ID, body.Force != nil && *body.Force); err != nil {
		return nil, err
	}
	return &accepted{}, nil
}

// destinationState is a destination that takes leads or is disabled.
type destinationState struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"active,disabled"`
}

type destinationOutput struct{ Body destinationState }

func (s *Server) enableDestination(ctx context.Context, in *ByID) (*destinationOutput, error) {
	if err := s.gateway.EnableDestination(ctx, businessOf(ctx), in.ID); err != nil {
		return nil, err
	}
	return &destinationOutput{destinationState{ID: in.ID, State: "active"}}, nil
}
