package api

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/gateway"
)

// conversation is one person's on one channel.
type conversation struct {
	ID         string     `json:"id"`
	Channel    string     `json:"channel"`
	ExternalID string     `json:"external_id" doc:"The channel's id of the person"`
	Handling   string     `json:"handling" enum:"flow,bot,queued,agent,follow_up" doc:"Who answers"`
	Team       *string    `json:"team" doc:"That a flow handed it to"`
	AssigneeID *string    `json:"assignee_id" doc:"The agent whose it is; else the one that its contact is assigned to"`
	HandedOver *time.Time `json:"handed_over_at" doc:"Since when people are to answer"`
	ClosedAt   *time.Time `json:"closed_at" doc:"When an agent closed it; null once the person has written again"`
	Contact    person     `json:"contact" doc:"The person; anonymous: a guest, under a made-up name and e-mail"`
	ContactID  *string    `json:"contact_id"`
	GuestID    *string    `json:"guest_id"`
	CreatedAt  time.Time  `json:"created_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
}

type conversationAnswer struct {
	Body conversation
}

type conversationsAnswer struct {
	Body page[conversation]
}

func conversationOf(c *contacts.Conversation, document person) conversation {
	answer := conversation{
		ID: c.ID, Channel: c.Channel, ExternalID: c.ExternalID, Handling: string(c.Handling), Contact: document,
		CreatedAt: c.CreatedAt.UTC(), UpdatedAt: c.UpdatedAt.UTC(),
	}
	if c.ContactID != "" {
		answer.ContactID = &c.ContactID
	}
	if assignee, ok := document["assignee_id"].(string); ok {
		answer.AssigneeID = &assignee
	}
	if d := c.State.Desk; d != nil {
		answer.Team, answer.AssigneeID = orNull(d.Team), cmp.Or(orNull(d.AssigneeID), answer.AssigneeID)
		if d.Closed.IsZero() {
			since := d.Since.UTC()
			answer.HandedOver = &since
		} else {
			closed := d.Closed.UTC()
			answer.ClosedAt = &closed
		}
	}
	document["anonymous"] = false
	return answer
}

// guestConversation shows the pseudonym where nothing real is known.
func guestConversation(b *gateway.Business, g *contacts.Guest) conversation {
	document := person(g.Document(b.Fields))
	made := contacts.PseudonymOf(g.ID, g.Seed)
	if document["name"] == nil {
		document["name"] = made.Name
	}
	if document["email"] == nil {
		document["email"] = made.Email
	}
	answer := conversationOf(&g.Conversation, document)
	document["anonymous"] = true
	answer.GuestID = &g.ID
	return answer
}

func (s *Server) getConversation(ctx context.Context, in *ByID) (*conversationAnswer, error) {
	return s.conversation(ctx, in.ID)
}

func (s *Server) conversation(ctx context.Context, id string) (*conversationAnswer, error) {
	b := businessOf(ctx)
	c, guest, err := s.gateway.Conversation(ctx, b, id)
	if err != nil {
		return nil, err
	}
	if guest != nil {
		return &conversationAnswer{guestConversation(b, guest)}, nil
	}
	withPeople, err := s.withContacts(ctx, b, []*contacts.Conversation{c})
	if err != nil {
		return nil, err
	}
	return &conversationAnswer{withPeople[0]}, nil
}

type listConversationsInput struct {
	Paging
	Handling   string `query:"handling" enum:"flow,bot,queued,agent,follow_up"`
	Channel    string `query:"channel"`
	ContactID  string `query:"contact_id"`
	AssigneeID string `query:"assignee_id" doc:"me: the agent of the key"`
}

func (s *Server) listConversations(ctx context.Context, in *listConversationsInput) (*conversationsAnswer, error) {
	who := callerOf(ctx)
	if in.AssigneeID == "me" {
		if in.AssigneeID = who.AgentID; in.AssigneeID == "" {
			return nil, invalid(fault{Field: "assignee_id", Code: "invalid", Detail: "me: the key is no agent's"})
		}
	}
	list, next, total, err := s.store(ctx).ListConversations(who.Business, sqlstore.ConversationFilter{
		Handling: contacts.Handling(in.Handling), Channel: in.Channel, ContactID: in.ContactID, AssigneeID: in.AssigneeID,
	}, sqlstore.Page{Limit: in.Limit, Cursor: in.Cursor, Count: in.Count})
	if err != nil {
		return nil, err
	}
	withPeople, err := s.withContacts(ctx, who.business, list)
	if err != nil {
		return nil, err
	}
	return &conversationsAnswer{pageOf(withPeople, next, total)}, nil
}

type contactConversationsInput struct {
	ByID
	Paging
}

func (s *Server) contactConversations(ctx context.Context, in *contactConversationsInput) (*conversationsAnswer, error) {
	b := businessOf(ctx)
	if _, err := s.store(ctx).Contact(b.ID, in.ID); err != nil {
		return nil, err
	}
	all, err := s.store(ctx).ConversationsOf([]string{in.ID})
	if err != nil {
		return nil, err
	}
	withPeople, err := s.withContacts(ctx, b, all[in.ID])
	if err != nil {
		return nil, err
	}
	list, err := cut(withPeople, &in.Paging)
	if err != nil {
		return nil, err
	}
	return &conversationsAnswer{list}, nil
}

// withContacts adds the documents of the contacts, and of guests that people are
// to answer.
func (s *Server) withContacts(ctx context.Context, b *gateway.Business, list []*contacts.Conversation) ([]conversation, error) {
	guests, err := s.gateway.GuestsAtDesk(ctx, b, list)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range list {
		if c.ContactID != "" {
			ids = append(ids, c.ContactID)
		}
	}
	people, err := s.store(ctx).Contacts(ids)
	if err != nil {
		return nil, err
	}
	var found []*contacts.Contact
	for _, p := range people {
		found = append(found, p)
	}
	documents, err := s.gateway.ContactDocuments(ctx, b, found)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]person, len(documents))
	for i, d := range documents {
		byID[found[i].ID] = d
	}
	answers := make([]conversation, 0, len(list))
	for _, c := range list {
		if guest := guests[c.ID]; guest != nil {
			answers = append(answers, guestConversation(b, guest))
			continue
		}
		if c.ContactID == "" {
			continue // the guest has just gone
		}
		document := byID[c.ContactID]
		if document == nil {
			document = person{}
		}
		answers = append(answers, conversationOf(c, document))
	}
	return answers, nil
}

// message is one line of a conversation.
type message struct {
	ID        string              `json:"id"`
	Seq       int64               `json:"seq"`
	Direction string              `json:"direction" enum:"in,out" doc:"out: said by our side"`
	Text      string              `json:"text"`
	Media     []connectors.Media  `json:"media"`
	Buttons   []connectors.Button `json:"buttons"`
	Form      *connectors.Form    `json:"form"`
	At        time.Time           `json:"at"`
	Status    *string             `json:"status" doc:"How far what we said got: pending, sent, delivered, read, failed"`
	AgentID   *string             `json:"agent_id" doc:"The agent who wrote it"`
	Private   bool                `json:"private" doc:"A note among agents, which the person does not see"`
}

func messageOf(l contacts.Line) message {
	m := message{ID: l.ID, Seq: l.Seq, AgentID: orNull(l.Author), Private: l.Private, Direction: "in", Media: []connectors.Media{}, Buttons: []connectors.Button{}, At: l.At.UTC()}
	var body connectors.Message
	if json.Unmarshal(l.Body, &body) == nil { // a blanked line has no body
		m.Text, m.Form = body.Text, body.Form
		m.Media = append(m.Media, body.Media...)
		m.Buttons = append(m.Buttons, body.Buttons...)
	}
	if l.Out {
		m.Direction = "out"
		if l.State != "" {
			m.Status = &l.State
		}
	}
	return m
}

type listMessagesInput struct {
	ByID
	Paging
}

type messagesAnswer struct {
	Body page[message]
}

func (s *Server) listMessages(ctx context.Context, in *listMessagesInput) (*messagesAnswer, error) {
	var after int64
	if in.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil || after < 0 {
			return nil, invalid(fault{Field: "cursor", Code: "invalid", Detail: "the cursor is not of this list"})
		}
	}
	b := businessOf(ctx)
	total, err := in.total(func() (int, error) { return s.countMessages(ctx, b, in.ID) })
	if err != nil {
		return nil, err
	}
	lines, err := s.gateway.Messages(ctx, b, in.ID, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(lines) > in.Limit {
		lines = lines[:in.Limit]
		next = strconv.FormatInt(lines[in.Limit-1].Seq, 10)
	}
	messages := make([]message, len(lines))
	for i, l := range lines {
		messages[i] = messageOf(l)
	}
	return &messagesAnswer{pageOf(messages, next, total)}, nil
}

// countMessages is how many have been said: of a guest only the latest are kept.
func (s *Server) countMessages(ctx context.Context, b *gateway.Business, id string) (int, error) {
	c, guest, err := s.gateway.Conversation(ctx, b, id)
	if err != nil {
		return 0, err
	}
	if guest != nil {
		return min(int(c.State.Seq), contacts.TranscriptLimit), nil
	}
	return int(c.State.Seq), nil
}
