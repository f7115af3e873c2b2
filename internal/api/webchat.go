package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gofiber/fiber/v2"

	"usher/connectors"
	"usher/internal/gateway"
)

// preflightAge is how long browsers remember what a page may do; none of them
// keeps it for much longer.
const preflightAge = "7200"

// webchat serves a channel of visitors: their sessions, what they write, and
// the stream of what is said to them.
func (s *Server) webchat(c *fiber.Ctx, ch *gateway.Channel, visitors connectors.Visitors, r *connectors.Request) error {
	if err := admit(c, visitors, r); err != nil {
		return err
	}
	addr, err := netip.ParseAddr(r.IP)
	if err == nil && !s.visits.allow(addr) {
		return newProblem(http.StatusTooManyRequests, "too many requests from this address").with("Retry-After", retryAfter)
	}
	switch {
	case r.Method == http.MethodPost && r.Path == "/session":
		return openSession(c, visitors, r)
	case r.Method == http.MethodPost && r.Path == "/identify":
		return s.identifyVisitor(c, ch, visitors, r)
	case r.Method == http.MethodGet && r.Path == "/stream":
		id, ok := visitors.Authenticate(r.Bearer(), r.At)
		if !ok {
			return connectors.ErrUnverified
		}
		return s.stream(c, ch, id, r)
	case r.Method == http.MethodPost:
		response, err := s.gateway.Accept(c.UserContext(), ch, r)
		if err != nil {
			return err
		}
		return write(c, response)
	default:
		return fiber.ErrNotFound
	}
}

// admit checks the page that a browser shows and tells the browser so.
func admit(c *fiber.Ctx, visitors connectors.Visitors, r *connectors.Request) error {
	allow, ok := visitors.Origin(r)
	c.Vary(fiber.HeaderOrigin)
	if !ok {
		return newProblem(http.StatusForbidden, "this page may not use the channel")
	}
	if allow != "" {
		c.Set(fiber.HeaderAccessControlAllowOrigin, allow)
		c.Set(fiber.HeaderAccessControlExposeHeaders, "Retry-After")
	}
	return nil
}

// preflight answers browsers that ask before they send.
func (s *Server) preflight(c *fiber.Ctx) error {
	ch, path, err := s.channelOf(c)
	if err != nil {
		return err
	}
	visitors, ok := ch.Connector.(connectors.Visitors)
	if !ok {
		return fiber.ErrMethodNotAllowed
	}
	if err := admit(c, visitors, s.request(c, path)); err != nil {
		return err
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST")
	c.Set(fiber.HeaderAccessControlAllowHeaders, "Authorization, Content-Type, Last-Event-ID, Cache-Control")
	c.Set(fiber.HeaderAccessControlMaxAge, preflightAge)
	return c.SendStatus(http.StatusNoContent)
}

// session is what a visitor is known by.
type session struct {
	ExternalID string    `json:"external_id"`
	Token      string    `json:"token"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// openSession makes a visitor, or renews the token of one.
func openSession(c *fiber.Ctx, visitors connectors.Visitors, r *connectors.Request) error {
	var v session
	if id, ok := visitors.Authenticate(r.Bearer(), r.At); ok {
		v.ExternalID = id
		v.Token, v.ExpiresAt = visitors.Renew(id, r.At)
	} else {
		v.ExternalID, v.Token, v.ExpiresAt = visitors.NewSession(r.At)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(v)
}

// identifyVisitor takes what the business signed about the visitor who sends
// it, and answers with the person.
func (s *Server) identifyVisitor(c *fiber.Ctx, ch *gateway.Channel, visitors connectors.Visitors, r *connectors.Request) error {
	id, ok := visitors.Authenticate(r.Bearer(), r.At)
	if !ok {
		return connectors.ErrUnverified
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := decode(r.Body, &body); err != nil {
		return err
	}
	event, err := visitors.Identify(body.Token, r.At)
	if err != nil {
		return err
	}
	answer, err := s.identified(c.UserContext(), ch, id, event)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(answer.Body)
}

func (s *Server) identified(ctx context.Context, ch *gateway.Channel, id string, e connectors.Event) (*knownAnswer, error) {
	values := map[string]any{"customer_id": e.CustomerID}
	for name, value := range map[string]string{"name": e.Name, "email": e.Email, "phone": e.Phone} {
		if value != "" {
			values[name] = value
		}
	}
	turn, err := s.gateway.Capture(ctx, ch, gateway.CaptureRequest{ExternalID: id, Verified: true, Values: values, Via: viaIdentify})
	if err != nil {
		return nil, err
	}
	return personOf(turn), nil
}
