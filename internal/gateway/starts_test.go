package gateway

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/flows"
)

// withFlows gives every channel these flows, tried in their order.
func withFlows(sources ...string) option {
	return func(w *world) {
		var all []*flows.Flow
		var ids []string
		for _, source := range sources {
			f := flow(w.t, w.b, source)
			f.Version = 1
			all, ids = append(all, f), append(ids, f.ID)
		}
		w.b.Flows.Set(all)
		for _, ch := range w.b.Channels {
			ch.FlowIDs = ids
		}
	}
}

// oneStep is a flow that says its name and asks one question.
func oneStep(id, start string) string {
	return fmt.Sprintf("id: %s\nstart: %s\nsteps: [{say: %s}, {id: q, ask: \"Well?\", save: plan}]\n", id, start, id)
}

func (w *world) trace(id int64) []flows.TraceLine {
	w.t.Helper()
	var lines []flows.TraceLine
	raw := w.event(id).Trace
	if len(raw) > 0 {
		require.NoError(w.t, json.Unmarshal(raw, &lines))
	}
	return lines
}

// lastTrace is that of the newest event.
func (w *world) lastTrace() []flows.TraceLine {
	w.t.Helper()
	all := w.events(done)
	require.NotEmpty(w.t, all)
	return w.trace(all[len(all)-1].ID)
}

func did(lines []flows.TraceLine, what string) []string {
	found := []string{}
	for _, l := range lines {
		if l.Did == what {
			found = append(found, l.Detail)
		}
	}
	return found
}

// TestWhichFlow: B-003-07, B-000-04, 003-10: a channel's flows are tried from the
// top, the first whose start holds begins; none: the event is done, nothing is
// said, the person is kept.
func TestWhichFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlows(
			oneStep("prices", `{pages: "/pricing*", except_pages: "/pricing/jobs"}`),
			oneStep("german", `{languages: de}`),
			oneStep("rest", `{when: contact.status != "disqualified" and visit.country == "GB"}`)))
		at := func(person, page, language, country string) []string {
			ev := message(person, "Hello")
			ev.Language = language
			if page != "" {
				ev.Page = &connectors.Page{URL: "https://acme.example" + page}
			}
			if country != "" {
				ev.System = map[string]any{"country": country}
			}
			require.NoError(t, w.post("web/site", ev))
			w.idle()
			return w.transcript("web/site", person)[1:]
		}
		require.Equal(t, []string{"> prices", "> Well?"}, at("a", "/pricing/teams", "de", "GB"))
		require.Equal(t, []string{"> german", "> Well?"}, at("b", "/pricing/jobs", "de-AT", "GB"))
		require.Equal(t, []string{"> rest", "> Well?"}, at("c", "/", "fr", "United Kingdom"))
		require.Empty(t, at("d", "/", "fr", "FR"))
		require.Equal(t, "https://acme.example/", w.guest("web/site", "d").Conversation.State.Visit.Landing, "the person is kept")
		require.Equal(t, []string{
			`prices: the page is "https://acme.example/"`, `german: the language is "fr"`,
			`rest: when does not hold; saw contact.status = unknown, visit.country = "FR"`,
		}, did(w.lastTrace(), "not started"), "it is said why there is no bot")
		require.Len(t, w.events(done), 4)

		_, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Status: "disqualified", Values: map[string]any{"phone": "+447700900123"}})
		require.NoError(t, err)
		ev := fromPhone("+447700900123", "", "Hello")
		ev.System = map[string]any{"country": "GB"}
		require.NoError(t, w.post("phone/acme", ev))
		w.idle()
		require.Empty(t, w.phone.all(), "what is known of a person leaves them out")
	})
}

// TestAnotherFlowClosesTheRun: B-003-14: a keyword, a payload or a referral
// begins another flow and closes the run that waits; a plain answer never does.
func TestAnotherFlowClosesTheRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlows(
			oneStep("menu", `{keywords: [menu], payloads: ["menu:*"], refs: [summer]}`),
			"id: welcome\nsteps: [{say: welcome}, {id: topic, ask: \"Which?\", choices: [Prices, Menu]}, {id: more, ask: \"More?\"}, {say: bye}]\n"))
		w.say("web/site", "v", "Hello", "Menu", "menu")
		require.Equal(t, []string{"< Hello", "> welcome", "> Which?\n1. Prices\n2. Menu", "< Menu", "> More?", "< menu", "> menu", "> Well?"}, w.transcript("web/site", "v"),
			"what the question offers is an answer, else the keyword counts")
		trace := w.lastTrace()
		require.Equal(t, []string{"welcome: another flow begins"}, did(trace, "closed"))
		require.Equal(t, []string{"menu: a keyword"}, did(trace, "started"))
		w.say("web/site", "v", "no keyword")
		require.Equal(t, "no keyword", w.guest("web/site", "v").Conversation.State.Said["plan"], "a plain answer")

		w.say("web/site", "u", "Hello")
		require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindReferral, ExternalID: "u", Referral: &connectors.Referral{Ref: "summer"}}))
		w.idle()
		require.Equal(t, []string{`menu: the referral "summer"`}, did(w.lastTrace(), "started"))
		require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindPostback, ExternalID: "u", Reply: &connectors.Choice{ID: "menu:7"}}))
		w.idle()
		require.Equal(t, []string{"menu: another flow begins"}, did(w.lastTrace(), "closed"), "a flow can begin anew")
		require.Equal(t, 3, w.guest("web/site", "u").Conversation.State.Begun)
	})
}

// TestReturning: a person who had a run, who comes back after a silence or who
// was known before returns.
func TestReturning(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlows(
			"id: back\nstart: {returning: true}\nsteps: [{say: \"back {{ visit.runs }}\"}]\n",
			"id: first\nsteps: [{say: first}]\n"))
		w.say("web/site", "v", "Hello", "Hello again", "And again")
		require.Equal(t, []string{"< Hello", "> first", "< Hello again", "> back 1", "< And again", "> back 2"}, w.transcript("web/site", "v"))

		_, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{"phone": "+447700900123"}})
		require.NoError(t, err)
		require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "", "Hello"), fromPhone("+447700900124", "", "Hello")))
		w.idle()
		require.Eventually(t, func() bool { return len(w.phone.all()) == 2 }, soon, look)
		require.Equal(t, []string{"back 0"}, w.phone.texts("447700900123"), "known before")
		require.Equal(t, []string{"first"}, w.phone.texts("447700900124"), "made by this very message")

		ev := message("s-1", "Hello")
		ev.Email = "known@example.com"
		_, err = w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{"email": "known@example.com"}})
		require.NoError(t, err)
		require.Equal(t, []string{"first"}, texts(w.turn(ev)), "a claim tells nothing")
	})
}

// TestVisits: a visit ends with half an hour of silence; its first page is kept
// unless the person does not want to be followed.
func TestVisits(t *testing.T) {
	t.Parallel()
	conv := &contacts.Conversation{State: contacts.State{}}
	began := time.Date(2026, 5, 20, 9, 0, 0, 123_456_000, time.UTC)
	step := func(minutes int, ev connectors.Event) contacts.Visit {
		(&turn{conv: conv, ev: &ev, now: began.Add(time.Duration(minutes) * time.Minute)}).visit()
		return conv.State.Visit
	}
	on := func(url string) connectors.Event {
		ev := message("v", "Hi")
		ev.Page = &connectors.Page{URL: url}
		return ev
	}
	echo := message("v", "Hi")
	echo.Direction = connectors.DirectionOut
	require.Equal(t, 1, step(0, message("v", "Hi")).Number)
	require.Equal(t, "https://x.io/lp", step(10, on("https://x.io/lp")).Landing)
	require.Equal(t, "https://x.io/lp", step(30, on("https://x.io/other")).Landing)
	step(59, echo)
	require.Equal(t, 1, step(60, message("v", "Hi")).Number)
	step(89, echo)
	visit := step(91, message("v", "Hi"))
	require.Equal(t, 2, visit.Number)
	require.Empty(t, visit.Landing)
	require.Equal(t, time.Date(2026, 5, 20, 10, 31, 0, 123_000_000, time.UTC), visit.Since)
	step(92, on("https://x.io/lp"))
	conv.State.Consent = &contacts.Consent{}
	require.Empty(t, step(93, on("https://x.io/lp")).Landing)
}
