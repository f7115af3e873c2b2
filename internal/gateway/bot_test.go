package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/connectors"
)

func TestBotTurns(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		first := w.turn(message("s-1", "Hi"))
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, texts(first))
		require.Equal(t, "company_size", *first.WaitingFor)
		require.Equal(t, "guest", first.Type)
		require.Equal(t, "flow", first.Handling)
		require.Nil(t, first.ContactID)
		require.Nil(t, first.Status)
		require.False(t, first.Known["email"])
		require.Contains(t, first.Known, "plan")
		for _, r := range first.Replies {
			require.NotNil(t, r.Media)
			require.NotNil(t, r.Buttons)
		}
		require.Equal(t, "email", *w.turn(message("s-1", "20")).WaitingFor)
		ev := message("s-1", "ada@example.com")
		ev.Name = "Ada Lovelace" // the user is kept first: the name is not asked
		turn := w.turn(ev)
		require.Equal(t, []string{"Your phone?"}, texts(turn))
		require.Equal(t, "lead", turn.Type)
		require.Equal(t, map[string]any{"company_size": 20.0, "email": "ada@example.com", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"}, turn.Values)
		require.Equal(t, first.ConversationID, turn.ConversationID)
		require.Equal(t, first.GuestID, turn.GuestID)
	})
}

func TestBotParameters(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	require.Equal(t, "gold", w.turn(parameters(map[string]any{"plan": "gold", "company_size": "20", "unknown_thing": 1})).Values["plan"])
	for name, values := range map[string]map[string]any{
		"null":  {"plan": nil, "company_size": nil},
		"blank": {"plan": "  ", "company_size": ""},
	} {
		turn := w.turn(parameters(values))
		require.Equal(t, "gold", turn.Values["plan"], name)
		require.Equal(t, 20.0, turn.Values["company_size"], name)
	}
	// A wrong type: nothing of the whole turn is kept.
	ev := parameters(map[string]any{"company_size": "many", "plan": "iron"})
	ev.Name = "Ada"
	_, err := w.hook("bot/site", ev)
	var fault *connectors.FieldError
	require.ErrorAs(t, err, &fault)
	require.Equal(t, "parameters.company_size", fault.Field)
	require.NotContains(t, fault.Error(), "many", "the value is not repeated")
	turn := w.known("bot/site", "s-1")
	require.Equal(t, "gold", turn.Values["plan"])
	require.Nil(t, turn.Values["name"])
	require.Len(t, w.events(done), 3)
}

// TestRepeatedTurn gets the answer of the first, also while that is under way.
func TestRepeatedTurn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		ev := message("s-1", "Hi")
		ev.DedupeKey = "m-1"
		answers := make([]string, 20)
		var all errgroup.Group
		for i := range answers {
			all.Go(func() error {
				response, err := w.hook("bot/site", ev)
				answers[i] = string(response.Body)
				return err
			})
		}
		require.NoError(t, all.Wait())
		for _, a := range answers {
			require.Equal(t, answers[0], a)
		}
		w.turn(message("s-1", "20"))
		late, err := w.hook("bot/site", ev)
		require.NoError(t, err)
		require.Equal(t, answers[0], string(late.Body), "as it was then")
		require.Equal(t, "email", *w.turn(message("s-1", "nonsense")).WaitingFor)
	})
}

// TestLateReply comes first in the next answer.
func TestLateReply(t *testing.T) {
	t.Parallel()
	be, store := besides(embedded(t))
	w := build(t, be)
	w.bot.deadline = 150 * time.Millisecond
	w.start()
	hold := make(chan struct{})
	store.on(func(ctx context.Context, ids []string) error {
		if ids[0] != "gst_ready" {
			select {
			case <-hold:
			case <-time.After(soon):
			}
		}
		return nil
	}, nil)
	body := make(chan error, 1)
	go func() {
		_, err := w.hook("bot/site", message("s-1", "Hi"))
		body <- err
	}()
	require.Eventually(t, func() bool { return store.asked() > 0 }, soon, look)
	time.AfterFunc(2*w.bot.deadline, func() { close(hold) })
	require.NoError(t, <-body)
	w.idle()
	w.bot.deadline = soon
	turn := w.turn(message("s-1", "20"))
	require.Equal(t, []string{"Hello stranger!", "How many people?", "Your e-mail?"}, texts(turn))
	require.Equal(t, []string{"Your name?"}, texts(w.turn(message("s-1", "ada@example.com"))), "once")
}

// TestTurnOfAnotherNodesConversation is run by who holds the request.
func TestTurnOfAnotherNodesConversation(t *testing.T) {
	t.Parallel()
	be := servers(t)
	w := setup(t, be)
	intake := build(t, be)
	intake.deps.Node, intake.deps.Role = "node_2", RoleIntake
	g, err := New(intake.deps)
	require.NoError(t, err)
	intake.g = g
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ran
	})
	// One bot, both nodes in turn, each message as soon as the last is answered.
	require.Equal(t, []string{"Hello stranger!", "How many people?"}, texts(intake.turn(message("s-1", "Hi"))))
	require.Equal(t, []string{"Your e-mail?"}, texts(w.turn(message("s-1", "20"))))
	require.Equal(t, []string{"Your name?"}, texts(intake.turn(message("s-1", "ada@example.com"))))
	require.Equal(t, []string{"Your phone?"}, texts(w.turn(message("s-1", "Ada Lovelace"))))
	require.Equal(t, []string{"Thank you!"}, texts(intake.turn(message("s-1", "07700 900123"))))
	require.Len(t, w.people(), 1)
	// A webhook that the intake node takes is run by the other.
	require.NoError(t, intake.post("web/site", message("v1", "Hi")))
	w.idle()
	require.Len(t, w.transcript("web/site", "v1"), 3)
}
