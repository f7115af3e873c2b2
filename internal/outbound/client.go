package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// MaxBody is how much of an answer is read, after decompression. No platform's
// answer comes near it; a larger one is an error or an attack.
const MaxBody = 1 << 20

// Bounds of the client. Receivers are few and machines small: enough
// connections to keep every delivery worker of one node busy with one receiver,
// not so many that a slow one takes all file descriptors.
const (
	defaultTimeout   = 20 * time.Second // receivers of webhooks are promised 15 to 30 s
	tlsTimeout       = 5 * time.Second
	idleTimeout      = 30 * time.Second // below the idle limit of common servers, so that they seldom close first
	maxIdle          = 256
	maxIdlePerHost   = 64
	maxPerHost       = 128
	maxHeader        = 64 << 10
	defaultRetries   = 1
	retryWaitMin     = 100 * time.Millisecond
	retryWaitMax     = 300 * time.Millisecond
	defaultUserAgent = "usher"
)

// ErrTooLarge is what reading an answer gives when it goes on after MaxBody.
var ErrTooLarge = errors.New("answer of more than 1 MiB")

// Options of a client. The zero value is a safe client for public https.
type Options struct {
	// AllowPrivate lists networks (CIDR), addresses and host names that may be
	// reached although they are private, and with plain http.
	AllowPrivate []string
	// UserAgent is sent where a request has none.
	UserAgent string
	// Timeout of a whole exchange: connect, retries, answer.
	Timeout time.Duration
	// Retries is how often a connection that could not be made is tried again
	// at once; zero means 1, a negative number none. What may have reached the
	// receiver is never sent again here: that is the queue's decision.
	Retries int
}

// New makes the client that everything outward goes through. It follows no
// redirect, uses no proxy, keeps no cookies and connects only where the guard
// allows; an address that is refused gives an *Error of class NotAllowed. An
// entry of AllowPrivate that cannot be read is an error.
func New(o Options) (*http.Client, error) {
	g, err := newGuard(o.AllowPrivate)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	if o.Retries == 0 {
		o.Retries = defaultRetries
	}
	wires := &network{http: newTransport(g, false), https: newTransport(g, true)}
	retrying := retryablehttp.NewClient()
	retrying.HTTPClient = &http.Client{Transport: bounded{wires}, CheckRedirect: stay}
	retrying.Logger = nil // its default prints whole URLs
	retrying.ErrorHandler = retryablehttp.PassthroughErrorHandler
	retrying.RetryMax = max(o.Retries, 0)
	retrying.CheckRetry = neverSent
	retrying.Backoff = jitter
	return &http.Client{
		Transport:     &outer{retrying: retrying, network: wires, userAgent: o.UserAgent},
		CheckRedirect: stay,
		Timeout:       o.Timeout,
	}, nil
}

func newTransport(g *guard, tls bool) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy would resolve and connect behind the guard's back
		DialContext:            g.dialer(tls),
		TLSHandshakeTimeout:    tlsTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		MaxConnsPerHost:        maxPerHost,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true, // off by default with an own dial function
	}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// neverSent is the retry rule: only a connection that could not be made, and
// for no reason that the next moment will not change.
func neverSent(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err == nil || resp != nil || !dialFailed(err) {
		return false, nil
	}
	var refused *Error // by the guard
	var dns *net.DNSError
	return !errors.As(err, &refused) && !(errors.As(err, &dns) && dns.IsNotFound), nil
}

func jitter(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
	return retryWaitMin + rand.N(retryWaitMax-retryWaitMin)
}

// network sends plain and TLS requests over transports of their own, because
// the guard asks for TLS only where the connection is not to a listed address.
type network struct{ http, https *http.Transport }

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "https" {
		return n.https.RoundTrip(req)
	}
	return n.http.RoundTrip(req)
}

// bounded caps what can be read of an answer.
//
// It hides CloseIdleConnections of the transport, which the retrying client
// calls after every failure: one dead receiver must not cost the others their
// connections.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if loc := resp.Header.Get("Location"); loc != "" {
		// net/http reads it before it asks whether to follow, and fails with its
		// text, if it is no URL.
		if _, err := req.URL.Parse(loc); err != nil {
			resp.Header.Del("Location")
		}
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: MaxBody}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	// One byte more than allowed tells an end at the bound from a longer body.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// outer is what callers see: scheme and User-Agent settled, then the retries.
type outer struct {
	retrying  *retryablehttp.Client
	network   *network
	userAgent string
}

func (o *outer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close() // the retrying client reads it whole and never closes it
	}
	if req.URL.Scheme != "https" && req.URL.Scheme != "http" {
		return nil, &Error{Class: NotAllowed, Text: fmt.Sprintf("scheme %q; only https", req.URL.Scheme)}
	}
	own := *req // a RoundTripper leaves its caller's request alone
	if req.Header.Get("User-Agent") == "" {
		own.Header = req.Header.Clone()
		if own.Header == nil {
			own.Header = http.Header{}
		}
		own.Header.Set("User-Agent", o.userAgent)
	}
	again, err := retryablehttp.FromRequest(&own)
	if err != nil {
		return nil, err
	}
	resp, err := o.retrying.Do(again)
	if err != nil {
		return nil, withoutURL(err)
	}
	return resp, nil
}

// CloseIdleConnections makes http.Client's method of that name work.
func (o *outer) CloseIdleConnections() {
	o.network.http.CloseIdleConnections()
	o.network.https.CloseIdleConnections()
}
