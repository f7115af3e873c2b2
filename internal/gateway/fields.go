package gateway

import (
	"context"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
)

const (
	// topicFields tells the other nodes that a field was added.
	topicFields = "fields"
	// fieldsEvery is how long a node may miss a field if the nudge was lost.
	fieldsEvery = 10 * time.Second
)

// AddField gives a business a custom field. Error: sqlstore.ErrTaken.
func (g *Gateway) AddField(ctx context.Context, b *Business, f contacts.Field) error {
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		return sqlstore.New(tx).AddField(b.ID, sqlstore.StoredField{Field: f, CreatedAt: time.Now().UTC()})
	})
	if err != nil {
		return err
	}
	g.Bus.Publish(topicFields)
	return g.readFields(ctx, b)
}

// watchFields takes up, until ctx ends, the fields that other nodes add.
func (g *Gateway) watchFields(ctx context.Context) error {
	added, cancel := g.Bus.Subscribe(topicFields)
	defer cancel()
	tick := time.NewTicker(fieldsEvery)
	defer tick.Stop()
	for {
		for _, b := range g.Businesses {
			if err := g.readFields(ctx, b); err != nil && ctx.Err() == nil {
				g.outage.log(g.Log, err)
			}
		}
		select {
		case <-added:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// readFields adds what the database has and this node does not.
func (g *Gateway) readFields(ctx context.Context, b *Business) error {
	stored, err := sqlstore.New(g.DB.Read(ctx)).Fields(b.ID)
	if err != nil {
		return err
	}
	for _, f := range stored {
		if _, known := b.Fields.Lookup(f.Name); known {
			continue
		}
		if err := b.Fields.Add(f.Field); err != nil {
			g.Log.Error("field not taken up", "business", b.ID, "error", err)
		}
	}
	return nil
}
