package outbound

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

// Connect proves that the host of an address may and can be reached: it
// resolves the name, connects and, for https, checks the certificate. It sends
// nothing. Its error is an *Error, as those of a client from New with the same
// AllowPrivate.
func Connect(ctx context.Context, address string, allowPrivate []string) error {
	g, err := newGuard(allowPrivate)
	if err != nil {
		return err
	}
	target, err := url.Parse(address)
	if err != nil || target.Hostname() == "" || target.Scheme != "https" && target.Scheme != "http" {
		return &Error{Class: Permanent, Text: "want https://host/path"}
	}
	secure := target.Scheme == "https"
	port := target.Port()
	switch {
	case port != "":
	case secure:
		port = "443"
	default:
		port = "80"
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+tlsTimeout)
	defer cancel()
	conn, err := g.dialer(secure)(ctx, "tcp", net.JoinHostPort(target.Hostname(), port))
	if err != nil {
		return transportError(err, nil)
	}
	defer conn.Close()
	if !secure {
		return nil
	}
	err = tls.Client(conn, &tls.Config{ServerName: target.Hostname(), MinVersion: tls.VersionTLS12}).HandshakeContext(ctx)
	if err != nil {
		return transportError(err, nil)
	}
	return nil
}
