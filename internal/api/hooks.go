package api

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"usher/connectors"
	"usher/internal/gateway"
)

// hook takes what a platform posts to one of the channels.
func (s *Server) hook(c *fiber.Ctx) error {
	ch, path, err := s.channelOf(c)
	if err != nil {
		return err
	}
	r := s.request(c, path)
	if visitors, ok := ch.Connector.(connectors.Visitors); ok {
		return s.webchat(c, ch, visitors, r)
	}
	if token := r.Bearer(); token != "" {
		key, err := s.auth.find(c.UserContext(), token)
		if err != nil {
			return err
		}
		r.Authorized = key != nil && key.Business == ch.Business.ID && may(key.Scopes, scopeBot)
	}
	response, err := s.gateway.Accept(c.UserContext(), ch, r)
	if err != nil {
		return err
	}
	return write(c, response)
}

// channelOf finds the channel that a path names: /hooks/{type}/{name} for those
// of the installation's own business, /b/{business} before it for the others.
func (s *Server) channelOf(c *fiber.Ctx) (ch *gateway.Channel, path string, err error) {
	business := s.business
	if id := c.Params("business"); id != "" {
		business = id
	}
	ch, ok := s.gateway.Channel(business, c.Params("type")+"/"+c.Params("name"))
	if !ok {
		return nil, "", newProblem(http.StatusNotFound, "there is no such channel")
	}
	if rest := c.Params("*"); rest != "" {
		path = "/" + strings.Trim(rest, "/")
	}
	return ch, path, nil
}

// write answers with what the platform expects.
func write(c *fiber.Ctx, r connectors.Response) error {
	if r.Status != 0 {
		c.Status(r.Status)
	}
	if r.ContentType != "" {
		c.Set(fiber.HeaderContentType, r.ContentType)
	}
	return c.Send(r.Body)
}
