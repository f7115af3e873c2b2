package api

import (
	"context"

	"usher/contacts"
	"usher/internal/gateway"
)

type guestAnswer struct {
	Body person
}

func (s *Server) getGuest(ctx context.Context, in *ByID) (*guestAnswer, error) {
	b := businessOf(ctx)
	return guestDocument(b)(s.gateway.Guest(ctx, b, in.ID))
}

type findGuestInput struct {
	Channel    string `query:"channel" required:"true" example:"webchat/site"`
	ExternalID string `query:"external_id" required:"true" doc:"The channel's id of the person"`
}

func (s *Server) findGuest(ctx context.Context, in *findGuestInput) (*guestAnswer, error) {
	b := businessOf(ctx)
	return guestDocument(b)(s.gateway.GuestAt(ctx, b, in.Channel, in.ExternalID))
}

func guestDocument(b *gateway.Business) func(*contacts.Guest, error) (*guestAnswer, error) {
	return func(g *contacts.Guest, err error) (*guestAnswer, error) {
		if err != nil {
			return nil, err
		}
		return &guestAnswer{g.Document(b.Fields)}, nil
	}
}
