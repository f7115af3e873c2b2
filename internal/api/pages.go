package api

import (
	"context"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"usher/connectors"
	"usher/contacts"
	"usher/crm"
	"usher/internal/api/static"
	"usher/internal/gateway"
	"usher/internal/outbox"
)

// contentPolicy lets our pages use our own files and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// assetAge is short: the names of files do not change with a new version.
const assetAge = "public, max-age=300"

func (s *Server) tryIndex(c *fiber.Ctx) error {
	if !s.tryPage {
		return fiber.ErrNotFound
	}
	return sendFile(c, "index.html")
}

func (s *Server) docs(c *fiber.Ctx) error { return sendFile(c, "docs/index.html") }

// widget is loaded by other sites' pages.
func (s *Server) widget(c *fiber.Ctx) error {
	c.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return sendFile(c, "webchat.js")
}

func (s *Server) static(c *fiber.Ctx) error {
	name := path.Clean(c.Params("*"))
	if name == "index.html" { // only at /, and only if that is on
		return fiber.ErrNotFound
	}
	c.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return sendFile(c, name)
}

func sendFile(c *fiber.Ctx, name string) error {
	content, err := fs.ReadFile(static.Files, name)
	if err != nil {
		return fiber.ErrNotFound
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "text/plain; charset=utf-8"
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	c.Set("Referrer-Policy", "no-referrer")
	c.Set(fiber.HeaderCacheControl, assetAge)
	return c.Send(content)
}

// tryChannel is the channel of the page to try the chat.
const tryChannel = "webchat/site"

// trial is what the page shows of the visitor who asks.
type trial struct {
	Person person      `json:"person"`
	Leads  []trialLead `json:"leads"`
}

type trialLead struct {
	At     time.Time      `json:"at"`
	Kind   crm.Kind       `json:"kind"`
	Name   any            `json:"name"`
	Email  any            `json:"email"`
	Phone  any            `json:"phone"`
	Fields map[string]any `json:"fields"`
}

// tryState shows a visitor what became of them, and nobody else.
func (s *Server) tryState(c *fiber.Ctx) error {
	if !s.tryPage {
		return fiber.ErrNotFound
	}
	ch, ok := s.gateway.Channel(s.business, tryChannel)
	if !ok {
		return fiber.ErrNotFound
	}
	visitors, ok := ch.Connector.(connectors.Visitors)
	if !ok {
		return fiber.ErrNotFound
	}
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	visitor, ok := visitors.Authenticate(strings.TrimSpace(token), time.Now())
	if !ok || !strings.EqualFold(scheme, "bearer") {
		return newProblem(http.StatusUnauthorized, "no such visitor")
	}
	seen, err := s.trialOf(c.UserContext(), ch, visitor)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(seen)
}

func (s *Server) trialOf(ctx context.Context, ch *gateway.Channel, visitor string) (trial, error) {
	none := trial{Leads: []trialLead{}}
	b := ch.Business
	conv, guest, err := s.gateway.Conversation(ctx, b, s.gateway.ConversationOf(ch, visitor))
	switch {
	case errors.Is(err, contacts.ErrNotFound):
		return none, nil
	case err != nil:
		return none, err
	case guest != nil:
		none.Person = guest.Document(b.Fields)
		return none, nil
	}
	contact, err := s.store(ctx).Contact(b.ID, conv.ContactID)
	if err != nil {
		return none, err
	}
	if !conv.Linked && contact.SoleConversation != conv.ID {
		// Somebody typed an address that is another person's: they see what they
		// said, as if nobody had it.
		own := &contacts.Contact{ID: contacts.ContactIDOf(contacts.GuestIDOf(conv.ID)), Values: conv.State.Said, CreatedAt: conv.CreatedAt, UpdatedAt: conv.UpdatedAt}
		none.Person = own.Document(b.Fields, nil)
		return none, nil
	}
	document, err := s.gateway.ContactDocument(ctx, b, contact)
	if err != nil {
		return none, err
	}
	seen := trial{Person: document}
	seen.Leads, err = s.trialLeads(ctx, b, contact.ID, document)
	return seen, err
}

// trialLeads are the leads of a contact that a recording destination got.
func (s *Server) trialLeads(ctx context.Context, b *gateway.Business, contactID string, document person) ([]trialLead, error) {
	leads := []trialLead{}
	for _, d := range b.Destinations {
		if d.Type != "sink" {
			continue
		}
		got, _, err := s.gateway.Deliveries(ctx, b, gateway.DeliveryQuery{State: string(outbox.Delivered), Destination: d.ID, ContactID: contactID, Limit: 20})
		if err != nil {
			return nil, err
		}
		custom, _ := document["fields"].(map[string]any)
		for _, one := range got {
			leads = append(leads, trialLead{At: one.UpdatedAt, Kind: one.Kind, Name: document["name"], Email: document["email"], Phone: document["phone"], Fields: custom})
		}
	}
	return leads, nil
}
