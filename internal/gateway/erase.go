package gateway

import (
	"context"
	"errors"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/ids"
	"usher/internal/inbox"
	"usher/internal/outbox"
	"usher/internal/timers"
)

// Erase forgets a person: at once in everything that is found by who it is, so
// that phone and e-mail are free; then in what it said, which Erasing goes on
// with after a restart. Error: contacts.ErrNotFound.
func (g *Gateway) Erase(ctx context.Context, b *Business, id string) (sqlstore.Erasure, error) {
	e := sqlstore.Erasure{ID: ids.Format("era", g.inbox.NewID()), Business: b.ID, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		found, err := people.ConversationsOf([]string{id})
		if err != nil {
			return err
		}
		e.Todo = sqlstore.Remains{}
		for _, conv := range found[id] {
			e.Todo.Conversations = append(e.Todo.Conversations, conv.ID)
			e.Todo.Guests = append(e.Todo.Guests, guestIDOf(conv))
			e.Todo.Lanes = append(e.Todo.Lanes, inbox.LaneOf(b.ID, conv.Channel, conv.ExternalID))
		}
		return inOrder(
			func() error { return people.ForgetContact(b.ID, id) },
			func() error { return outbox.Erase(tx, id) },
			func() error { return timers.DropLanes(tx, e.Todo.Lanes) },
			func() error { return people.PutErasure(e) },
		)
	})
	if err != nil {
		return e, err
	}
	if err := g.empty(ctx, &e); err != nil {
		g.Log.Warn("an erasure goes on later", "erasure", e.ID, "error", err)
	}
	return e, nil
}

// empty removes what an erased person said, wherever it is kept.
func (g *Gateway) empty(ctx context.Context, e *sqlstore.Erasure) error {
	if len(e.Todo.Guests) > 0 {
		if err := g.guestStore().Delete(ctx, e.Todo.Guests); err != nil {
			return err
		}
	}
	for _, conv := range e.Todo.Conversations {
		for more := true; more; {
			err := g.DB.Write(ctx, database.Bulk, func(tx *database.Tx) (err error) {
				more, err = sqlstore.New(tx).EmptyConversation(conv)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	done := *e
	done.DoneAt = time.Now().UTC().Truncate(time.Microsecond)
	err := g.DB.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		if err := inbox.Erase(tx, e.Todo.Lanes); err != nil {
			return err
		}
		return sqlstore.New(tx).PutErasure(done)
	})
	if err == nil {
		e.DoneAt = done.DoneAt
	}
	return err
}

// Erasing is how far the work of forgetting somebody is. Error:
// contacts.ErrNotFound.
func (g *Gateway) Erasing(ctx context.Context, b *Business, id string) (sqlstore.Erasure, error) {
	return sqlstore.New(g.DB.Read(ctx)).Erasure(b.ID, id)
}

// eraseRest goes on with what a stopped node or an outage left.
func (g *Gateway) eraseRest(ctx context.Context) error {
	open, err := sqlstore.New(g.DB.Read(ctx)).OpenErasures(100)
	if err != nil {
		return err
	}
	var errs []error
	for i := range open {
		if err := g.empty(ctx, &open[i]); err != nil && !errors.Is(err, contacts.ErrConflict) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
