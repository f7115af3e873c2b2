package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout is less than what probes commonly wait for.
const readyTimeout = 2 * time.Second

// metrics counts requests.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(registry *prometheus.Registry, open *streams) (*metrics, error) {
	m := &metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "usher_http_requests_total", Help: "Answered requests by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "usher_http_request_seconds", Help: "Time to the answer by route; of a stream, to its start.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"method", "route"}),
	}
	streaming := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "usher_webchat_streams", Help: "Open streams of visitors."},
		func() float64 { return float64(open.count()) })
	for _, c := range []prometheus.Collector{m.requests, m.seconds, streaming} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// measure counts a request under its route, so that ids make no new series. It
// answers errors itself, to know the status.
func (s *Server) measure(c *fiber.Ctx) error {
	start := time.Now()
	err := c.Next()
	if err != nil {
		if err := s.failed(c, err); err != nil {
			return err
		}
	}
	route, status := c.Route().Path, c.Response().StatusCode()
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		route = "none"
	}
	method := knownMethod(c.Method())
	s.metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	s.metrics.seconds.WithLabelValues(method, route).Observe(time.Since(start).Seconds())
	return nil
}

// knownMethod keeps the methods that somebody makes up out of the labels.
func knownMethod(method string) string {
	for _, m := range []string{"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"} {
		if method == m {
			return m
		}
	}
	return "other"
}

func (m *metrics) serve() fiber.Handler {
	return adaptor.HTTPHandler(promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
}

// healthy says that the process answers.
func (s *Server) healthy(c *fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) }

// ready says whether requests can be served now: every store is there.
func (s *Server) ready(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), readyTimeout)
	defer cancel()
	if err := s.gateway.Ready(ctx); err != nil {
		s.log.Warn("not ready", "error", err)
		return newProblem(http.StatusServiceUnavailable, "not ready").with("Retry-After", retryAfter)
	}
	return c.JSON(fiber.Map{"status": "ok"})
}
