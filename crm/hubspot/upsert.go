package hubspot

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"usher/internal/outbound"
)

type batchInputs struct {
	Inputs []input `json:"inputs"`
}

type input struct {
	ID         string            `json:"id"`
	IDProperty string            `json:"idProperty"`
	TraceID    string            `json:"objectWriteTraceId"` // names the input in errors
	Properties map[string]string `json:"properties"`
}

func (f fields) inputs(leads []lead) batchInputs {
	inputs := make([]input, len(leads))
	for i, l := range leads {
		inputs[i] = input{ID: l.key, IDProperty: f.key, TraceID: l.key, Properties: l.properties}
	}
	return batchInputs{Inputs: inputs}
}

// upsert writes the leads in one call and settles each one's receipt. A batch
// that HubSpot refuses as a whole is halved until only the bad input fails.
func (c *connector) upsert(ctx context.Context, leads []lead) {
	answer, why, err := c.call(ctx, http.MethodPost, c.objects+"/batch/upsert", nil, c.fields.inputs(leads))
	if err == nil {
		reply, err := readBatch(answer.Body)
		if err != nil {
			c.fail(leads, outbound.Unreadable(answer.Status, err))
			return
		}
		c.settle(ctx, leads, reply, answer.Status)
		return
	}
	var failed *outbound.Error
	if errors.As(err, &failed) && inputAtFault(failed.Status) {
		if len(leads) > 1 {
			half := len(leads) / 2
			c.upsert(ctx, leads[:half])
			c.upsert(ctx, leads[half:])
			return
		}
		if failed.Status == http.StatusConflict || why.taken() {
			c.adopt(ctx, leads[0], why, failed)
			return
		}
	}
	c.fail(leads, err)
}

// inputAtFault lists the refusals that one bad input brings on a whole batch.
func inputAtFault(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// settle gives each lead its result or its error. HubSpot promises neither an
// order nor that results name their input: what cannot be told apart is sent
// alone, which the key makes harmless.
func (c *connector) settle(ctx context.Context, leads []lead, reply batchReply, status int) {
	for _, l := range leads {
		if r, ok := c.resultOf(l, leads, reply); ok {
			c.done(l, r, status)
			continue
		}
		why, ok := problemOf(l, leads, reply)
		switch {
		case ok && why.taken():
			c.adopt(ctx, l, why, c.failure(why, status))
		case ok:
			c.fail([]lead{l}, c.failure(why, status))
		case len(leads) > 1:
			c.upsert(ctx, []lead{l})
		default:
			c.fail([]lead{l}, outbound.Unreadable(status, errors.New("no result for the contact")))
		}
	}
}

func (c *connector) resultOf(l lead, leads []lead, reply batchReply) (record, bool) {
	for _, r := range reply.Results {
		if key := r.value(c.fields.key); key == l.key || key == "" && r.TraceID == l.key {
			return r, true
		}
	}
	if len(leads) == 1 && len(reply.Results) == 1 && len(reply.Errors) == 0 {
		r := reply.Results[0]
		return r, r.value(c.fields.key) == "" && r.TraceID == ""
	}
	return record{}, false
}

func problemOf(l lead, leads []lead, reply batchReply) (problem, bool) {
	for _, p := range reply.Errors {
		if slices.Contains(p.Context.TraceIDs, l.key) {
			return p, true
		}
	}
	if len(leads) == 1 && len(reply.Errors) > 0 {
		return reply.Errors[0], true
	}
	return problem{}, false
}

// failure is the error of one input within an answer that is a success.
func (c *connector) failure(why problem, status int) *outbound.Error {
	failed := &outbound.Error{Class: outbound.Permanent, Status: status, Code: why.code(), Text: outbound.Excerpt(why.text(), c.token)}
	switch why.Category {
	case "RATE_LIMITS", "LOCKED", "INTERNAL_ERROR":
		failed.Class = outbound.Retry
	}
	return failed
}

func (c *connector) done(l lead, r record, status int) {
	l.receipt.RemoteID, l.receipt.RemoteURL = r.ID, c.link(r)
	l.receipt.Status, l.receipt.Err = status, nil
}

func (c *connector) fail(leads []lead, err error) {
	var failed *outbound.Error
	errors.As(err, &failed)
	for _, l := range leads {
		l.receipt.Err = err
		if failed != nil {
			l.receipt.Status = failed.Status
		}
	}
}
