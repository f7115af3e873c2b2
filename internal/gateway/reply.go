package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"usher/connectors"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/outbound"
	"usher/internal/outbox"
)

const (
	// repliesInMemory bounds the unsent replies that a node looks at.
	repliesInMemory = 4096
	// senders is how many replies are on their way at once.
	senders = 16
	// sendTimeout bounds one send with its answer.
	sendTimeout = 20 * time.Second
	// maxSends is after how many failures a reply is given up: about a day.
	maxSends = 30
	// topicReplies wakes the node that sends.
	topicReplies = "replies"
)

// replies sends what waits in the outbox: those of one conversation one after
// the other, many conversations at once. The node that works on a conversation
// sends its replies; should two believe to, a reply may go out twice, never not.
type replies struct {
	mu    sync.Mutex
	busy  map[string]bool // conversations
	known map[string]bool // replies on their way or waiting
}

func newReplies() *replies {
	return &replies{busy: map[string]bool{}, known: map[string]bool{}}
}

// sendReplies runs until ctx ends and all that is under way has ended.
func (g *Gateway) sendReplies(ctx context.Context) error {
	wake, cancel := g.Bus.Subscribe(topicReplies)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	slots := make(chan struct{}, senders)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		due, err := outbox.PendingReplies(ctx, g.DB, g.lanes.partitions(), repliesInMemory)
		if err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
		for _, queue := range g.replies.due(due) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			running.Add(1)
			go func() {
				defer running.Done()
				defer func() { <-slots }()
				defer g.replies.free(queue)
				g.sendInOrder(ctx, queue)
			}()
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// due groups pending replies by conversation, in order, and leaves out the
// conversations that are being sent to and those whose first reply waits.
func (r *replies) due(pending []outbox.Reply) [][]outbox.Reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now().UnixMicro()
	queues := map[string][]outbox.Reply{}
	var order []string
	slices.SortStableFunc(pending, func(a, b outbox.Reply) int {
		if a.Pos != b.Pos {
			return int(max(min(a.Pos-b.Pos, 1), -1))
		}
		return a.Place - b.Place
	})
	for _, p := range pending {
		if r.busy[p.Conversation] {
			continue
		}
		if _, ok := queues[p.Conversation]; !ok {
			order = append(order, p.Conversation)
		}
		queues[p.Conversation] = append(queues[p.Conversation], p)
	}
	var due [][]outbox.Reply
	for _, id := range order {
		if q := queues[id]; q[0].DueAt <= now {
			r.busy[id] = true
			due = append(due, q)
		}
	}
	return due
}

func (r *replies) free(queue []outbox.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.busy, queue[0].Conversation)
}

// sendInOrder sends replies of one conversation until one must wait.
func (g *Gateway) sendInOrder(ctx context.Context, queue []outbox.Reply) {
	for _, r := range queue {
		if ctx.Err() != nil || !g.sendOne(ctx, r) {
			return
		}
	}
}

// sendOne makes one attempt; it is false if the reply must wait.
func (g *Gateway) sendOne(ctx context.Context, r outbox.Reply) bool {
	began := time.Now()
	platformID, err := g.sendThrough(ctx, r)
	if ctx.Err() != nil && err != nil {
		return false // shutting down: it goes on later, uncounted
	}
	state, line := outbox.ReplySent, "sent"
	var fault *outbound.Error
	switch {
	case err == nil:
		r.PlatformID, r.LastError = platformID, ""
	case errors.As(err, &fault) && (fault.Class == outbound.Permanent || fault.Class == outbound.NotAllowed || fault.Class == outbound.Disabled),
		r.Attempts+1 >= maxSends:
		state, line, r.LastError = outbox.ReplyFailed, "failed", err.Error()
	default:
		state, line, r.LastError = outbox.ReplyPending, "", err.Error()
	}
	r.Attempts++
	if state == outbox.ReplyPending {
		r.DueAt = time.Now().Add(waitFor(r.Attempts, time.Second, time.Hour, fault)).UnixMicro()
	}
	werr := g.DB.Write(context.WithoutCancel(ctx), database.Steps, func(tx *database.Tx) error {
		if err := outbox.SettleReply(tx, r, state); err != nil {
			return err
		}
		if line == "" {
			return nil
		}
		return sqlstore.New(tx).SetLineState(r.Conversation, r.ID, line, r.PlatformID)
	})
	g.Log.Info("reply", "reply", r.ID, "channel", r.Channel, "attempt", r.Attempts, "state", int(state),
		"ms", time.Since(began).Milliseconds(), "error", errText(err))
	g.metrics.reply(r.Channel, state)
	if werr != nil {
		g.outage.log(g.Log, werr)
		return false
	}
	return state != outbox.ReplyPending
}

func (g *Gateway) sendThrough(ctx context.Context, r outbox.Reply) (string, error) {
	var ch *Channel
	if b := g.businesses[r.Business]; b != nil {
		ch = b.Channels[r.Channel]
	}
	if ch == nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "the channel is not configured any more"}
	}
	sender, ok := ch.Connector.(connectors.Sender)
	if !ok {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "the channel cannot send"}
	}
	var to connectors.Address
	var m connectors.Message
	if err := errors.Join(json.Unmarshal(r.Address, &to), json.Unmarshal(r.Body, &m)); err != nil {
		return "", &outbound.Error{Class: outbound.Permanent, Text: "the reply is unreadable"}
	}
	m.ID = r.ID
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return sender.Send(ctx, to, m)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
