package gateway

import (
	"context"
	"errors"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/inbox"
	"usher/internal/outbox"
)

// MovedError says that a guest has become a contact.
type MovedError struct{ To string }

func (e *MovedError) Error() string { return "became " + e.To }

// ConversationOf is the id of a person's conversation on a channel.
func (g *Gateway) ConversationOf(ch *Channel, externalID string) string {
	return contacts.ConversationID(g.Salt, ch.Business.ID, ch.ID, externalID)
}

// Known is the person on a channel as their conversation may see them. A person
// never seen is somebody of whom nothing is known.
func (g *Gateway) Known(ctx context.Context, b *Business, channelID, externalID string) (connectors.Turn, error) {
	ch, ok := b.Channels[channelID]
	if !ok {
		return connectors.Turn{}, contacts.ErrNotFound
	}
	conv, contact, err := g.find(ctx, ch, externalID)
	if err != nil {
		return connectors.Turn{}, err
	}
	return g.turnOf(ch, conv, contact, "", nil), nil
}

// find looks a person up where conversing would, without changing anything. The
// conversation of a person never seen is empty.
func (g *Gateway) find(ctx context.Context, ch *Channel, externalID string) (*contacts.Conversation, *contacts.Contact, error) {
	people := sqlstore.New(g.DB.Read(ctx))
	id := g.ConversationOf(ch, externalID)
	found, err := people.Conversations([]string{id})
	if err != nil {
		return nil, nil, err
	}
	if conv := found[id]; conv != nil {
		persons, err := people.Contacts([]string{conv.ContactID})
		return conv, persons[conv.ContactID], err
	}
	t, err := g.lookAt(ctx, ch, externalID)
	if err != nil {
		return nil, nil, err
	}
	if t.guest.Applied > 0 {
		return t.conv, nil, nil
	}
	// A bot may ask by its session's name.
	person, err := people.SessionOf(ch.Business.ID, ch.ID, externalID)
	if errors.Is(err, contacts.ErrNotFound) || err == nil && person == externalID {
		return t.conv, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return g.find(ctx, ch, person)
}

// lookAt reads a guest, rebuilt from the inbox if its store has lost it.
func (g *Gateway) lookAt(ctx context.Context, ch *Channel, externalID string) (*turn, error) {
	now := time.Now().UTC()
	t := &turn{ch: ch, now: now, work: &work{row: &inbox.Event{Lane: inbox.LaneOf(ch.Business.ID, ch.ID, externalID)}},
		ev: &connectors.Event{ExternalID: externalID},
		conv: &contacts.Conversation{ID: g.ConversationOf(ch, externalID), BusinessID: ch.Business.ID, Channel: ch.ID,
			ExternalID: externalID, Handling: contacts.ByFlow, CreatedAt: now, UpdatedAt: now}}
	return t, g.loadGuests(ctx, []*turn{t})
}

// GuestAt is the guest on a channel. Errors: contacts.ErrNotFound, *MovedError.
func (g *Gateway) GuestAt(ctx context.Context, b *Business, channelID, externalID string) (*contacts.Guest, error) {
	ch, ok := b.Channels[channelID]
	if !ok {
		return nil, contacts.ErrNotFound
	}
	people := sqlstore.New(g.DB.Read(ctx))
	for _, id := range []string{externalID, anonymousPrefix + externalID} {
		conversation := g.ConversationOf(ch, id)
		found, err := people.Conversations([]string{conversation})
		if err != nil {
			return nil, err
		}
		if conv := found[conversation]; conv != nil {
			return nil, &MovedError{conv.ContactID}
		}
		t, err := g.lookAt(ctx, ch, id)
		if err != nil {
			return nil, err
		}
		if t.guest.Applied > 0 {
			return t.guest, nil
		}
	}
	person, err := people.SessionOf(b.ID, ch.ID, externalID)
	if err != nil || person == externalID {
		return nil, errors.Join(contacts.ErrNotFound, err)
	}
	return g.GuestAt(ctx, b, channelID, person)
}

// Guest by id. Errors: contacts.ErrNotFound, *MovedError.
func (g *Gateway) Guest(ctx context.Context, b *Business, id string) (*contacts.Guest, error) {
	conversation := contacts.ConversationIDOf(id)
	found, err := sqlstore.New(g.DB.Read(ctx)).Conversations([]string{conversation})
	if err != nil {
		return nil, err
	}
	if conv := found[conversation]; conv != nil {
		if conv.BusinessID != b.ID {
			return nil, contacts.ErrNotFound
		}
		return nil, &MovedError{conv.ContactID}
	}
	guests, err := g.guestStore().Load(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	guest := guests[id]
	if guest == nil || guest.Conversation.BusinessID != b.ID {
		return nil, contacts.ErrNotFound
	}
	if guest.MovedTo != "" {
		return nil, &MovedError{guest.MovedTo}
	}
	return guest, nil
}

// Conversation by id, with the guest that holds it; the guest is nil for a
// contact's.
func (g *Gateway) Conversation(ctx context.Context, b *Business, id string) (*contacts.Conversation, *contacts.Guest, error) {
	found, err := sqlstore.New(g.DB.Read(ctx)).Conversations([]string{id})
	if err != nil {
		return nil, nil, err
	}
	if conv := found[id]; conv != nil {
		if conv.BusinessID != b.ID {
			return nil, nil, contacts.ErrNotFound
		}
		return conv, nil, nil
	}
	guest, err := g.Guest(ctx, b, "gst_"+contacts.SuffixOf(id))
	var moved *MovedError
	if errors.As(err, &moved) {
		return nil, nil, contacts.ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	return &guest.Conversation, guest, nil
}

// Messages of a conversation after a number, oldest first, each of our own with
// how far it got.
func (g *Gateway) Messages(ctx context.Context, b *Business, id string, after int64, limit int) ([]contacts.Line, error) {
	conv, guest, err := g.Conversation(ctx, b, id)
	if err != nil {
		return nil, err
	}
	read := g.DB.Read(ctx)
	var lines []contacts.Line
	if guest != nil {
		lines, err = g.guestStore().Transcript(ctx, guest.ID, after, limit)
	} else {
		lines, err = sqlstore.New(read).Lines(conv.ID, after, limit)
	}
	if err != nil {
		return nil, err
	}
	var said []string
	for _, line := range lines {
		if line.Out {
			said = append(said, line.ID)
		}
	}
	progress, err := outbox.ProgressOfReplies(read, said)
	for i, line := range lines {
		if p, ok := progress[line.ID]; ok && line.Out {
			lines[i].State = p.String()
		}
	}
	return lines, err
}
