package flows

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/connectors"
	"usher/contacts"
)

func TestStarts(t *testing.T) {
	t.Parallel()
	open := mustParse(t, "id: f\nsteps: [{say: a}]\n")
	for kind, want := range map[connectors.Kind]bool{
		connectors.KindMessage: true, connectors.KindStarted: true, connectors.KindMedia: true, connectors.KindPostback: true,
		connectors.KindForm: true, connectors.KindLocation: true,
		connectors.KindStatus: false, connectors.KindReaction: false, connectors.KindFollow: false, connectors.KindCapture: false,
		connectors.KindSystem: false, connectors.KindDelete: false, "": false,
	} {
		require.Equal(t, want, open.Starts(testTurn(connectors.Event{Kind: kind})), kind)
	}
	echo := message("hi")
	echo.Direction = connectors.DirectionOut
	require.False(t, open.Starts(testTurn(echo)))
	require.False(t, open.Starts(Turn{}))

	choosy := mustParse(t, `
id: f
start: {trigger: first_message, pages: ["/pricing*", "example.org/*/contact"], when: contact.status != "disqualified"}
steps: [{say: a}]
`)
	for page, want := range map[string]bool{
		"https://example.com/pricing?a=1": true, "https://example.com/pricing/team": true, "https://example.com/": false,
		"https://example.com": false, "https://example.org/de/contact": true, "https://example.com/de/contact": false, "": false, "::": false,
	} {
		turn := testTurn(message("hi"))
		turn.Event.Page = &connectors.Page{URL: page}
		require.Equal(t, want, choosy.Starts(turn), page)
		turn.Person.Status = "disqualified"
		require.False(t, choosy.Starts(turn), page)
	}
	require.False(t, choosy.Starts(testTurn(message("hi"))), "no page is known")
}

func starting(t testing.TB, id, start string) *Flow {
	t.Helper()
	return mustParse(t, "id: "+id+"\nstart: "+start+"\nsteps: [{id: q, ask: \"Well?\"}]\n")
}

func tapped(payload string) connectors.Event {
	return connectors.Event{Kind: connectors.KindPostback, Text: "Tap", Reply: &connectors.Choice{Type: "postback", ID: payload, Title: "Tap"}}
}

func sent(ref, ad string) connectors.Event {
	return connectors.Event{Kind: connectors.KindReferral, Referral: &connectors.Referral{Source: "link", Ref: ref, SourceID: ad}}
}

// B-000-04 (page, language, dates), B-003-08 (country, campaign, landing page,
// visits), 003-10 (what is known of the person): each alone begins the flow or
// leaves it out.
func TestStartKeys(t *testing.T) {
	t.Parallel()
	type turns map[bool][]func(*Turn)
	hi := func(change func(*Turn)) func(*Turn) { return change }
	event := func(e connectors.Event) func(*Turn) { return func(t *Turn) { t.Event = &e } }
	page := func(url string) func(*Turn) { return func(t *Turn) { t.Event.Page = &connectors.Page{URL: url} } }
	at := func(when string) func(*Turn) {
		return func(turn *Turn) {
			turn.Now, _ = time.Parse(time.RFC3339, when)
			turn.Timezone, _ = time.LoadLocation("Europe/London")
		}
	}
	speaks := func(language string) func(*Turn) { return func(t *Turn) { t.Event.Language = language } }
	known := func(field, value string) func(*Turn) {
		return func(t *Turn) { t.Person.Values = contacts.Values{field: value} }
	}
	visit := func(v Visit) func(*Turn) { return func(t *Turn) { t.Visit = v } }
	nothing := hi(func(*Turn) {})
	for name, c := range map[string]struct {
		start string
		turns turns
	}{
		"opened":   {`{trigger: conversation_started}`, turns{true: {event(connectors.Event{Kind: connectors.KindStarted}), event(connectors.Event{Kind: connectors.KindFollow})}, false: {nothing}}},
		"keywords": {`{keywords: [Prices, "talk  to*"]}`, turns{true: {event(message("PRICES")), event(message(" prices?! ")), event(message("Talk to somebody")), event(message("Talk TO  us"))}, false: {nothing, event(message("prices of cars")), event(message("please talk to us")), event(connectors.Event{Kind: connectors.KindStarted})}}},
		"keyword named": {`{trigger: [keyword, conversation_started], keywords: prices}`, turns{true: {event(message("prices")), event(connectors.Event{Kind: connectors.KindStarted})},
			false: {nothing}}},
		"payloads": {`{payloads: [PRICES, "menu:*"]}`, turns{true: {event(tapped("PRICES")), event(tapped("menu:7"))}, false: {nothing, event(tapped("prices")), event(message("PRICES"))}}},
		"refs":     {`{refs: ["summer-*"]}`, turns{true: {event(sent("summer-1", "")), event(sent("", "summer-2"))}, false: {nothing, event(sent("winter", "")), event(sent("", ""))}}},
		"referral": {`{trigger: referral}`, turns{true: {event(sent("winter", "")), event(sent("", ""))}, false: {nothing, event(connectors.Event{Kind: connectors.KindReferral})}}},
		"pages":    {`{pages: "/pricing*", except_pages: ["/pricing/old*"]}`, turns{true: {page("https://x.io/pricing/new?a=b")}, false: {nothing, page("https://x.io/pricing/old/1"), page("https://x.io/"), page("::")}}},
		"except":   {`{except_pages: ["/jobs*", "blog.x.io/*"]}`, turns{true: {nothing, page("https://x.io/")}, false: {page("https://x.io/jobs"), page("https://blog.x.io/a")}}},
		"landing":  {`{landing_pages: "/lp/*"}`, turns{true: {visit(Visit{Landing: "https://x.io/lp/spring"})}, false: {nothing, visit(Visit{Landing: "https://x.io/"})}}},
		"utm": {`{utm: {source: Google, campaign: ["spring*", "summer*"]}}`, turns{
			true:  {page("https://x.io/?utm_source=google&utm_campaign=Spring+2026"), visit(Visit{Landing: "https://x.io/?utm_campaign=summer&utm_source=GOOGLE"})},
			false: {nothing, page("https://x.io/?utm_source=google"), page("https://x.io/?utm_source=bing&utm_campaign=spring"), page("%zz?utm_source=google")},
		}},
		"languages": {`{languages: [german, en-GB]}`, turns{true: {speaks("de"), speaks("de-AT"), speaks("en_GB"), known("language", "de")}, false: {nothing, speaks("en"), speaks("den"), speaks("fr")}}},
		"countries": {`{countries: [UK, Ireland]}`, turns{true: {known("country", "GB"), visit(Visit{Country: "IE"})}, false: {nothing, known("country", "FR"), visit(Visit{Country: "US"})}}},
		"country said wins over the address": {`{countries: GB}`, turns{false: {func(t *Turn) {
			t.Person.Values, t.Visit.Country = contacts.Values{"country": "FR"}, "GB"
		}}}},
		"days": {`{from: 2026-05-20, to: 2026-05-21}`, turns{
			true:  {nothing, at("2026-05-19T23:00:00Z"), at("2026-05-21T22:59:59Z")}, // London is an hour ahead
			false: {at("2026-05-19T22:59:59Z"), at("2026-05-21T23:00:00Z")},
		}},
		"instants":     {`{from: "2026-05-20T09:00:00Z", to: "2026-05-20T10:00:00+01:00"}`, turns{true: {at("2026-05-20T09:00:00Z")}, false: {at("2026-05-20T08:59:59Z"), at("2026-05-20T09:00:01Z")}}},
		"returning":    {`{returning: true}`, turns{true: {visit(Visit{Number: 2}), visit(Visit{Number: 1, Runs: 1}), visit(Visit{Number: 1, Known: true})}, false: {nothing, visit(Visit{Number: 1})}}},
		"new":          {`{returning: false}`, turns{true: {nothing, visit(Visit{Number: 1})}, false: {visit(Visit{Number: 3})}}},
		"disqualified": {`{when: contact.status != "disqualified"}`, turns{true: {nothing}, false: {func(t *Turn) { t.Person.Status = "disqualified" }}}},
		"visits": {`{when: visit.number >= 3 and visit.runs == 0 and visit.utm.source == "ad" and visit.country == "GB" and visit.returning}`, turns{
			true: {visit(Visit{Number: 3, Country: "GB", Landing: "https://x.io?utm_source=ad"})}, false: {nothing, visit(Visit{Number: 3})},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flow := starting(t, "f", c.start)
			for want, all := range c.turns {
				for i, change := range all {
					turn := testTurn(message("Hello"))
					change(&turn)
					chosen, lines := Choose([]*Flow{flow}, nil, nil, turn)
					require.Equal(t, want, chosen != nil, "%v %d: %v", want, i, lines)
					require.Len(t, lines, 1)
					require.Contains(t, lines[0].Detail, "f: ", "it is said why")
				}
			}
		})
	}
}

// B-003-07: rules are tried from the top, the first match wins, none: no bot.
func TestFirstFlowWins(t *testing.T) {
	t.Parallel()
	vip, prices, rest := starting(t, "vip", `{when: '"vip" in contact.tags'}`), starting(t, "prices", `{pages: "/pricing*"}`), starting(t, "rest", `{languages: en}`)
	all := []*Flow{vip, prices, rest}
	turn := testTurn(message("Hello"))
	turn.Event.Page, turn.Event.Language = &connectors.Page{URL: "https://x.io/pricing"}, "en"
	chosen, lines := Choose(all, nil, nil, turn)
	require.Equal(t, prices, chosen)
	require.Equal(t, []TraceLine{
		{Kind: "flow", Did: "not started", Detail: "vip: when does not hold; saw contact.tags = none"},
		{Kind: "flow", Did: "started", Detail: "prices: the first message"},
	}, lines)
	turn.Person.Tags = []string{"vip"}
	chosen, _ = Choose(all, nil, nil, turn)
	require.Equal(t, vip, chosen)
	chosen, lines = Choose(all, nil, nil, testTurn(message("Hello")))
	require.Nil(t, chosen)
	require.Len(t, lines, 3, "why none began")
	require.Equal(t, "rest: the language is unknown", lines[2].Detail)
	for _, e := range []connectors.Event{{Kind: connectors.KindReaction}, {Kind: connectors.KindStatus}, {Kind: connectors.KindCapture}, {}} {
		chosen, lines = Choose(all, nil, nil, testTurn(e))
		require.Nil(t, chosen)
		require.Empty(t, lines)
	}
}

// B-003-14: while a run waits a keyword, a payload or a referral begins another
// flow; a plain answer never does, nor one that the question asks for.
func TestOnlyTriggersTakeOver(t *testing.T) {
	t.Parallel()
	main := mustParse(t, `
id: main
steps:
  - {id: free, ask: "What is it about?"}
  - {id: topic, ask: "Which?", choices: [Prices, {title: Something else, value: menu}]}
  - {id: size, ask: "How many?", save: company_size}
  - {id: more, ask: "More?", optional: Stop}
  - {form: {fields: [{save: email, label: E-mail, required: true}, {id: plan, label: Plan, choices: [stop, go]}]}}
`)
	menu := starting(t, "menu", `{keywords: [menu, stop, 20, prices, "ada@*"], payloads: ["menu*", prices], trigger: referral}`)
	all := []*Flow{starting(t, "welcome", `{trigger: first_message}`), menu, main}
	waits := main.Start(testTurn(message("hi"))).Run
	try := func(want bool, events ...connectors.Event) {
		t.Helper()
		for _, e := range events {
			chosen, lines := Choose(all, waits, main, testTurn(e))
			require.Equal(t, want, chosen == menu, "%+v", e)
			require.Equal(t, want, len(lines) == 1)
		}
	}
	answer := func(text string) {
		t.Helper()
		waits = main.Resume(waits, testTurn(message(text))).Run
		require.NotNil(t, waits)
	}
	try(false, message("a plain answer"), connectors.Event{Kind: connectors.KindStarted}, tapped("other"))
	try(true, message("menu"), message("Stop!"), message("prices"), tapped("menu:1"), sent("x", ""))
	echo := message("menu")
	echo.Direction = connectors.DirectionOut
	try(false, echo)
	answer("Cars") // the topic is asked
	try(false, message("prices"), message("menu"), message("2"), tapped("menu"), message("Something else"))
	try(true, message("stop"), tapped("menu:1"), sent("x", ""))
	answer("Prices") // the size
	try(false, message("20"), message("nonsense"))
	try(true, message("menu"))
	answer("20") // more?
	try(false, message("Stop"), tapped("skip"))
	try(true, message("menu"))
	answer("no") // e-mail
	try(false, message("ada@example.com"))
	try(true, message("ada@"), message("menu"))
	answer("ada@example.com") // plan
	try(false, message("stop"))
	try(true, message("menu"))

	older := mustParse(t, "id: main\nsteps: [{id: a, ask: A, choices: [menu]}]\n")
	older.Version = 7
	chosen, _ := Choose(all, waits, older, testTurn(message("menu")))
	require.Equal(t, menu, chosen, "a run of another version answers nothing")
}

func TestStartFaults(t *testing.T) {
	t.Parallel()
	for start, want := range map[string]string{
		`{trigger: firstmessage}`:                          `2:9: trigger: "firstmessage" is none of first_message, conversation_started, keyword, postback, referral; did you mean "first_message"?`,
		`{trigger: keyword}`:                               "2:9: trigger: keyword needs keywords",
		`{trigger: [postback, first_message]}`:             "2:9: trigger: postback needs payloads",
		`{keywords: ["?"]}`:                                "2:9: keywords: one of them is any message; that is trigger: first_message",
		`{page: /x}`:                                       `2:9: unknown key "page"; did you mean "pages"?`,
		`{utm: {sauce: x}}`:                                `2:15: unknown key "sauce"; did you mean "source"?`,
		`{utm: google}`:                                    "2:9: utm: want keys with values, not a text",
		`{languages: [klingonese]}`:                        `2:9: languages: "klingonese": want a language like en or English`,
		`{countries: [XX]}`:                                `2:9: countries: "XX": want a country like GB or Germany`,
		`{from: tomorrow}`:                                 "2:9: from: want a day as 2026-05-31 or an instant as 2026-05-31T09:00:00Z",
		`{from: 2026-06-01, to: 2026-05-31}`:               "2:27: to: is before from, so the flow never starts",
		`{returning: sometimes}`:                           "2:9: returning: want true or false",
		`{when: contact.status = "x"}`:                     "2:9: when: ",
		`{when: visit.numbr > 1}`:                          `2:9: when: no visit.numbr; did you mean "number"?`,
		`{when: visit.number == "one"}`:                    "2:9: when: ",
		`{when: vars.q == "x"}`:                            "2:9: warning: when: no variable is known before the flow has begun",
		`{pages: []}`:                                      "2:9: pages: the list is empty",
		`first_message`:                                    "2:1: start: want keys with values, not a text",
		`{keywords: [` + strings.Repeat("a, ", 101) + `]}`: "2:9: keywords: 101 items; 100 are the most",
	} {
		_, problems := Parse("f", []byte("id: f\nstart: "+start+"\nsteps: [{id: q, ask: Q}]\n"), testFields(t))
		require.Len(t, problems, 1, "%s: %v", start, problems)
		require.True(t, strings.HasPrefix(problems[0].String(), "f:"+want), "%s\n%s", start, problems[0])
	}
}

// anyStart makes a start of any keys.
func anyStart() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		start := map[string]any{}
		may := func(key string, values ...any) {
			if rapid.IntRange(0, 3).Draw(t, key) == 0 {
				start[key] = rapid.SampledFrom(values).Draw(t, key+" value")
			}
		}
		may("keywords", "menu", []string{"a*", "*b*"}, "x")
		may("payloads", "x", []string{"menu*"})
		may("refs", "summer*", "3")
		may("pages", "/a*", []string{"x.io/*", "/b"})
		may("except_pages", "/ab*")
		may("landing_pages", "/*")
		may("utm", map[string]any{"source": "g*"}, map[string]any{"medium": "ad", "term": []string{"x"}})
		may("languages", "de", []string{"en", "fr"})
		may("countries", "GB", []string{"DE", "FR"})
		may("from", "2026-05-20", "2027-01-01T00:00:00Z")
		may("to", "2026-05-20", "2027-01-01T00:00:00Z")
		may("returning", true, false)
		may("when", `contact.company_size >= 50`, `visit.number > 1`, `event.text contains "a"`, `contact.status != "disqualified"`)
		triggers := []string{"first_message", "conversation_started", "referral"}
		if start["keywords"] != nil {
			triggers = append(triggers, "keyword")
		}
		may("trigger", rapid.SampledFrom(triggers).Draw(t, "one"), triggers)
		return start
	})
}

// Whatever flows a channel has and whatever comes in: which flow begins is found
// without fail, is the same again, and is the first that would begin alone.
func TestChooseProperties(t *testing.T) {
	t.Parallel()
	fields := testFields(t)
	rapid.Check(t, func(t *rapid.T) {
		var all []*Flow
		for range rapid.IntRange(0, 5).Draw(t, "flows") {
			doc, err := json.Marshal(map[string]any{"id": "f", "start": anyStart().Draw(t, "start"), "steps": []any{map[string]any{"ask": "?", "id": "q"}}})
			require.NoError(t, err)
			flow, problems := Parse("f", doc, fields)
			if flow == nil {
				require.Contains(t, problems[0].Message, "before from", "%s", doc)
				return
			}
			all = append(all, flow)
		}
		event := anyEvent(nil, nil, nil).Draw(t, "event")
		if rapid.Bool().Draw(t, "page") {
			event.Page = &connectors.Page{URL: rapid.OneOf(rapid.SampledFrom([]string{"https://x.io/a?utm_source=google", "https://x.io/b"}), rapid.String()).Draw(t, "url")}
		}
		event.Language = rapid.SampledFrom([]string{"", "de", "en-GB", "\x00"}).Draw(t, "language")
		if rapid.Bool().Draw(t, "referral") {
			event.Referral = &connectors.Referral{Ref: rapid.SampledFrom([]string{"", "summer-1"}).Draw(t, "ref")}
		}
		turn := testTurn(event)
		turn.Visit = Visit{Number: rapid.IntRange(0, 3).Draw(t, "visits"), Runs: rapid.IntRange(0, 2).Draw(t, "runs"), Country: rapid.SampledFrom([]string{"", "GB"}).Draw(t, "country")}
		var waiting *Run
		var current *Flow
		if len(all) > 0 && rapid.Bool().Draw(t, "waits") {
			current = rapid.SampledFrom(all).Draw(t, "current")
			waiting = current.Start(turn).Run
		}
		chosen, lines := Choose(all, waiting, current, turn)
		again, same := Choose(all, waiting, current, turn)
		require.Same(t, chosen, again)
		require.Equal(t, lines, same)
		var first *Flow
		for _, f := range all {
			if alone, _ := Choose([]*Flow{f}, waiting, current, turn); alone != nil {
				first = f
				break
			}
		}
		require.Same(t, first, chosen)
		require.LessOrEqual(t, len(lines), len(all))
		if waiting != nil && chosen != nil {
			require.True(t, event.Reply != nil || event.Referral != nil || event.Text != "", "a plain event takes nothing over")
		}
	})
}
