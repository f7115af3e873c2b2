package main

import (
	"context"
	"fmt"
	"net/http"

	"usher/config"
	"usher/crm"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/gateway"
	"usher/internal/outbox"
)

// destination builds a destination. Its error says what is wrong with its
// settings and with its condition, in one line.
func destination(d config.Destination, b *gateway.Business, hc *http.Client) (*gateway.Destination, error) {
	made := &gateway.Destination{ID: d.ID, Type: d.Type, Business: b, Send: map[crm.Kind]bool{}}
	for _, kind := range d.Send {
		made.Send[crm.Kind(kind)] = true
	}
	var unfit, unclear error
	made.Connector, made.Retry, unfit = destinationConnector(d, hc)
	if d.When != "" {
		if made.When, unclear = flows.ParseCondition(d.When, b.Fields); unclear != nil {
			unclear = fmt.Errorf("when: %w", unclear)
		}
	}
	switch {
	case unfit != nil && unclear != nil:
		return nil, fmt.Errorf("%w; %w", unfit, unclear)
	case unfit != nil:
		return nil, unfit
	case unclear != nil:
		return nil, unclear
	}
	return made, nil
}

func destinationConnector(d config.Destination, hc *http.Client) (crm.Connector, crm.Retry, error) {
	types := crmTypes()
	factory, ok := types[d.Type]
	if !ok {
		return nil, crm.Retry{}, fmt.Errorf("no destination type %s; there are %s", d.Type, names(types))
	}
	retry, own, err := crm.SplitRetry(d.Settings)
	if err != nil {
		return nil, crm.Retry{}, fmt.Errorf("settings: %w", err)
	}
	connector, err := factory(crm.Setup{ID: d.ID, Settings: own, HTTP: hc})
	if err != nil {
		return nil, crm.Retry{}, fmt.Errorf("settings: %w", err)
	}
	return connector, retry, nil
}

// storeDestinations stores since when each destination is there.
func storeDestinations(ctx context.Context, b *gateway.Business, db *database.DB) error {
	for _, d := range b.Destinations {
		stored, err := outbox.PutDestination(ctx, db, b.ID, d.ID, d.Type)
		if err != nil {
			return err
		}
		d.CreatedAt, d.State = stored.CreatedAt, stored.State
	}
	return nil
}
