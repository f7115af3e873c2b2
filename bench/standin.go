package main

import (
	"bytes"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// standIn answers at once for the services that usher calls: WhatsApp's Graph
// API, and the receiver of leads.
type standIn struct {
	mu      sync.Mutex
	replies int64
	seen    map[string]bool // webhook ids of leads
	got     standInStats
	latency histogram // from when the webhook was due until its lead is here
}

// standInStats is what has come since the stand-in started; latencies since they
// were last read.
type standInStats struct {
	Replies   int64   `json:"replies"`
	Leads     int64   `json:"leads"`    // distinct
	Repeated  int64   `json:"repeated"` // received once more
	Unsigned  int64   `json:"unsigned"`
	LatencyN  int64   `json:"latency_n"`
	MillisP50 float64 `json:"p50_ms"`
	MillisP95 float64 `json:"p95_ms"`
	MillisP99 float64 `json:"p99_ms"`
}

func standInServer() *fiber.App {
	s := &standIn{seen: map[string]bool{}}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 4 << 20})
	app.Post("/leads", s.lead)
	app.Get("/stats", s.stats)
	app.Post("/:version/:number/messages", s.message)
	return app
}

func (s *standIn) message(c *fiber.Ctx) error {
	s.mu.Lock()
	s.replies++
	n := s.replies
	s.mu.Unlock()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.SendString(`{"messaging_product":"whatsapp","messages":[{"id":"wamid.sent.` + strconv.FormatInt(n, 10) + `"}]}`)
}

func (s *standIn) lead(c *fiber.Ctx) error {
	id := string(c.Request().Header.Peek("webhook-id"))
	now := time.Now()
	due, timed := dueTime(c.Body())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(c.Request().Header.Peek("webhook-signature")) == 0 {
		s.got.Unsigned++
	}
	if s.seen[id] {
		s.got.Repeated++
		return c.SendStatus(fiber.StatusOK)
	}
	s.seen[id] = true
	s.got.Leads++
	if timed {
		s.latency.add(now.Sub(due))
	}
	return c.SendStatus(fiber.StatusOK)
}

// dueTime is when the webhook that a text came in was due.
func dueTime(body []byte) (time.Time, bool) {
	_, rest, ok := bytes.Cut(body, []byte(dueMark))
	if !ok || len(rest) < 16 {
		return time.Time{}, false
	}
	us, err := strconv.ParseInt(string(rest[:16]), 10, 64)
	return time.UnixMicro(us), err == nil
}

func (s *standIn) stats(c *fiber.Ctx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	got.Replies = s.replies
	if c.QueryBool("latencies") {
		ms := func(p float64) float64 { return float64(s.latency.at(p).Microseconds()) / 1000 }
		got.LatencyN, got.MillisP50, got.MillisP95, got.MillisP99 = s.latency.total, ms(0.5), ms(0.95), ms(0.99)
		s.latency = histogram{}
	}
	return c.JSON(got)
}
