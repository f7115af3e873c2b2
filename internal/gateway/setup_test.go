package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/redisstore"
	"usher/contacts/sqlstore"
	"usher/contacts/storetest"
	"usher/crm"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/database/databasetest"
	"usher/internal/inbox"
	"usher/internal/nudge"
	"usher/internal/outbound"
	"usher/internal/outbox"
)

const (
	enquiry = `
id: enquiry
name: Enquiry
steps:
  - say: "Hello {{ contact.first_name | default: 'stranger' }}!"
  - {id: size, ask: "How many people?", save: company_size, skip_if_known: true}
  - {id: mail, ask: "Your e-mail?", save: email, skip_if_known: true}
  - {id: name, ask: "Your name?", save: name, skip_if_known: true}
  - {id: mobile, ask: "Your phone?", save: phone, skip_if_known: true}
  - push: all
  - say: Thank you!
`
	// soon is how long anything may take that ought to happen at once.
	soon = 20 * time.Second
	look = 3 * time.Millisecond

	quarantined = inbox.Quarantined
	done        = inbox.Done
)

// backend is where a world keeps its data.
type backend struct {
	db     *database.DB
	guests contacts.GuestStore // nil: in db
}

func embedded(t *testing.T) backend { return backend{db: databasetest.SQLite(t)} }

func servers(t *testing.T) backend {
	return backend{db: databasetest.MySQL(t), guests: redisstore.New(storetest.Redis(t), storetest.Prefix())}
}

// each runs a test on both back ends.
func each(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded(t))
	})
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		test(t, servers(t))
	})
}

// world is a business with one channel of each kind and a CRM.
type world struct {
	t     *testing.T
	g     *Gateway
	b     *Business
	deps  Deps
	web   *web
	other *web
	phone *phone
	bot   *bot
	crm   *receiver
	end   func() // ends Run, as a clean shutdown does
}

type option func(*world)

func flow(t *testing.T, b *Business, source string) *flows.Flow {
	t.Helper()
	f, problems := flows.Parse("flow.yaml", []byte(source), b.Fields)
	require.Empty(t, problems)
	return f
}

// withFlow replaces the flow of all channels.
func withFlow(source string) option {
	return func(w *world) {
		f := flow(w.t, w.b, source)
		f.Version = 1
		w.b.Flows.Set([]*flows.Flow{f})
		for _, ch := range w.b.Channels {
			ch.FlowIDs = []string{f.ID}
		}
	}
}

// silent takes the flow away: people are kept and nothing is said.
func silent(w *world) {
	for _, ch := range w.b.Channels {
		ch.FlowIDs = nil
	}
}

// local is a client that may reach this machine.
func local(t *testing.T) *http.Client {
	t.Helper()
	hc, err := outbound.New(outbound.Options{AllowPrivate: []string{"127.0.0.1"}, Timeout: time.Minute})
	require.NoError(t, err)
	return hc
}

func build(t *testing.T, be backend, options ...option) *world {
	t.Helper()
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "company_size", Title: "Company size", Type: contacts.Number, Settable: true},
		{Name: "plan", Title: "Plan", Type: contacts.Text, Settable: true},
	})
	require.NoError(t, err)
	b := &Business{ID: "default", Name: "Acme", Country: "GB", Timezone: time.UTC, Fields: fields, Channels: map[string]*Channel{}}
	w := &world{t: t, b: b, web: &web{}, other: &web{}, phone: &phone{}, bot: &bot{deadline: 10 * time.Second}, crm: &receiver{}}
	for id, c := range map[string]connectors.Connector{"web/site": w.web, "web/other": w.other, "phone/acme": w.phone, "bot/site": w.bot} {
		b.Channels[id] = &Channel{ID: id, Business: b, Connector: c}
	}
	b.Destinations = []*Destination{{ID: "crm", Type: "fake", Business: b, Connector: w.crm, State: "active",
		Send:  map[crm.Kind]bool{crm.LeadCreated: true, crm.ContactUpdated: true, crm.InquiryCreated: true},
		Retry: crm.Retry{First: 10 * time.Millisecond, Max: 40 * time.Millisecond}}}
	withFlow(enquiry)(w)
	w.deps = Deps{DB: be.db, Guests: be.guests, Bus: &nudge.Local{}, Businesses: []*Business{b}, Log: slog.New(slog.DiscardHandler),
		Node: "node_1", Salt: []byte("0123456789abcdef"), GuestTTL: 90 * 24 * time.Hour, NoConsent: 30 * time.Minute,
		Retention: 8 * 24 * time.Hour, MaxBacklog: 100_000, HTTP: local(t)}
	for _, o := range options {
		o(w)
	}
	for _, d := range b.Destinations {
		stored, err := outbox.PutDestination(t.Context(), be.db, b.ID, d.ID, d.Type)
		require.NoError(t, err)
		d.CreatedAt = stored.CreatedAt
	}
	return w
}

// start runs a world's gateway until the test, or end, ends it.
func (w *world) start() *world {
	w.t.Helper()
	w.join()
	require.Eventually(w.t, func() bool { return len(w.g.lanes.heldParts()) == database.Partitions }, soon, look)
	return w
}

// join is start for a node that shares the work with others.
func (w *world) join() {
	w.t.Helper()
	g, err := New(w.deps)
	require.NoError(w.t, err)
	w.g = g
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	var once sync.Once
	w.end = func() {
		once.Do(func() {
			cancel()
			<-ran // an error only says that it was interrupted
		})
	}
	w.t.Cleanup(w.end)
}

func setup(t *testing.T, be backend, options ...option) *world {
	t.Helper()
	return build(t, be, options...).start()
}

// post sends events to a channel in one webhook.
func (w *world) post(channel string, events ...connectors.Event) error {
	_, err := w.hook(channel, events...)
	return err
}

func (w *world) hook(channel string, events ...connectors.Event) (connectors.Response, error) {
	return w.g.Accept(w.t.Context(), w.b.Channels[channel], webhook(w.t, events...))
}

// webhook is a platform's request with events.
func webhook(t *testing.T, events ...connectors.Event) *connectors.Request {
	t.Helper()
	body, err := json.Marshal(events)
	require.NoError(t, err)
	return &connectors.Request{Method: http.MethodPost, Body: body, At: time.Now().UTC(), Header: http.Header{}}
}

// say is what a person writes on a channel; all that it leads to is done when it
// returns.
func (w *world) say(channel, person string, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		require.NoError(w.t, w.post(channel, message(person, text)))
		w.idle()
	}
}

func message(person, text string) connectors.Event {
	return connectors.Event{Kind: connectors.KindMessage, ExternalID: person, Text: text}
}

// fromPhone is a message whose platform vouches for the number.
func fromPhone(number, name, text string) connectors.Event {
	ev := message(number[1:], text)
	ev.Phone, ev.Name = number, name
	return ev
}

// idle waits until every event is done.
func (w *world) idle() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.undone()) == 0 }, soon, look)
}

func (w *world) undone() []inbox.Ref {
	refs, _, err := w.g.inbox.Undone(w.t.Context(), nil, nil, 0, 100_000)
	require.NoError(w.t, err)
	return refs
}

// turn is one turn of a bot.
func (w *world) turn(ev connectors.Event) connectors.Turn {
	w.t.Helper()
	response, err := w.hook("bot/site", ev)
	require.NoError(w.t, err)
	var t connectors.Turn
	require.NoError(w.t, json.Unmarshal(response.Body, &t))
	return t
}

func texts(t connectors.Turn) []string {
	out := []string{}
	for _, r := range t.Replies {
		out = append(out, r.Text)
	}
	return out
}

func (w *world) people() []*contacts.Contact {
	w.t.Helper()
	var ids []string
	err := w.g.DB.Read(w.t.Context()).Raw("SELECT id FROM contacts WHERE business_id<>'' ORDER BY created_at, id").Scan(&ids).Error
	require.NoError(w.t, err)
	found, err := sqlstore.New(w.g.DB.Read(w.t.Context())).Contacts(ids)
	require.NoError(w.t, err)
	var all []*contacts.Contact
	for _, id := range ids {
		all = append(all, found[id])
	}
	return all
}

func (w *world) onlyContact() *contacts.Contact {
	w.t.Helper()
	all := w.people()
	require.Len(w.t, all, 1)
	return all[0]
}

func (w *world) contact(id string) *contacts.Contact {
	w.t.Helper()
	c, err := sqlstore.New(w.g.DB.Read(w.t.Context())).Contact(w.b.ID, id)
	require.NoError(w.t, err)
	return c
}

// conv is a person's conversation, with the contact or guest that has it.
func (w *world) conv(channel, person string) (*contacts.Conversation, *contacts.Contact) {
	w.t.Helper()
	conv, c, err := w.g.find(w.t.Context(), w.b.Channels[channel], person)
	require.NoError(w.t, err)
	return conv, c
}

func (w *world) guest(channel, person string) *contacts.Guest {
	w.t.Helper()
	guest, err := w.g.GuestAt(w.t.Context(), w.b, channel, person)
	require.NoError(w.t, err)
	return guest
}

// transcript of a person's conversation: "< " they said, "> " we did.
func (w *world) transcript(channel, person string) []string {
	w.t.Helper()
	lines, err := w.g.Messages(w.t.Context(), w.b, w.g.ConversationOf(w.b.Channels[channel], person), 0, 1000)
	require.NoError(w.t, err)
	out := []string{}
	for i, line := range lines {
		var m connectors.Message
		require.NoError(w.t, json.Unmarshal(line.Body, &m))
		who := "< "
		if line.Out {
			who = "> "
		}
		out = append(out, who+m.Text)
		require.Equal(w.t, int64(i+1), line.Seq, "no line twice, none missing")
	}
	return out
}

func (w *world) known(channel, person string) connectors.Turn {
	w.t.Helper()
	t, err := w.g.Known(w.t.Context(), w.b, channel, person)
	require.NoError(w.t, err)
	return t
}

func (w *world) events(state inbox.State) []*inbox.Event {
	w.t.Helper()
	all, err := w.g.inbox.List(w.t.Context(), inbox.Query{Business: w.b.ID, State: &state, Ascending: true, Limit: 10_000})
	require.NoError(w.t, err)
	return all
}

func (w *world) deliveries(q DeliveryQuery) []*outbox.Delivery {
	w.t.Helper()
	if q.Limit == 0 {
		q.Limit = 200
	}
	all, _, err := w.g.Deliveries(w.t.Context(), w.b, q)
	require.NoError(w.t, err)
	return all
}

// pushed waits until the receiver has got n pushes.
func (w *world) pushed(n int) []crm.Push {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.crm.got()) >= n }, soon, look, "pushes")
	got := w.crm.got()
	require.Len(w.t, got, n)
	return got
}

func person(i int) string { return fmt.Sprintf("person-%d", i) }

// addAgent gives an address to an agent.
func addAgent(t *testing.T, w *world, a sqlstore.Address) {
	t.Helper()
	err := w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
		return sqlstore.New(tx).AddAddresses([]sqlstore.AddressRow{{Business: w.b.ID, Address: a,
			Holder: sqlstore.Holder{Kind: sqlstore.HolderAgent, ID: "agt_1", Trust: contacts.Vouched}}})
	})
	require.NoError(t, err)
}
