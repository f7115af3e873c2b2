package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"usher/connectors"
	"usher/contacts"
	"usher/internal/gateway"
)

const (
	// heartbeat keeps proxies from closing a quiet stream, and is how long a
	// lost nudge can cost.
	heartbeat = 15 * time.Second
	// streamAge ends a stream so that its reader proves itself again.
	streamAge = time.Hour
	// pollTime is how long a long poll waits; proxies wait for at least 30 s.
	pollTime = 25 * time.Second
	// streamPage is how many messages are read at once.
	streamPage = 100

	// Browsers open up to six connections to a host; an office shares an
	// address; and each stream costs about 40 KB.
	streamsPerVisitor = 6
	streamsPerAddress = 200
	streamsMost       = 10_000
)

// streams counts the open ones and ends them all.
type streams struct {
	ctx   context.Context
	close context.CancelFunc

	mu   sync.Mutex
	open map[string]int // by visitor and by address
	all  int
}

func newStreams() *streams {
	s := &streams{open: map[string]int{}}
	s.ctx, s.close = context.WithCancel(context.Background())
	return s
}

// take finds room for one more stream; leave gives it back.
func (s *streams) take(visitor, address string) (leave func(), ok bool) {
	visitor, address = "v "+visitor, "a "+address
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.all >= streamsMost || s.open[visitor] >= streamsPerVisitor || s.open[address] >= streamsPerAddress {
		return nil, false
	}
	s.all++
	s.open[visitor]++
	s.open[address]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		for _, key := range []string{visitor, address} {
			if s.open[key]--; s.open[key] == 0 {
				delete(s.open, key)
			}
		}
	}), true
}

func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// stream sends a visitor the conversation from where the reader left off, and
// goes on with what is said: as server-sent events, or with ?poll=1 as one
// answer as soon as there is something.
func (s *Server) stream(c *fiber.Ctx, ch *gateway.Channel, visitor string, r *connectors.Request) error {
	after, err := lastEventID(r)
	if err != nil {
		return err
	}
	leave, ok := s.streams.take(ch.Business.ID+" "+ch.ID+" "+visitor, r.IP)
	if !ok {
		return newProblem(http.StatusTooManyRequests, "too many open streams").with("Retry-After", "30")
	}
	reader := &lineReader{server: s, channel: ch, conversation: s.gateway.ConversationOf(ch, visitor), after: after}
	c.Set(fiber.HeaderCacheControl, "no-cache, no-transform")
	if r.Query["poll"] == "1" {
		defer leave()
		return s.poll(c, reader)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no") // nginx would wait for more
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer leave()
		ctx, cancel := context.WithTimeout(s.streams.ctx, streamAge)
		defer cancel()
		if err := reader.follow(ctx, w); err != nil && ctx.Err() == nil {
			s.log.Warn("stream ended", "channel", ch.ID, "error", err)
		}
	})
	return nil
}

// lastEventID is the last message that the reader has.
func lastEventID(r *connectors.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.Query["last_event_id"]
	}
	if text == "" {
		return 0, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil || after < 0 {
		return 0, newProblem(http.StatusBadRequest, "Last-Event-ID is the id of an event of this stream")
	}
	return after, nil
}

// lineReader reads a conversation's lines one after the other.
type lineReader struct {
	server       *Server
	channel      *gateway.Channel
	conversation string
	after        int64
	full         bool // there may be more to read at once
}

// next returns the lines that came since, none if nobody has said anything.
func (l *lineReader) next(ctx context.Context) ([]contacts.Line, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	lines, err := l.server.gateway.Messages(ctx, l.channel.Business, l.conversation, l.after, streamPage)
	if errors.Is(err, contacts.ErrNotFound) {
		return nil, nil
	}
	if len(lines) > 0 {
		l.after = lines[len(lines)-1].Seq
	}
	l.full = len(lines) == streamPage
	return slices.DeleteFunc(lines, func(line contacts.Line) bool { return line.Private }), err
}

// subscribe is told when there may be more. It must be called before next: else a
// line between the two would be noticed late.
func (l *lineReader) subscribe() (<-chan struct{}, func()) {
	return l.server.gateway.Bus.Subscribe("conv:" + l.conversation)
}

// follow writes lines until ctx ends or the reader is gone. A stream that fails
// is resumed by its reader, so no line is ever dropped.
func (l *lineReader) follow(ctx context.Context, w *bufio.Writer) error {
	nudged, cancel := l.subscribe()
	defer cancel()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if _, err := w.WriteString(": hello\n\n"); err != nil || w.Flush() != nil {
		return nil
	}
	for {
		lines, err := l.next(ctx)
		if err != nil {
			return err
		}
		for _, line := range lines {
			data, err := json.Marshal(l.forVisitor(line))
			if err != nil {
				return fmt.Errorf("encode line: %w", err)
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: message\ndata: %s\n\n", line.Seq, data); err != nil {
				return nil // the reader is gone
			}
		}
		if w.Flush() != nil {
			return nil
		}
		if l.full {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-nudged:
		case <-beat.C:
			if _, err := w.WriteString(":\n\n"); err != nil {
				return nil
			}
		}
	}
}

// visitorMessage is a line as its visitor reads it: who of our side wrote it is
// left out.
type visitorMessage struct {
	message
	AgentID *string `json:"agent_id,omitempty"`
	Private *bool   `json:"private,omitempty"`
	From    string  `json:"from"` // you, us
}

func (l *lineReader) forVisitor(line contacts.Line) visitorMessage {
	from := "you"
	if line.Out {
		from = "us"
	}
	return visitorMessage{message: messageOf(line), From: from}
}

// poll answers with the lines that there are, or the first that come.
func (s *Server) poll(c *fiber.Ctx, l *lineReader) error {
	nudged, cancel := l.subscribe()
	defer cancel()
	over := time.NewTimer(pollTime)
	defer over.Stop()
	data := []visitorMessage{}
	for {
		lines, err := l.next(c.UserContext())
		if err != nil {
			return err
		}
		for _, line := range lines {
			data = append(data, l.forVisitor(line))
		}
		waiting := len(data) == 0
		if waiting {
			select {
			case <-nudged:
			case <-over.C:
				waiting = false
			case <-s.streams.ctx.Done():
				waiting = false
			}
		}
		if !waiting {
			return c.JSON(fiber.Map{"data": data, "last_event_id": strconv.FormatInt(l.after, 10)})
		}
	}
}
