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
	conv, contact, seen, err := g.seek(ctx, ch, externalID)
	if err != nil || seen {
		return conv, contact, err
	}
	// A bot may ask by its session's name. That is followed once: a session may
	// be called as another person is.
	person, err := sqlstore.New(g.DB.Read(ctx)).SessionOf(ch.Business.ID, ch.ID, externalID)
	if errors.Is(err, contacts.ErrNotFound) || err == nil && person == externalID {
		return conv, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	conv, contact, _, err = g.seek(ctx, ch, person)
	return conv, contact, err
}

// seek is find by the person's own id; seen says whether there is anything.
func (g *Gateway) seek(ctx context.Context, ch *Channel, externalID string) (conv *contacts.Conversation, contact *contacts.Contact, seen bool, err error) {
	people := sqlstore.New(g.DB.Read(ctx))
	id := g.ConversationOf(ch, externalID)
	found, err := people.Conversations([]string{id})
	if err != nil {
		return nil, nil, false, err
	}
	if conv := found[id]; conv != nil {
		persons, err := people.Contacts([]string{conv.ContactID})
		return conv, persons[conv.ContactID], true, err
	}
	t, err := g.lookAt(ctx, ch, externalID)
	if err != nil {
		return nil, nil, false, err
	}
	return t.conv, nil, t.guest.Applied > 0, nil
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

// GuestAt is the guest on a channel, found by its id or, for a bot, by the name
// of its session. Errors: contacts.ErrNotFound, *MovedError.
func (g *Gateway) GuestAt(ctx context.Context, b *Business, channelID, externalID string) (*contacts.Guest, error) {
	ch, ok := b.Channels[channelID]
	if !ok {
		return nil, contacts.ErrNotFound
	}
	candidates := []string{externalID, anonymousPrefix + externalID}
	person, err := sqlstore.New(g.DB.Read(ctx)).SessionOf(b.ID, ch.ID, externalID)
	switch {
	case err == nil:
		candidates = append(candidates, person)
	case !errors.Is(err, contacts.ErrNotFound):
		return nil, err
	}
	for _, id := range candidates {
		conv, contact, seen, err := g.seek(ctx, ch, id)
		switch {
		case err != nil:
			return nil, err
		case contact != nil:
			return nil, &MovedError{contact.ID}
		case seen && conv.ContactID == "":
			t, err := g.lookAt(ctx, ch, id)
			return t.guest, err
		}
	}
	return nil, contacts.ErrNotFound
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
	if errors.Is(err, contacts.ErrNotFound) {
		guest, err = g.guestAtDesk(ctx, b, id)
	}
	if err != nil {
		return nil, nil, err
	}
	return &guest.Conversation, guest, nil
}

// guestAtDesk is a guest whose conversation people are to answer, rebuilt from
// the inbox. Error: contacts.ErrNotFound.
func (g *Gateway) guestAtDesk(ctx context.Context, b *Business, conversation string) (*contacts.Guest, error) {
	row, err := sqlstore.New(g.DB.Read(ctx)).DeskOf(b.ID, conversation)
	if err != nil {
		return nil, err
	}
	ch := b.Channels[row.Channel]
	if ch == nil || row.ContactID != "" {
		return nil, contacts.ErrNotFound
	}
	t, err := g.lookAt(ctx, ch, row.ExternalID)
	if err != nil {
		return nil, err
	}
	if t.guest.Applied == 0 {
		return nil, contacts.ErrNotFound
	}
	return t.guest, nil
}

// GuestsAtDesk are the guests of conversations that a list found at the desk, by
// conversation; those that are gone are left out.
func (g *Gateway) GuestsAtDesk(ctx context.Context, b *Business, conversations []*contacts.Conversation) (map[string]*contacts.Guest, error) {
	var wanted []string
	for _, c := range conversations {
		if c.ContactID == "" {
			wanted = append(wanted, guestIDOf(c))
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	found, err := g.guestStore().Load(ctx, wanted)
	if err != nil {
		return nil, err
	}
	guests := make(map[string]*contacts.Guest, len(wanted))
	for _, c := range conversations {
		if c.ContactID != "" {
			continue
		}
		guest := found[guestIDOf(c)]
		if guest == nil || guest.MovedTo != "" {
			guest, err = g.guestAtDesk(ctx, b, c.ID)
		}
		if errors.Is(err, contacts.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		guests[c.ID] = guest
	}
	return guests, nil
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
