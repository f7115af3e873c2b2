package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/crm"
	"usher/internal/database"
	"usher/internal/outbound"
	"usher/internal/outbox"
)

const (
	// pushTimeout bounds a push; it ends well before its claim does, so that
	// whoever takes over an expired claim never meets one still under way.
	pushTimeout = 20 * time.Second
	claimTime   = 30 * time.Second
	// pushes is how many are on their way to one destination at once.
	pushes = 32
	// maxClaim is how many leads are claimed at once.
	maxClaim = 96
	// quickPush, in milliseconds: pushes that end sooner are claimed ahead.
	quickPush = 250
	// topicLeads wakes the workers of all destinations.
	topicLeads = "leads"
	// transcriptLines is how much of a conversation a lead carries.
	transcriptLines = 100
)

// leads delivers to one destination: claims what is due, pushes it, writes what
// became of it. One slow push holds up no other.
type leads struct {
	g     *Gateway
	d     *Destination
	slots chan struct{}

	mu      sync.Mutex
	settled []*outbox.Sync
	wake    chan struct{}
	took    atomic.Int64 // milliseconds of the latest push
}

func newLeads(g *Gateway, d *Destination) *leads {
	return &leads{g: g, d: d, slots: make(chan struct{}, pushes), wake: make(chan struct{}, 1)}
}

// run claims and pushes until ctx ends and all that is under way is settled.
func (l *leads) run(ctx context.Context) error {
	wake, cancel := l.g.Bus.Subscribe(topicLeads)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var running sync.WaitGroup
	stop, settling := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(settling)
		l.settle(stop)
	}()
	defer func() {
		running.Wait()
		close(stop)
		<-settling
	}()
	for {
		for ctx.Err() == nil {
			n, err := l.claim(ctx, &running)
			if err != nil && ctx.Err() == nil {
				l.g.outage.log(l.g.Log, err)
			}
			if n == 0 || err != nil {
				break
			}
		}
		select {
		case <-wake:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// claim takes as many due syncs as there are free slots and starts their pushes.
func (l *leads) claim(ctx context.Context, running *sync.WaitGroup) (int, error) {
	if l.g.paused(l.d) {
		return 0, outbox.PauseDue(ctx, l.g.DB, l.d.Business.ID, l.d.ID, chunkSize)
	}
	batch := l.d.Connector.Batch()
	limit := (cap(l.slots) - len(l.slots)) * batch
	if limit == 0 {
		return 0, nil
	}
	if l.took.Load() < quickPush {
		limit = maxClaim // the claims will not wait long for a slot
	}
	syncs, err := outbox.Claim(ctx, l.g.DB, l.d.Business.ID, l.d.ID, l.g.Node, claimTime, min(limit, maxClaim))
	if err != nil || len(syncs) == 0 {
		return 0, err
	}
	claimed := time.Now()
	pushes, err := l.documents(ctx, syncs)
	if err != nil {
		return 0, err // the claims run out
	}
	var group []*outbox.Sync
	start := func() {
		if len(group) == 0 {
			return
		}
		these := group
		group = nil
		l.slots <- struct{}{}
		running.Add(1)
		go func() {
			defer running.Done()
			defer func() { <-l.slots }()
			l.push(ctx, claimed, these, pushes)
		}()
	}
	for _, s := range syncs {
		if pushes[s.ID] == nil {
			l.done(s) // nothing is due: its wake-up time is put right
			continue
		}
		if group = append(group, s); len(group) == batch {
			start()
		}
	}
	start()
	return len(syncs), nil
}

// push makes one attempt for syncs that go in one call.
func (l *leads) push(ctx context.Context, claimed time.Time, syncs []*outbox.Sync, docs map[string]*crm.Push) {
	ctx, release := outlive(ctx)
	defer release()
	ctx, cancel := context.WithDeadline(ctx, claimed.Add(pushTimeout))
	defer cancel()
	batch := make([]crm.Push, len(syncs))
	for i, s := range syncs {
		batch[i] = *docs[s.ID]
	}
	began := time.Now()
	receipts := l.d.Connector.Push(ctx, batch)
	ms := time.Since(began).Milliseconds()
	l.took.Store(ms)
	for i, s := range syncs {
		r := crm.Receipt{Err: errors.New("the connector gave no receipt")}
		if i < len(receipts) {
			r = receipts[i]
		}
		l.note(s, batch[i], r, began, ms)
		l.done(s)
	}
}

// note writes a receipt into the sync's deliveries.
func (l *leads) note(s *outbox.Sync, p crm.Push, r crm.Receipt, began time.Time, ms int64) {
	head := s.Deliveries[0]
	now := time.Now().UTC()
	attempt := outbox.Attempt{At: began.UTC(), Millis: ms, Status: r.Status}
	if head.FirstAttemptAt.IsZero() {
		head.FirstAttemptAt = began.UTC()
	}
	head.AttemptCount++
	head.UpdatedAt = now
	covered := s.Deliveries[:coalesced(s.Deliveries)]
	var fault *outbound.Error
	errors.As(r.Err, &fault)
	switch {
	case r.Err == nil:
		attempt.Outcome = "delivered"
		if r.RemoteID != "" {
			s.RemoteID = r.RemoteID
		}
		if r.RemoteURL != "" {
			s.RemoteURL = r.RemoteURL
		}
		for i, d := range covered {
			d.State, d.LastError, d.RemoteID, d.RemoteURL, d.UpdatedAt = outbox.Delivered, "", s.RemoteID, s.RemoteURL, now
			if i > 0 {
				d.Attempts = append(d.Attempts, outbox.Attempt{At: began.UTC(), Outcome: "coalesced"})
			}
		}
	case fault != nil && fault.Class == outbound.Disabled:
		attempt.Outcome, attempt.Error, head.LastError = "paused", r.Err.Error(), r.Err.Error()
		head.State = outbox.Paused
		l.g.disable(l.d, r.Err.Error())
	case fault != nil && (fault.Class == outbound.Permanent || fault.Class == outbound.NotAllowed), l.exhausted(head, now):
		attempt.Outcome, attempt.Error = "dead", r.Err.Error()
		head.State, head.LastError = outbox.Dead, r.Err.Error()
	default:
		attempt.Outcome, attempt.Error, head.LastError = "retry", r.Err.Error(), r.Err.Error()
		if fault != nil && fault.Unknown {
			attempt.Outcome = "unknown"
		}
		head.DueAt = now.Add(waitFor(head.AttemptCount, l.d.Retry.First, l.d.Retry.Max, fault))
	}
	if head.State == outbox.Pending && l.g.paused(l.d) {
		head.State = outbox.Paused // by another push meanwhile
	}
	head.Attempts = append(head.Attempts, attempt)
	l.g.Log.Log(context.Background(), levelOf(r.Err), "lead", "delivery", head.ID, "destination", l.d.ID, "kind", string(p.Kind), "attempt", head.AttemptCount,
		"outcome", attempt.Outcome, "status", r.Status, "ms", ms, "error", attempt.Error)
	l.g.metrics.lead(l.d.ID, attempt.Outcome)
}

func (l *leads) exhausted(d *outbox.Delivery, now time.Time) bool {
	if l.d.Retry.Attempts > 0 {
		return d.AttemptCount >= l.d.Retry.Attempts
	}
	return now.Sub(d.FirstAttemptAt) > crm.RetryFor
}

// coalesced is how many deliveries the first one's push covers: updates that
// wait behind an update say the same, for the receiver gets the latest state.
func coalesced(all []*outbox.Delivery) int {
	n := 1
	for all[0].Kind == crm.ContactUpdated && n < len(all) && all[n].Kind == crm.ContactUpdated {
		n++
	}
	return n
}

// waitFor is the time until the next attempt: Retry-After if it was said, else
// doubling, varied by half.
func waitFor(attempts int, first, longest time.Duration, fault *outbound.Error) time.Duration {
	if fault != nil && fault.RetryAfter > 0 {
		return fault.RetryAfter
	}
	wait := min(first<<min(attempts-1, 30), longest)
	if wait <= 0 {
		wait = longest
	}
	return time.Duration(float64(wait) * (0.5 + rand.Float64()))
}

// levelOf keeps the usual out of the log: what went well is counted, not told.
func levelOf(err error) slog.Level {
	if err == nil {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// done queues a sync to be settled.
func (l *leads) done(s *outbox.Sync) {
	l.mu.Lock()
	l.settled = append(l.settled, s)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// settle writes what became of pushes, those that ended together in one
// transaction, until stop is closed and nothing is left.
func (l *leads) settle(stop <-chan struct{}) {
	for stopping := false; ; {
		l.mu.Lock()
		batch := l.settled
		l.settled = nil
		l.mu.Unlock()
		if len(batch) > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), claimTime-pushTimeout)
			err := insist(func() error { return outbox.Settle(ctx, l.g.DB, l.g.Node, batch) })
			if err != nil {
				l.g.outage.log(l.g.Log, err) // pushed again, under the same ids
			}
			cancel()
			continue
		}
		if stopping {
			return
		}
		select {
		case <-l.wake:
		case <-stop:
			stopping = true
		}
	}
}

// documents builds what is pushed, from the contacts as they are now.
func (l *leads) documents(ctx context.Context, syncs []*outbox.Sync) (map[string]*crm.Push, error) {
	people := sqlstore.New(l.g.DB.Read(ctx))
	now := time.Now()
	var contactIDs, conversationIDs []string
	for _, s := range syncs {
		contactIDs = append(contactIDs, s.ContactID)
		for _, d := range s.Deliveries {
			if d.Conversation != "" {
				conversationIDs = append(conversationIDs, d.Conversation)
			}
		}
	}
	persons, err := people.Contacts(contactIDs)
	if err != nil {
		return nil, err
	}
	identities, err := l.g.identities(people, persons)
	if err != nil {
		return nil, err
	}
	conversations, err := people.Conversations(conversationIDs)
	if err != nil {
		return nil, err
	}
	since := make(map[string]int64, len(conversations))
	for id, conv := range conversations {
		since[id] = conv.State.Seq - transcriptLines
	}
	said, err := people.LinesOf(since)
	if err != nil {
		return nil, err
	}
	built := map[string]*crm.Push{}
	for _, s := range syncs {
		if len(s.Deliveries) == 0 || s.Deliveries[0].DueAt.After(now) {
			continue
		}
		head := s.Deliveries[0]
		c := persons[s.ContactID]
		if c == nil {
			head.State, head.LastError = outbox.Cancelled, "the contact is gone"
			continue
		}
		p, err := l.document(s, c, identities[c.ID], conversations[head.Conversation], said[head.Conversation])
		if err != nil {
			return nil, err
		}
		built[s.ID] = p
	}
	return built, nil
}

func (l *leads) document(s *outbox.Sync, c *contacts.Contact, identities []contacts.Identity, conv *contacts.Conversation, said []contacts.Line) (*crm.Push, error) {
	head := s.Deliveries[0]
	var changed []string
	for _, d := range s.Deliveries[:coalesced(s.Deliveries)] {
		changed = append(changed, d.Changed...)
	}
	contact := c.Document(l.d.Business.Fields, identities)
	where := crm.Conversation{Channel: c.Source.Channel, Flow: c.Source.Flow}
	if conv != nil {
		where.Channel, where.Transcript = conv.Channel, transcript(said)
		if l.g.PublicURL != "" {
			where.TranscriptURL = l.g.PublicURL + "/v1/conversations/" + conv.ID + "/messages"
		}
	}
	doc, err := crm.Document(head.Kind, head.CreatedAt, head.LeadKey, head.ID, contact, changed, where)
	if err == nil && len(head.Detail) > 0 {
		doc, err = crm.Amend(doc, head.Detail)
	}
	if err != nil {
		return nil, err
	}
	return &crm.Push{
		ID: head.ID, Kind: head.Kind, At: head.CreatedAt, LeadKey: head.LeadKey, RemoteID: s.RemoteID,
		First:    head.AttemptCount == 0 && !s.Unknown,
		Document: doc, Contact: contact, Transcript: where.Transcript,
	}, nil
}

// transcript is a conversation as plain text, a line a message.
func transcript(lines []contacts.Line) string {
	var text []byte
	for _, line := range lines {
		var m connectors.Message
		if line.Private || json.Unmarshal(line.Body, &m) != nil {
			continue
		}
		who := "Visitor: "
		if line.Out {
			who = "Us: "
		}
		said := m.Text
		if m.Form != nil {
			said = m.Form.Title
		}
		for _, media := range m.Media {
			said += " [" + media.Type + "]"
		}
		text = append(text, who+said+"\n"...)
	}
	return string(text)
}

// disable stops a destination whose receiver wants no more, and keeps what is
// due to it.
func (g *Gateway) disable(d *Destination, reason string) {
	g.states.set(d, "disabled")
	g.Log.Error("destination disabled", "destination", d.ID, "reason", reason)
	if err := g.setDestination(context.Background(), d, "disabled", reason); err != nil {
		g.outage.log(g.Log, err)
	}
}

// EnableDestination brings a disabled destination back: what was kept for it goes
// out. Error: contacts.ErrNotFound.
func (g *Gateway) EnableDestination(ctx context.Context, b *Business, id string) error {
	for _, d := range b.Destinations {
		if d.ID != id {
			continue
		}
		if err := g.setDestination(ctx, d, "active", ""); err != nil {
			return err
		}
		g.states.set(d, "active")
		g.Bus.Publish(topicLeads)
		return nil
	}
	return contacts.ErrNotFound
}

// setDestination stores a state; workers that settle at the same time may be in
// the way for a moment.
func (g *Gateway) setDestination(ctx context.Context, d *Destination, state, reason string) error {
	for try := 1; ; try++ {
		err := g.DB.Write(ctx, database.Bulk, func(tx *database.Tx) error {
			return outbox.SetDestination(tx, d.Business.ID, d.ID, state, reason)
		})
		if try == maxTries || !database.IsTransient(err) {
			return err
		}
	}
}

func (g *Gateway) paused(d *Destination) bool { return g.states.get(d) != "active" }
