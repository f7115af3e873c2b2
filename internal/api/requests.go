package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"usher/connectors"
)

// request copies what a webhook says. Fiber's own memory is reused as soon as
// the handler returns, and events outlive it. path is what follows the
// channel's own path.
func (s *Server) request(c *fiber.Ctx, path string) *connectors.Request {
	header := make(http.Header, c.Request().Header.Len())
	for name, value := range c.Request().Header.All() {
		header.Add(string(name), string(value))
	}
	var query map[string]string
	if args := c.Request().URI().QueryArgs(); args.Len() > 0 {
		query = make(map[string]string, args.Len())
		for name, value := range args.All() {
			if _, ok := query[string(name)]; !ok { // the first counts, as everywhere else
				query[string(name)] = string(value)
			}
		}
	}
	client, trusted := s.client(c)
	return &connectors.Request{
		Method: strings.Clone(c.Method()),
		URL:    s.calledURL(c, trusted),
		Path:   strings.Clone(path),
		Query:  query,
		Header: header,
		Body:   slices.Clone(c.Request().Body()),
		IP:     client.String(),
		At:     time.Now(),
	}
}

// calledURL is the address that the platform called: signatures cover it.
// Behind a proxy only public_url, or what a trusted proxy says, is right.
func (s *Server) calledURL(c *fiber.Ctx, trusted bool) string {
	base := s.publicURL
	if base == "" {
		scheme, host := "http", string(c.Context().Host())
		if c.Context().IsTLS() {
			scheme = "https"
		}
		if trusted {
			if proto := c.Get(fiber.HeaderXForwardedProto); proto == "https" || proto == "http" {
				scheme = proto
			}
			if forwarded := c.Get(fiber.HeaderXForwardedHost); forwarded != "" {
				host = forwarded
			}
		}
		base = scheme + "://" + host
	}
	return base + string(c.Request().Header.RequestURI())
}

// client is the address that a request came from: the peer's, or if that is a
// trusted proxy the last one in X-Forwarded-For that is none. What stands
// further left anybody may have written.
func (s *Server) client(c *fiber.Ctx) (addr netip.Addr, trustedPeer bool) {
	peer, err := netip.ParseAddrPort(c.Context().RemoteAddr().String())
	if err != nil {
		return netip.IPv4Unspecified(), false
	}
	addr = peer.Addr().Unmap()
	if !s.trusts(addr) {
		return addr, false
	}
	hops := strings.Split(string(c.Request().Header.Peek(fiber.HeaderXForwardedFor)), ",")
	for _, hop := range slices.Backward(hops) {
		forwarded, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = forwarded.Unmap()
		if !s.trusts(addr) {
			break
		}
	}
	return addr, true
}

func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// checkAddress refuses request lines that are no URL: nothing behind it expects
// them, and no client of good will sends one.
func checkAddress(c *fiber.Ctx) error {
	if _, err := url.ParseRequestURI(string(c.Request().Header.RequestURI())); err != nil {
		return newProblem(http.StatusBadRequest, "the path or the query cannot be read")
	}
	return c.Next()
}
