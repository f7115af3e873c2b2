package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/internal/nudge"
)

const talking = `
id: talking
name: Talking
steps:
  - say: Our assistant helps you.
  - id: assistant
    bot: {url: "URL/hook", wire: WIRE, token: "{{ secret.accounts }}", timeout: 30s}
    go: bye
    otherwise: human
  - {id: human, say: "A person will look at it.", go: end}
  - {id: bye, say: Goodbye.}
`

func withBot(s *service, wire string) option {
	return withFlow(strings.NewReplacer("URL", s.url, "WIRE", wire).Replace(talking))
}

// rasa echoes what it is told, as a bot behind Rasa might, until it hears a word of its own.
func rasa(_ int, q question, w http.ResponseWriter) {
	var said struct{ Sender, Message string }
	_ = json.Unmarshal([]byte(q.body), &said)
	switch said.Message {
	case "bye":
		answerJSON(w, `[{"custom":{"ended":true}}]`)
	case "complaint":
		answerJSON(w, `[{"text":"One moment."},{"custom":{"handover":true}}]`)
	case "crash":
		w.WriteHeader(http.StatusInternalServerError)
	case "nothing":
		answerJSON(w, `[]`)
	default:
		answerJSON(w, fmt.Sprintf(`[{"recipient_id":%q,"text":"You said %s."},{"text":"What else?"}]`, said.Sender, said.Message))
	}
}

// B-002-06, B-002-07: each message goes to the bot, until it has ended, failed or
// asks for a person.
func TestBotSteps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		s := newService(t, rasa)
		w := setup(t, be, withBot(s, "rasa"), withSecrets)
		for last, then := range map[string][]string{
			"bye": {"> Goodbye."}, "complaint": {"> One moment.", "> A person will look at it."}, "crash": {"> A person will look at it."},
		} {
			who := "who-" + last
			w.say("web/site", who, "hello")
			w.rested()
			require.Equal(t, contacts.ByBot, must(w.conv("web/site", who)).Handling)
			w.say("web/site", who, "nothing")
			w.rested()
			w.say("web/site", who, last)
			w.rested()
			require.Equal(t, append([]string{"< hello", "> Our assistant helps you.", "> You said hello.", "> What else?", "< nothing", "< " + last}, then...),
				w.transcript("web/site", who))
			require.NotEqual(t, contacts.ByBot, must(w.conv("web/site", who)).Handling)
		}
		got := s.asked()
		require.Len(t, got, 9)
		senders := map[string]bool{}
		for _, q := range got {
			require.Equal(t, "Bearer s3cret-of-accounts", q.header.Get("Authorization"))
			var said struct{ Sender string }
			require.NoError(t, json.Unmarshal([]byte(q.body), &said))
			senders[said.Sender] = true
		}
		require.Len(t, senders, 3, "each conversation is one of the bot's")
	})
}

// TestBotOfOurOwnForm is asked in the form of the bot channel, and what it says
// about people is passed on.
func TestBotOfOurOwnForm(t *testing.T) {
	t.Parallel()
	s := newService(t, func(_ int, q question, w http.ResponseWriter) {
		var turn struct{ Text string }
		_ = json.Unmarshal([]byte(q.body), &turn)
		handling := "bot"
		if turn.Text == "nobody understands me" {
			handling = "queued"
		}
		answerJSON(w, fmt.Sprintf(`{"replies":[{"text":"About %s …"}],"handling":%q,"waiting_for":"answer"}`, turn.Text, handling))
	})
	w := setup(t, embedded(t), withBot(s, "usher"), withSecrets)
	require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "prices")))
	w.rested()
	require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada Lovelace", "nobody understands me")))
	w.rested()
	require.Eventually(t, func() bool { return len(w.phone.texts("447700900123")) == 4 }, soon, look)
	require.Equal(t, []string{"Our assistant helps you.", "About prices …", "About nobody understands me …", "A person will look at it."}, w.phone.texts("447700900123"))
	var turn struct {
		Session string
		User    map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(s.asked()[0].body), &turn))
	require.Equal(t, "Ada Lovelace", turn.User["name"])
	require.NotEmpty(t, turn.Session)
}

// TestBotAnswersInOrder, however long it thinks about one message, and without
// holding up others.
func TestBotAnswersInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		hold := make(chan struct{})
		s := newService(t, func(n int, q question, w http.ResponseWriter) {
			if strings.Contains(q.body, "slow") {
				<-hold
			}
			rasa(n, q, w)
		})
		release := sync.OnceFunc(func() { close(hold) })
		t.Cleanup(release)
		w := setup(t, be, withBot(s, "rasa"), withSecrets)
		w.say("web/site", "v1", "hi")
		w.rested()
		require.NoError(t, w.post("web/site", message("v1", "slow"), message("v1", "two"), message("v1", "three")))
		w.idle()
		w.say("web/site", "v2", "hi")
		require.Eventually(t, func() bool { return lastLine(w.transcript("web/site", "v2")) == "> What else?" }, soon, look)
		require.Equal(t, "< three", lastLine(w.transcript("web/site", "v1")))
		release()
		w.rested()
		require.Equal(t, []string{"> You said slow.", "> What else?", "> You said two.", "> What else?", "> You said three.", "> What else?"},
			w.transcript("web/site", "v1")[7:])
		require.Empty(t, w.resumed(ignored))
	})
}

// TestBotInRequests: a bot's turn that another bot is to answer has its answer.
func TestBotInRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withBot(newService(t, rasa), "rasa"), withSecrets)
		require.Equal(t, []string{"Our assistant helps you.", "You said hello.", "What else?"}, texts(w.turn(message("s-1", "hello"))))
		turn := w.turn(message("s-1", "again"))
		require.Equal(t, []string{"You said again.", "What else?"}, texts(turn))
		require.Equal(t, "bot", turn.Handling)
		turn = w.turn(message("s-1", "bye"))
		require.Equal(t, []string{"Goodbye."}, texts(turn))
		require.Equal(t, "flow", turn.Handling)
	})
}

// TestLateCallInRequests: what comes after the deadline goes first in the next
// answer, once; the first is what there was in time, however often it is asked
// for.
func TestLateCallInRequests(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		hold := make(chan struct{})
		s := newService(t, func(n int, q question, w http.ResponseWriter) {
			if n == 1 {
				<-hold
			}
			rasa(n, q, w)
		})
		release := sync.OnceFunc(func() { close(hold) })
		t.Cleanup(release)
		w := build(t, be, withBot(s, "rasa"), withSecrets)
		w.bot.deadline = 2 * time.Second
		w.start()
		ev := message("s-1", "hello")
		ev.DedupeKey = "m-1"
		began := time.Now()
		first := w.turn(ev)
		require.Equal(t, []string{"Our assistant helps you."}, texts(first))
		require.Less(t, time.Since(began), soon)
		release()
		w.rested()
		require.Equal(t, []string{"Our assistant helps you."}, texts(w.turn(ev)))
		w.bot.deadline = 10 * time.Second
		require.Equal(t, []string{"You said hello.", "What else?", "You said next.", "What else?"}, texts(w.turn(message("s-1", "next"))))
		require.Equal(t, []string{"You said more.", "What else?"}, texts(w.turn(message("s-1", "more"))))
	})
}

// TestCallOfAnotherNodesRequest: the node that holds the request answers with what
// the node that works on the conversation has asked for.
func TestCallOfAnotherNodesRequest(t *testing.T) {
	t.Parallel()
	be := servers(t)
	s := newService(t, rasa)
	bus := &nudge.Local{}
	w := build(t, be, withBot(s, "rasa"), withSecrets)
	w.deps.Bus = bus
	w.start()
	intake := build(t, be, withBot(s, "rasa"), withSecrets)
	intake.deps.Node, intake.deps.Role, intake.deps.Bus = "node_2", RoleIntake, bus
	intake.join()
	for n := range 3 {
		session := fmt.Sprintf("s-%d", n)
		ev := message(session, "hello")
		ev.DedupeKey = session + "#1"
		began := time.Now()
		turn := intake.turn(ev)
		require.Equal(t, []string{"Our assistant helps you.", "You said hello.", "What else?"}, texts(turn))
		require.Less(t, time.Since(began), intake.bot.deadline)
		require.Equal(t, turn, w.turn(ev), "asked at the other node")
		require.Equal(t, []string{"You said more.", "What else?"}, texts(w.turn(message(session, "more"))))
		require.Equal(t, []string{"Goodbye."}, texts(intake.turn(message(session, "bye"))))
	}
	require.Empty(t, w.resumed(ignored))
}

// TestWaitOfCrashedTurn: a request whose turn has to be run again follows it all
// the same.
func TestWaitOfCrashedTurn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		be, store := besides(be)
		w := setup(t, be, withBot(newService(t, rasa), "rasa"), withSecrets)
		left := 2
		store.on(nil, func([]contacts.GuestWrite) error {
			if left--; left < 0 {
				return nil
			}
			return errors.New("the process died here")
		})
		require.Equal(t, []string{"Our assistant helps you.", "You said hello.", "What else?"}, texts(w.turn(message("s-1", "hello"))))
	})
}

// TestSessionsWait for themselves: a bot's conversations of one person.
func TestSessionsWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(tomorrow))
		for _, session := range []string{"s-1", "s-2"} {
			ev := message("u-7", "hi")
			ev.Session = session
			require.Equal(t, []string{"Until tomorrow."}, texts(w.turn(ev)))
		}
		require.Equal(t, 2, w.timersLeft())
		w.later()
		w.rested()
		var sessions []string
		for _, ev := range w.resumed(done) {
			sessions = append(sessions, ev.Session)
		}
		require.ElementsMatch(t, []string{"s-1", "s-2"}, sessions)
		require.Empty(t, must(w.conv("bot/site", "u-7")).State.Runs)
	})
}
