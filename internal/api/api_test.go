package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/bot"
	dialogflowcx "usher/connectors/dialogflow_cx"
	dialogflowes "usher/connectors/dialogflow_es"
	"usher/connectors/rasa"
	"usher/connectors/webchat"
	"usher/connectors/whatsapp"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/crm"
	"usher/crm/sink"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/database/databasetest"
	"usher/internal/gateway"
	"usher/internal/nudge"
)

const helloFlow = `
id: hello
name: Hello
start: {trigger: first_message}
steps:
  - say: "Hi!"
  - id: size
    ask: How many people work with you?
    save: company_size
  - id: mail
    ask: What is your e-mail address?
    save: email
  - say: Thank you!
`

// world is a server before a real gateway with two businesses.
type world struct {
	t       testing.TB
	server  *Server
	gateway *gateway.Gateway
	db      *database.DB
}

// The keys of the world: one a scope, and an admin of the other business.
const (
	adminKey = "admin-key-for-tests"
	agentKey = "agent-key-for-tests"
	readKey  = "read-key-for-tests"
	botKey   = "bot-key-for-tests"
	otherKey = "other-admin-key-for-tests"
)

func setup(t testing.TB, options ...func(*Deps)) *world {
	t.Helper()
	db := databasetest.SQLite(t)
	acme, globex, probe := business(t, db, "acme", "GB"), business(t, db, "globex", "FR"), business(t, db, "probe", "GB")
	for key, scopes := range map[string][]string{adminKey: {"admin"}, agentKey: {"agent"}, readKey: {"read"}, botKey: {"bot"}} {
		addKey(t, db, "acme", key, scopes)
	}
	addKey(t, db, "globex", otherKey, []string{"admin"})
	g, err := gateway.New(gateway.Deps{HTTP: http.DefaultClient,

		DB: db, Bus: &nudge.Local{}, Businesses: []*gateway.Business{acme, globex, probe}, Log: slog.New(slog.DiscardHandler),
		Node: "test", Salt: []byte("0123456789abcdef"), GuestTTL: time.Hour, NoConsent: time.Hour, Retention: 24 * time.Hour, MaxBacklog: 10_000,
	})
	require.NoError(t, err)
	deps := Deps{Gateway: g, DB: db, Log: slog.New(slog.DiscardHandler), Business: "acme", TryPage: true, Version: "test",
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/32")}} // what Test calls the peer
	for _, o := range options {
		o(&deps)
	}
	s, err := New(deps)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	t.Cleanup(func() {
		s.streams.close()
		cancel()
		<-ran // an error only says that it was interrupted
	})
	answers(t, g, probe)
	return &world{t, s, g, db}
}

func business(t testing.TB, db *database.DB, id, country string) *gateway.Business {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	size := contacts.Field{Name: "company_size", Title: "Company size", Type: contacts.Number, Settable: true}
	fields, err := contacts.NewFields([]contacts.Field{size})
	require.NoError(t, err)
	flow, problems := flows.Parse("hello.yaml", []byte(helloFlow), fields)
	require.Empty(t, problems)
	b := &gateway.Business{ID: id, Name: id, Country: country, Timezone: zone, Fields: fields,
		Channels: map[string]*gateway.Channel{}}
	err = db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error {
		st := sqlstore.New(tx)
		if err := st.PutBusiness(sqlstore.Business{ID: id, Name: id, Country: country, Timezone: zone.String(), CreatedAt: time.Now()}); err != nil {
			return err
		}
		if err := st.PutField(id, sqlstore.StoredField{Field: size, FromFile: true, CreatedAt: time.Now()}); err != nil {
			return err
		}
		flow.Version, err = st.SaveFlow(id, "hello", flow.Source, sqlstore.ByFile)
		return err
	})
	require.NoError(t, err)
	b.Flows.Set([]*flows.Flow{flow})
	for channel, factory := range map[string]struct {
		make     connectors.Factory
		settings config.Settings
	}{
		"webchat/site":       {webchat.New, config.Settings{"identity_secret": "0123456789abcdef0123456789abcdef"}},
		"webchat/own":        {webchat.New, config.Settings{"origins": []any{"https://acme.example"}}},
		"bot/site":           {bot.New, config.Settings{"token": "bot-token-of-" + id}},
		"dialogflow_cx/site": {dialogflowcx.New, config.Settings{"token": "agent-token", "fields": map[string]any{"mail": "email"}, "person": "/payload/userId"}},
		"dialogflow_es/site": {dialogflowes.New, config.Settings{"token": "agent-token"}},
		"rasa/site":          {rasa.New, config.Settings{"token": "agent-token"}},
		"whatsapp/acme": {whatsapp.New, config.Settings{"app_secret": "app-secret", "verify_token": "verify", "access_token": "access",
			"phone_number_id": ""}},
	} {
		c, err := factory.make(connectors.Setup{ID: channel, Country: country, Settings: factory.settings, HTTP: http.DefaultClient, Key: []byte("0123456789abcdef" + id)})
		require.NoError(t, err, channel)
		b.Channels[channel] = &gateway.Channel{ID: channel, Business: b, FlowIDs: []string{"hello"}, Connector: c}
	}
	recorder, err := sink.New(crm.Setup{ID: "sink", HTTP: http.DefaultClient})
	require.NoError(t, err)
	b.Destinations = []*gateway.Destination{{ID: "sink", Type: "sink", Business: b, Connector: recorder,
		Send: map[crm.Kind]bool{crm.LeadCreated: true, crm.ContactUpdated: true}, State: "active"}}
	return b
}

// answers waits until a gateway that was just started answers at once.
func answers(t testing.TB, g *gateway.Gateway, b *gateway.Business) {
	t.Helper()
	eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := g.Capture(ctx, b.Channels["bot/site"], gateway.CaptureRequest{ExternalID: "probe"})
		return err == nil
	})
}

func addKey(t testing.TB, db *database.DB, business, key string, scopes []string) {
	t.Helper()
	hash := sha256.Sum256([]byte(key))
	err := db.Write(t.Context(), database.Bulk, func(tx *database.Tx) error {
		return sqlstore.New(tx).CreateKey(sqlstore.Key{ID: "key_" + key, Business: business, Name: key, Hash: hash[:], Scopes: scopes, CreatedAt: time.Now()})
	})
	require.NoError(t, err)
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var v map[string]any
	require.NoError(a.t, json.Unmarshal(a.body, &v), string(a.body))
	return v
}

// at walks to a value: at("errors", 0, "field").
func (a answer) at(path ...any) any {
	a.t.Helper()
	var v any = a.json()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			require.True(a.t, ok, "%v in %s", path, a.body)
			v = m[s]
		case int:
			l, ok := v.([]any)
			require.True(a.t, ok && len(l) > s, "%v in %s", path, a.body)
			v = l[s]
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	a.t.Helper()
	s, ok := a.at(path...).(string)
	require.True(a.t, ok, "%v in %s", path, a.body)
	return s
}

// call sends a request; headers alternate name and value. A body that is no
// string or []byte is sent as JSON.
func (w *world) call(method, path, key string, body any, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(w.t, err)
		r = bytes.NewReader(raw)
	}
	req := httptest.NewRequest(method, path, r)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.server.Test(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	if res.StatusCode >= 400 && method != http.MethodHead {
		require.Equal(w.t, problemType, res.Header.Get("Content-Type"), string(raw))
	}
	return answer{w.t, res.StatusCode, res.Header, raw}
}

// contact makes one.
func (w *world) contact(values map[string]any) answer {
	w.t.Helper()
	a := w.call("POST", "/v1/contacts", agentKey, values)
	require.Equal(w.t, http.StatusCreated, a.status, string(a.body))
	return a
}

func object(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

// eventually waits until a condition holds.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 10*time.Second, 10*time.Millisecond)
}

// raw sends a request line as it stands and returns the status.
func (w *world) raw(method, target, key string) int {
	w.t.Helper()
	req := httptest.NewRequest(method, "/", nil)
	req.URL.Opaque = target
	req.RequestURI = target
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := w.server.Test(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	return res.StatusCode
}
