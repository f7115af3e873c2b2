package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"usher/connectors"
	"usher/internal/database"
	"usher/internal/outbound"
	"usher/internal/outbox"
)

const (
	// repliesInMemory bounds the unsent replies that a node holds; the others
	// wait in their rows.
	repliesInMemory = 4096
	// senders is how many replies are on their way at once.
	senders = 16
	// sendTimeout bounds one send with its answer.
	sendTimeout = 20 * time.Second
	// maxSends is after how many failures a reply is given up: about a day.
	maxSends = 30
)

// replies sends what waits in the outbox: those of one conversation one after
// the other, many conversations at once. The node that works on a conversation
// sends its replies; should two believe to, one may go out twice, never not.
type replies struct {
	mu      sync.Mutex
	queues  map[string]*replyQueue // by conversation
	known   map[string]bool        // replies in memory
	gone    []string               // of known, settled since their rows were last listed
	whole   map[int]int64          // partitions all of whose replies are known, with since when they are ours
	gaps    map[int]bool           // partitions with a reply left in its row since they were last listed
	stale   bool                   // all partitions are as if they were in gaps
	full    bool                   // there were more rows than are listed at once
	list    chan struct{}
	ready   []string
	wake    chan struct{}
	settled []outbox.Settlement
	written chan struct{}
}

type replyQueue struct {
	list []outbox.Reply
	busy bool // being sent, or waiting for its head's time
}

func newReplies() *replies {
	return &replies{queues: map[string]*replyQueue{}, known: map[string]bool{}, whole: map[int]int64{}, gaps: map[int]bool{},
		list: make(chan struct{}, 1), wake: make(chan struct{}, 1), written: make(chan struct{}, 1)}
}

// offer takes replies that were just written, unless older ones of their
// partition may still be in their rows: then these are listed, in order.
func (r *replies) offer(list []outbox.Reply, held func(part int) (since int64, ok bool)) {
	if len(list) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reply := range list {
		since, ours := held(reply.Part)
		if whole, ok := r.whole[reply.Part]; !ours || !ok || whole != since {
			r.leave(reply.Part)
			r.ask()
			continue
		}
		r.put(reply)
	}
}

// elsewhere says that another node has ended an event of a partition of ours:
// what it answered is only in rows, and goes before what comes now.
func (r *replies) elsewhere(part int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(part)
	r.ask()
}

// restart says that any event from before may have been ended by another node.
func (r *replies) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stale = true
	clear(r.whole)
	r.ask()
}

// ask has the rows listed soon, unless there are too many to gain by it. The
// caller holds mu.
func (r *replies) ask() {
	if !r.full {
		signal(r.list)
	}
}

// listing begins a listing of rows. What was settled before it cannot be in it
// any more.
func (r *replies) listing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.gone {
		delete(r.known, id)
	}
	r.gone, r.stale = nil, false
	clear(r.gaps)
}

// listed takes the rows of the given partitions; all says that these were all
// of them.
func (r *replies) listed(list []outbox.Reply, parts map[int]int64, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, reply := range list {
		r.put(reply)
	}
	r.full = !all
	clear(r.whole)
	for part, since := range parts {
		if all && !r.stale && !r.gaps[part] {
			r.whole[part] = since
		}
	}
}

// put takes a reply into memory if there is room. The caller holds mu.
func (r *replies) put(reply outbox.Reply) {
	if r.known[reply.ID] {
		return
	}
	if len(r.known)-len(r.gone) >= repliesInMemory {
		r.leave(reply.Part)
		return
	}
	r.known[reply.ID] = true
	q := r.queues[reply.Conversation]
	if q == nil {
		q = &replyQueue{}
		r.queues[reply.Conversation] = q
	}
	q.list = append(q.list, reply)
	slices.SortStableFunc(q.list, func(a, b outbox.Reply) int {
		return cmp.Or(cmp.Compare(a.Pos, b.Pos), cmp.Compare(a.Place, b.Place))
	})
	if !q.busy {
		q.busy = true
		r.offerQueue(reply.Conversation)
	}
}

// leave notes that a reply is only in its row: until that is listed, none of
// its partition may go before it. The caller holds mu.
func (r *replies) leave(part int) {
	r.gaps[part] = true
	delete(r.whole, part)
}

// offerQueue marks a conversation as ready. The caller holds mu.
func (r *replies) offerQueue(conversation string) {
	r.ready = append(r.ready, conversation)
	signal(r.wake)
}

// next returns the first reply of a conversation that is ready; false when ctx
// ends.
func (r *replies) next(ctx context.Context) (outbox.Reply, bool) {
	for {
		r.mu.Lock()
		for len(r.ready) > 0 {
			id := r.ready[0]
			r.ready = r.ready[1:]
			q := r.queues[id]
			if q == nil || len(q.list) == 0 {
				continue
			}
			head := q.list[0]
			if wait := time.Until(time.UnixMicro(head.DueAt)); wait > 0 {
				time.AfterFunc(wait, func() {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.offerQueue(id)
				})
				continue
			}
			if len(r.ready) > 0 {
				signal(r.wake)
			}
			r.mu.Unlock()
			return head, true
		}
		r.mu.Unlock()
		select {
		case <-r.wake:
		case <-ctx.Done():
			return outbox.Reply{}, false
		}
	}
}

// done takes a reply off its conversation, or puts it back to wait.
func (r *replies) done(reply outbox.Reply, state outbox.ReplyState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settled = append(r.settled, outbox.Settlement{Reply: reply, State: state})
	signal(r.written)
	r.advance(reply, state == outbox.ReplyPending)
}

// drop forgets a reply that is another node's to send.
func (r *replies) drop(reply outbox.Reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, reply.ID)
	r.advance(reply, false)
}

func (r *replies) advance(reply outbox.Reply, again bool) {
	q := r.queues[reply.Conversation]
	// Not always the first: an older one may have been listed meanwhile.
	at := slices.IndexFunc(q.list, func(x outbox.Reply) bool { return x.ID == reply.ID })
	if again {
		q.list[at] = reply
	} else {
		q.list = slices.Delete(q.list, at, at+1)
	}
	if len(q.list) == 0 {
		delete(r.queues, reply.Conversation)
		return
	}
	r.offerQueue(reply.Conversation)
}

// sendReplies runs until ctx ends and all that is under way has ended.
func (g *Gateway) sendReplies(ctx context.Context) error {
	settling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var work, rest errgroup.Group
	for range senders {
		work.Go(func() error {
			for {
				reply, ok := g.replies.next(ctx)
				if !ok {
					return nil
				}
				g.sendOne(ctx, reply)
			}
		})
	}
	work.Go(func() error { return g.listReplies(ctx) })
	rest.Go(func() error { return g.settleReplies(settling) })
	err := work.Wait()
	stop()
	return errors.Join(err, rest.Wait())
}

// listReplies looks for rows that are not in memory, when there are new
// partitions and each second: another node's of a partition that is now ours, or
// more than there was room for.
func (g *Gateway) listReplies(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		parts := g.lanes.heldParts()
		g.replies.listing()
		pending, err := outbox.PendingReplies(ctx, g.DB, append([]int{}, slices.Sorted(maps.Keys(parts))...), repliesInMemory)
		if err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
		if err == nil {
			g.replies.listed(pending, parts, len(pending) < repliesInMemory)
		}
		select {
		case <-g.replies.list:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// sendOne makes one attempt.
func (g *Gateway) sendOne(ctx context.Context, r outbox.Reply) {
	if !g.lanes.works(r.Part) {
		g.replies.drop(r)
		return
	}
	began := time.Now()
	platformID, err := g.sendThrough(ctx, r)
	if ctx.Err() != nil && err != nil {
		return // shutting down: it goes on later, uncounted
	}
	state := outbox.ReplySent
	var fault *outbound.Error
	r.Attempts++
	switch {
	case err == nil:
		r.PlatformID, r.LastError = platformID, ""
	case errors.As(err, &fault) && (fault.Class == outbound.Permanent || fault.Class == outbound.NotAllowed || fault.Class == outbound.Disabled),
		r.Attempts >= maxSends:
		state, r.LastError = outbox.ReplyFailed, err.Error()
	default:
		state, r.LastError = outbox.ReplyPending, err.Error()
		r.DueAt = time.Now().Add(waitFor(r.Attempts, time.Second, time.Hour, fault)).UnixMicro()
	}
	g.Log.Log(ctx, levelOf(err), "reply", "reply", r.ID, "channel", r.Channel, "attempt", r.Attempts, "state", int(state),
		"ms", time.Since(began).Milliseconds(), "error", r.LastError)
	g.metrics.reply(r.Channel, state)
	g.replies.done(r, state)
}

// settleReplies writes what became of attempts, those that ended together in one
// transaction, until ctx ends and nothing is left.
func (g *Gateway) settleReplies(ctx context.Context) error {
	for {
		g.replies.mu.Lock()
		batch := g.replies.settled
		g.replies.settled = nil
		g.replies.mu.Unlock()
		if len(batch) == 0 {
			if ctx.Err() != nil {
				return nil
			}
			select {
			case <-g.replies.written:
			case <-ctx.Done():
			}
			continue
		}
		err := insist(func() error {
			return g.DB.Write(context.WithoutCancel(ctx), database.Steps, func(tx *database.Tx) error { return outbox.SettleReplies(tx, batch) })
		})
		if err == nil {
			err = insist(func() error { return g.noteEarly(context.WithoutCancel(ctx), batch) })
		}
		if err != nil {
			g.outage.log(g.Log, err) // those are sent once more, under the same ids
		}
		g.replies.mu.Lock()
		for _, s := range batch {
			if s.State != outbox.ReplyPending {
				g.replies.gone = append(g.replies.gone, s.Reply.ID)
			}
		}
		g.replies.mu.Unlock()
	}
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
	ctx, release := outlive(ctx)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return sender.Send(ctx, to, m)
}

// grace is how long what is on its way out may wait for its answer when the node
// ends: cut off, it would have to go out again.
const grace = 3 * time.Second

// outlive is ctx, ended only when its grace is over.
func outlive(ctx context.Context) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// insistTimes is how often a transaction that met another is run.
const insistTimes = 5

// insist runs a transaction again that only met another one.
func insist(do func() error) error {
	err := do()
	for n := 1; n < insistTimes && database.IsTransient(err); n++ {
		err = do()
	}
	return err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
