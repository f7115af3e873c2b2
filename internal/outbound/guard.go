package outbound

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// A call whose receiver does not take the connection within dialTimeout is
// better tried again later than waited for.
const (
	dialTimeout = 5 * time.Second
	keepAlive   = 30 * time.Second
)

// azureHost is the one address within public space that answers like a metadata
// service: Azure's host agent, reachable from every virtual machine there.
const azureHost = "168.63.129.16/32"

// guard decides, after name resolution and for each address that is dialled,
// whether usher may connect. What an operator listed is free; of the rest only
// public addresses, and these only with TLS.
type guard struct {
	free   []netip.Prefix
	hosts  map[string]bool
	public *ssrf.Guardian
}

// newGuard reads the operator's list: networks (10.0.0.0/8), addresses (::1)
// and host names (crm.internal), all without port.
func newGuard(list []string) (*guard, error) {
	g := &guard{
		hosts: map[string]bool{},
		public: ssrf.New(ssrf.WithAnyPort(),
			ssrf.WithDeniedV4Prefixes(netip.MustParsePrefix(azureHost))),
	}
	for _, entry := range list {
		if err := g.allow(entry); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *guard) allow(entry string) error {
	text := strings.TrimSpace(entry)
	if prefix, err := netip.ParsePrefix(text); err == nil {
		g.free = append(g.free, unmap(prefix))
		return nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil {
		addr = addr.Unmap().WithZone("")
		g.free = append(g.free, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	if !isHostName(text) {
		return fmt.Errorf("allow_private_networks: %q is no network (10.0.0.0/8), address or host name without port", entry)
	}
	g.hosts[hostKey(text)] = true
	return nil
}

// dialer gives the dial function of one transport. A listed host may have any
// address; every other is judged by the address itself, which a name that
// resolves anew for each connection cannot get around.
func (g *guard) dialer(tls bool) func(context.Context, string, string) (net.Conn, error) {
	free := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	guarded := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, Control: g.control(tls)}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && g.hosts[hostKey(host)] {
			return free.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

func (g *guard) control(tls bool) func(string, string, syscall.RawConn) error {
	return func(network, address string, conn syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return &Error{Class: NotAllowed, Text: "address is not readable", Err: err}
		}
		addr := target.Addr().Unmap().WithZone("")
		for _, prefix := range g.free {
			if prefix.Contains(addr) {
				return nil
			}
		}
		if err := g.public.Safe(network, address, conn); err != nil {
			return &Error{
				Class: NotAllowed, Err: err,
				Text: fmt.Sprintf("%s is no public address; allow_private_networks can free it", addr),
			}
		}
		if !tls {
			return &Error{
				Class: NotAllowed,
				Text:  fmt.Sprintf("plain http to %s; public addresses want https", addr),
			}
		}
		return nil
	}
}

// unmap reads ::ffff:10.0.0.0/104 as 10.0.0.0/8, the form that addresses are
// compared in.
func unmap(p netip.Prefix) netip.Prefix {
	const mappedBits = 96
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
	}
	return p.Masked()
}

func hostKey(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isHostName refuses what would never match a name that is dialled, such as a
// URL, a port or a wildcard.
func isHostName(s string) bool {
	const longestName = 253 // of DNS
	if s == "" || len(s) > longestName {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
		default:
			return false
		}
	}
	return strings.Trim(s, ".-") != ""
}
