// Package sink is the destination that only records: the delivery itself, as
// usher keeps it, is the record. It is what a first run delivers to.
package sink

import (
	"context"

	"usher/crm"
)

// batch is how many pushes are taken at once; they cost nothing.
const batch = 100

type sink struct{}

// New builds a sink. It has no settings of its own.
func New(setup crm.Setup) (crm.Connector, error) {
	_, settings, err := crm.SplitRetry(setup.Settings)
	if err != nil {
		return nil, err
	}
	if err := settings.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	return sink{}, nil
}

func (sink) Batch() int { return batch }

func (sink) Push(ctx context.Context, pushes []crm.Push) []crm.Receipt {
	receipts := make([]crm.Receipt, len(pushes))
	for i, p := range pushes {
		receipts[i] = crm.Receipt{RemoteID: p.LeadKey, Err: ctx.Err()}
	}
	return receipts
}
