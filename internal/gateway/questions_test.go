package gateway

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
)

// formWeb is a web channel that shows forms.
type formWeb struct{ web }

func (*formWeb) Capabilities() connectors.Capabilities {
	return connectors.Capabilities{Buttons: true, Forms: true}
}

func withForms(w *world) { w.b.Channels["web/site"].Connector = &formWeb{} }

// submit sends a form of the page.
func (w *world) submit(person string, data map[string]any) {
	w.t.Helper()
	require.NoError(w.t, w.post("web/site", connectors.Event{Kind: connectors.KindForm, ExternalID: person, Form: data}))
	w.idle()
}

// history of a contact, the latest first: "field: old > new (via flow/step by)".
func (w *world) history(id string) []string {
	w.t.Helper()
	all, next, _, err := sqlstore.New(w.g.DB.Read(w.t.Context())).History(id, sqlstore.Page{Limit: 200})
	require.NoError(w.t, err)
	require.Empty(w.t, next)
	lines := []string{}
	for _, c := range all {
		require.WithinDuration(w.t, time.Now(), c.At, time.Minute)
		from := c.Source.Via
		if c.Source.Flow != "" {
			from += " " + c.Source.Flow + "/" + c.Source.Step
		}
		if c.By != "" {
			from += " " + c.By
		}
		lines = append(lines, fmt.Sprintf("%s: %v > %v (%s)", c.Field, c.Old, c.New, from))
	}
	return lines
}

const questionnaire = `
id: questionnaire
steps:
  - {id: budget, ask: "What budget?", save: plan}
  - {id: size, ask: "How many people?", save: company_size}
  - {id: mood, ask: "How are you?"}
  - {id: mail, ask: "Your e-mail?", save: email}
  - say: "Thanks, {{ vars.mood }}!"
`

// 000-04: what was said before the person could be reached is on the contact.
// B-003-04: what is saved in no field stays in the conversation.
func TestValuesSaidBeforeTheEmail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(questionnaire))
		w.say("web/site", "v1", "Hi", "5k", "20", "fine")
		require.Empty(t, w.people())
		w.say("web/site", "v1", "ada@example.com")
		c := w.onlyContact()
		require.Equal(t, contacts.Values{"plan": "5k", "company_size": 20.0, "email": "ada@example.com"}, c.Values)
		require.Equal(t, "Thanks, fine!", w.transcriptEnd("web/site", "v1"))
		require.ElementsMatch(t, []string{
			"plan: <nil> > 5k (ask questionnaire/budget)", "company_size: <nil> > 20 (ask questionnaire/size)",
			"email: <nil> > ada@example.com (ask questionnaire/mail)",
		}, w.history(c.ID), "where each value came from, also those of the guest")
		guest := w.g.guestStore()
		found, err := guest.Load(t.Context(), []string{guestIDOf(&contacts.Conversation{ID: w.g.ConversationOf(w.b.Channels["web/site"], "v1")})})
		require.NoError(t, err)
		for _, g := range found {
			require.Empty(t, g.Conversation.State.Sources)
		}
	})
}

// 000-09, 000-10: a form in the conversation has the owner's fields in the
// owner's order and makes a contact. 001-12: it can be the first thing said, and
// makes a lead before anything else.
func TestFormMakesContact(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow(`
id: welcome
steps:
  - id: who
    form:
      title: Who are you?
      fields: [{save: name, label: Your name, required: true}, {save: email, label: E-mail, required: true}, {save: company, label: Company}]
  - {say: "Hello {{ contact.first_name }}, a {{ contact.type }}"}
`), withForms)
	require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindStarted, ExternalID: "v1"}))
	w.idle()
	lines, err := w.g.Messages(t.Context(), w.b, w.g.ConversationOf(w.b.Channels["web/site"], "v1"), 0, 10)
	require.NoError(t, err)
	require.Len(t, lines, 1, "the form comes before any other word")
	require.JSONEq(t, `{"form":{"title":"Who are you?","fields":[
		{"name":"name","label":"Your name","input":"text","required":true},
		{"name":"email","label":"E-mail","input":"email","required":true},
		{"name":"company","label":"Company","input":"text","required":false}]}}`, string(lines[0].Body))
	w.submit("v1", map[string]any{"name": "Ada Lovelace", "email": "ada@example.com", "company": "Analytical Engines", "customer_id": "C-1"})
	c := w.onlyContact()
	require.Equal(t, contacts.TypeLead, c.Type())
	require.Equal(t, "Analytical Engines", c.Values.Text("company"))
	require.Nil(t, c.Values["customer_id"], "001-10: nobody types a customer id")
	require.Equal(t, contacts.Source{Channel: "web/site", Flow: "welcome", Step: "who", Via: "form"}, c.Source)
	require.Equal(t, "Hello Ada, a lead", w.transcriptEnd("web/site", "v1"))
}

// 000-11: questions one by one; the contact is there after the answer that makes
// the person reachable. 000-12: the questions are the owner's: a changed one is
// asked in the next run.
func TestQuestionsOneByOne(t *testing.T) {
	t.Parallel()
	asks := func(question string) option {
		return withFlow("id: f\nsteps:\n  - {id: n, ask: \"" + question + "\", save: name}\n  - {id: m, ask: \"Your e-mail?\", save: email}\n")
	}
	w := setup(t, embedded(t), asks("Your name?"))
	w.say("web/site", "v1", "Hi", "Ada Lovelace")
	require.Empty(t, w.people())
	w.say("web/site", "v1", "ada@example.com")
	c := w.onlyContact()
	require.Equal(t, "Ada Lovelace", c.Values.Text("name"))
	require.Equal(t, "ada@example.com", c.Values.Text("email"))
	require.Equal(t, "> Your name?", w.transcript("web/site", "v1")[1])

	asks("How shall we call you?")(w)
	w.say("web/site", "v2", "Hi")
	require.Equal(t, "How shall we call you?", w.transcriptEnd("web/site", "v2"))
}

// 000-13: details that come through the API make the contact of the conversation
// that runs. 000-14: form, questions and API lead to the same contact.
func TestThreeWaysOneContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow("id: f\nsteps:\n  - {id: n, ask: \"Your name?\", save: name}\n  - form: {fields: [{save: email, required: true}]}\n"), withForms)
		w.say("web/site", "asked", "Hi", "Ada Lovelace", "ada@example.com")
		c := w.onlyContact()
		w.say("web/site", "formed", "Hi", "Ada")
		w.submit("formed", map[string]any{"email": "ADA@example.com"})
		_, err := w.g.Capture(t.Context(), w.b.Channels["web/site"], CaptureRequest{ExternalID: "called", Via: "api", Values: map[string]any{"email": "ada@example.com", "phone": "07700 900123"}})
		require.NoError(t, err)
		require.Equal(t, c.ID, w.onlyContact().ID)
		for _, person := range []string{"asked", "formed", "called"} {
			conv, of := w.conv("web/site", person)
			require.Equal(t, c.ID, of.ID, person)
			require.Equal(t, c.ID, conv.ContactID)
		}
		require.Equal(t, "+447700900123", w.contact(c.ID).Values.Text("phone"), "A-05: only what was empty is filled")
		require.Equal(t, "Ada Lovelace", w.contact(c.ID).Values.Text("name"))
		require.Contains(t, w.history(c.ID), "phone: <nil> > +447700900123 (api)")
	})
}

// 003-03: what a visitor said is used in a later visit. 003-05: a question that
// was answered in another run is skipped, 003-06: also one of another flow.
// 003-07: any value counts, 003-08: with the option off it is asked, and the new
// answer replaces the old. 003-09: of somebody unknown it is asked. 003-11: what
// was said in another conversation routes. A-28: the old value is in the history.
func TestSkipsWhatIsKnown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlows(`
id: first
start: {keywords: [first]}
steps:
  - say: "Hello {{ contact.first_name | default: 'stranger' }}!"
  - {id: size, ask: "How many people?", save: company_size, skip_if_known: true}
  - route: [{when: contact.company_size >= 50, go: big}]
  - {say: small, go: end}
  - {id: big, say: big}
`, `
id: second
start: {keywords: [second]}
steps:
  - {ask: "How many are you?", save: company_size, skip_if_known: true}
  - {ask: "Which plan?", save: plan}
  - say: "{{ contact.plan }}"
`))
		known := func(text string) connectors.Event { return fromPhone("+447700900123", "Ada Lovelace", text) }
		say := func(text string) []string {
			before := len(w.transcript("phone/acme", "447700900123"))
			require.NoError(t, w.post("phone/acme", known(text)))
			w.idle()
			return w.transcript("phone/acme", "447700900123")[before:]
		}
		require.NoError(t, w.post("phone/acme", known("first")))
		w.idle()
		require.Equal(t, []string{"< 80", "> big"}, say("80"))
		require.Equal(t, []string{"< first", "> Hello Ada!", "> big"}, say("first"), "003-03, 003-05, 003-11, A-26")
		require.Equal(t, []string{"< second", "> Which plan?"}, say("second"), "003-06")
		require.Equal(t, []string{"< gold", "> gold"}, say("gold"))
		require.Equal(t, []string{"< second", "> Which plan?"}, say("second"), "003-08")
		require.Equal(t, []string{"< iron", "> iron"}, say("iron"))
		c := w.onlyContact()
		require.Equal(t, "iron", c.Values.Text("plan"))
		require.Equal(t, "plan: gold > iron (ask second/)", w.history(c.ID)[0], "A-28")

		w.patch(c.ID, map[string]any{"company_size": 0})
		require.Equal(t, []string{"< first", "> Hello Ada!", "> small"}, say("first"), "003-07: 0 from an agent is a value")
		w.patch(c.ID, map[string]any{"company_size": nil})
		require.Equal(t, []string{"< first", "> Hello Ada!", "> How many people?"}, say("first"), "003-07: empty is none")

		w.say("web/site", "somebody", "first")
		require.Equal(t, "How many people?", w.transcriptEnd("web/site", "somebody"), "003-09")
	})
}

// the name that was made up for a guest is none.
func TestPseudonymIsNoName(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow("id: f\nsteps: [{id: n, ask: \"Your name?\", save: name, skip_if_known: true}]\n"))
	w.turn(typed("Hi"))
	guest := w.guest("bot/site", "s-1")
	ev := typed("")
	ev.Name = contacts.PseudonymOf(guest.ID, guest.Seed).Name
	turn := w.turn(ev)
	require.False(t, turn.Known["name"])
	require.Equal(t, "name", *turn.WaitingFor)
}

// who types a contact's address gets no word more than a stranger: no
// stored value is said, and nothing is skipped for it.
func TestClaimSkipsNothing(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow(`
id: f
steps:
  - {id: m, ask: "Your e-mail?", save: email}
  - {id: s, ask: "How many people?", save: company_size, skip_if_known: true}
  - {id: p, ask: "Which plan, {{ contact.first_name | default: 'friend' }}?", save: plan, skip_if_known: true}
  - say: "{{ contact.company_size }} {{ contact.plan }}"
`))
	ada := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace", "company_size": 80, "plan": nil})
	w.say("web/site", "v1", "Hi", "ada@example.com", "5", "gold")
	require.Equal(t, []string{"< Hi", "> Your e-mail?", "< ada@example.com", "> How many people?", "< 5", "> Which plan, friend?", "< gold", "> 5 gold"},
		w.transcript("web/site", "v1"))
	c := w.onlyContact()
	require.Equal(t, ada.ID, c.ID, "no second contact")
	require.Equal(t, 80.0, c.Values["company_size"], "what is there stays")
	require.Equal(t, "gold", c.Values.Text("plan"), "what was empty is filled")
}

// who answers one of e-mail and phone, or nonsense, is asked once more for
// the other; then the conversation goes on. 002-19: the details are kept.
func TestAsksOnceMoreForTheOther(t *testing.T) {
	t.Parallel()
	reach := withFlow(`
id: f
steps:
  - id: reach
    form: {title: "Where can we answer you?", fields: [{save: email, label: E-mail}, {save: phone, label: Mobile}]}
  - say: Thank you!
`)
	w := setup(t, embedded(t), reach, withForms)
	end := func(person string) string { return w.transcriptEnd("web/site", person) }
	w.say("web/site", "typed", "Hi", "ada@example.com")
	require.Equal(t, []string{"phone"}, w.shown("typed"))
	w.say("web/site", "typed", "I would rather not say")
	require.Equal(t, "Thank you!", end("typed"))
	require.Equal(t, "ada@example.com", w.onlyContact().Values.Text("email"))

	w.say("web/site", "form", "Hi")
	w.submit("form", map[string]any{"phone": "07700 900123", "email": "bob@"})
	require.Equal(t, []string{"email"}, w.shown("form"))
	w.submit("form", map[string]any{"email": "still nonsense"})
	require.Equal(t, "Thank you!", end("form"))
	require.Len(t, w.people(), 2)

	w.say("web/site", "left", "Hi")
	w.submit("left", map[string]any{"email": "eve@example.com"})
	require.Equal(t, []string{"phone"}, w.shown("left"), "left blank: asked once more")
	w.submit("left", map[string]any{})
	require.Equal(t, "Thank you!", end("left"))

	w.say("web/site", "nonsense", "Hi", "what?", "why?")
	require.Equal(t, "Thank you!", end("nonsense"))
	require.Len(t, w.people(), 3)

	// One by one, where the channel has no forms.
	w.say("phone/acme", "x1", "Hi", "what?")
	require.Equal(t, "E-mail\n[Skip]", w.transcriptEnd("phone/acme", "x1"))
	w.say("phone/acme", "x1", "07700 900777")
	require.Equal(t, "Thank you!", w.transcriptEnd("phone/acme", "x1"), "the other one came instead of the second")
	w.say("phone/acme", "x2", "Hi", "dan@example.com or 07700 900888")
	require.Equal(t, "Thank you!", w.transcriptEnd("phone/acme", "x2"))
	require.Equal(t, "+447700900888", w.people()[4].Values.Text("phone"))
}

// shown are the fields of the form that was said last.
func (w *world) shown(person string) []string {
	w.t.Helper()
	lines, err := w.g.Messages(w.t.Context(), w.b, w.g.ConversationOf(w.b.Channels["web/site"], person), 0, 100)
	require.NoError(w.t, err)
	var m connectors.Message
	require.NoError(w.t, json.Unmarshal(lines[len(lines)-1].Body, &m))
	require.NotNil(w.t, m.Form)
	var names []string
	for _, f := range m.Form.Fields {
		names = append(names, f.Name)
	}
	return names
}

// A form never overwrites a proven value; an answer to a question counts, and a
// proven address stays the first.
func TestProvenStays(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow(`
id: f
steps:
  - form: {fields: [{save: name, required: true}, {save: email, required: true}, {save: company, required: true}]}
  - {say: "{{ contact.name }} {{ contact.email }} {{ contact.company }}"}
`), withForms)
	ev := connectors.Event{Kind: connectors.KindCapture, ExternalID: "v1", Verified: true, CustomerID: "c-1", Name: "Ada Lovelace", Email: "ada@example.com"}
	require.NoError(t, w.post("web/site", message("v1", "Hi")))
	w.idle()
	require.NoError(t, w.post("web/site", ev))
	w.idle()
	w.submit("v1", map[string]any{"name": "Eve", "email": "eve@example.com", "company": "Evil"})
	require.Equal(t, "Ada Lovelace ada@example.com Evil", w.transcriptEnd("web/site", "v1"))
	c := w.onlyContact()
	require.Equal(t, []string{"Ada Lovelace", "ada@example.com", "Evil"}, []string{c.Values.Text("name"), c.Values.Text("email"), c.Values.Text("company")})

	// Nor in another conversation of the same person, until an agent says otherwise.
	login := message("s-1", "Hi")
	login.Verified, login.CustomerID = true, "c-1"
	w.turn(login)
	w.turn(connectors.Event{Kind: connectors.KindForm, ExternalID: "s-1", Form: map[string]any{"last_name": "Evil", "first_name": "Eve"}})
	require.Equal(t, "Ada Lovelace", w.onlyContact().Values.Text("name"))
	w.patch(c.ID, map[string]any{"name": "Ada King"})
	w.turn(connectors.Event{Kind: connectors.KindForm, ExternalID: "s-1", Form: map[string]any{"last_name": "Byron"}})
	require.Equal(t, "Ada Byron", w.onlyContact().Values.Text("name"), "the latest word counts")
}

// B-000-03: a number without + is one of the country that the visitor writes
// from. A-22: of the business's where that is not known, or makes no sense.
func TestPhoneOfTheVisitorsCountry(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), withFlow("id: f\nsteps: [{ask: \"Your phone?\", save: phone}]\n"))
	w.b.Country = "FR"
	dial := func(person, country, said string) string {
		for _, text := range []string{"Hi", said} {
			ev := message(person, text)
			if country != "" {
				ev.System = map[string]any{"country": country}
			}
			w.turn(ev)
		}
		return w.known("bot/site", person).Values["phone"].(string)
	}
	require.Equal(t, "+447700900123", dial("a", "GB", "7700900123"))
	require.Equal(t, "+447700900124", dial("b", "gb", "07700 900124"))
	require.Equal(t, "+33639980102", dial("c", "", "06 39 98 01 02"))
	require.Equal(t, "+33639980103", dial("d", "GB", "0033639980103"), "A-23")

	ev := message("e", "Hi")
	ev.Parameters, ev.System = map[string]any{"phone": "7700900127"}, map[string]any{"country": "GB"}
	require.Equal(t, "+447700900127", w.turn(ev).Values["phone"])
}

// B-000-05, 000-08: contact variables live on the contact, conversation variables
// in the conversation, and what the channel knows by itself in the contact's
// system data, extra keys too.
func TestSystemData(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		ev := message("s-1", "Hi")
		ev.ClientIP = "203.0.113.9"
		ev.Page = &connectors.Page{URL: "https://a.example/pricing?utm_source=ad&utm_campaign=may&x=1#top"}
		ev.System = map[string]any{"user_agent": "Browser/1.0", "referrer": "https://search.example/", "shop": "main", "screen": map[string]any{"w": 1280.0},
			"empty": " ", "nothing": nil, "long": fmt.Sprintf("%0600d", 7), "huge": []any{fmt.Sprintf("%0600d", 7)}, "bad\nname": 1.0}
		w.turn(ev)
		system := w.guest("bot/site", "s-1").Document(w.b.Fields)["system"].(map[string]any)
		require.Equal(t, "Browser/1.0", system["user_agent"])
		require.Len(t, system["long"], 500)
		for _, name := range []string{"empty", "nothing", "huge", "bad\nname", "x"} {
			require.NotContains(t, system, name)
		}
		next := claimed("ada@example.com", "")
		next.System = map[string]any{"city": "London"}
		w.turn(next)
		c := w.onlyContact()
		require.Equal(t, map[string]any{"client_ip": "203.0.113.9", "utm_source": "ad", "utm_campaign": "may", "user_agent": "Browser/1.0",
			"referrer": "https://search.example/", "shop": "main", "screen": map[string]any{"w": 1280.0}, "long": system["long"], "city": "London"}, c.System)

		again := message("s-1", "Hi")
		again.Page = &connectors.Page{URL: "https://a.example/?utm_source=mail"}
		w.turn(again)
		c = w.onlyContact()
		require.Equal(t, "mail", c.System["utm_source"])
		require.NotContains(t, c.System, "utm_campaign", "another campaign is another one")
		version := c.Version
		w.turn(again)
		require.Equal(t, version, w.onlyContact().Version, "nothing new, nothing written")

		no := false
		w.turn(connectors.Event{Kind: connectors.KindConsent, ExternalID: "s-1", Given: &no})
		c = w.onlyContact()
		require.NotContains(t, c.System, "utm_source", "A-29: behaviour goes")
		require.NotContains(t, c.System, "referrer")
		require.Equal(t, "203.0.113.9", c.System["client_ip"])

		// A claim adds nothing to somebody else's.
		stranger := message("s-2", "")
		stranger.Email, stranger.ClientIP = "ada@example.com", "198.51.100.1"
		w.turn(stranger)
		require.Equal(t, "203.0.113.9", w.onlyContact().System["client_ip"])
	})
}

// Every change is in the history: who, when, from where, the old value.
func TestHistory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(`
id: f
steps:
  - {id: p, ask: "Which plan?", save: plan}
  - {id: q, set: {status: qualified, add_tags: [vip], company: Acme}}
`))
		c, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "manual", By: "agt_1", Values: map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"}})
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"email: <nil> > ada@example.com (manual agt_1)", "name: <nil> > Ada Lovelace (manual agt_1)",
			"first_name: <nil> > Ada (manual agt_1)", "last_name: <nil> > Lovelace (manual agt_1)"}, w.history(c.ID))
		w.turn(verified("ada@example.com", ""))
		w.turn(typed("gold"))
		got := w.history(c.ID)
		require.ElementsMatch(t, []string{"plan: <nil> > gold (ask f/p)", "company: <nil> > Acme (set f/q)",
			"status: <nil> > qualified (set f/)", "tags: <nil> > [vip] (set f/)"}, got[:4])
		w.patch(c.ID, map[string]any{"plan": "iron", "company": nil})
		require.NoError(t, w.g.ArchiveContact(t.Context(), w.b, c.ID, "key_1"))
		w.turn(typed("Hi"))
		require.Equal(t, []string{"archived: true > false (channel)", "archived: false > true (manual key_1)",
			"company: Acme > <nil> (api)", "plan: gold > iron (api)"}, w.history(c.ID)[:4])
		_, err = w.g.PatchContact(t.Context(), w.b, c.ID, Patch{Via: "api", Values: map[string]any{"plan": "iron"}})
		require.NoError(t, err)
		require.Len(t, w.history(c.ID), 12, "what stays is no change")

		// Who only typed an address loses it to who proves it, and that is told.
		claimer := message("s-9", "")
		claimer.Email = "eve@example.com"
		w.turn(claimer)
		eve := w.people()[len(w.people())-1]
		prover := message("s-10", "")
		prover.Verified, prover.Email = true, "eve@example.com"
		w.turn(prover)
		require.Equal(t, "email: eve@example.com > <nil> (channel)", w.history(eve.ID)[0])
	})
}

// 000-09: a form that a bot shows by itself makes a contact, whatever the flow
// waits for; what the flow has asked for the flow judges.
func TestFormOfABot(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow("id: f\nsteps:\n  - {id: p, ask: \"Which plan?\", save: plan, rule: 'gold|iron'}\n  - say: \"{{ contact.name }}, {{ contact.plan }}\"\n"))
		form := func(person string, data map[string]any) connectors.Turn {
			return w.turn(connectors.Event{Kind: connectors.KindForm, ExternalID: person, Form: data})
		}
		turn := form("s-1", map[string]any{"name": "Ada Lovelace", "email": "Ada@example.com", "phone": "07700 900123", "customer_id": "C-1", "company_size": "lots", "other": 1, "company": " "})
		require.Equal(t, "plan", *turn.WaitingFor, "it opened the run")
		c := w.onlyContact()
		require.Equal(t, []any{"Ada Lovelace", "ada@example.com", "+447700900123", nil, nil, nil},
			[]any{c.Values["name"], c.Values["email"], c.Values["phone"], c.Values["customer_id"], c.Values["company_size"], c.Values["company"]})
		require.Equal(t, contacts.Source{Channel: "bot/site", Via: "form"}, c.Source)

		turn = form("s-1", map[string]any{"plan": "tin", "company": "Acme"})
		require.Equal(t, "plan", *turn.WaitingFor)
		require.Nil(t, turn.Values["plan"], "the rule of the question holds")
		require.Equal(t, "Acme", turn.Values["company"])
		require.Equal(t, []string{"Ada Lovelace, gold"}, texts(form("s-1", map[string]any{"plan": "gold"})))

		// A page's form answers what was asked and no more.
		w.say("web/site", "v1", "Hi")
		w.submit("v1", map[string]any{"plan": "gold", "company_size": 9})
		require.Equal(t, "gold", w.guest("web/site", "v1").Conversation.State.Said.Text("plan"))
		require.Nil(t, w.guest("web/site", "v1").Conversation.State.Said["company_size"])
	})
}
