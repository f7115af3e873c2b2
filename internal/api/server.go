// Package api is usher's face to HTTP and the only code that knows Fiber: the
// hooks that platforms post to, the webchat, the API under /v1, health, metrics
// and the pages. A handler decodes, makes one call and encodes; what things
// mean is decided in the gateway.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/prometheus/client_golang/prometheus"

	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/gateway"
)

const (
	// readTimeout is for a whole request; platforms send theirs at once, and a
	// slow phone gets four megabytes through in it.
	readTimeout = 30 * time.Second
	// idleTimeout is longer than the 60 s of common load balancers, so that not
	// we but they close a connection.
	idleTimeout = 75 * time.Second
	// requestTimeout bounds the work for a request; every store answers or
	// fails long before.
	requestTimeout = 30 * time.Second
	// readBuffer must hold the longest head of a request: cursors and tokens
	// have up to 4 KiB each.
	readBuffer = 16 << 10
	// defaultBodyLimit fits the largest webhook that a platform documents.
	defaultBodyLimit = 4 << 20
)

// Deps is what a Server works with.
type Deps struct {
	Gateway *gateway.Gateway
	DB      *database.DB
	Log     *slog.Logger
	// Metrics has what the gateway registered; the server adds its own. Nil: a
	// registry of its own.
	Metrics *prometheus.Registry

	Version        string
	Business       string         // the one whose hooks lie directly under /hooks
	PublicURL      string         // how platforms reach the server; empty: as each request says
	BodyLimit      int            // bytes; 0: 4 MiB
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts
	TryPage        bool           // serve the page / to try the chat
	// OpsElsewhere: health and metrics are served by ServeOps, not by Serve.
	OpsElsewhere bool
}

// Server serves usher over HTTP.
type Server struct {
	gateway   *gateway.Gateway
	db        *database.DB
	log       *slog.Logger
	business  string
	publicURL string
	proxies   []netip.Prefix
	tryPage   bool
	version   string

	app, ops *fiber.App
	api      huma.API
	auth     *keyring
	visits   *limiter
	streams  *streams
	silent   silent
	metrics  *metrics
	spec     func() ([]byte, error)
	once     sync.Once
}

// New makes a server with all of its routes. Nothing listens yet.
func New(d Deps) (*Server, error) {
	if d.Gateway == nil || d.DB == nil || d.Log == nil || d.Business == "" {
		return nil, errors.New("api: gateway, database, log and business are needed")
	}
	if d.Metrics == nil {
		d.Metrics = prometheus.NewRegistry()
	}
	if d.BodyLimit == 0 {
		d.BodyLimit = defaultBodyLimit
	}
	s := &Server{
		gateway: d.Gateway, db: d.DB, log: d.Log, business: d.Business, publicURL: strings.TrimSuffix(d.PublicURL, "/"),
		proxies: d.TrustedProxies, tryPage: d.TryPage, version: d.Version,
		visits: newLimiter(), streams: newStreams(),
	}
	s.auth = &keyring{read: s.keyByHash, known: map[[32]byte]keyEntry{}}
	var err error
	if s.metrics, err = newMetrics(d.Metrics, s.streams); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.app = s.newApp(d.BodyLimit)
	s.api = s.newAPI()
	for _, r := range s.routes() {
		if !r.ops || !d.OpsElsewhere {
			r.mount(s, s.app, r)
		}
	}
	s.describe()
	s.ops = s.newApp(d.BodyLimit)
	for _, r := range s.routes() {
		if r.ops {
			r.mount(s, s.ops, r)
		}
	}
	return s, nil
}

func (s *Server) newApp(bodyLimit int) *fiber.App {
	app := fiber.New(fiber.Config{
		AppName:               "usher",
		BodyLimit:             bodyLimit,
		ReadTimeout:           readTimeout,
		IdleTimeout:           idleTimeout, // no WriteTimeout: streams stay open
		ReadBufferSize:        readBuffer,
		CaseSensitive:         true,
		Immutable:             true, // what handlers get may outlive the request
		DisableStartupMessage: true,
		ErrorHandler:          s.failed,
	})
	app.Use(s.measure, recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: s.panicked}), secureHeaders, s.bound)
	app.Use("/v1", checkAddress, plainBodies)
	return app
}

// bound ends the work for a request that takes too long.
func (s *Server) bound(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	c.SetUserContext(ctx)
	return c.Next()
}

func secureHeaders(c *fiber.Ctx) error {
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.Next()
}

// plainBodies keeps answers of the API out of caches, and refuses compressed
// bodies, which could unfold to any size.
func plainBodies(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	if encoding := c.Get(fiber.HeaderContentEncoding); encoding != "" && encoding != "identity" {
		return newProblem(http.StatusUnsupportedMediaType, "bodies are taken uncompressed")
	}
	return c.Next()
}

func (s *Server) panicked(c *fiber.Ctx, cause any) {
	s.log.Error("handler panicked", "route", c.Route().Path, "panic", fmt.Sprintf("%T", cause), "stack", string(debug.Stack()))
}

// store reads people and settings.
func (s *Server) store(ctx context.Context) *sqlstore.Store { return sqlstore.New(s.db.Read(ctx)) }

// write changes settings in one transaction.
func (s *Server) write(ctx context.Context, do func(*sqlstore.Store) error) error {
	return s.db.Write(ctx, database.Steps, func(tx *database.Tx) error { return do(sqlstore.New(tx)) })
}

func (s *Server) keyByHash(ctx context.Context, hash []byte) (*sqlstore.Key, error) {
	key, err := s.store(ctx).KeyByHash(hash)
	if err != nil {
		return nil, err
	}
	return &key, nil
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.app.Listener(lingerListener{l, &s.silent}) }

// ServeOps answers health and metrics on a listener of their own.
func (s *Server) ServeOps(l net.Listener) error { return s.ops.Listener(lingerListener{l, &s.silent}) }

// Test answers one request without a network. Streams need Serve.
func (s *Server) Test(r *http.Request) (*http.Response, error) {
	return s.app.Test(r, int(requestTimeout.Milliseconds()))
}

// Shutdown takes no new requests, ends the open streams and the connections that
// nobody uses, which would keep it waiting, and returns when the running requests are answered or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.streams.close()
	defer time.AfterFunc(silentTime, s.silent.close).Stop()
	return errors.Join(s.app.ShutdownWithContext(ctx), s.ops.ShutdownWithContext(ctx))
}
