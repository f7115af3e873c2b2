package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// keys says whether anybody can use the API.
func (d *doctor) keys(ctx context.Context, db *database.DB) {
	if db == nil {
		return
	}
	for _, b := range d.businesses() {
		keys, err := sqlstore.New(db.Read(ctx)).Keys(b.ID)
		if err != nil {
			d.fail("keys", "%v", err)
			return
		}
		working := 0
		for _, k := range keys {
			if k.RevokedAt.IsZero() {
				working++
			}
		}
		of := ""
		if len(d.cfg.Businesses) > 0 {
			of = " of " + b.ID
		}
		if working == 0 {
			d.warn("keys", "no API key%s: usher key create makes one", of)
			continue
		}
		d.ok("keys", "API keys%s that work: %d", of, working)
	}
}

// patience is how long an accepted event may wait before somebody should know.
const patience = time.Minute

// backlog says what waits for somebody to decide.
func (d *doctor) backlog(ctx context.Context, db *database.DB) {
	if db == nil {
		return
	}
	for _, b := range d.businesses() {
		waits, err := d.events(ctx, db, b.ID)
		if err != nil {
			d.fail("inbox", "%v", err)
			return
		}
		if !waits {
			d.ok("inbox", "nothing of %s waits or is in quarantine", b.ID)
		}
		for _, state := range []outbox.DeliveryState{outbox.Dead, outbox.Paused} {
			stuck, err := outbox.List(db.Read(ctx), outbox.Query{Business: b.ID, State: string(state), Limit: pageRows})
			if err != nil {
				d.fail("deliveries", "%v", err)
				return
			}
			if len(stuck) > 0 {
				d.warn("deliveries", "%s %s: usher deliveries list --state %s --business %s", atLeast(len(stuck), "delivery"), state, state, b.ID)
			}
		}
	}
}

// events warns of a business's events that are in quarantine or wait for long.
func (d *doctor) events(ctx context.Context, db *database.DB, business string) (warned bool, err error) {
	log, err := inbox.New(db, inbox.Options{})
	if err != nil {
		return false, err
	}
	quarantined, accepted := inbox.Quarantined, inbox.Accepted
	kept, err := log.List(ctx, inbox.Query{Business: business, State: &quarantined, Limit: pageRows})
	if err != nil {
		return false, err
	}
	if len(kept) > 0 {
		warned = true
		d.warn("inbox", "%s in quarantine: usher events list --state quarantined --business %s", atLeast(len(kept), "event"), business)
	}
	oldest, err := log.List(ctx, inbox.Query{Business: business, State: &accepted, Limit: 1, Ascending: true})
	if err != nil {
		return warned, err
	}
	if len(oldest) > 0 && time.Since(oldest[0].ReceivedAt()) > patience {
		warned = true
		d.warn("inbox", "events of %s wait since %s: is a node serving?", business, moment(oldest[0].ReceivedAt()))
	}
	return warned, nil
}

// atLeast counts what was read in one page.
func atLeast(n int, what string) string {
	plural := what + "s"
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		plural = stem + "ies"
	}
	switch n {
	case 1:
		return "1 " + what
	case pageRows:
		return fmt.Sprintf("%d or more %s", n, plural)
	default:
		return fmt.Sprintf("%d %s", n, plural)
	}
}
