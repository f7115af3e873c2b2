package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/outbound"
	"usher/internal/timers"
)

const posting = `
id: posting
name: Posting
steps:
  - call:
      method: POST
      url: "URL/orders?token=in-the-query"
      headers: {Authorization: "Bearer {{ secret.accounts }}"}
      body: {who: "{{ event.text }}"}
      save: {company_size: /size, vars.order: /id}
      retry: 2
      timeout: 20s
    otherwise: sorry
  - {say: "Order {{ vars.order }}, {{ contact.company_size | default: 'unknown' }}.", go: end}
  - {id: sorry, say: Later.}
`

// B-000-10: what a call's service may answer, and what becomes of it.
func TestCallOutcomes(t *testing.T) {
	t.Parallel()
	const inText = "said by the service"
	for name, c := range map[string]struct {
		answer   func(n int, w http.ResponseWriter)
		attempts int
		said     string
		traced   string
	}{
		"works":         {func(_ int, w http.ResponseWriter) { answerJSON(w, `{"id":"o-1","size":20}`) }, 1, "Order o-1, 20.", ""},
		"wrong type":    {func(_ int, w http.ResponseWriter) { answerJSON(w, `{"id":"o-1","size":"many"}`) }, 1, "Order o-1, unknown.", "company_size"},
		"nothing of it": {func(_ int, w http.ResponseWriter) { answerJSON(w, `{"other":1}`) }, 1, "Order , unknown.", ""},
		"works at last": {func(n int, w http.ResponseWriter) { failUntil(3, n, w) }, 3, "Order o-1, 20.", ""},
		"never":         {func(_ int, w http.ResponseWriter) { w.WriteHeader(503); fmt.Fprint(w, inText) }, 3, "Later.", "status 503"},
		"refused":       {func(_ int, w http.ResponseWriter) { w.WriteHeader(404); fmt.Fprint(w, inText) }, 1, "Later.", "status 404"},
		"credentials":   {func(_ int, w http.ResponseWriter) { w.WriteHeader(401); fmt.Fprint(w, inText) }, 1, "Later.", "status 401"},
		"much later":    {func(_ int, w http.ResponseWriter) { w.Header().Set("Retry-After", "3600"); w.WriteHeader(429) }, 1, "Later.", "status 429"},
		"moved": {func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(302)
		}, 1, "Later.", "redirects are not followed"},
		"no JSON":        {func(_ int, w http.ResponseWriter) { fmt.Fprint(w, "<html>"+inText) }, 1, "Later.", "JSON"},
		"without end":    {func(_ int, w http.ResponseWriter) { fmt.Fprint(w, `"`+strings.Repeat("x", 1<<20)+`"`) }, 3, "Later.", "1 MiB"},
		"no answer":      {func(_ int, w http.ResponseWriter) { panic(http.ErrAbortHandler) }, 3, "Later.", ""},
		"takes too long": {func(int, http.ResponseWriter) { time.Sleep(1500 * time.Millisecond) }, 3, "Later.", "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(n int, _ question, w http.ResponseWriter) { c.answer(n, w) })
			source := strings.ReplaceAll(posting, "URL", s.url)
			if name == "takes too long" {
				source = strings.ReplaceAll(source, "20s", "1s")
			}
			w := setup(t, embedded(t), withFlow(source), withSecrets)
			w.say("web/site", "v1", "it is me")
			w.rested()
			require.Equal(t, []string{"< it is me", "> " + c.said}, w.transcript("web/site", "v1"))
			got := s.asked()
			require.Len(t, got, c.attempts)
			for _, q := range got {
				require.Equal(t, got[0].header.Get("Idempotency-Key"), q.header.Get("Idempotency-Key"), "the same thing to the service")
				require.JSONEq(t, `{"who":"it is me"}`, q.body)
			}
			require.NotEmpty(t, got[0].header.Get("Idempotency-Key"))
			requireTraced(t, w, c.traced, "in-the-query", "s3cret-of-accounts", inText, s.url)
		})
	}
}

func failUntil(last, n int, w http.ResponseWriter) {
	if n < last {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	answerJSON(w, `{"id":"o-1","size":20}`)
}

// requireTraced checks that the traces of resumed events tell something and keep
// other things to themselves, and so do the events.
func requireTraced(t *testing.T, w *world, told string, hidden ...string) {
	t.Helper()
	var all strings.Builder
	for _, row := range w.events(done) {
		if ev := decodeEvent(row); ev == nil || ev.Kind != connectors.KindResumed {
			continue
		}
		trace, err := w.g.Traces(t.Context(), w.b, []*inbox.Event{row})
		require.NoError(t, err)
		text, err := json.Marshal(trace)
		require.NoError(t, err)
		all.Write(text)
		all.Write(row.Event)
	}
	require.Contains(t, all.String(), told)
	for _, h := range hidden {
		require.NotContains(t, all.String(), h)
	}
}

// TestCallsAreGuarded: no network of ours is reached unless it was allowed, and
// an address that cannot be one is told without what is in it.
func TestCallsAreGuarded(t *testing.T) {
	t.Parallel()
	s := newService(t, func(_ int, _ question, w http.ResponseWriter) { answerJSON(w, `{}`) })
	guarded, err := outbound.New(outbound.Options{})
	require.NoError(t, err)
	w := build(t, embedded(t), withFlow(strings.ReplaceAll(posting, "URL", s.url)), withSecrets)
	w.deps.HTTP = guarded
	w.start()
	w.say("web/site", "v1", "it is me")
	w.rested()
	require.Equal(t, "> Later.", lastLine(w.transcript("web/site", "v1")))
	require.Empty(t, s.asked())
	requireTraced(t, w, "not allowed", "in-the-query", "s3cret-of-accounts")

	// A secret that nobody has configured is not sent as nothing.
	w.b.Secrets = nil
	w.say("web/site", "v2", "it is me")
	w.rested()
	require.Equal(t, "> Later.", lastLine(w.transcript("web/site", "v2")))
	require.Empty(t, s.asked())
	requireTraced(t, w, `accounts`)
}

// TestSlowCalls hold up nobody: neither other conversations nor other timers, nor
// the calls of another business; and there is a bound.
func TestSlowCalls(t *testing.T) {
	t.Parallel()
	const people = callsAtOnce + callsWaiting + 20
	var under, most atomic.Int64
	hold := make(chan struct{})
	s := newService(t, func(_ int, _ question, w http.ResponseWriter) {
		if n := under.Add(1); n > most.Load() {
			most.Store(n)
		}
		<-hold
		under.Add(-1)
		answerJSON(w, `{"id":"o-1","size":20}`)
	})
	release := sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	slow := strings.ReplaceAll(strings.ReplaceAll(posting, "URL", s.url), "20s", "60s")
	w := build(t, embedded(t), withFlow(slow), withSecrets)
	w.b.Channels["web/other"].FlowIDs = []string{"pausing"}
	other := build(t, embedded(t)).b // another business, with a service that is quick
	quick := newService(t, func(_ int, _ question, w http.ResponseWriter) { answerJSON(w, `{"id":"o-2","size":1}`) })
	pause, third := flow(t, w.b, strings.ReplaceAll(pausing, "20h", "50ms")), flow(t, w.b, strings.ReplaceAll(posting, "URL", quick.url))
	pause.Version, third.Version = 1, 1
	w.b.Flows.Set([]*flows.Flow{w.b.Flows.Get("posting"), pause})
	other.ID, other.Secrets = "other", w.b.Secrets
	other.Flows.Set([]*flows.Flow{third})
	for _, ch := range other.Channels {
		ch.Business, ch.FlowIDs = other, []string{"posting"}
	}
	w.deps.Businesses = append(w.deps.Businesses, other)
	w.start()
	for n := range people {
		require.NoError(t, w.post("web/site", message(person(n), "hi")))
	}
	w.idle()
	require.Eventually(t, func() bool { return under.Load() == callsAtOnce }, soon, look)
	w.say("web/other", "v1", "hi")
	require.Eventually(t, func() bool { return lastLine(w.transcript("web/other", "v1")) == "> Yes?" }, soon, look, "a pause of the same business")
	_, err := w.g.Accept(t.Context(), other.Channels["web/site"], webhook(t, message("v1", "hi")))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(quick.asked()) == 1 }, soon, look, "a call of another one")
	require.EqualValues(t, callsAtOnce, most.Load())
	release()
	w.rested()
	require.EqualValues(t, callsAtOnce, most.Load())
	require.Len(t, s.asked(), people)
	for n := range people {
		require.Equal(t, "> Order o-1, 20.", lastLine(w.transcript("web/site", person(n))))
	}
}

// TestCallOfDeadProcess: a call under way when its process dies is made again,
// under the same key, and its run goes on once.
func TestCallOfDeadProcess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		hold := make(chan struct{})
		s := newService(t, func(n int, _ question, w http.ResponseWriter) {
			if n == 1 {
				<-hold
				return
			}
			answerJSON(w, `{"id":"o-1","size":20}`)
		})
		t.Cleanup(func() { close(hold) })
		w := setup(t, be, withFlow(strings.ReplaceAll(strings.ReplaceAll(posting, "URL", s.url), "20s", "60s")), withSecrets)
		w.say("web/site", "v1", "hi")
		require.Eventually(t, func() bool { return len(s.asked()) == 1 }, soon, look)
		// It ends in the middle; what it had claimed is free, as its claim has run out.
		w.end()
		require.NoError(t, timers.Release(t.Context(), w.g.DB))
		w = w.again("node_2")
		w.rested()
		require.Equal(t, []string{"< hi", "> Order o-1, 20."}, w.transcript("web/site", "v1"))
		got := s.asked()
		require.Len(t, got, 2)
		require.Equal(t, got[0].header.Get("Idempotency-Key"), got[1].header.Get("Idempotency-Key"))
	})
}

// TestCallThatKills its process again and again has failed.
func TestCallThatKills(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := newService(t, func(int, question, http.ResponseWriter) { <-hold })
	t.Cleanup(func() { close(hold) })
	w := setup(t, embedded(t), withFlow(strings.ReplaceAll(strings.ReplaceAll(posting, "URL", s.url), "20s", "60s")), withSecrets)
	w.say("web/site", "v1", "hi")
	require.Eventually(t, func() bool { return len(s.asked()) == 1 }, soon, look)
	w.end()
	require.NoError(t, w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE timers SET attempts=?", maxBroken)
		return err
	}))
	w = w.again("node_2")
	w.rested()
	require.Equal(t, []string{"< hi", "> Later."}, w.transcript("web/site", "v1"))
	require.Len(t, s.asked(), 1)
	requireTraced(t, w, "given up")
}

// TestCallGoneOn: a run that has gone on is not asked for any more.
func TestCallGoneOn(t *testing.T) {
	t.Parallel()
	s := newService(t, func(int, question, http.ResponseWriter) {})
	w := setup(t, embedded(t), withFlow(strings.ReplaceAll(posting, "URL", s.url)), withSecrets)
	w.g.call(t.Context(), timers.Timer{ID: "tmr_1", Business: w.b.ID, Channel: "web/site", ExternalID: "v1", Run: 7, Visit: 1, Cause: connectors.CauseCall})
	require.Empty(t, s.asked())
	require.Empty(t, w.resumed(done))
	_, err := w.g.GuestAt(t.Context(), w.b, "web/site", "v1")
	require.ErrorIs(t, err, contacts.ErrNotFound)
}

// TestTimersAreCounted for operators.
func TestTimersAreCounted(t *testing.T) {
	t.Parallel()
	s := newService(t, func(_ int, _ question, w http.ResponseWriter) { answerJSON(w, `{"id":"o-1"}`) })
	registry := prometheus.NewRegistry()
	w := build(t, embedded(t), withFlow(strings.ReplaceAll(posting, "URL", s.url)), withSecrets)
	w.deps.Metrics = registry
	w.start()
	w.say("web/site", "v1", "hi")
	w.rested()
	withFlow(tomorrow)(w)
	w.say("web/site", "v2", "hi")
	require.NoError(t, w.g.countTimers(t.Context()))
	families, err := registry.Gather()
	require.NoError(t, err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			got[f.GetName()+" "+strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.EqualValues(t, 1, got["usher_timers_fired_total call ok"])
	require.EqualValues(t, 1, got["usher_calls_total call ok"])
	require.EqualValues(t, 1, got["usher_timers_waiting timer"])
	require.EqualValues(t, 0, got["usher_timers_waiting call"])
}
