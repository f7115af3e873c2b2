package gateway

import (
	"context"
	"encoding/json"
	"fmt"

	"usher/connectors"
	"usher/internal/inbox"
)

// rebuildMost bounds the events that a guest is rebuilt from: the newest.
const rebuildMost = 1000

// rebuild brings guests up to the last of their done events, by running those
// that they lack without effects: a store that lost guests costs nothing that
// the inbox still has.
func (g *Gateway) rebuild(ctx context.Context, turns []*turn) error {
	lanes := make([]int64, len(turns))
	for i, t := range turns {
		lanes[i] = t.work.row.Lane
	}
	last, err := g.inbox.LastDone(ctx, lanes)
	if err != nil {
		return err
	}
	for _, t := range turns {
		pos, ok := last[t.work.row.Lane]
		if !ok || pos <= t.guest.AppliedPos {
			continue
		}
		if t.now.Sub(inbox.TimeOf(pos)) > g.ttlOf(t.guest) {
			continue // it would be gone by now
		}
		rows, err := g.inbox.History(ctx, t.work.row.Lane, t.guest.AppliedPos, rebuildMost)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := g.replay(ctx, t, row); err != nil {
				return err
			}
		}
		if t.now.After(t.guest.ExpiresAt) {
			// What it said shortens its life: it would be gone by now.
			version := t.conv.Version
			*t.guest = *newGuest(t.conv, t.work.row, t.now)
			t.guest.Conversation.Version = version
			t.conv, t.lines = &t.guest.Conversation, nil
		}
		t.guest.AppliedPos = pos
	}
	return nil
}

// replay runs a done event on a guest again, for its state alone.
func (g *Gateway) replay(ctx context.Context, t *turn, row *inbox.Event) error {
	var ev connectors.Event
	if len(row.Event) == 0 || row.ID == t.work.row.ID {
		return nil
	}
	if err := json.Unmarshal(row.Event, &ev); err != nil {
		return fmt.Errorf("%w: decode event: %w", errFlow, err)
	}
	if ev.ExternalID != t.conv.ExternalID || !personal(&ev) {
		return nil
	}
	at := row.ReceivedAt()
	if t.guest.AppliedPos > 0 && at.After(t.guest.ExpiresAt) {
		version := t.conv.Version
		*t.guest = *newGuest(t.conv, row, at)
		t.guest.Conversation.Version = version
		t.conv = &t.guest.Conversation
	}
	past := &turn{past: true, work: &work{row: row, ref: inbox.Ref{ID: row.ID, Pos: row.Pos}}, ev: &ev, ch: t.ch, now: at, conv: t.conv, guest: t.guest}
	if t.guest.AppliedPos == 0 {
		t.guest.Seed = row.ID
		t.conv.CreatedAt = at
	}
	if err := g.play(ctx, past); err != nil {
		return err
	}
	if past.guest == nil {
		return nil // what it resumed is not known any more
	}
	t.guest.ExpiresAt = g.endOf(past)
	t.lines = append(t.lines, past.lines...)
	t.guest.Applied, t.guest.AppliedPos = row.ID, row.Pos
	return nil
}
