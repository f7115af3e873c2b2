package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"usher/connectors"
	"usher/crm"
)

// fake is a channel whose webhooks are lists of events as usher knows them.
type fake struct{ account string }

func (f *fake) Verify(r *connectors.Request) error {
	if bytes.Contains(r.Body, []byte("unsigned")) {
		return connectors.ErrUnverified
	}
	return nil
}

func (f *fake) Parse(r *connectors.Request) ([]connectors.Item, error) {
	var events []connectors.Event
	if err := json.Unmarshal(r.Body, &events); err != nil {
		return nil, connectors.ErrUnreadable
	}
	items := make([]connectors.Item, len(events))
	for i, ev := range events {
		raw, err := json.Marshal(ev)
		if err != nil {
			return nil, err
		}
		items[i] = connectors.Item{Event: ev, Raw: raw}
		if ev.Kind == "" {
			items[i].Problem = "unknown shape"
		}
	}
	return items, nil
}

func (f *fake) Account() string { return f.account }

// web is a channel whose people come through a page and read the transcript.
type web struct{ fake }

func (*web) Streams() {}

func (*web) NewSession(time.Time) (string, string, time.Time) { return "v", "t", time.Time{} }

func (*web) Renew(string, time.Time) (string, time.Time) { return "t", time.Time{} }

func (*web) Authenticate(string, time.Time) (string, bool) { return "", false }

func (*web) Origin(*connectors.Request) (string, bool) { return "", true }

func (*web) Identify(string, time.Time) (connectors.Event, error) {
	return connectors.Event{}, connectors.ErrUnverified
}

// phone is a platform with an API, which vouches for its people's numbers.
type phone struct {
	fake
	mu   sync.Mutex
	sent []sent
	fail func(sent) error
}

type sent struct {
	To connectors.Address
	M  connectors.Message
}

func (p *phone) Send(_ context.Context, to connectors.Address, m connectors.Message) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := sent{to, m}
	if p.fail != nil {
		if err := p.fail(s); err != nil {
			return "", err
		}
	}
	p.sent = append(p.sent, s)
	return "wamid." + m.ID, nil
}

func (p *phone) texts(person string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []string{}
	for _, s := range p.sent {
		if s.To.ExternalID == person {
			out = append(out, s.M.Text)
		}
	}
	return out
}

func (p *phone) all() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]sent{}, p.sent...)
}

// bot is a channel whose platform waits for the answer.
type bot struct {
	fake
	deadline time.Duration
}

func (b *bot) Deadline() time.Duration { return b.deadline }

func (*bot) Respond(_ *connectors.Request, t connectors.Turn) connectors.Response {
	body, err := json.Marshal(t)
	if err != nil {
		return connectors.Response{Status: 500}
	}
	return connectors.Response{Body: body}
}

// receiver is a CRM that remembers what it gets and answers as it is told.
type receiver struct {
	mu     sync.Mutex
	pushes []crm.Push
	answer func(crm.Push) crm.Receipt
}

func (*receiver) Batch() int { return 1 }

func (r *receiver) Push(_ context.Context, pushes []crm.Push) []crm.Receipt {
	r.mu.Lock()
	defer r.mu.Unlock()
	receipts := make([]crm.Receipt, len(pushes))
	for i, p := range pushes {
		receipts[i] = crm.Receipt{RemoteID: "r-" + p.LeadKey, Status: 200}
		if r.answer != nil {
			receipts[i] = r.answer(p)
		}
		r.pushes = append(r.pushes, p)
	}
	return receipts
}

func (r *receiver) answers(f func(crm.Push) crm.Receipt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) got() []crm.Push {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]crm.Push{}, r.pushes...)
}

// kinds of what the receiver got for a contact, in order.
func (r *receiver) kinds(contactID string) []crm.Kind {
	out := []crm.Kind{}
	for _, p := range r.got() {
		if p.LeadKey == contactID {
			out = append(out, p.Kind)
		}
	}
	return out
}

var (
	_ connectors.Visitors  = (*web)(nil)
	_ connectors.Streamer  = (*web)(nil)
	_ connectors.Sender    = (*phone)(nil)
	_ connectors.Responder = (*bot)(nil)
	_ crm.Connector        = (*receiver)(nil)
)
