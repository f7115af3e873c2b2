package flows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
)

func TestResumeOfAnotherVersionBeginsAnew(t *testing.T) {
	t.Parallel()
	flow := mustParse(t, leadFlow)
	run := flow.Start(testTurn(message("hi"))).Run
	newer := mustParse(t, leadFlow)
	newer.Version = 2
	result := newer.Resume(run, testTurn(message("Ada")))
	require.Equal(t, "name", result.WaitingFor)
	require.Empty(t, result.Captured)
	require.Equal(t, 2, result.Run.Version)
	require.Equal(t, "What is your name?", result.Messages[0].Text)

	require.Equal(t, "name", flow.Resume(nil, testTurn(message("hi"))).WaitingFor)
}

// A turn must not change what it was given, whatever later turns do.
func TestTurnsArePure(t *testing.T) {
	t.Parallel()
	flow := mustParse(t, `
id: f
steps:
  - {id: a, ask: A, save: company}
  - set: {add_tags: [x], status: qualified, vars.z: "{{ vars.a }}!"}
  - {id: b, ask: "{{ vars.a }} {{ vars.z }} {{ contact.company }}"}
  - {say: "{{ vars.b }}", go: a}
`)
	values := contacts.Values{"company": "Old"}
	tags := []string{"t"}
	turn := testTurn(message("hi"))
	turn.Person = Person{Values: values, Tags: tags}
	run := flow.Start(turn).Run
	turn.Event = &connectors.Event{Kind: connectors.KindMessage, Text: "New"}
	first := flow.Resume(run, turn)
	second := flow.Resume(run, turn)
	require.Equal(t, first, second)
	require.Equal(t, contacts.Values{"company": "Old"}, values)
	require.Equal(t, []string{"t"}, tags)
	require.Equal(t, "New New! New", first.Messages[0].Text)

	next := testTurn(message("x"))
	flow.Resume(first.Run, next)
	require.Equal(t, first.Run, second.Run, "a later turn does not reach back")
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	all := map[string]*Flow{}
	for _, doc := range []string{
		"id: main\nsteps:\n  - {say: main}\n  - {run: sub}\n  - {say: \"back, {{ contact.first_name }}\"}\n  - {id: q, ask: \"More?\"}\n  - {say: \"{{ vars.q }}\", go: \"flow:tail\"}\n",
		"id: sub\nsteps:\n  - {id: n, ask: \"Name?\", save: name}\n  - {run: deep}\n  - {say: sub ends}\n",
		"id: deep\nsteps:\n  - {say: \"deep knows {{ contact.first_name }}\", go: \"flow:deeper\"}\n",
		"id: deeper\nsteps:\n  - {say: deeper}\n",
		"id: tail\nsteps:\n  - {say: tail}\n",
		"id: a\nsteps:\n  - {say: a, go: \"flow:b\"}\n",
		"id: b\nsteps:\n  - {say: b, go: \"flow:a\"}\n",
		"id: self\nsteps:\n  - {run: self}\n",
		"id: lost\nsteps:\n  - {run: nowhere}\n  - {say: still here}\n",
	} {
		flow := mustParse(t, doc)
		all[flow.ID] = flow
	}
	find := func(id string, _ int) *Flow { return all[id] }
	say := func(r *Run, flow, text string) (Result, string) {
		if r != nil {
			b, err := r.MarshalBinary()
			require.NoError(t, err)
			r = new(Run)
			require.NoError(t, r.UnmarshalBinary(b))
			flow = r.Flow
		}
		result := Advance(all[flow], r, testTurn(message(text)), find)
		var texts []string
		for _, m := range result.Messages {
			texts = append(texts, m.Text)
		}
		require.Empty(t, result.Next)
		return result, strings.Join(texts, "|")
	}
	result, said := say(nil, "main", "hi")
	require.Equal(t, "main|Name?", said)
	require.Equal(t, "sub", result.Run.Flow)
	result, said = say(result.Run, "", "Ada Lovelace")
	require.Equal(t, "deep knows Ada|deeper|sub ends|back, Ada|More?", said)
	require.Equal(t, "main", result.Run.Flow)
	require.Len(t, result.Captured, 1)
	result, said = say(result.Run, "", "no")
	require.Equal(t, "no|tail", said)
	require.Nil(t, result.Run)

	result, said = say(nil, "a", "hi")
	require.Equal(t, maxFlows-1, strings.Count(said, "|"))
	require.Nil(t, result.Run)
	result, _ = say(nil, "self", "hi")
	require.Nil(t, result.Run)
	_, said = say(nil, "lost", "hi")
	require.Equal(t, "still here", said)
}

// A flow that goes round without the person comes to an end, however it waits.
func TestRoundWithoutThePerson(t *testing.T) {
	t.Parallel()
	flow := mustParse(t, "id: f\nsteps:\n  - {id: a, call: {url: \"https://a.example.com/\"}}\n  - {id: q, ask: \"Hm?\", skip_if_known: true, save: email}\n  - {go: a}\n")
	turn := testTurn(message("hi"))
	turn.Person.Values = contacts.Values{"email": "ada@example.com"}
	result, visits := flow.Start(turn), 0
	for ; result.Run != nil; visits++ {
		require.Len(t, result.Waits, 1)
		turn.Event = &connectors.Event{Kind: connectors.KindResumed, Resume: result.Waits[0].Resume(connectors.OutcomeOK, "")}
		result = flow.Resume(result.Run, turn)
	}
	require.Equal(t, maxAlone, visits)
	require.Empty(t, result.Waits)
	require.Equal(t, "waited 100 times without a word from the person", result.Trace[len(result.Trace)-1].Detail)
}

// A run that another one started waits, and what it waited for never counts for
// the other, though both are one course of the conversation.
func TestWaitsOfRunsInRuns(t *testing.T) {
	t.Parallel()
	all := map[string]*Flow{}
	for _, doc := range []string{
		"id: main\nsteps:\n  - run: sub\n  - {id: w, wait: 1h}\n  - {say: over, go: \"flow:tail\"}\n",
		"id: sub\nsteps:\n  - {call: {url: \"https://a.example.com/\", save: {company: /c}}}\n",
		"id: tail\nsteps:\n  - {handover: {}}\n  - {say: \"{{ contact.company }}\"}\n",
	} {
		flow := mustParse(t, doc)
		all[flow.ID] = flow
	}
	find := func(id string, _ int) *Flow { return all[id] }
	turn := testTurn(message("hi"))
	result := Advance(all["main"], nil, turn, find)
	var waits []Wait
	next := func(outcome string, values map[string]any) {
		require.NotNil(t, result.Run)
		require.Len(t, result.Waits, 1)
		w := result.Waits[0]
		require.Equal(t, Wait{Cause: w.Cause, Run: 1, Visit: len(waits) + 1, At: w.At, Event: w.Event}, w)
		for _, earlier := range waits {
			require.False(t, all[result.Run.Flow].Expects(result.Run, earlier.Resume(outcome, "")))
		}
		waits = append(waits, w)
		resume := w.Resume(outcome, "")
		resume.Values = values
		turn.Event, turn.EventID, turn.Person = &connectors.Event{Kind: connectors.KindResumed, Resume: resume}, turn.EventID+1, result.person
		b, err := result.Run.MarshalBinary()
		require.NoError(t, err)
		run := new(Run)
		require.NoError(t, run.UnmarshalBinary(b))
		result = Advance(all[run.Flow], run, turn, find)
	}
	next(connectors.OutcomeOK, map[string]any{"company": "Acme"})
	require.Equal(t, []Capture{{"company", "Acme", "", "call"}}, result.Captured)
	next(connectors.OutcomeDue, nil)
	require.Equal(t, "over", result.Messages[0].Text)
	require.Equal(t, queued, result.Handling)
	next(connectors.OutcomeReturned, nil)
	require.Equal(t, "Acme", result.Messages[0].Text)
	require.Nil(t, result.Run)
}
