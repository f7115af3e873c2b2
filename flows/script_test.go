package flows

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

const scriptFlow = `
id: lead
defaults: {skip_if_known: true}
steps:
  - say: Hello!
  - {id: topic, ask: "What is it about?", choices: [Prices, Support]}
  - {id: plan, ask: "Which plan?", save: plan}
  - {id: email, ask: "Your e-mail?", save: email, optional: true}
  - set: {status: qualified, add_tags: [web, "{{ vars.plan }}"], note: "wants {{ vars.plan }}", vars.n: 3}
  - push: [hubspot]
  - say: Thanks!
`

// play plays a script with scriptFlow on the channels that it names.
func play(t *testing.T, script string) []Failure {
	t.Helper()
	s, problems := ParseScript("lead.test.yaml", []byte(script), testFields(t))
	require.Empty(t, problems)
	failures, err := s.Play(func(channel string) (*Trial, error) {
		turn := testTurn(message(""))
		turn.ChannelID, turn.Channel = channel+"/try", connectors.CapabilitiesOf(channel)
		return NewTrial(mustParse(t, scriptFlow), nil, testFields(t), turn)
	})
	require.NoError(t, err)
	return failures
}

func TestScript(t *testing.T) {
	t.Parallel()
	require.Empty(t, play(t, `
tests:
  - name: everything comes true
    now: 2026-05-20T09:30:00Z
    turns:
      - say: Hi
        replies: [Hello!, {text: "What is it about?", buttons: [Prices, Support]}]
        waiting_for: topic
        starts: true
      - choose: prices
        vars: {topic: Prices}
      - say: Gold
        contact: {plan: Gold, type: guest, email: null}
        ended: false
      - say: ada@example.com
        replies: [Thanks!]
        contact: {email: ADA@example.com, status: qualified, tags: [Gold, web]}
        vars: {plan: Gold, n: 3, email: ada@example.com}
        notes: [wants Gold]
        pushes: [hubspot]
        trace: ["email: captured", "push: pushed, hubspot"]
        ended: true
  - name: what is known is not asked, and text is all that some channels have
    channel: twilio
    known: {plan: Gold, email: ada@example.com}
    turns:
      - say: Hi
        replies: [Hello!, "What is it about?\n1. Prices\n2. Support"]
        pushes: []
      - say: "2"
        trace: ["plan: skipped, contact.plan is known"]
        replies: [Thanks!]
`))
}

// A failure has the place of its turn and shows what is missing and what is too
// much; the turns after it are not played.
func TestScriptFailures(t *testing.T) {
	t.Parallel()
	turns := func(s string) string {
		return "tests:\n  - name: t\n    turns:\n" + s
	}
	tests := map[string]struct{ script, want string }{
		"replies": {turns("      - {say: Hi, replies: [Hello!, 'What?', More]}\n      - {say: x, ended: true}\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): replies
      Hello!
    - What?
    - More
    + What is it about?`},
		"too many replies": {turns("      - {say: Hi, replies: []}\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): replies
    + Hello!
    + What is it about? [Prices] [Support]`},
		"buttons": {turns("      - say: Hi\n        replies: [Hello!, {text: \"What is it about?\", buttons: [Prices]}]\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): replies
      Hello!
    - What is it about? [Prices]
    + What is it about? [Prices] [Support]`},
		"values": {turns("      - say: Hi\n        contact: {plan: Gold, email: null, type: lead}\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): values
    - contact.plan: Gold
    - contact.type: lead
    + contact.plan: unknown
    + contact.type: guest`},
		"variables": {turns("      - say: Hi\n      - {choose: Support, vars: {topic: Prices}}\n"), `
lead.test.yaml:5:7: t: turn 2 (choose Support): values
    - vars.topic: Prices
    + vars.topic: Support`},
		"pushes and end": {turns("      - {say: Hi, pushes: [all], ended: true}\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): pushes
    - all
lead.test.yaml:4:7: t: turn 1 (say Hi): ended
    - true
    + false`},
		"trace": {turns("      - {say: Hi, trace: [skipped]}\n"), `
lead.test.yaml:4:7: t: turn 1 (say Hi): trace
    - skipped
      flow: started, lead: the first message
      say: said
      topic: asked`},
		"no such button": {turns("      - say: Hi\n      - choose: Price\n"), `
lead.test.yaml:5:7: t: turn 2 (choose Price): no button "Price" among Prices, Support; did you mean "Prices"?`},
		"no such field": {turns("      - {say: Hi, contact: {emial: x}}\n"), `
lead.test.yaml:4:29: t: turn 1 (say Hi): no contact field "emial"; did you mean "email"?`},
		"unknowable": {"tests:\n  - name: t\n    known: {type: lead}\n    turns: [{say: Hi}]\n", `
lead.test.yaml:3:13: t: known: type follows from the other fields and cannot be given`},
		"starts": {turns("      - {event: {kind: reaction}, starts: true}\n"), `
lead.test.yaml:4:7: t: turn 1 (reaction): starts
    - true
    + false`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range play(t, test.script) {
				got = append(got, f.String())
			}
			require.Equal(t, strings.TrimSpace(test.want), strings.Join(got, "\n"))
		})
	}
}

// What services answer, agents do and time brings is played as it would come.
func TestScriptWaits(t *testing.T) {
	t.Parallel()
	flow := `
id: wait
steps:
  - {id: mail, ask: "Mail?", save: email}
  - call: {url: "https://a.example/find?email={{ contact.email }}", headers: {Authorization: "{{ secret.a }}"}, save: {company: /name, vars.tier: /tier}}
    otherwise: person
  - say: "You are from {{ contact.company }}, {{ vars.tier }}"
  - id: person
    handover: {team: sales, wait: 2m, say: {success: One moment., nobody: Everybody is busy.}}
    otherwise: reach
  - {say: Welcome back., go: later}
  - {id: reach, ask: "Which number?", save: phone}
  - {id: later, wait: 20h}
  - say: Bye
`
	script, problems := ParseScript("w.test.yaml", []byte(`
tests:
  - now: 2026-05-20T09:30:00Z
    turns:
      - say: Hi
      - {say: ada@example.com, request: "GET https://a.example/find?email=ada%40example.com"}
      - call: {status: 200, body: {name: Analytical, tier: gold}}
        replies: ["You are from Analytical, gold"]
        contact: {company: Analytical}
        vars: {tier: gold}
      - {handover: taken, replies: [One moment.]}
      - {say: hello, replies: []}
      - {after: 1h, replies: []}
      - {handover: returned, replies: [Welcome back.]}
      - {after: 19h, ended: false}
      - {after: 1h, replies: [Bye], ended: true}
  - turns:
      - say: Hi
      - say: ada@example.com
      - {call: {status: 500}, replies: []}
      - {handover: nobody, replies: [Everybody is busy.]}
      - {after: 2m, replies: ["Which number?"]}
  - turns:
      - say: Hi
      - say: ada@example.com
      - {call: failed}
      - {after: 1d, replies: [Everybody is busy., "Which number?"]}
`), nil)
	require.Empty(t, problems)
	failures, err := script.Play(func(string) (*Trial, error) {
		return NewTrial(mustParse(t, flow), nil, nil, testTurn(message("")))
	})
	require.NoError(t, err)
	require.Empty(t, failures)
	for doing, want := range map[string]string{
		"{call: {status: 200}}": "the flow waits for nothing of that kind", "{handover: taken}": "the flow waits for nothing of that kind",
		"{bot: failed}": "the flow waits for nothing of that kind",
	} {
		script, problems := ParseScript("w.test.yaml", []byte("tests:\n  - turns: [{say: Hi}, "+doing+"]\n"), nil)
		require.Empty(t, problems)
		failures, err := script.Play(func(string) (*Trial, error) {
			return NewTrial(mustParse(t, flow), nil, nil, testTurn(message("")))
		})
		require.NoError(t, err)
		require.Len(t, failures, 1)
		require.Contains(t, failures[0].String(), want)
	}
}

func TestParseScriptFaults(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"test: []\n":            {`1:1: a script needs tests`, `1:1: unknown key "test"; did you mean "tests"?`},
		"tests:\n  - name: a\n": {"2:3: a test needs turns"},
		"tests:\n  - turns: [{say: a, choose: b}]\n":                           {"2:22: one thing happens at a time, not say a and choose"},
		"tests:\n  - turns: [{replies: []}]\n":                                 {"2:13: want one of say, choose, fill"},
		"tests:\n  - turns:\n      - say: a\n        relpies: x\n":             {`4:9: unknown key "relpies"; did you mean "replies"?`},
		"tests:\n  - now: today\n    turns: [{say: a}]\n":                      {"2:5: now: want a moment such as"},
		"tests:\n  - turns: [{event: {knid: message}}]\n":                      {`2:14: event: unknown field "knid"`},
		"tests:\n  - turns: [{after: soon}]\n":                                 {"2:14: after: want a duration such as"},
		"tests:\n  - turns: [{handover: take}]\n":                              {`2:14: handover: "take" is none of queued, nobody, taken, returned, closed, disabled; did you mean "taken"?`},
		"tests:\n  - turns: [{call: ok}]\n":                                    {"2:14: call: want status and body, a status, or failed"},
		"tests:\n  - turns: [{bot: {outcome: bored}}]\n":                       {`2:14: bot: "bored" is none of answered, handed_over, ended, failed`},
		"tests:\n  - turns: [{say: [a]}]\n":                                    {"2:14: say: want a text, not a list"},
		"{\"tests\": [\n  {\"turns\": [{\"say\": \"a\", \"ended\": 1.5}]}\n]}": {"2:27: ended: want true or false"},
	}
	for doc, want := range tests {
		script, problems := ParseScript("f.test.yaml", []byte(doc), nil)
		require.Nil(t, script, doc)
		require.Len(t, problems, len(want), "%v", problems)
		for i := range want {
			require.Contains(t, problems[i].String(), "f.test.yaml:"+want[i])
		}
	}
}

func TestScriptNamesItsFlow(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{"a/x.test.yaml": "a/x.yaml", "x.test.json": "x.json", "odd.yaml": "odd.yaml"} {
		require.Equal(t, filepath.FromSlash(want), (&Script{File: filepath.FromSlash(file)}).FlowFile())
	}
	require.Equal(t, "y.yaml", (&Script{File: "x.test.yaml", Flow: "y.yaml"}).FlowFile())
}

func FuzzParseScript(f *testing.F) {
	f.Add([]byte("tests:\n  - name: a\n    known: {plan: b}\n    turns:\n      - {say: a, replies: [b, {text: c, buttons: [d]}], contact: {email: null}, ended: false}\n"))
	f.Add([]byte(`{"tests":[{"turns":[{"event":{"kind":"message","text":"1"}},{"fill":{"name":"a"}},{"choose":"b"}]}]}`))
	fields := testFields(f)
	flow := mustParse(f, scriptFlow)
	f.Fuzz(func(t *testing.T, doc []byte) {
		script, problems := ParseScript("f.test.yaml", doc, fields)
		require.Equal(t, len(problems) > 0, script == nil)
		if script != nil {
			_, err := script.Play(func(string) (*Trial, error) { return NewTrial(flow, nil, fields, testTurn(message(""))) })
			require.NoError(t, err)
		}
	})
}
