package gateway

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/hours"
	"usher/internal/timers"
)

// support hands over, and asks for what is missing if nobody comes.
const support = `
id: support
name: Support
defaults: {skip_if_known: true}
steps:
  - id: human
    handover:
      team: sales
      wait: WAIT
      say: {success: In a moment., nobody: Everybody is busy., closed: We are back at nine., disabled: Chat is off today.}
    go: bye
    otherwise: reach
  - {id: reach, ask: "Your e-mail?", save: email}
  - {id: mobile, ask: "Your phone?", save: phone}
  - {id: bye, say: Thank you!}
`

func supportFlow(wait string) option { return withFlow(strings.ReplaceAll(support, "WAIT", wait)) }

// team makes the team sales of agents.
func (w *world) team(p TeamPatch, agents ...*contacts.Agent) {
	w.t.Helper()
	p.Name, p.Members = ptr("Sales"), &[]string{}
	for _, a := range agents {
		*p.Members = append(*p.Members, a.ID)
	}
	_, err := w.g.CreateTeam(w.t.Context(), w.b, p)
	require.NoError(w.t, err)
}

// talk is where a person's conversation is.
type talk struct {
	w               *world
	channel, person string
}

func (w *world) talk(channel, person, text string) *talk {
	w.t.Helper()
	w.say(channel, person, text)
	return &talk{w, channel, person}
}

func (k *talk) id() string { return k.w.g.ConversationOf(k.w.b.Channels[k.channel], k.person) }

func (k *talk) conv() *contacts.Conversation {
	k.w.t.Helper()
	conv, _ := k.w.conv(k.channel, k.person)
	return conv
}

// becomes waits until the conversation is handled so, and its desk row says the
// same.
func (k *talk) becomes(handling contacts.Handling, assignee string) {
	k.w.t.Helper()
	var conv *contacts.Conversation
	ok := func() bool {
		conv = k.conv()
		return conv.Handling == handling && (conv.State.Desk == nil && assignee == "" || conv.State.Desk != nil && conv.State.Desk.AssigneeID == assignee)
	}
	require.Eventually(k.w.t, ok, soon, look, "%s %s", handling, assignee)
	k.w.idle()
	conv = k.conv() // Redis knows before SQL does
	row, err := sqlstore.New(k.w.g.DB.Read(k.w.t.Context())).DeskOf(k.w.b.ID, k.id())
	if !atDesk(conv) {
		require.ErrorIs(k.w.t, err, contacts.ErrNotFound)
		return
	}
	require.NoError(k.w.t, err)
	require.Equal(k.w.t, []string{string(handling), assignee, conv.ContactID}, []string{string(row.Handling), row.AssigneeID, row.ContactID})
	require.Equal(k.w.t, conv.ContactID == "", !row.ExpiresAt.IsZero(), "it goes with its guest")
}

func (k *talk) says(texts ...string) {
	k.w.t.Helper()
	var got []string
	require.Eventually(k.w.t, func() bool {
		got = k.w.transcript(k.channel, k.person)
		return slices.Equal(texts, got)
	}, soon, look, "%q", &got)
}

func (k *talk) act(a connectors.Act) error {
	_, err := k.w.g.Act(k.w.t.Context(), k.w.b, k.id(), a)
	return err
}

func (k *talk) do(do, agent string) error { return k.act(connectors.Act{Do: do, AgentID: agent}) }

func (k *talk) write(agent, text string) error {
	return k.act(connectors.Act{Do: connectors.ActMessage, AgentID: agent, Text: text})
}

// B-000-06, B-000-07: each cause has its own text, and in each the conversation
// is nobody's.
func TestWhyNobodyTakesOver(t *testing.T) {
	t.Parallel()
	never := map[string]string{"mon-sun": "closed"}
	for name, c := range map[string]struct {
		prepare  func(w *world)
		says     string
		handling contacts.Handling
	}{
		"disabled":                 {func(w *world) { w.team(TeamPatch{Enabled: ptr(false)}, w.agent("Bob")) }, "Chat is off today.", contacts.FollowUp},
		"closed, the team's hours": {func(w *world) { w.team(TeamPatch{Hours: &never}, w.agent("Bob")) }, "We are back at nine.", contacts.FollowUp},
		"closed, the business's": {func(w *world) {
			w.b.Hours = hours.Week(never)
			w.team(TeamPatch{}, w.agent("Bob"))
		}, "We are back at nine.", contacts.FollowUp},
		"all away or busy": {func(w *world) {
			away := func(a string) func(*AgentPatch) { return func(p *AgentPatch) { p.Availability = &a } }
			w.team(TeamPatch{AutoAssign: ptr(true)}, w.agent("Bob", away("away")), w.agent("Ann", away("busy")))
		}, "Everybody is busy.", contacts.Queued},
		"no agents": {func(w *world) { w.team(TeamPatch{}) }, "Everybody is busy.", contacts.Queued},
		"no team":   {func(*world) {}, "Everybody is busy.", contacts.Queued},
		"other hours": {func(w *world) {
			w.b.Hours = hours.Week(never)
			w.team(TeamPatch{Hours: &map[string]string{"mon-sun": "00:00-24:00"}}, w.agent("Bob"))
		}, "In a moment.", contacts.Queued},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, be backend) {
				w := setup(t, be, supportFlow("1h"))
				c.prepare(w)
				k := w.talk("phone/acme", "447700900001", "Help")
				want := []string{"< Help", "> " + c.says}
				if c.handling == contacts.FollowUp {
					want = append(want, "> Your e-mail?")
				}
				require.Eventually(t, func() bool { return len(w.phone.texts("447700900001")) >= len(want)-1 }, soon, look)
				require.Equal(t, c.says, w.phone.texts("447700900001")[0], "in the outbox")
				k.becomes(c.handling, "")
			})
		})
	}
}

// B-000-08: auto assign gives it to an available agent, who has waited longest;
// without, it is unassigned.
func TestAutoAssign(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("1h"))
		bob, ann := w.agent("Bob"), w.agent("Ann", func(p *AgentPatch) { p.MaxConversations = ptr(1) })
		w.team(TeamPatch{AutoAssign: ptr(true)}, bob, ann, w.agent("Cy", func(p *AgentPatch) { p.Availability = ptr("away") }))
		for i, agent := range []string{bob.ID, ann.ID, bob.ID, bob.ID} { // Ann holds one, that is her most
			k := w.talk("web/site", person(i), "Help")
			k.becomes(contacts.ByAgent, agent)
			k.says("< Help", "> In a moment.")
		}
		_, err := w.g.PatchTeam(t.Context(), w.b, "sales", TeamPatch{AutoAssign: ptr(false)})
		require.NoError(t, err)
		k := w.talk("web/site", "unassigned", "Help")
		k.says("< Help", "> In a moment.")
		k.becomes(contacts.Queued, "")

		list, _, _, err := sqlstore.New(w.g.DB.Read(t.Context())).ListConversations(w.b.ID, sqlstore.ConversationFilter{AssigneeID: ann.ID}, sqlstore.Page{})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, w.g.ConversationOf(w.b.Channels["web/site"], person(1)), list[0].ID)
		require.Empty(t, w.people(), "nobody is a contact for that")
	})
}

// What waits is given to whoever comes, or has room again, in the order in which
// it has waited.
func TestWhoComesGetsWhatWaits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("1h"))
		bob := w.agent("Bob", func(p *AgentPatch) { p.Availability, p.MaxConversations = ptr("away"), ptr(1) })
		w.team(TeamPatch{AutoAssign: ptr(true)}, bob)
		first := w.talk("web/site", "first", "Help")
		first.says("< Help", "> Everybody is busy.")
		second := w.talk("web/other", "second", "Help")
		second.says("< Help", "> Everybody is busy.")
		_, err := w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Availability: ptr("available")})
		require.NoError(t, err)
		first.becomes(contacts.ByAgent, bob.ID)
		second.becomes(contacts.Queued, "")
		require.NoError(t, first.do(connectors.ActClose, bob.ID))
		second.becomes(contacts.ByAgent, bob.ID)
		first.becomes(contacts.ByFlow, bob.ID)
	})
}

// Many handovers at once, decided on several nodes' behalf: nobody gets more
// than they take, and the turns go round.
func TestAutoAssignAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("1h"))
		const most = 3
		var agents []*contacts.Agent
		for _, name := range []string{"Bob", "Ann", "Cy", "Di"} {
			agents = append(agents, w.agent(name, func(p *AgentPatch) { p.MaxConversations = ptr(most) }))
		}
		w.team(TeamPatch{AutoAssign: ptr(true)}, agents...)
		const visitors = 20
		var all sync.WaitGroup
		for i := range visitors {
			all.Go(func() {
				if err := w.post("web/site", message(person(i), "Help")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		given := map[string]int{}
		require.Eventually(t, func() bool {
			clear(given)
			for i := range visitors {
				conv, _ := w.conv("web/site", person(i))
				if d := conv.State.Desk; d != nil && conv.State.Seq == 2 {
					given[d.AssigneeID]++
				}
			}
			sum := 0
			for _, n := range given {
				sum += n
			}
			return sum == visitors
		}, soon, look)
		for _, a := range agents {
			require.Equal(t, most, given[a.ID])
		}
		require.Equal(t, visitors-most*len(agents), given[""])
	})
}

// 002-16, 002-18, 002-19, A-19, A-20: nobody takes it in time, so the person is
// asked for what is missing, which makes a contact; the conversation waits for
// somebody to come back to it. That it was given to an agent changes nothing.
func TestNobodyInTime(t *testing.T) {
	t.Parallel()
	for name, auto := range map[string]bool{"queued": false, "assigned": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, be backend) {
				w := setup(t, be, supportFlow("300ms"))
				bob := w.agent("Bob")
				w.team(TeamPatch{AutoAssign: &auto}, bob)
				assignee := map[bool]string{true: bob.ID}[auto]
				k := w.talk("web/site", "v", "Help")
				k.says("< Help", "> In a moment.", "> Everybody is busy.", "> Your e-mail?")
				k.becomes(contacts.FollowUp, assignee)
				w.say("web/site", "v", "ada@example.com", "07700900123")
				require.Equal(t, "ada@example.com", w.onlyContact().Values["email"])
				require.Equal(t, "+447700900123", w.onlyContact().Values["phone"])
				k.becomes(contacts.FollowUp, assignee)
				require.NoError(t, k.write(bob.ID, "Hello Ada")) // somebody comes back
				k.becomes(contacts.ByAgent, bob.ID)
			})
		})
	}
}

// what is known is not asked for.
func TestOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("100ms"))
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "Help")))
		w.idle()
		k := &talk{w, "phone/acme", "447700900123"}
		k.says("< Help", "> Everybody is busy.", "> Your e-mail?")
		w.say("phone/acme", "447700900123", "ada@example.com")
		k.says("< Help", "> Everybody is busy.", "> Your e-mail?", "< ada@example.com", "> Thank you!")
	})
}

// 002-17, B-000-09, B-002-07, A-44: who takes it in time stops the clock; from
// then on only the agent answers, until the agent gives it back.
func TestTakenInTime(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("1h"))
		bob, ann := w.agent("Bob"), w.agent("Ann")
		w.team(TeamPatch{}, bob, ann)
		k := w.talk("web/site", "v", "Help")
		k.says("< Help", "> In a moment.")
		k.becomes(contacts.Queued, "")
		w.say("web/site", "v", "Anybody?")
		require.ErrorIs(t, k.do(connectors.ActRelease, bob.ID), ErrState)
		require.NoError(t, k.do(connectors.ActTake, bob.ID))
		require.NoError(t, k.do(connectors.ActTake, bob.ID), "asked for again")
		k.becomes(contacts.ByAgent, bob.ID)
		require.ErrorIs(t, k.do(connectors.ActTake, ann.ID), ErrState)
		require.ErrorIs(t, k.do(connectors.ActRelease, ann.ID), ErrState)
		require.ErrorIs(t, k.do(connectors.ActClose, ann.ID), ErrState)
		require.ErrorIs(t, k.write(ann.ID, "Me too"), ErrState)
		require.NoError(t, k.write(bob.ID, " Hello! "))
		counts, err := timersOf(t, w)
		require.NoError(t, err)
		require.Empty(t, counts, "the clock has stopped")
		w.say("web/site", "v", "I have a question")
		said := []string{"< Help", "> In a moment.", "< Anybody?", "> Hello!", "< I have a question"}
		k.says(said...)
		require.NoError(t, k.do(connectors.ActRelease, bob.ID))
		k.becomes(contacts.ByFlow, "")
		k.says(append(said, "> Thank you!")...)
		w.say("web/site", "v", "Help again")
		k.becomes(contacts.Queued, "")
		k.says(append(said, "> Thank you!", "< Help again", "> In a moment.")...)
	})
}

// A conversation that the flow answers can be taken too: its run ends, so that
// nothing of it is said into the agent's talk.
func TestTakenFromTheFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		bob := w.agent("Bob")
		k := w.talk("web/site", "v", "Hello")
		k.says("< Hello", "> Hello stranger!", "> How many people?")
		require.ErrorIs(t, k.write(bob.ID, "Hello"), ErrState, "nobody has it")
		require.NoError(t, k.act(connectors.Act{Do: connectors.ActMessage, AgentID: bob.ID, Text: "Odd visitor", Private: true}))
		require.NoError(t, k.do(connectors.ActTake, bob.ID))
		k.becomes(contacts.ByAgent, bob.ID)
		w.say("web/site", "v", "3")
		require.NoError(t, k.do(connectors.ActClose, bob.ID))
		k.becomes(contacts.ByFlow, bob.ID)
		require.ErrorIs(t, k.do(connectors.ActClose, bob.ID), ErrState)
		require.ErrorIs(t, k.do(connectors.ActTake, bob.ID), ErrState)
		require.ErrorIs(t, k.write(bob.ID, "Still there?"), ErrState)
		require.NoError(t, k.do(connectors.ActReopen, bob.ID))
		k.becomes(contacts.ByAgent, bob.ID)
		require.ErrorIs(t, k.do(connectors.ActReopen, bob.ID), ErrState)
		require.NoError(t, k.do(connectors.ActClose, bob.ID))
		w.say("web/site", "v", "Hello again")
		k.becomes(contacts.ByFlow, "")
		k.says("< Hello", "> Hello stranger!", "> How many people?", "> Odd visitor", "< 3", "< Hello again", "> Hello stranger!", "> How many people?")
		require.ErrorIs(t, k.do(connectors.ActReopen, bob.ID), ErrState, "the person has written")
		lines, err := w.g.Messages(t.Context(), w.b, k.id(), 3, 1)
		require.NoError(t, err)
		require.True(t, lines[0].Private)
		require.Equal(t, bob.ID, lines[0].Author)
	})
}

// B-002-05, B-002-06: everybody begins with the flow, on every channel; whoever
// asks for a person is handed over at once, in the middle of a question, and
// from then on the clock runs.
func TestAskingForAPerson(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		faq := "id: faq\nname: Questions\nsteps:\n  - {id: q, ask: \"How can we help?\"}\n  - say: Let me see.\n"
		human := strings.Replace(strings.ReplaceAll(support, "WAIT", "300ms"), "defaults:", "start: {trigger: keyword, keywords: [human]}\ndefaults:", 1)
		w := setup(t, be, withFlows(human, faq))
		w.team(TeamPatch{}, w.agent("Bob"))
		for _, channel := range []string{"web/site", "phone/acme"} {
			k := w.talk(channel, "447700900001", "Hello")
			k.says("< Hello", "> How can we help?")
			k.becomes(contacts.ByFlow, "")
			w.say(channel, "447700900001", "Human")
			said := []string{"< Hello", "> How can we help?", "< Human", "> In a moment."}
			k.says(append(said, "> Everybody is busy.", "> Your e-mail?")...)
			k.becomes(contacts.FollowUp, "")
		}
		require.Equal(t, []string{"How can we help?"}, texts(w.turn(message("s-1", "Hello"))))
		require.Equal(t, []string{"In a moment."}, texts(w.turn(message("s-1", "human"))))
	})
}

// Two agents take it at once: one gets it. Whoever comes as the time ends either
// has it, and nothing is asked, or comes too late for that.
func TestTakeAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("700ms"))
		bob, ann := w.agent("Bob"), w.agent("Ann")
		w.team(TeamPatch{}, bob, ann)
		const talks = 12
		var all sync.WaitGroup
		for i := range talks {
			k := w.talk("web/site", person(i), "Help")
			all.Go(func() {
				// From well before the end of the time to after it.
				time.Sleep(400*time.Millisecond + time.Duration(i)*50*time.Millisecond)
				var pair sync.WaitGroup
				var won [2]error
				for n, a := range []*contacts.Agent{bob, ann} {
					pair.Go(func() { won[n] = k.do(connectors.ActTake, a.ID) })
				}
				pair.Wait()
				if (won[0] == nil) == (won[1] == nil) {
					t.Errorf("%v, %v", won[0], won[1])
				}
			})
		}
		all.Wait()
		w.idle()
		require.Eventually(t, func() bool {
			counts, err := timersOf(t, w)
			return err == nil && len(counts) == 0
		}, soon, look)
		for i := range talks {
			k := &talk{w, "web/site", person(i)}
			require.Equal(t, contacts.ByAgent, k.conv().Handling)
			said := w.transcript("web/site", person(i))
			switch len(said) {
			case 2: // in time
			case 4:
				require.Equal(t, []string{"> Everybody is busy.", "> Your e-mail?"}, said[2:])
			default:
				t.Errorf("%q", said)
			}
		}
	})
}

// 002-42, 002-43, A-19: all that a contact says is one agent's; away, it stays
// this agent's and the person is asked all the same.
func TestAssigneeOfTheContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("4s"))
		bob, ann := w.agent("Bob"), w.agent("Ann")
		w.team(TeamPatch{AutoAssign: ptr(true)}, ann)
		c, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"name": "Ada", "phone": "+447700900123", "email": "ada@example.com"}, AssigneeID: bob.ID})
		require.NoError(t, err)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "Help")))
		k := &talk{w, "phone/acme", "447700900123"}
		k.becomes(contacts.ByAgent, bob.ID)
		require.Equal(t, c.ID, k.conv().ContactID)
		require.NoError(t, k.do(connectors.ActTake, bob.ID))
		require.NoError(t, k.do(connectors.ActClose, bob.ID))
		_, err = w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Availability: ptr("away")})
		require.NoError(t, err)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "Help again")))
		k.becomes(contacts.FollowUp, bob.ID)
	})
}

// A flow may say who is responsible for somebody of whom nothing is known.
func TestAssigneeOfTheGuest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		set := strings.Replace(strings.ReplaceAll(support, "WAIT", "1h"), "steps:", "steps:\n  - set: {assignee: bob@acme.example}", 1)
		w := setup(t, be, withFlow(set))
		bob, ann := w.agent("Bob", func(p *AgentPatch) { p.Email = ptr("bob@acme.example") }), w.agent("Ann")
		w.team(TeamPatch{}, ann)
		k := w.talk("web/site", "v", "Help")
		k.becomes(contacts.ByAgent, bob.ID)
	})
}

// A handover may ask for one agent, by id or e-mail.
func TestHandoverToAnAgent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(strings.ReplaceAll(strings.ReplaceAll(support, "WAIT", "1h"), "team: sales", "agent: bob@acme.example")))
		k := w.talk("web/site", "before", "Help")
		k.says("< Help", "> Everybody is busy.")
		k.becomes(contacts.Queued, "")
		bob := w.agent("Bob", func(p *AgentPatch) { p.Email = ptr("bob@acme.example") })
		k = w.talk("web/site", "then", "Help")
		k.becomes(contacts.ByAgent, bob.ID)
		_, err := w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Availability: ptr("busy")})
		require.NoError(t, err)
		k = w.talk("web/site", "after", "Help")
		k.says("< Help", "> Everybody is busy.")
		k.becomes(contacts.Queued, "")
	})
}

// What an agent writes goes out by the channel, notes do not.
func TestAgentWrites(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, supportFlow("1h"))
		bob := w.agent("Bob")
		w.team(TeamPatch{}, bob)
		ev := fromPhone("+447700900123", "Ada", "Help")
		ev.Account, ev.IDs = "", &connectors.IDs{WaID: "447700900123", UserID: "GB.1"}
		require.NoError(t, w.post("phone/acme", ev))
		k := &talk{w, "phone/acme", "447700900123"}
		k.becomes(contacts.Queued, "")
		require.NoError(t, k.write(bob.ID, "Hello Ada"), "who answers takes it")
		k.becomes(contacts.ByAgent, bob.ID)
		require.NoError(t, k.act(connectors.Act{Do: connectors.ActMessage, AgentID: bob.ID, Text: "A difficult one", Private: true}))
		require.NoError(t, k.write(bob.ID, "Goodbye"))
		require.Eventually(t, func() bool { return len(w.phone.all()) == 3 }, soon, look)
		require.Equal(t, []string{"In a moment.", "Hello Ada", "Goodbye"}, w.phone.texts("447700900123"))
		for _, s := range w.phone.all() {
			require.Equal(t, &connectors.IDs{WaID: "447700900123", UserID: "GB.1"}, s.To.IDs, "to where the person wrote from")
		}
		k.says("< Help", "> In a moment.", "> Hello Ada", "> A difficult one", "> Goodbye")
		lines, err := w.g.Messages(t.Context(), w.b, k.id(), 0, 10)
		require.NoError(t, err)
		require.NotContains(t, transcript(lines), "difficult", "nor to a CRM")

		b := w.turn(message("s-1", "Help"))
		require.Equal(t, []string{"In a moment."}, texts(b))
		kb := &talk{w, "bot/site", "s-1"}
		require.NoError(t, kb.write(bob.ID, "Hello from Bob"))
		b = w.turn(message("s-1", "Hello"))
		require.Equal(t, []string{"Hello from Bob"}, texts(b), "with the bot's next turn")
		require.Equal(t, "agent", b.Handling)
	})
}

// A guest in the queue is found and answered after its own store has been wiped.
func TestQueueOutlivesTheGuests(t *testing.T) {
	t.Parallel()
	be := servers(t)
	w := setup(t, be, supportFlow("1h"))
	bob := w.agent("Bob")
	w.team(TeamPatch{}, bob)
	k := w.talk("web/site", "v", "Help")
	k.becomes(contacts.Queued, "")
	require.NoError(t, k.do(connectors.ActTake, bob.ID))
	require.NoError(t, k.write(bob.ID, "Hello"))
	w.say("web/site", "v", "Hi Bob")
	require.NoError(t, be.guests.Delete(t.Context(), []string{guestIDOf(k.conv())}))
	conv, guest, err := w.g.Conversation(t.Context(), w.b, k.id())
	require.NoError(t, err)
	require.NotNil(t, guest)
	require.Equal(t, []any{contacts.ByAgent, bob.ID}, []any{conv.Handling, conv.State.Desk.AssigneeID})
	require.NoError(t, k.write(bob.ID, "Still there?"))
	w.say("web/site", "v", "Yes")
	k.becomes(contacts.ByAgent, bob.ID)
	k.says("< Help", "> In a moment.", "> Hello", "< Hi Bob", "> Still there?", "< Yes")
}

func timersOf(t *testing.T, w *world) (map[string]int, error) {
	return timers.Count(t.Context(), w.g.DB)
}
