package gateway

import (
	"context"
	"errors"
	"sync"

	"usher/connectors"
	"usher/contacts"
	"usher/internal/database"
	"usher/internal/outbox"
)

// earlyMost bounds the statuses that are kept for messages not known yet. Few
// are: platforms tell of a message before they answer the call that sent it, or
// of one that was sent elsewhere, which stays unknown.
const earlyMost = 4096

// early keeps what platforms say of messages whose ids are not stored yet, so
// that it is not lost when it is told first. The node that sends a conversation's
// replies is the one that gets its statuses.
type early struct {
	mu    sync.Mutex
	by    map[platformMessage]outbox.Progress
	order []platformMessage // as they came
}

type platformMessage struct{ business, channel, id string }

// park keeps notes from before they are written until they are found to be about
// a message that is known: it may become so in between.
func (e *early) park(notes []outbox.Note) {
	if len(notes) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil {
		e.by = map[platformMessage]outbox.Progress{}
	}
	for _, n := range notes {
		if n.PlatformID == "" {
			continue
		}
		key := platformMessage{n.Business, n.Channel, n.PlatformID}
		if _, ok := e.by[key]; !ok {
			e.order = append(e.order, key)
		}
		e.by[key] = max(e.by[key], n.Progress)
	}
	for ; len(e.order) > earlyMost; e.order = e.order[1:] {
		delete(e.by, e.order[0])
	}
}

// forget drops notes that were written.
func (e *early) forget(notes []outbox.Note) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range notes {
		delete(e.by, platformMessage{n.Business, n.Channel, n.PlatformID})
	}
}

// about returns what is kept about replies whose ids have just been stored.
func (e *early) about(settled []outbox.Settlement) (notes []outbox.Note) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.by) == 0 {
		return nil
	}
	for _, s := range settled {
		key := platformMessage{s.Reply.Business, s.Reply.Channel, s.Reply.PlatformID}
		if progress, ok := e.by[key]; ok && s.State == outbox.ReplySent {
			notes = append(notes, outbox.Note{Business: key.business, Channel: key.channel, PlatformID: key.id, Progress: progress})
			delete(e.by, key)
		}
	}
	return notes
}

// note keeps what an event that is no part of a conversation says.
func (g *Gateway) note(ctx context.Context, t *turn) error {
	switch t.ev.Kind {
	case connectors.KindIdentity:
		t.outcome.State, t.outcome.Reason = ignored, "changes of a person's ids are not followed"
	case connectors.KindStatus:
		progress, ok := outbox.ProgressOf(t.ev.Status)
		switch {
		case !ok:
		case t.ev.MessageID != "":
			t.notes = append(t.notes, outbox.Note{Business: t.ch.Business.ID, Channel: t.ch.ID, PlatformID: t.ev.MessageID, Progress: progress})
		case !t.ev.Watermark.IsZero():
			return g.noteUntil(ctx, t, progress)
		}
	}
	return nil
}

// untilMost is how many of a conversation's last messages a status can be about
// that names a time instead of one.
const untilMost = 50

// noteUntil keeps a status that is true of all that was sent until a time.
func (g *Gateway) noteUntil(ctx context.Context, t *turn, progress outbox.Progress) error {
	b, id := t.ch.Business, g.ConversationOf(t.ch, t.ev.ExternalID)
	conv, _, err := g.Conversation(ctx, b, id)
	if errors.Is(err, contacts.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	lines, err := g.Messages(ctx, b, id, max(conv.State.Seq-untilMost, 0), untilMost)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if line.Out && !line.At.After(t.ev.Watermark) {
			t.notes = append(t.notes, outbox.Note{Business: b.ID, Channel: t.ch.ID, Reply: line.ID, Progress: progress})
		}
	}
	return nil
}

// noteEarly writes what platforms said of replies before these were settled.
func (g *Gateway) noteEarly(ctx context.Context, settled []outbox.Settlement) error {
	notes := g.early.about(settled)
	if len(notes) == 0 {
		return nil
	}
	return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		_, err := outbox.NoteProgress(tx, notes)
		return err
	})
}

// knowOwn marks messages of our side that usher sent itself and is told of: they
// are in the transcript.
func (g *Gateway) knowOwn(ctx context.Context, turns []*turn) error {
	var ids []string
	for _, t := range turns {
		if isEcho(t.ev) {
			ids = append(ids, t.ev.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	sent, err := outbox.SentAs(g.DB.Read(ctx), ids)
	if err != nil {
		return err
	}
	for _, t := range turns {
		if t.ch != nil && isEcho(t.ev) && sent[outbox.Note{Business: t.ch.Business.ID, Channel: t.ch.ID, PlatformID: t.ev.MessageID}] {
			t.own = true
			t.outcome.State, t.outcome.Reason = ignored, "usher sent it itself"
		}
	}
	return nil
}

func isEcho(ev *connectors.Event) bool {
	return ev.Direction == connectors.DirectionOut && ev.MessageID != ""
}
