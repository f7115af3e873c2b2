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
	if err := d.events(ctx, db); err != nil {
		d.fail("inbox", "%v", err)
		return
	}
	for _, b := range d.businesses() {
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

// events warns of events that are in quarantine or wait for long.
func (d *doctor) events(ctx context.Context, db *database.DB) error {
	log, err := inbox.New(db, inbox.Options{})
	if err != nil {
		return err
	}
	well := true
	quarantined := inbox.Quarantined
	for _, b := range d.businesses() {
		kept, err := log.List(ctx, inbox.Query{Business: b.ID, State: &quarantined, Limit: pageRows})
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			well = false
			d.warn("inbox", "%s in quarantine: usher events list --state quarantined --business %s", atLeast(len(kept), "event"), b.ID)
		}
	}
	oldest, _, err := log.Undone(ctx, nil, nil, 0, 1)
	if err != nil {
		return err
	}
	if len(oldest) > 0 && time.Since(inbox.TimeOf(oldest[0].Pos)) > patience {
		well = false
		d.warn("inbox", "events wait since %s: is a node serving?", moment(inbox.TimeOf(oldest[0].Pos)))
	}
	if well {
		d.ok("inbox", "nothing waits, nothing in quarantine")
	}
	return nil
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
