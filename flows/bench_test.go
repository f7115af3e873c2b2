package flows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// registrationFlow asks three questions.
const registrationFlow = `
id: registration
steps:
  - {id: name, ask: "What is your name?", save: name}
  - {id: email, ask: "And your e-mail?", save: email, invalid: "That is no e-mail."}
  - {id: size, ask: "How many people work at your company?", save: company_size}
  - route:
      - {when: contact.company_size >= 50, go: large}
      - {when: contact.name == "Nobody", go: end}
  - {say: "Thanks, {{ contact.first_name }}!", go: end}
  - {id: large, say: Thanks!}
`

const leadFlow = `
id: lead
steps:
  - {id: name, ask: "What is your name?", save: name}
  - {id: email, ask: "And your e-mail?", save: email, invalid: "That is no e-mail."}
  - route:
      - {when: contact.company_size >= 50, go: large}
      - {when: contact.name == "Nobody", go: end}
  - {say: "Thanks, {{ contact.first_name }}!", go: end}
  - {id: large, say: Thanks!}
`

// resumes prepares the registration flow's answers, each with the run as bytes;
// resume does with one what the gateway does: the run is read from bytes, the
// answer is taken, the last one leading on through a route, and the run is
// written to bytes.
func resumes(t testing.TB) (resume func(i int)) {
	flow := mustParse(t, registrationFlow)
	turns := []Turn{testTurn(message("Ada Lovelace")), testTurn(message("ada@example.com")), testTurn(message("20 people"))}
	states := make([][]byte, len(turns))
	run := flow.Start(testTurn(message("hi"))).Run
	for i := range turns {
		state, err := run.MarshalBinary()
		require.NoError(t, err)
		states[i] = state
		result := flow.Resume(run, turns[i])
		for j := i + 1; j < len(turns); j++ {
			turns[j].Person = result.person
		}
		run = result.Run
	}
	require.Nil(t, run)
	buffer := make([]byte, 0, 256)
	return func(i int) {
		var run Run
		if err := run.UnmarshalBinary(states[i%3]); err != nil {
			t.Fatal(err)
		}
		if result := flow.Resume(&run, turns[i%3]); result.Run != nil {
			buffer, _ = result.Run.AppendBinary(buffer[:0])
		}
	}
}

// At most 4 µs and 30 allocations.
func BenchmarkResume(b *testing.B) {
	resume := resumes(b)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		resume(i)
	}
}

func TestResumeAllocatesLittle(t *testing.T) { // not parallel: all allocations count
	resume, i := resumes(t), 0
	require.LessOrEqual(t, testing.AllocsPerRun(300, func() { resume(i); i++ }), 30.0)
}

func BenchmarkStart(b *testing.B) {
	flow := mustParse(b, leadFlow)
	turn := testTurn(message("hi"))
	b.ReportAllocs()
	for b.Loop() {
		if !flow.Starts(turn) || flow.Start(turn).Run == nil {
			b.Fatal("does not wait")
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	condition, err := ParseCondition(`contact.company_size >= 50 and contact.type != "customer"`, testFields(b))
	require.NoError(b, err)
	turn := testTurn(message("hi"))
	turn.Person.Values = map[string]any{"company_size": 80.0}
	b.ReportAllocs()
	for b.Loop() {
		if !condition.Holds(turn) {
			b.Fatal("does not hold")
		}
	}
}

func BenchmarkParse(b *testing.B) {
	fields := testFields(b)
	b.ReportAllocs()
	for b.Loop() {
		if flow, _ := Parse("lead.yaml", []byte(leadFlow), fields); flow == nil {
			b.Fatal("faulty")
		}
	}
}

// A thousand flows of a hundred steps each are read in less than a second.
func BenchmarkLoad(b *testing.B) {
	fields := testFields(b)
	docs := make([]Document, 1000)
	for i := range docs {
		docs[i] = Document{"long.yaml", []byte(longFlow(i))}
	}
	b.ResetTimer()
	for b.Loop() {
		if parsed, problems := ParseAll(docs, fields); len(parsed) != len(docs) {
			b.Fatal(problems)
		}
	}
}

// longFlow has a hundred steps of the kinds and in the proportions of a real one.
func longFlow(n int) string {
	var doc strings.Builder
	fmt.Fprintf(&doc, "id: flow_%d\nsteps:\n", n)
	for i := range 20 {
		fmt.Fprintf(&doc, `  - {id: say_%[1]d, say: "Hello {{ contact.first_name | default: 'there' }}, this is part %[1]d."}
  - {id: size_%[1]d, ask: "How many people?", save: company_size, invalid: "A number, please."}
  - {id: topic_%[1]d, ask: "What is it about?", choices: [Pricing, Support, {title: Something else, value: other}]}
  - id: route_%[1]d
    route:
      - {when: vars.topic_%[1]d == "Support", go: end}
      - {when: contact.company_size >= 50, go: set_%[1]d}
  - {id: set_%[1]d, set: {status: qualified, add_tags: [part_%[1]d], company: "{{ vars.topic_%[1]d }}"}}
`, i)
	}
	return doc.String()
}
