package flows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func problemLines(problems []Problem) []string {
	lines := []string{}
	for _, p := range problems {
		lines = append(lines, p.String())
	}
	return lines
}

// Loops that ask nothing are told once each, by the step that they come back to.
func TestCheckLoops(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps string
		want  []string
	}{
		"two loops": {"  - {id: a, say: x}\n  - {when: known(contact.email), go: a}\n  - {id: b, say: y}\n  - go: b\n", []string{
			`f.yaml:3:3: endless loop: step "a" comes back to itself and asks nothing on the way`,
			`f.yaml:5:3: endless loop: step "b" comes back to itself and asks nothing on the way`}},
		"both ways of a route": {"  - {id: a, say: x}\n  - route:\n      - {when: known(contact.email), go: a}\n      - {go: a}\n", []string{
			`f.yaml:3:3: endless loop: step "a" comes back to itself and asks nothing on the way`}},
		"a question on the way": {"  - {id: a, ask: x}\n  - go: a\n", nil},
		"a question that may be known": {"  - {id: a, ask: x, save: email, skip_if_known: true}\n  - {when: contact.email == \"a@b.c\", go: a}\n", []string{
			`f.yaml:3:3: warning: endless loop: step "a" comes back to itself and asks nothing on the way once its answer is known`}},
		"a reminder for ever": {"  - {id: a, say: x}\n  - {wait: 1d, go: a}\n", []string{
			`f.yaml:3:3: warning: endless loop: step "a" comes back to itself and asks nothing on the way`}},
		"a reminder until somebody writes": {"  - {id: a, say: x}\n  - {wait: 1d, go: a, otherwise: b}\n  - {id: b, say: y}\n", nil},
		"asking a service again":           {"  - id: a\n    call: {url: \"https://a.example/\", save: {vars.done: /done}}\n  - {when: vars.done != true, go: a}\n", nil},
		"asking a service for ever": {"  - {id: a, call: {url: \"https://a.example/\"}, otherwise: a, go: a}\n", []string{
			`f.yaml:3:3: warning: endless loop: step "a" comes back to itself and asks nothing on the way`}},
		"another flow may ask": {"  - {id: a, run: g}\n  - go: a\n", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := Parse("f.yaml", []byte("id: f\nsteps:\n"+test.steps), testFields(t))
			require.ElementsMatch(t, test.want, problemLines(problems))
		})
	}
}

func checkAll(t *testing.T, around Around, docs ...string) []string {
	t.Helper()
	var all []*Flow
	for i, doc := range docs {
		f, problems := Parse(fmt.Sprintf("%c.yaml", 'a'+i), []byte(doc), nil)
		require.NotNil(t, f, "%v", problems)
		all = append(all, f)
	}
	return problemLines(CheckAll(all, around))
}

func TestCheckAllCircles(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		`a.yaml:4:5: endless loop: this leads to flow "b" and from there back here, and nothing is asked on the way`,
	}, checkAll(t, Around{}, "id: a\nsteps:\n  - say: x\n    go: flow:b\n", "id: b\nsteps: [{say: y}, {go: \"flow:a\"}]\n"))
	require.Equal(t, []string{
		`a.yaml:3:5: endless loop: this leads to flow "a" and from there back here, and nothing is asked on the way`,
	}, checkAll(t, Around{}, "id: a\nsteps:\n  - run: a\n"))
	require.Empty(t, checkAll(t, Around{}, "id: a\nsteps: [{say: x, go: \"flow:b\"}]\n", "id: b\nsteps: [{id: q, ask: y}, {go: \"flow:a\"}]\n"), "one asks")
	require.Empty(t, checkAll(t, Around{}, "id: a\nsteps: [{run: b}, {go: \"flow:b\", when: known(contact.email)}]\n", "id: b\nsteps: [{say: y}]\n"), "each ends")
	require.Empty(t, checkAll(t, Around{}, "id: a\nsteps: [{go: \"flow:b\"}]\n", "id: b\nsteps: [{run: c}, {go: \"flow:a\"}]\n", "id: c\nsteps: [{id: q, ask: y}]\n"), "one runs a flow that asks")
}

// Choices that a channel cannot show are a warning that names the channels.
func TestCheckAllChoices(t *testing.T) {
	t.Parallel()
	list := func(n, length int) string {
		var titles []string
		for i := range n {
			titles = append(titles, fmt.Sprintf("%02d%s", i, strings.Repeat("x", length-2)))
		}
		return strings.Join(titles, ", ")
	}
	ask := func(choices string) string {
		return "id: a\nsteps:\n  - id: q\n    ask: Which one\n    choices: [" + choices + "]\n"
	}
	require.Empty(t, checkAll(t, Around{}, ask(list(10, 20))))
	require.Equal(t, []string{"a.yaml:5:5: warning: choices: as numbered text in whatsapp (at most 10)"}, checkAll(t, Around{}, ask(list(11, 8))))
	require.Equal(t, []string{"a.yaml:5:5: warning: choices: as numbered text in whatsapp (at most 10), messenger (at most 13), instagram (at most 13), line (at most 13)"},
		checkAll(t, Around{}, ask(list(14, 8))))
	require.Equal(t, []string{"a.yaml:5:5: warning: choices: as numbered text in messenger (titles of at most 20 characters), instagram (titles of at most 20 characters), line (titles of at most 20 characters)"},
		checkAll(t, Around{}, ask(list(2, 21))))
	require.Equal(t, []string{"a.yaml:5:5: warning: choices: as numbered text in whatsapp (titles of at most 96 characters)"},
		checkAll(t, Around{Channels: []string{"whatsapp", "webchat"}}, ask(list(2, 97))))
	require.Empty(t, checkAll(t, Around{Channels: []string{"webchat", "twilio"}}, ask(list(40, 90))), "any number, or text anyway")
	require.Equal(t, []string{"a.yaml:4:13: warning: choices: as numbered text in whatsapp (at most 10)"},
		checkAll(t, Around{Channels: []string{"whatsapp"}}, "id: a\nsteps:\n  - form: {fields: [\n    {id: q, choices: ["+list(11, 3)+"], label: Q}]}\n"))
	require.Equal(t, []string{"a.yaml:3:21: warning: buttons: as numbered text in whatsapp (titles of at most 96 characters)"},
		checkAll(t, Around{Channels: []string{"whatsapp"}}, "id: a\nsteps:\n  - say: {text: Hi, buttons: ["+list(1, 100)+"]}\n"))
}

func TestCheckAllTeams(t *testing.T) {
	t.Parallel()
	doc := "id: a\nsteps:\n  - handover: {team: salse}\n"
	require.Empty(t, checkAll(t, Around{}, doc))
	require.Empty(t, checkAll(t, Around{Teams: []string{"salse"}}, doc))
	require.Equal(t, []string{`a.yaml:3:5: warning: team: no team "salse", so nobody will come; did you mean "sales"?`}, checkAll(t, Around{Teams: []string{"sales"}}, doc))
}

func TestCheckSecrets(t *testing.T) {
	t.Parallel()
	doc := "id: a\nsteps:\n  - call: {url: \"https://a.example.com/\", headers: {A: \"{{ secret.acounts }}\"}, body: \"{{ secret.other }}\"}\n"
	require.Empty(t, checkAll(t, Around{}, doc))
	require.Equal(t, []string{`a.yaml:3:53: warning: no secret "acounts" is configured, so what needs it fails; did you mean "accounts"?`},
		checkAll(t, Around{Secrets: []string{"accounts", "other"}}, doc))
}
