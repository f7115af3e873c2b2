package flows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

// Every fault has the place of the key at fault or of the step's dash.
func TestParseFaults(t *testing.T) {
	t.Parallel()
	head := "id: f\nsteps:\n"
	tests := map[string]struct {
		doc  string
		want []string // "line:column: part of the message"
	}{
		"nothing":              {"", []string{"1:1: the document is empty"}},
		"a list":               {"- a\n", []string{"1:1: a flow: want keys with values, not a list"}},
		"not YAML":             {"id: f\nsteps: [a\nb: c", []string{":1: not readable"}},
		"unquoted punctuation": {head + "  - {ask: How many?, save: name}\n", []string{"3:1: not readable: did not find expected ',' or '}'; inside of"}},
		"two documents":        {head + "  - say: a\n---\nid: g\n", []string{"4:1: a second document"}},
		"no id, no steps":      {"name: x\n", []string{"1:1: a flow needs an id", "1:1: a flow needs steps"}},
		"unknown key":          {"id: f\nstpes: []\nsteps:\n  - say: a\n", []string{`2:1: unknown key "stpes"; did you mean "steps"?`}},
		"key twice":            {head + "  - say: a\n    say: b\n", []string{`4:5: "say" is given twice`}},
		"misspelt kind":        {head + "  - sai: a\n", []string{`3:5: unknown key "sai"; did you mean "say"?`}},
		"no kind":              {head + "  - id: a\n", []string{"3:3: a step needs one of say, ask"}},
		"dash on its own line": {head + "  -\n    id: a\n", []string{"3:3: a step needs one of say"}},
		"two kinds":            {head + "  - say: a\n    push: all\n", []string{"4:5: one step does one thing, not say and push"}},
		"call": {head + "  - call: {url: \"example.com/{{ contact.email }}\", method: FETCH, retry: 9, timeout: 2h, save: {emial: tier, vars.x: data}}\n", []string{
			"3:12: url: want an absolute address", `method: "FETCH" is none of GET`, "retry: want a whole number from 0 to 5", "timeout: want more than nothing and at most 1m0s",
			`save: no contact field "emial"; did you mean "email"?`, "save: emial: want a JSON pointer such as /data/tier", "save: vars.x: want a JSON pointer"}},
		"host of a call":           {head + "  - call: {url: \"https://{{ contact.company }}.example.com/\"}\n", []string{"3:12: url: want an absolute address"}},
		"end of a host":            {head + "  - call: {url: \"https://example.com{{ contact.company }}\"}\n", []string{"3:12: url: the host must be written out"}},
		"call without an address":  {head + "  - call: {method: GET}\n", []string{"3:5: want a url"}},
		"GET with a body":          {head + "  - call: {url: \"https://example.com\", method: get, body: {a: 1}}\n", []string{"3:40: method: a GET has no body"}},
		"headers of a call":        {head + "  - call: {url: \"https://example.com\", headers: {Host: a, \"a b\": c}}\n", []string{"headers: Host cannot be set", `headers: "a b" is no name of a header`}},
		"wait":                     {head + "  - wait: soon\n  - wait: 0s\n  - wait: 400d\n", []string{"3:5: wait: want a duration such as 90s, 36h or 2d", "4:5: wait: want more than nothing", "5:5: wait: want more than nothing"}},
		"handover":                 {head + "  - handover: {team: a, agent: b, say: {gone: x}}\n", []string{"3:25: a handover asks for a team or an agent", `3:41: unknown key "gone"`}},
		"bot":                      {head + "  - bot: {wire: xmpp}\n", []string{"3:5: want a url", `3:11: wire: "xmpp" is none of usher, rasa`}},
		"secret in a question":     {head + "  - {id: a, ask: \"{{ secret.token }}\"}\n  - {say: a, when: secret.token == \"x\"}\n  - set: {vars.x: \"{{ secret.token }}\"}\n", []string{"3:13: ask: secrets", "4:14: when: secrets", "5:11: vars.x: secrets"}},
		"secret in a handover":     {head + "  - call: {url: \"https://example.com\", headers: {a: \"{{ secret.token }}\"}}\n  - handover: {say: {success: \"{{ secret.token }}\"}}\n", []string{"4:22: success: secrets can be used in call and bot steps only"}},
		"say":                      {head + "  - say: {image: a.png, buttons: []}\n  - say: {link_preview: false}\n  - say: [[a]]\n", []string{"3:11: image: want an absolute address", "buttons: the list is empty", "4:5: say: want a text", "5:5: say: want texts"}},
		"consent":                  {head + "  - consent: false\n", []string{"3:5: consent: want the question, or true"}},
		"key of another kind":      {head + "  - say: a\n    save: name\n", []string{`4:5: unknown key "save"`}},
		"unknown target":           {head + "  - say: a\n    go: thanx\n  - {id: thanks, say: b}\n", []string{`4:5: go: no step "thanx"; did you mean "thanks"?`}},
		"unknown otherwise":        {head + "  - ask: a\n    id: a\n    otherwise: b\n", []string{`5:5: otherwise: no step "b"`}},
		"unknown target of a rule": {head + "  - route:\n      - {when: contact.type == \"lead\",\n         go: nowhere}\n", []string{`5:10: go: no step "nowhere"`}},
		"rule without go":          {head + "  - route:\n      - when: contact.type == \"lead\"\n  - say: a\n", []string{"4:7: a rule needs a go"}},
		"duplicate id":             {head + "  - {id: a, say: a}\n  - id: a\n    say: b\n", []string{`4:5: a second step "a"`}},
		"reserved id":              {head + "  - {id: end, say: a}\n", []string{`3:6: id: "end" cannot be a step's`}},
		"unknown field in save":    {head + "  - ask: a\n    save: emial\n", []string{`4:5: save: no contact field "emial"; did you mean "email"?`, "3:3: warning: the answer is kept nowhere"}},
		"field of the system":      {head + "  - ask: a\n    id: a\n    save: customer_id\n", []string{`5:5: save: "customer_id" cannot be set by a flow`}},
		"unknown field in when":    {head + "  - say: a\n    when: contact.emial != nil\n", []string{`4:5: when: no contact field "emial"; did you mean "email"?`}},
		"variable nothing sets":    {head + "  - say: a\n    when: vars.size > 3\n", []string{"4:5: warning: when: nothing in this flow sets vars.size"}},
		"misspelt variable":        {head + "  - {id: size, ask: a}\n  - say: a\n    when: vars.szie == \"3\"\n", []string{`5:5: when: no vars.szie: no ask, form or set of this flow has that id; did you mean "size"?`}},
		"unknown field in text":    {head + "  - say: \"Hi {{ contact.firstname }}\"\n", []string{`3:5: say: no contact field "firstname"; did you mean "first_name"?`}},
		"types of a comparison":    {head + "  - {id: a, ask: a}\n  - say: a\n    when: vars.a >= 50\n", []string{"5:5: when: invalid operation: >= (different types: text and number)"}},
		"not a truth value":        {head + "  - say: a\n    when: contact.email\n", []string{"4:5: when: want true or false, not text"}},
		"syntax of a condition":    {head + "  - say: a\n    when: contact.email ==\n", []string{"4:5: when: unexpected token EOF"}},
		"template never closed":    {head + "  - say: \"Hi {{ contact.name\"\n", []string{"3:5: say: {{ without }}"}},
		"unknown filter":           {head + "  - say: \"Hi {{ contact.name | uppercase }}\"\n", []string{`3:5: say: no filter "uppercase"`}},
		"secrets":                  {head + "  - say: \"{{ secret.token }}\"\n", []string{"3:5: say: secrets can be used in call and bot steps only"}},
		"input and field":          {head + "  - ask: a\n    save: company_size\n    input: email\n", []string{"5:5: input: email does not fit company_size, a number field"}},
		"choices of a field":       {head + "  - ask: a\n    save: company_size\n    choices: [10, many]\n", []string{`5:5: choices: "many" cannot be saved in company_size`}},
		"choice without choices":   {head + "  - {id: a, ask: a, input: choice}\n", []string{"3:21: input: choice needs choices"}},
		"choices twice":            {head + "  - {id: a, ask: a, choices: [a, A]}\n", []string{`3:21: choices: "A" is there twice`}},
		"status":                   {head + "  - set: {status: sales_qualifed}\n", []string{`3:11: status: "sales_qualifed" is none of`}},
		"fixed value of a set":     {head + "  - set: {company_size: many}\n", []string{"3:11: set: company_size: want a number"}},
		"set of the system":        {head + "  - set: {type: lead}\n", []string{`3:11: set: "type" cannot be set by a flow`}},
		"form without fields":      {head + "  - form: {title: a}\n", []string{"3:5: a form needs fields"}},
		"form field":               {head + "  - form:\n      fields:\n        - {label: Name}\n        - {save: name, required: perhaps}\n", []string{"5:9: a form field needs a save or an id", "6:24: required: want true or false"}},
		"attempts":                 {head + "  - {id: a, ask: a, attempts: 0}\n", []string{"3:21: attempts: want a whole number from 1 to 20"}},
		"trigger":                  {"id: f\nstart: {trigger: sometimes, when: contact.x}\nsteps: [{say: a}]\n", []string{"2:9: trigger:", "2:29: when: no contact field \"x\""}},
		"all at once": {"id: f\ndefaults: {skip: true}\nsteps:\n  - say: \"{{ contact.a }}\"\n  - {say: b, go: c}\n", []string{
			`2:12: unknown key "skip"`, `4:5: say: no contact field "a"`, `5:14: go: no step "c"`}},
		"endless loop":            {head + "  - {id: a, say: hi}\n  - go: a\n", []string{`3:3: endless loop: step "a" comes back to itself and asks nothing on the way`}},
		"loop on a fixed answer":  {head + "  - {id: a, say: hi}\n  - route:\n      - {when: known(contact.email), go: a}\n", []string{"3:3: endless loop"}},
		"loop that a set may end": {head + "  - id: a\n    set: {vars.x: done}\n  - route:\n      - {when: vars.x != \"done\", go: a}\n", []string{"3:3: warning: endless loop"}},
		"step to itself":          {head + "  - {id: a, push: all, go: a}\n", []string{"3:3: endless loop"}},
		"never reached":           {head + "  - {say: a, go: end}\n  - say: b\n  - say: c\n", []string{"4:3: warning: never reached"}},
		"rule never reached":      {head + "  - route:\n      - {go: a}\n      - {when: known(contact.email), go: a}\n  - {id: a, say: a}\n", []string{"5:7: warning: never reached"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flow, problems := Parse("f.yaml", []byte(test.doc), testFields(t))
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			require.Len(t, problems, len(test.want), "%q", got)
			for _, want := range test.want {
				require.Contains(t, strings.Join(got, "\n"), want)
			}
			require.Equal(t, Faulty(problems), flow == nil)
		})
	}
}

func TestParseJSON(t *testing.T) {
	t.Parallel()
	flow, problems := Parse("f.json", []byte("{\n\t\"id\": \"f\",\n\t\"steps\": [\n\t\t{\"say\": \"\\ud83d\\ude00 hi\"}\n\t]\n}"), nil)
	require.Empty(t, problems)
	require.Equal(t, "😀 hi", flow.Start(testTurn(message("x"))).Messages[0].Text)

	_, problems = Parse("f.json", []byte("{\n\t\"id\": \"f\",\n\t\"steps\": [\n\t\t{\"sai\": 1}, {\"say\": \"a\", \"go\": \"b\"}\n\t]\n}"), nil)
	require.Len(t, problems, 2)
	require.Equal(t, `f.json:4:4: unknown key "sai"; did you mean "say"?`, problems[0].String())
	require.Equal(t, `f.json:4:28: go: no step "b"`, problems[1].String())
}

func TestParseWithoutFields(t *testing.T) {
	t.Parallel()
	_, problems := Parse("f.yaml", []byte("id: f\nsteps:\n  - {ask: Size, save: company_size, id: a}\n  - {ask: Mail, save: email, id: b}\n"), nil)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), `f.yaml:3:17: save: no contact field "company_size"`)
}

func TestParseAliases(t *testing.T) {
	t.Parallel()
	flow := mustParse(t, "id: f\nsteps:\n  - {id: a, ask: A, choices: &c [x, y]}\n  - {id: b, ask: B, choices: *c}\n")
	require.Len(t, flow.steps[1].body.(*ask).question.choices, 2)
}

func TestCheckAll(t *testing.T) {
	t.Parallel()
	parse := func(file, doc string) *Flow {
		flow, problems := Parse(file, []byte(doc), nil)
		require.NotNil(t, flow, "%v", problems)
		return flow
	}
	all := []*Flow{
		parse("a.yaml", "id: welcome\nsteps:\n  - run: newsleter\n  - {say: a, go: \"flow:newsletter\"}\n"),
		parse("b.yaml", "id: newsletter\nsteps:\n  - push: [hubspot, sheet]\n  - route:\n      - {go: \"flow:gone\"}\n"),
		parse("c.yaml", "id: welcome\nsteps:\n  - say: a\n"),
	}
	var got []string
	for _, p := range CheckAll(all, Around{Destinations: []string{"hubspot"}}) {
		got = append(got, p.String())
	}
	require.Equal(t, []string{
		`a.yaml:3:5: no flow "newsleter"; did you mean "newsletter"?`,
		`b.yaml:3:5: push: no destination "sheet"`,
		`b.yaml:5:10: no flow "gone"`,
		`c.yaml:1:1: a second flow "welcome"; the first is in a.yaml`,
	}, got)
	require.Len(t, CheckAll(all, Around{}), 3)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(leadFlow))
	f.Add([]byte(`{"id":"f","steps":[{"form":{"fields":[{"save":"name"}]}},{"route":[{"when":"vars.a","go":"end"}]}]}`))
	f.Add([]byte("id: f\nsteps: &a\n  - set: {vars.x: \"{{ vars.x | date: '%Y' }}\"}\n  - *a\n"))
	f.Add([]byte("id: f\nsteps:\n  - consent: true\n  - say: [{image: \"{{ event.text }}\", buttons: [a]}]\n  - wait: 1d2h\n  - handover: {team: a, say: {nobody: b}}\n"))
	f.Add([]byte("id: f\nsteps:\n  - call: {url: \"https://a.b/{{ event.text }}\", body: &b {a: [*b, \"{{ now }}\"]}, save: {vars.x: /a~1b/0}}\n  - bot: {url: \"http://a\", wire: rasa}\n"))
	fields := testFields(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		flow, problems := Parse("f", doc, fields)
		require.Equal(t, Faulty(problems), flow == nil)
		if flow == nil {
			return
		}
		result := flow.Start(testTurn(message("hi")))
		for range 5 {
			if result.Run == nil {
				return
			}
			state, err := result.Run.MarshalBinary()
			require.NoError(t, err)
			var run Run
			require.NoError(t, run.UnmarshalBinary(state))
			turn := testTurn(message("1"))
			if n := len(result.Waits); n > 0 {
				w := result.Waits[n-1]
				_, _ = flow.Request(&run, w, turn, func(string) (string, bool) { return "", true })
				turn.Event = &connectors.Event{Kind: connectors.KindResumed, Resume: flow.Response(&run, w, 200, []byte(`{"a":1}`))}
			}
			result = flow.Resume(&run, turn)
		}
	})
}
