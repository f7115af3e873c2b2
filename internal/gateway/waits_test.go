package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/inbox"
	"usher/internal/timers"
)

const pausing = `
id: pausing
name: Pausing
steps:
  - say: Wait.
  - wait: 20h
  - say: Still there?
  - {id: reply, ask: "Yes?"}
  - say: "{{ vars.reply }} it is."
`

// timersLeft are the timers that wait, whoever has them.
func (w *world) timersLeft() int {
	w.t.Helper()
	counts, err := timers.Count(w.t.Context(), w.g.DB)
	require.NoError(w.t, err)
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// rested waits until nothing waits any more, in the inbox nor outside of it.
func (w *world) rested() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.timersLeft() == 0 && len(w.undone()) == 0 }, soon, look)
}

// later is when all timers are due.
func (w *world) later() {
	w.t.Helper()
	require.NoError(w.t, w.g.DB.Write(w.t.Context(), database.Steps, func(tx *database.Tx) error {
		_, err := tx.Run("UPDATE timers SET due_at=?", time.Now().UnixMicro())
		return err
	}))
	signal(w.g.timers.list)
}

// resumed are the events by which runs went on.
func (w *world) resumed(state inbox.State) []connectors.Event {
	w.t.Helper()
	var found []connectors.Event
	for _, row := range w.events(state) {
		if ev := decodeEvent(row); ev != nil && ev.Kind == connectors.KindResumed {
			found = append(found, *ev)
		}
	}
	return found
}

func TestPauses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(pausing))
		for _, who := range []string{"web/site", "phone/acme"} {
			w.say(who, "4477", "hi")
			require.Equal(t, []string{"< hi", "> Wait."}, w.transcript(who, "4477"))
		}
		require.Equal(t, 2, w.timersLeft())
		w.say("web/site", "4477", "hello?")
		w.later()
		w.rested()
		require.Equal(t, []string{"< hi", "> Wait.", "< hello?", "> Still there?", "> Yes?"}, w.transcript("web/site", "4477"))
		require.Equal(t, []string{"< hi", "> Wait.", "> Still there?", "> Yes?"}, w.transcript("phone/acme", "4477"), "nobody said anything")
		require.Eventually(t, func() bool { return len(w.phone.texts("4477")) == 3 }, soon, look, "said where the person is")
		w.say("web/site", "4477", "yes")
		require.Equal(t, "> yes it is.", lastLine(w.transcript("web/site", "4477")))
		events := w.resumed(done)
		require.Len(t, events, 2)
		for _, ev := range events {
			require.Equal(t, connectors.CauseTimer, ev.Resume.Cause)
			require.NotEmpty(t, ev.DedupeKey)
		}
	})
}

// TestPausesOfContacts: the same where the person is a contact, whom a timer does
// not make look seen.
func TestPausesOfContacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(pausing))
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "hi")))
		w.idle()
		c := w.onlyContact()
		seen := c.LastSeenAt
		old := seen.Add(-time.Hour)
		require.NoError(t, w.g.DB.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
			stored := w.contact(c.ID)
			stored.LastSeenAt = old
			return putContact(tx, stored)
		}))
		w.later()
		w.rested()
		require.Eventually(t, func() bool { return len(w.phone.texts("447700900123")) == 3 }, soon, look)
		require.Equal(t, old, w.contact(c.ID).LastSeenAt)
	})
}

func lastLine(lines []string) string { return lines[len(lines)-1] }

// service is another program that flows ask.
type service struct {
	url string
	mu  sync.Mutex
	got []question
	say func(n int, a question, w http.ResponseWriter)
}

type question struct {
	header http.Header
	uri    string
	body   string
}

func newService(t *testing.T, say func(n int, a question, w http.ResponseWriter)) *service {
	t.Helper()
	s := &service{say: say}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		a := question{r.Header, r.RequestURI, string(body)}
		s.mu.Lock()
		s.got = append(s.got, a)
		n := len(s.got)
		s.mu.Unlock()
		s.say(n, a, rw)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *service) asked() []question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]question{}, s.got...)
}

const calling = `
id: calling
name: Calling
steps:
  - {id: mail, ask: "Your e-mail?", save: email}
  - say: One moment.
  - call:
      url: "URL/find?email={{ contact.email }}"
      headers: {Authorization: "Bearer {{ secret.accounts }}"}
      save: {plan: /data/tier, vars.manager: /data/manager/name}
      retry: 1
      timeout: 2s
    otherwise: sorry
  - {say: "You have {{ contact.plan }}; {{ vars.manager }} looks after you.", go: end}
  - {id: sorry, say: "We cannot look that up now."}
`

func withSecrets(w *world) { w.b.Secrets = map[string]string{"accounts": "s3cret-of-accounts"} }

func answerJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

func TestCalls(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		s := newService(t, func(_ int, _ question, w http.ResponseWriter) {
			answerJSON(w, `{"data":{"tier":"gold","manager":{"name":"Bob"}},"more":"not for the event"}`)
		})
		w := setup(t, be, withFlow(strings.ReplaceAll(calling, "URL", s.url)), withSecrets)
		w.say("web/site", "v1", "hi", "ada@example.com")
		w.rested()
		require.Equal(t, []string{"< hi", "> Your e-mail?", "< ada@example.com", "> One moment.", "> You have gold; Bob looks after you."}, w.transcript("web/site", "v1"))
		require.Equal(t, "gold", w.onlyContact().Values["plan"])
		got := s.asked()
		require.Len(t, got, 1)
		require.Equal(t, "/find?email=ada%40example.com", got[0].uri)
		require.Equal(t, "Bearer s3cret-of-accounts", got[0].header.Get("Authorization"))
		for _, row := range w.events(done) {
			kept, err := json.Marshal(row)
			require.NoError(t, err)
			for _, hidden := range []string{"s3cret-of-accounts", "not for the event"} {
				require.NotContains(t, string(kept)+string(row.Event)+string(row.Trace), hidden)
			}
		}
		require.Equal(t, contacts.ByFlow, must(w.conv("web/site", "v1")).Handling)
	})
}

func must(conv *contacts.Conversation, _ *contacts.Contact) *contacts.Conversation { return conv }

// TestCallsInRequests: a bot's turn is answered with what comes of its call too.
func TestCallsInRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		s := newService(t, func(n int, _ question, w http.ResponseWriter) {
			answerJSON(w, `{"data":{"tier":"gold","manager":{"name":"Bob `+strconv.Itoa(n)+`"}}}`)
		})
		w := setup(t, be, withFlow(strings.ReplaceAll(calling, "URL", s.url)), withSecrets)
		w.turn(message("s-1", "hi"))
		ev := message("s-1", "ada@example.com")
		ev.DedupeKey = "m-2"
		turn := w.turn(ev)
		require.Equal(t, []string{"One moment.", "You have gold; Bob 1 looks after you."}, texts(turn))
		require.Equal(t, "gold", turn.Values["plan"])
		again := w.turn(ev)
		require.Equal(t, turn, again, "the same turn has the same answer")
		require.Len(t, s.asked(), 1)
		require.Empty(t, must(w.conv("bot/site", "s-1")).State.Pending)
		w.rested()
	})
}

func putContact(tx *database.Tx, c *contacts.Contact) error {
	return sqlstore.New(tx).PutContacts([]*contacts.Contact{c})
}
