package api

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// visitRate and visitBurst are for everybody behind one public address,
	// which may be an office: its people type a few messages a second together.
	visitRate  = 20
	visitBurst = 200
	// addressesMost bounds the memory of a limiter to about a megabyte.
	addressesMost = 10_000
)

// limiter bounds what one address may ask of the webchat, the one part that
// takes requests from anybody.
type limiter struct {
	mu   sync.Mutex
	seen map[netip.Prefix]*rate.Limiter
}

func newLimiter() *limiter { return &limiter{seen: map[netip.Prefix]*rate.Limiter{}} }

// allow says whether an address may go on. Private addresses are those of
// proxies that nobody declared, where everybody would share one limit, or of
// one's own machines.
func (l *limiter) allow(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return true
	}
	key := subscriber(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.seen[key]
	if one == nil {
		if len(l.seen) >= addressesMost {
			l.sweep()
		}
		one = rate.NewLimiter(visitRate, visitBurst)
		l.seen[key] = one
	}
	return one.Allow()
}

// sweep forgets who has been quiet; if nobody has, everybody.
func (l *limiter) sweep() {
	for key, one := range l.seen {
		if one.Tokens() >= visitBurst {
			delete(l.seen, key)
		}
	}
	if len(l.seen) >= addressesMost {
		clear(l.seen)
	}
}

// subscriber is what one customer of a provider has: an IPv4 address, a /64.
func subscriber(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.WithZone("").Prefix(bits)
	if err != nil { // no address has fewer bits
		return netip.PrefixFrom(addr, addr.BitLen())
	}
	return p
}
