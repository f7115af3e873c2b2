package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/flows"
	"usher/internal/inbox"
)

const routing = `
id: routing
steps:
  - {id: size, ask: "How many people?", save: company_size, skip_if_known: true}
  - route:
      - {when: contact.plan == "gold", go: gold}
      - {when: vars.size >= 50, go: sales}
  - {id: serve, say: "Self-serve.", go: more}
  - {id: gold, say: "Gold.", go: more}
  - {id: sales, say: "Sales."}
  - set: {status: sales_qualified}
  - push: all
  - {id: more, ask: "More?"}
  - route:
      - {when: vars.more == "yes", go: end}
  - say: "Next in order."
`

// explained is the trace of a conversation as "stage: detail", an event a list.
func (w *world) explained(channel, person string) [][]string {
	w.t.Helper()
	id := w.g.ConversationOf(w.b.Channels[channel], person)
	var all [][]string
	for cursor := ""; ; {
		_, traces, next, err := w.g.ConversationTrace(w.t.Context(), w.b, id, cursor, 2)
		require.NoError(w.t, err)
		for _, trace := range traces {
			var lines []string
			for _, e := range trace {
				require.NotZero(w.t, e.At)
				lines = append(lines, e.Stage+": "+e.Detail)
			}
			all = append(all, lines)
		}
		if cursor = next; next == "" {
			return all
		}
	}
}

// TestExplain: 003-05 and 003-06 (a question answered elsewhere is skipped),
// 003-07 (with any value), 003-11 and 003-12 (a stored field routes, top down),
// 003-13 (rules are their step's), A-26 (a skipped question routes as if just
// answered), A-27 (no rule holds: the next in order); and the trace says why.
func TestExplain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(routing))
		known := func(phone string, size any) *contacts.Contact {
			c, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "import", Values: map[string]any{"phone": phone, "company_size": size}})
			require.NoError(t, err)
			return c
		}
		big := known("+447700900180", 80)
		known("+447700900105", 5)
		known("+447700900100", 0)
		say := func(phone, text string) []string {
			before := len(w.phone.texts(phone[1:]))
			require.NoError(t, w.post("phone/acme", fromPhone(phone, "", text)))
			w.idle()
			require.Eventually(t, func() bool { return len(w.phone.texts(phone[1:])) > before }, soon, look)
			return w.phone.texts(phone[1:])[before:]
		}
		require.Equal(t, "Sales.", say("+447700900180", "yes")[0])
		require.Equal(t, "Self-serve.", say("+447700900105", "Hi")[0])
		require.Equal(t, "Self-serve.", say("+447700900100", "Hi")[0], "nought is a value")
		require.Equal(t, []string{"How many people?"}, say("+447700900999", "Hi"), "nobody knows")
		require.Equal(t, []string{"Sales.", "More?"}, say("+447700900999", "80"))
		require.Equal(t, []string{"Next in order."}, say("+447700900105", "no"))
		// An update may go with the lead that it follows.
		require.Eventually(t, func() bool { return len(w.crm.got()) >= 5 }, soon, look)

		var explained [][]string
		require.Eventually(t, func() bool {
			explained = w.explained("phone/acme", "447700900180")
			told := fmt.Sprint(explained)
			return strings.Contains(told, "reply") && !strings.Contains(told, "pending")
		}, soon, look)
		trace := explained[0]
		for _, line := range []string{
			"received: on phone/acme",
			"verified: the sender proved to be the platform, or needs no proof",
			"person: proved to be a contact: " + big.ID,
			"step: flow: started: routing: the first message",
			"step: size: ask: skipped: contact.company_size is known: 80",
			`step: route: matched: rule 2, to sales; saw contact.plan = unknown, vars.size = 80`,
			"effect: set: set: status",
			"effect: push: pushed: all destinations",
			"delivery: contact.updated to crm: delivered after 1 attempts",
		} {
			require.Contains(t, trace, line)
		}
		require.True(t, slices.ContainsFunc(trace, func(l string) bool {
			return strings.HasPrefix(l, "effect: reply msg_") && strings.HasSuffix(l, ": sent")
		}), "%q", trace)
		require.Len(t, w.explained("phone/acme", "447700900999"), 2)
		last := w.explained("phone/acme", "447700900105")
		require.Contains(t, last[1], `step: route: went on: no rule holds; saw vars.more = "no"`)

		e := w.events(done)[0]
		traces, err := w.g.Traces(t.Context(), w.b, []*inbox.Event{e})
		require.NoError(t, err)
		require.Len(t, traces[0], len(trace), "the event itself tells the same")
	})
}

// TestClaimIsExplainedWithoutTheContact: the trace of a conversation that claims
// to be somebody shows nothing of them.
func TestClaimIsExplainedWithoutTheContact(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow(`
id: claim
steps:
  - {id: mail, ask: "E-mail?", save: email}
  - {id: size, ask: "Size {{ contact.company_size }}?", save: company_size, skip_if_known: true}
  - route: [{when: contact.plan == "platinum" or contact.name == "x", go: mail}]
  - say: Bye
`))
	victim, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{
		"email": victimEmail, "name": "Vic Tim", "plan": "platinum", "company_size": 543}})
	require.NoError(t, err)
	w.say("web/site", "eve", "Hi", victimEmail, "7")
	all := w.explained("web/site", "eve")
	require.Len(t, all, 3)
	require.Contains(t, all[1], "person: claims to be a contact, and sees only what was said here: "+victim.ID)
	require.Contains(t, all[2], "step: route: went on: no rule holds; saw contact.plan = unknown, contact.name = unknown")
	text := fmt.Sprint(all)
	for _, secret := range []string{"543", "platinum", "Vic"} {
		require.NotContains(t, text, secret)
	}
}

func TestTraceIsBounded(t *testing.T) {
	t.Parallel()
	lines := make([]flows.TraceLine, 1000)
	for i := range lines {
		lines[i] = flows.TraceLine{Kind: "say", Did: "said", Detail: strings.Repeat("ä", i)}
	}
	kept := bounded(lines)
	require.LessOrEqual(t, len(kept), traceLines+1)
	require.Regexp(t, `^\d+ more lines$`, kept[len(kept)-1].Detail)
	raw, err := json.Marshal(kept)
	require.NoError(t, err)
	require.Less(t, len(raw), 2*traceBytes)
	require.Equal(t, lines[:100], bounded(lines[:100]))
	require.Len(t, bounded(make([]flows.TraceLine, 5000)), traceLines+1)
}
