package flows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/connectors"
	"usher/contacts"
)

// talk is a conversation with one flow, its runs stored between the turns.
type talk struct {
	t      testing.TB
	flow   *Flow
	turn   Turn // what every turn has in common
	run    *Run
	last   Result
	shown  []connectors.Message
	person Person
}

func talkTo(t testing.TB, steps string, change ...func(*Turn)) *talk {
	t.Helper()
	c := &talk{t: t, flow: mustParse(t, "id: f\nsteps:\n"+steps), turn: testTurn(connectors.Event{})}
	for _, f := range change {
		f(&c.turn)
	}
	c.person = c.turn.Person
	return c
}

// hears plays an event and returns what is said, one message a line.
func (c *talk) hears(e connectors.Event) string {
	c.t.Helper()
	turn := c.turn
	turn.Person = c.person
	if e.Phone == "" {
		e.Phone = turn.Event.Phone
	}
	if e.Language == "" {
		e.Language = turn.Event.Language
	}
	turn.Event = &e
	if c.run != nil {
		stored, err := c.run.MarshalBinary()
		require.NoError(c.t, err)
		c.run = new(Run)
		require.NoError(c.t, c.run.UnmarshalBinary(stored))
	}
	c.last = c.flow.Resume(c.run, turn)
	c.run, c.person, c.shown = c.last.Run, c.last.person, c.last.Messages
	var said []string
	for _, m := range c.shown {
		text := m.Text
		if m.Form != nil {
			var names []string
			for _, f := range m.Form.Fields {
				names = append(names, f.Name)
			}
			text += "[" + strings.Join(names, " ") + "]"
		}
		said = append(said, text)
	}
	return strings.Join(said, "|")
}

func (c *talk) says(text string) string { return c.hears(message(text)) }

func (c *talk) submits(data map[string]any) string {
	return c.hears(connectors.Event{Kind: connectors.KindForm, Form: data})
}

// captured is what the last turn captured, "field=value".
func (c *talk) captured() string {
	var all []string
	for _, k := range c.last.Captured {
		all = append(all, fmt.Sprintf("%s=%v", k.Field, k.Value))
	}
	return strings.Join(all, " ")
}

func from(country string) func(*Turn) { return func(t *Turn) { t.Visit.Country = country } }

func writing(language string) func(*Turn) { return func(t *Turn) { t.Event.Language = language } }

func knows(values contacts.Values) func(*Turn) { return func(t *Turn) { t.Person.Values = values } }

func shows(t *Turn) { t.Channel = connectors.Capabilities{Buttons: true, Forms: true} }

// What people write is read as they write it: by their own country, else their
// language, else the business's country., B-000-02, B-000-03.
func TestAnswersAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ask    string
		change []func(*Turn)
		said   string
		want   string // captured; empty: it is wrong
	}{
		{"save: company_size", nil, "about 1,234 people", "company_size=1234"},
		{"save: company_size", nil, "1.234", "company_size=1.234"},
		{"save: company_size", []func(*Turn){from("DE")}, "1.234", "company_size=1234"},
		{"save: company_size", []func(*Turn){knows(contacts.Values{"country": "DE"})}, "1.234,5", "company_size=1234.5"},
		{"save: company_size", []func(*Turn){writing("de")}, "1.234", "company_size=1234"},
		{"save: company_size", []func(*Turn){writing("de"), knows(contacts.Values{"country": "GB"})}, "1.234", "company_size=1.234"},
		{"save: company_size", []func(*Turn){knows(contacts.Values{"language": "fr"})}, "1 234,5", "company_size=1234.5"},
		{"save: company_size", nil, "many", ""},
		{"save: birthday", nil, "2/5/1990", "birthday=1990-05-02"},
		{"save: birthday", []func(*Turn){from("US")}, "2/5/1990", "birthday=1990-02-05"},
		{"save: birthday", []func(*Turn){writing("en-US")}, "2/5/1990", "birthday=1990-02-05"},
		{"save: birthday", []func(*Turn){writing("pl")}, "2 listopada 1990", "birthday=1990-11-02"},
		{"save: birthday", nil, "2. Mai 1990", "birthday=1990-05-02"},
		{"save: birthday", nil, "31/4/1990", ""},
		{"save: subscribed", nil, "oui, merci", "subscribed=true"},
		{"save: subscribed", nil, "いいえ", "subscribed=false"},
		{"save: subscribed", nil, "perhaps", ""},
		{"save: phone", nil, "07700 900123", "phone=+447700900123"},
		{"save: phone", []func(*Turn){from("GB"), func(t *Turn) { t.Country = "FR" }}, "7700900123", "phone=+447700900123"}, // B-000-03
		{"save: phone", []func(*Turn){from("FR")}, "07700 900123", "phone=+447700900123"},                                   // else the business's: A-22
		{"save: phone", []func(*Turn){knows(contacts.Values{"country": "FR"})}, "06 39 98 01 02", "phone=+33639980102"},
		{"save: phone", []func(*Turn){func(t *Turn) { t.Event.Phone = "+33639980101" }}, "06 39 98 01 02", "phone=+33639980102"},
		{"save: phone", []func(*Turn){from("FR")}, "0044 (7700) 900-123", "phone=+447700900123"},
		{"save: phone", nil, "12", ""},
		{"save: email", nil, "ada@", ""}, // B-000-02
		{"save: email", nil, "it's Ada@Example.com.", "email=ada@example.com"},
		{"save: plan, input: url", nil, "example.com/x", "plan=https://example.com/x"},
		{"save: plan, input: url", nil, "no address", ""},
		{"save: plan, input: location", nil, "51.5074, -0.1278", "plan=51.5074,-0.1278"},
		{"save: plan, input: location", nil, "51.5° N 0.1° W", "plan=51.5,-0.1"},
		{"save: plan, input: location", nil, "https://maps.example.com/maps/@51.5074,-0.1278,15z", "plan=51.5074,-0.1278"},
		{"save: plan, input: location", nil, "geo:51.5074,-0.1278", "plan=51.5074,-0.1278"},
		{"save: plan, input: location", nil, "91, 0", ""},
		{"save: plan, input: location", nil, "12 High Street", ""},
		{"save: plan, input: location", nil, "12 34", ""},
		{"save: plan, input: file", nil, "https://files.example/plan.pdf", "plan=https://files.example/plan.pdf"},
		{"save: plan, input: file", nil, "plan.pdf", ""},
	} {
		name := c.ask + " " + c.said
		a := talkTo(t, "  - {ask: Well, "+c.ask+"}\n", c.change...)
		require.Equal(t, "Well", strings.TrimSpace(a.says("hi")), name)
		a.says(c.said)
		require.Equal(t, c.want, a.captured(), name)
		require.Equal(t, c.want == "", a.run != nil, "%s: a wrong answer is asked again", name)
	}
}

// What is no text answers where it is meant to: files, places, the person's own
// card, a picture's caption.
func TestAnswersThatAreNoText(t *testing.T) {
	t.Parallel()
	card := func(own bool) connectors.Event {
		return connectors.Event{Kind: connectors.KindCards, Contacts: []connectors.Card{{Name: "Ada", Phones: []string{"07700 900123"}, Emails: []string{"Ada@x.io"}, Own: own}}}
	}
	photo := func(kind, address, id string) connectors.Event {
		return connectors.Event{Kind: connectors.KindMedia, Text: "20 of us", Media: []connectors.Media{{Type: kind, URL: address, ID: id}}}
	}
	place := func(latitude float64) connectors.Event {
		return connectors.Event{Kind: connectors.KindLocation, Location: &connectors.Location{Latitude: latitude, Longitude: -0.5}}
	}
	long := "https://files.example/" + strings.Repeat("x", contacts.TextLimit)
	for _, c := range []struct {
		ask   string
		event connectors.Event
		want  string
	}{
		{"save: phone", card(true), "phone=+447700900123"},
		{"save: email", card(true), "email=ada@x.io"},
		{"save: phone", card(false), ""},
		{"save: phone, rule: '\\+33\\d+'", card(true), ""},
		{"save: plan, input: file", photo("image", "https://files.example/1.png", "m1"), "plan=https://files.example/1.png"},
		{"save: plan, input: file", photo("file", "", "m1"), "plan=m1"},
		{"save: plan, input: file", photo("file", long, "m1"), "plan=m1"},
		{"save: plan, input: file", photo("sticker", "https://files.example/1.webp", ""), ""},
		{"save: company_size", photo("image", "https://files.example/1.png", ""), "company_size=20"},
		{"save: plan, input: location", place(51.25), "plan=51.25,-0.5"},
		{"save: plan, input: location", place(400), ""},
		{"save: plan", place(51.25), ""},
	} {
		a := talkTo(t, "  - {ask: Well, "+c.ask+"}\n")
		a.says("hi")
		a.hears(c.event)
		require.Equal(t, c.want, a.captured(), "%s: %s", c.ask, c.event.Kind)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ ask, wrong, right, complaint string }{
		{"{save: company_size, rule: {min: 1, max: 500}}", "0", "500", "Please answer with a number from 1 to 500."},
		{"{save: company_size, rule: {max: 100}}", "101", "-7", "Please answer with a number up to 100."},
		{"{id: n, input: number, rule: {min: 0.5}}", "0,4", "0.5", "Please answer with a number from 0.5 on."},
		{"{save: birthday, rule: {max: today}}", "21 May 2026", "20 May 2026", "Please answer with a date up to today."},
		{"{id: d, input: date, rule: {min: today, max: 2026-12-31}}", "2027-01-01", "2026-05-20", "Please answer with a date from today to 2026-12-31."},
		{"{id: o, rule: '[A-Z]{2}-\\d{4}'}", "AB-12345", "AB-1234", "That does not have the right form. Please try again."},
		{"{id: o, rule: 'a|bc'}", "abc", "bc", "That does not have the right form. Please try again."},
		{"{id: o, rule: {min_length: 3, max_length: 4}}", "äö", "äöü", "Please answer with 3 to 4 characters."},
		{"{id: o, rule: {max_length: 4}}", "12345", "1234", "Please answer with at most 4 characters."},
		{"{id: o, rule: {min_length: 3, pattern: '.*x'}}", "ax", "aax", "That does not have the right form. Please try again."},
		{"{save: email, rule: '.*@example\\.com'}", "ada@x.io", "ada@example.com", "That does not look like an e-mail address. Please try again."},
	} {
		a := talkTo(t, "  - "+strings.Replace(c.ask, "{", "{ask: Well, ", 1)+"\n  - say: Fine.\n")
		a.says("hi")
		require.Equal(t, c.complaint+"|Well", a.says(c.wrong), c.ask)
		require.Equal(t, "Fine.", a.says(c.right), c.ask)
	}
	// What breaks a rule is not read in another way until it fits.
	a := talkTo(t, "  - {ask: Well, save: company_size, rule: {max: 100}}\n", from("DE"))
	a.says("hi")
	a.says("1.234")
	require.Empty(t, a.captured())

	for steps, fault := range map[string]string{
		"{ask: a, id: a, rule: '('}":                                         "RE2 pattern",
		"{ask: a, id: a, rule: 'a)(b'}":                                      "RE2 pattern",
		"{ask: a, id: a, rule: '" + strings.Repeat("a", 1001) + "'}":         "at most 1000 bytes",
		"{ask: a, save: company_size, rule: '\\d+'}":                         "a pattern is for texts",
		"{ask: a, id: a, rule: {min: 1}}":                                    "min: is for numbers and dates",
		"{ask: a, save: company_size, rule: {min: a}}":                       "min: want a number",
		"{ask: a, save: company_size, rule: {min_length: 1}}":                "has no length",
		"{ask: a, save: company_size, rule: {min: 2, max: 1}}":               "between these bounds",
		"{ask: a, save: birthday, rule: {min: soon}}":                        "want a date like",
		"{ask: a, save: birthday, rule: {min: 2026-02-01, max: 2026-01-01}}": "between these bounds",
		"{ask: a, id: a, rule: {min_length: 9, max_length: 2}}":              "between these bounds",
		"{ask: a, save: subscribed, rule: x}":                                "has none",
		"{ask: a, id: a, choices: [a], rule: x}":                             "has none",
		"{ask: a, id: a, rule: {patern: x}}":                                 "did you mean \"pattern\"",
		"{ask: a, id: a, rule: [x]}":                                         "rule: want keys",
	} {
		_, problems := Parse("f", []byte("id: f\nsteps:\n  - "+steps+"\n"), testFields(t))
		require.Contains(t, fmt.Sprint(problems), fault, steps)
	}
}

// Fine print: a choice is made by its value, its title (case and outer blanks
// ignored) or its number; what stands around the words does not count.
func TestChoices(t *testing.T) {
	t.Parallel()
	steps := "  - {id: c, ask: Which, choices: [Pricing, {title: '💬 Support', value: help}, {title: Something else, value: '1'}]}\n  - say: \"{{ vars.c }}\"\n"
	for said, want := range map[string]string{
		"Pricing": "Pricing", " pricing ": "Pricing", "PRICING!": "Pricing", "1": "Pricing", "1.": "Pricing", "(2)": "help", "#3": "1", "２": "help", "2️⃣": "help", "٣": "1",
		"help": "help", "support": "help", "💬 support": "help", "2. Support": "help", "something  else.": "1",
		"4": "", "0": "", "-1": "", "1.5": "", "2. Pricing": "", "pric": "", "💬": "",
	} {
		a := talkTo(t, steps)
		require.Equal(t, "Which\n1. Pricing\n2. 💬 Support\n3. Something else", a.says("hi"))
		got := a.says(said)
		if want == "" {
			require.NotNil(t, a.run, said)
			continue
		}
		require.Equal(t, want, got, said)
	}
	// A tapped button means its value, and so does what is typed where no numbers
	// are shown.
	a := talkTo(t, steps, shows)
	a.says("hi")
	require.Equal(t, "1", a.hears(connectors.Event{Kind: connectors.KindPostback, Reply: &connectors.Choice{ID: "1", Title: "Something else"}, Text: "Something else"}))
	a = talkTo(t, steps, shows)
	a.says("hi")
	require.Equal(t, "1", a.says("1"))
}

// Whoever would rather not answer says so in their language.
func TestOptional(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ask   string
		said  string
		skips bool
	}{
		{"save: plan", "skip", true}, {"save: plan", "Skip.", true}, {"save: plan", "[Überspringen]", true}, {"save: plan", "пропустить", true},
		{"save: plan", "スキップ", true}, {"save: plan", "no", false}, {"save: plan", "skip it all", false},
		{"save: phone", "no, thanks", true}, {"save: phone", "-", true}, {"save: phone", "non merci", true}, {"save: phone", "n/a", true}, {"save: phone", "what for?", false},
		{"save: company_size", "none", true}, {"save: company_size", "0", false},
		{"save: subscribed", "no", false}, {"save: subscribed", "skip", true},
		{"id: c, choices: [Skip, Go]", "skip", false}, {"id: c, choices: [A, B]", "3", true}, {"id: c, choices: [A, B]", "no", true}, {"id: c, choices: [A, B]", "2", false},
	} {
		a := talkTo(t, "  - {ask: Well, optional: true, "+c.ask+"}\n  - say: Fine.\n")
		a.says("hi")
		a.says(c.said)
		require.Equal(t, c.skips, slicesContain(a.last.Trace, "left out"), "%s: %s", c.ask, c.said)
		if c.skips {
			require.Empty(t, a.captured())
			require.Nil(t, a.run)
		}
	}
	own := talkTo(t, "  - {ask: Well, save: plan, optional: Not now}\n", shows, writing("de"))
	own.says("hi")
	require.Equal(t, []connectors.Button{{Title: "Not now", Value: "skip"}}, own.shown[0].Buttons)
	own.says("not now")
	require.Nil(t, own.run)
	german := talkTo(t, "  - {ask: Well, save: subscribed, optional: true}\n", shows, writing("de-AT"))
	german.says("hi")
	require.Equal(t, []connectors.Button{{Title: "Ja", Value: "yes"}, {Title: "Nein", Value: "no"}, {Title: "Überspringen", Value: "skip"}}, german.shown[0].Buttons)
}

func slicesContain(trace []TraceLine, did string) bool {
	for _, line := range trace {
		if line.Did == did {
			return true
		}
	}
	return false
}

// B-000-01: nothing goes on before the answer. B-000-02 and the fine print:
// invalid is said after each wrong answer but the last, then otherwise.
func TestAttempts(t *testing.T) {
	t.Parallel()
	a := talkTo(t, "  - {ask: Well, save: email, invalid: Once more., otherwise: out}\n  - {say: in, go: end}\n  - {id: out, say: out}\n")
	require.Equal(t, "Well", a.says("hi"))
	require.Equal(t, "", a.hears(connectors.Event{Kind: connectors.KindStatus}))
	require.Equal(t, "Once more.", a.says("ada@"))
	require.Equal(t, "Once more.", a.says("nope"))
	require.Equal(t, "out", a.says("no!"))
	require.Empty(t, a.captured())

	a = talkTo(t, "  - {ask: Well, save: email, invalid: Once more., attempts: 1}\n  - say: next\n")
	a.says("hi")
	require.Equal(t, "next", a.says("ada@"))
}

// A-25, 003-07: 0, false and "no" are values, empty and blank are not.
// 003-08: off unless set. A-26: a skipped question routes as if just answered.
// no rule holds, the next step.
func TestSkipIfKnown(t *testing.T) {
	t.Parallel()
	steps := func(skip string) string {
		return "  - {id: a, ask: A, save: company_size" + skip + "}\n  - {id: b, ask: B, save: subscribed" + skip + "}\n  - {id: c, ask: C, save: plan" + skip +
			"}\n  - route: [{when: vars.a == 0, go: zero}]\n  - {say: other, go: end}\n  - {id: zero, say: \"zero {{ vars.b }} {{ vars.c }}\"}\n"
	}
	values := contacts.Values{"company_size": 0.0, "subscribed": false, "plan": "no"}
	require.Equal(t, "zero no no", talkTo(t, steps(", skip_if_known: true"), knows(values)).says("hi"))
	require.Equal(t, "A", talkTo(t, steps(""), knows(values)).says("hi"))
	blank := talkTo(t, steps(", skip_if_known: true"), knows(contacts.Values{"company_size": 5.0, "subscribed": true, "plan": "  "}))
	require.Equal(t, "C", blank.says("hi"))
	require.Equal(t, "other", blank.says("x"))
}

// What comes by another way answers a question that waits; what was known before
// does not, where the question is asked all the same.
func TestCaptureAnswersTheQuestion(t *testing.T) {
	t.Parallel()
	capture := func(parameters map[string]any) connectors.Event {
		return connectors.Event{Kind: connectors.KindCapture, Parameters: parameters}
	}
	old := contacts.Values{"email": "old@x.io", "plan": "gold"}
	a := talkTo(t, "  - {ask: Mail, save: email}\n  - say: Fine.\n", knows(old))
	require.Equal(t, "Mail", a.says("hi"))
	require.Equal(t, "", a.hears(capture(map[string]any{"company_size": 5})), "the old address is not what was asked for")
	require.NotNil(t, a.run)
	a.person.Values = contacts.Values{"email": "new@x.io"}
	e := capture(nil)
	e.Email = "new@x.io"
	require.Equal(t, "Fine.", a.hears(e))

	a = talkTo(t, "  - {ask: Mail, save: email, skip_if_known: true}\n  - say: Fine.\n")
	a.says("hi")
	a.person.Values = contacts.Values{"email": "new@x.io"}
	require.Equal(t, "Fine.", a.says("I sent it by the form"), "known meanwhile: not complained about")

	a = talkTo(t, "  - form: {fields: [{save: name, required: true}, {save: email, required: true}]}\n  - say: Fine.\n", knows(old))
	require.Equal(t, "Name", a.says("hi"))
	require.Equal(t, "", a.hears(capture(map[string]any{"plan": "x"})))
	a.person.Values = contacts.Values{"email": "old@x.io", "name": "Ada"}
	require.Equal(t, "E-mail", a.hears(capture(map[string]any{"name": "Ada"})), "only what is missing is asked")
	require.Equal(t, "Fine.", a.says("ada@x.io"))
}

// B-000-05: system variables can only be read; an answer is a variable by its id,
// and a contact field is named alone. B-003-02: e-mail is always the e-mail.
func TestSaveFaults(t *testing.T) {
	t.Parallel()
	for save, fault := range map[string]string{
		"event.text": "is the system's", "channel": "cannot be set by a flow", "now": "is the system's", "event": "is the system's",
		"vars.size": `give it the id "size"`, "contact.email": "name the contact field alone: email",
		"customer_id": "cannot be set by a flow", "created_at": "cannot be set by a flow", "emial": `did you mean "email"`,
	} {
		for _, step := range []string{"{ask: a, save: %s}", "form: {fields: [{save: %s}]}"} {
			_, problems := Parse("f", fmt.Appendf(nil, "id: f\nsteps:\n  - "+step+"\n", save), testFields(t))
			require.True(t, Faulty(problems), save)
			require.Contains(t, fmt.Sprint(problems), fault)
		}
	}
	a := talkTo(t, "  - {ask: a, save: email, input: text}\n")
	a.says("hi")
	a.says("gold")
	require.NotNil(t, a.run, "whatever the input: the field e-mail takes e-mails")
}

// B-003-04: kept in the conversation only, or in a contact field as well.
func TestScopeOfAnAnswer(t *testing.T) {
	t.Parallel()
	a := talkTo(t, "  - {id: mood, ask: How are you}\n  - {id: plan, ask: Which plan, save: plan}\n  - say: \"{{ vars.mood }} {{ vars.plan }} {{ contact.plan }}\"\n")
	a.says("hi")
	a.says("fine")
	require.Empty(t, a.captured())
	require.Equal(t, "fine gold gold", a.says("gold"))
	require.Equal(t, "plan=gold", a.captured())
}

const reachForm = "  - id: r\n    form: {title: Reach, fields: [{save: email}, {save: phone}]}\n    otherwise: none\n  - {say: Thanks., go: end}\n  - {id: none, say: Nothing.}\n"

// what is valid is kept, the other asked for once more, then no more.
// details that are known are not asked again.
func TestFormAsksOnceMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		native bool
		turns  []any    // a text or a form
		want   []string // said after each
	}{
		"typed e-mail, then nothing":    {true, []any{"ada@x.io", "hm"}, []string{"[email phone]", "[phone]", "Thanks."}},
		"typed e-mail, refused":         {true, []any{"ada@x.io", "no thanks"}, []string{"[email phone]", "[phone]", "Thanks."}},
		"typed both, one after another": {true, []any{"ada@x.io", "07700 900123"}, []string{"[email phone]", "[phone]", "Thanks."}},
		"typed both at once":            {true, []any{"ada@x.io and 07700 900123"}, []string{"[email phone]", "Thanks."}},
		"nonsense twice":                {true, []any{"hm", "hm"}, []string{"[email phone]", "[email phone]", "Nothing."}},
		"refused at once":               {true, []any{"no"}, []string{"[email phone]", "Thanks."}},
		"form: both":                    {true, []any{map[string]any{"email": "ada@x.io", "phone": "07700 900123"}}, []string{"[email phone]", "Thanks."}},
		"form: one, then blank":         {true, []any{map[string]any{"email": "ada@x.io"}, map[string]any{"phone": ""}}, []string{"[email phone]", "[phone]", "Thanks."}},
		"form: one wrong":               {true, []any{map[string]any{"email": "ada@x.io", "phone": "12"}, map[string]any{"phone": "13"}}, []string{"[email phone]", "That does not look like a phone number. Please give it with its country code, such as +44 7700 900123.|[phone]", "Thanks."}},
		"one by one":                    {false, []any{"ada@x.io", "hm", "hm"}, []string{"Reach|E-mail\n[Skip]", "Phone\n[Skip]", "That does not look like a phone number. Please give it with its country code, such as +44 7700 900123.|Phone\n[Skip]", "Thanks."}},
		"one by one: both at once":      {false, []any{"07700 900123, ada@x.io"}, []string{"Reach|E-mail\n[Skip]", "Thanks."}},
		"one by one: the other first":   {false, []any{"07700 900123", "ada@x.io"}, []string{"Reach|E-mail\n[Skip]", "E-mail\n[Skip]", "Thanks."}},
		"one by one: skipped":           {false, []any{"skip", "no"}, []string{"Reach|E-mail\n[Skip]", "Phone\n[Skip]", "Thanks."}},
	} {
		t.Run(name, func(t *testing.T) {
			a := talkTo(t, reachForm)
			if c.native {
				shows(&a.turn)
			}
			got := []string{strings.ReplaceAll(a.says("hi"), "Reach[", "[")}
			for _, turn := range c.turns {
				if text, ok := turn.(string); ok {
					got = append(got, a.says(text))
				} else {
					got = append(got, a.submits(turn.(map[string]any)))
				}
			}
			require.Equal(t, c.want, got)
			require.Nil(t, a.run)
		})
	}
	known := talkTo(t, strings.Replace(reachForm, "  - id: r\n", "  - id: r\n    skip_if_known: true\n", 1), shows, knows(contacts.Values{"email": "ada@x.io"}))
	require.Equal(t, "[phone]", known.says("hi"))
	require.Equal(t, "Thanks.", known.submits(map[string]any{"phone": "07700 900123"}))
	required := talkTo(t, "  - form: {fields: [{save: name, required: true}, {save: email, required: true}, {save: phone}]}\n    otherwise: out\n  - {say: in, go: end}\n  - {id: out, say: out}\n", shows)
	required.says("hi")
	require.Equal(t, "Please answer in a few words.|[name]", required.submits(map[string]any{"email": "ada@x.io", "phone": ""}), "what may be blank may be")
	require.Equal(t, "out", required.submits(map[string]any{}))
}

// A form tells the fault of each field where it is shown again.
func TestFormFaultsOfFields(t *testing.T) {
	t.Parallel()
	a := talkTo(t, "  - form: {fields: [{save: email, required: true, label: Mail}, {save: company_size, label: Size, invalid: How many}, {save: plan, label: Plan}]}\n", shows)
	a.says("hi")
	require.Equal(t, "Mail: That does not look like an e-mail address. Please try again.|How many|[email company_size]",
		a.submits(map[string]any{"email": "ada", "company_size": "lots", "plan": "gold"}))
	require.Equal(t, "plan=gold", a.captured())
	form := a.shown[2].Form
	require.Equal(t, "That does not look like an e-mail address. Please try again.", form.Fields[0].Error)
	require.Equal(t, "How many", form.Fields[1].Error)
}

// A form never overwrites a proven value; a question's answer is the person's
// latest word.
func TestFormKeepsProven(t *testing.T) {
	t.Parallel()
	proven := func(t *Turn) {
		t.Person.Values, t.Person.Proven = contacts.Values{"email": "ada@x.io", "plan": "gold"}, []string{"email"}
	}
	a := talkTo(t, "  - form: {fields: [{save: email, required: true}, {save: plan}]}\n  - say: \"{{ contact.email }} {{ contact.plan }}\"\n", shows, proven)
	require.Equal(t, "[email plan]", a.says("hi"))
	require.Equal(t, "ada@x.io iron", a.submits(map[string]any{"email": "eve@x.io", "plan": "iron"}))
	require.Equal(t, "plan=iron", a.captured())
	a = talkTo(t, "  - {ask: Mail, save: email}\n", proven)
	a.says("hi")
	a.says("new@x.io")
	require.Equal(t, "email=new@x.io", a.captured())
}

// A place that was read is read again as the same, and lies on the earth.
func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"51.5074, -0.1278", "51.5° N 0.1° W", "geo:51.5,-0.1", "https://x.example/?q=51.5074%2C-0.1", "-0,-0", "90,180"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		point, err := parseLocation(s, contacts.Locale{})
		if err != nil {
			require.Nil(t, point)
			return
		}
		again, err := parseLocation(point, contacts.Locale{})
		require.NoError(t, err)
		require.Equal(t, point, again)
	})
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{"example.com", "https://example.com/ä?x=%zz#y", "http://[::1]", "a..b", "https://user@h.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := parseURL(s, contacts.Locale{})
		if err != nil {
			require.Nil(t, u)
			return
		}
		again, err := parseURL(u, contacts.Locale{})
		if err == nil { // escaping may make it too long
			require.Equal(t, u, again)
		}
	})
}

// Whatever is typed at a choice: no panic, the same outcome again, and only what
// is offered is stored.
func FuzzChoice(f *testing.F) {
	for _, s := range []string{"1", "２", "help", "💬 support", "99999999999999999999", "2. Support", "\u0000", "no"} {
		f.Add(s, true)
	}
	flow := mustParse(f, "id: f\nsteps:\n  - {id: c, ask: Which, save: plan, optional: true, choices: [Pricing, {title: '💬 Support', value: help}, {title: Ünïted, value: '1'}]}\n")
	f.Fuzz(func(t *testing.T, said string, buttons bool) {
		turn := testTurn(message("hi"))
		turn.Channel.Buttons = buttons
		run := flow.Start(turn).Run
		turn.Event = &connectors.Event{Kind: connectors.KindMessage, Text: said}
		result := flow.Resume(run, turn)
		require.Equal(t, result, flow.Resume(run, turn))
		for _, c := range result.Captured {
			require.Contains(t, []any{"Pricing", "help", "1"}, c.Value)
		}
	})
}

// Every choice is found by its value, title and number, whatever they are.
func TestChoiceProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		titles := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-zäé]{1,8}( [0-9a-z]{1,4})?`), 1, 9, strings.ToLower).Draw(t, "titles")
		q := &question{input: input{name: choiceInput}}
		for i, title := range titles {
			q.choices = append(q.choices, choice{title: title, value: fmt.Sprintf("v-%d", i), stored: i})
		}
		m := (&Flow{}).machine(testTurn(message("")))
		for i, title := range titles {
			for _, said := range []string{title, strings.ToUpper(title), " " + title + "! ", fmt.Sprintf("v-%d", i), fmt.Sprint(i + 1), fmt.Sprintf("%d.", i+1), fmt.Sprintf("%d. %s", i+1, title)} {
				found, ok := q.typed(m, strings.TrimSpace(said))
				require.True(t, ok, "%q of %q", said, titles)
				require.Equal(t, i, found.stored, "%q of %q", said, titles)
			}
		}
	})
}
