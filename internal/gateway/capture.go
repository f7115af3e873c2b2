package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"usher/connectors"
	"usher/internal/inbox"
)

// CaptureRequest is what a program has learnt of the person in a running
// conversation.
type CaptureRequest struct {
	ExternalID string
	Verified   bool           // the program vouches for e-mail, phone and customer id
	Values     map[string]any // raw JSON values by flat field name
	Via        string         // api, identify …
}

// captureWait is how long a capture waits for its turn in the conversation.
const captureWait = 5 * time.Second

// Capture keeps details for a running conversation, in its turn, and answers
// with the person as the conversation sees them. Errors:
// *connectors.FieldError, ErrBusy.
func (g *Gateway) Capture(ctx context.Context, ch *Channel, c CaptureRequest) (connectors.Turn, error) {
	ev, err := captureEvent(ch.Business, c)
	if err != nil {
		return connectors.Turn{}, err
	}
	return g.Inject(ctx, ch, ev)
}

func captureEvent(b *Business, c CaptureRequest) (*connectors.Event, error) {
	if c.ExternalID == "" || len(c.ExternalID) > externalIDMax {
		return nil, &connectors.FieldError{Field: "external_id", Code: "required", Detail: fmt.Sprintf("want 1 to %d characters", externalIDMax)}
	}
	ev := &connectors.Event{Kind: connectors.KindCapture, ExternalID: c.ExternalID, Verified: c.Verified,
		Parameters: map[string]any{}, System: map[string]any{"via": c.Via}}
	for _, name := range inNameOrder(c.Values) {
		f, ok := b.Fields.Lookup(name)
		if !ok || !f.Settable && (name != "customer_id" || !c.Verified) {
			return nil, &connectors.FieldError{Field: name, Code: "unknown", Detail: "there is no such field to capture"}
		}
		value, err := f.Parse(c.Values[name], b.locale())
		if invalid := asInvalid(err); invalid != nil {
			return nil, &connectors.FieldError{Field: name, Code: invalid.Code, Detail: invalid.Detail}
		}
		if err != nil {
			continue // blank leaves a value as it is
		}
		text, _ := value.(string)
		switch name {
		case "email":
			ev.Email = text
		case "phone":
			ev.Phone = text
		case "customer_id":
			ev.CustomerID = text
		default:
			ev.Parameters[name] = value
		}
	}
	return ev, nil
}

// Inject puts an event of usher's own into a conversation, waits for its turn
// and answers with the person as the conversation sees them.
func (g *Gateway) Inject(ctx context.Context, ch *Channel, ev *connectors.Event) (connectors.Turn, error) {
	if _, err := g.inject(ctx, ch, ev); err != nil {
		return connectors.Turn{}, err
	}
	return g.Known(ctx, ch.Business, ch.ID, ev.ExternalID)
}

// inject puts an event of usher's own into a conversation, waits for its turn
// and returns the answer that its row keeps.
func (g *Gateway) inject(ctx context.Context, ch *Channel, ev *connectors.Event) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, captureWait)
	defer cancel()
	ev.Timestamp = time.Now().UTC()
	row, err := g.row(ch, &connectors.Request{At: ev.Timestamp}, &connectors.Item{Event: *ev})
	if err != nil {
		return nil, err
	}
	row.ReservedBy, row.ReservedUntil = g.Node, captureWait.Microseconds()
	g.answers.expect(row.ID)
	defer g.answers.forget(row.ID)
	stored, err := g.put(ctx, []*inbox.Event{row})
	if err != nil {
		return nil, err
	}
	answer, err := g.await(ctx, row, stored[0])
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: kept, its turn has not come yet", ErrBusy)
	}
	return answer, nil
}

// decodeEvent reads an event as its row keeps it; nil once it is blanked.
func decodeEvent(row *inbox.Event) *connectors.Event {
	if len(row.Event) == 0 {
		return nil
	}
	var ev connectors.Event
	if json.Unmarshal(row.Event, &ev) != nil {
		return nil
	}
	return &ev
}
