package flows

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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

// One resume as the gateway does it: the run is read from bytes, answers (a name,
// a wrong e-mail, a right one that leads on through a route) are taken in turn,
// and the run is written to bytes.
func BenchmarkResume(b *testing.B) {
	flow := mustParse(b, leadFlow)
	turns := []Turn{testTurn(message("Ada Lovelace")), testTurn(message("ada@")), testTurn(message("ada@example.com"))}
	opened := flow.Start(testTurn(message("hi")))
	states := make([][]byte, len(turns))
	run := opened.Run
	for i := range turns {
		state, err := run.MarshalBinary()
		require.NoError(b, err)
		states[i] = state
		result := flow.Resume(run, turns[i])
		for j := i + 1; j < len(turns); j++ {
			turns[j].Person = result.person
		}
		run = result.Run
	}
	require.Nil(b, run)
	buffer := make([]byte, 0, 256)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		var run Run
		if err := run.UnmarshalBinary(states[i%3]); err != nil {
			b.Fatal(err)
		}
		if result := flow.Resume(&run, turns[i%3]); result.Run != nil {
			buffer, _ = result.Run.AppendBinary(buffer[:0])
		}
	}
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
