package flows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// anyFlow makes flows of all kinds of steps that lead anywhere.
func anyFlow() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		n := rapid.IntRange(1, 8).Draw(t, "steps")
		target := func() string {
			return rapid.SampledFrom([]string{"end", "flow:other", "s0", fmt.Sprintf("s%d", n-1), fmt.Sprintf("s%d", n/2)}).Draw(t, "target")
		}
		when := func() string {
			return rapid.SampledFrom([]string{
				`contact.company_size >= 50`, `known(contact.email)`, `vars.v == "x"`, `contact.type == "lead"`, `contact.subscribed`,
				`event.text contains "a"`, `"t" in contact.tags`,
			}).Draw(t, "when")
		}
		var steps []map[string]any
		for i := range n {
			step := map[string]any{"id": fmt.Sprintf("s%d", i)}
			switch rapid.IntRange(0, 7).Draw(t, "kind") {
			case 0:
				step["say"] = "Hi {{ contact.first_name | default: 'you' }} {{ vars.v }}"
			case 1:
				step["ask"] = "?"
				step["save"] = rapid.SampledFrom([]string{"name", "email", "phone", "company_size", "subscribed", "birthday", "plan"}).Draw(t, "save")
			case 2:
				step["ask"] = "?"
				step["choices"] = []any{"x", "y", map[string]any{"title": "Z", "value": "3"}}
			case 3:
				step["form"] = map[string]any{"fields": []any{
					map[string]any{"save": "name", "required": rapid.Bool().Draw(t, "required")},
					map[string]any{"save": "email", "required": true}, map[string]any{"id": "note", "label": "Note"},
				}}
			case 4:
				step["route"] = []any{map[string]any{"when": when(), "go": target()}, map[string]any{"when": when(), "go": target()}}
			case 5:
				step["set"] = map[string]any{"vars.v": "x", "add_tags": "t", "company": "{{ contact.name }}"}
			case 6:
				step["push"] = "all"
			default:
				step["go"] = target()
			}
			if _, asks := step["ask"]; asks && rapid.Bool().Draw(t, "optional") {
				step["optional"] = true
			}
			if rapid.Bool().Draw(t, "when") {
				step["when"] = when()
			}
			if rapid.Bool().Draw(t, "otherwise") {
				step["otherwise"] = target()
			}
			steps = append(steps, step)
		}
		doc, err := json.Marshal(map[string]any{"id": "f", "vars": "v", "steps": steps,
			"defaults": map[string]any{"skip_if_known": rapid.Bool().Draw(t, "skip"), "attempts": rapid.IntRange(1, 3).Draw(t, "attempts")}})
		require.NoError(t, err)
		return string(doc)
	})
}

func anyEvent() *rapid.Generator[connectors.Event] {
	return rapid.Custom(func(t *rapid.T) connectors.Event {
		text := rapid.OneOf(rapid.SampledFrom([]string{"Ada Lovelace", "ada@example.com", "07700 900123", "20", "yes", "1990-12-10", "x", "3", "skip", ""}), rapid.String())
		switch rapid.IntRange(0, 6).Draw(t, "event") {
		case 0:
			return connectors.Event{Kind: connectors.KindForm, Form: map[string]any{"name": text.Draw(t, "name"), "email": text.Draw(t, "email"), "note": 3.0}}
		case 1:
			return connectors.Event{Kind: connectors.KindPostback, Reply: &connectors.Choice{ID: text.Draw(t, "id"), Title: "T"}}
		case 2:
			return connectors.Event{Kind: rapid.SampledFrom([]connectors.Kind{connectors.KindStatus, connectors.KindCapture, connectors.KindReaction, connectors.KindMedia, connectors.KindStarted}).Draw(t, "kind")}
		case 3:
			return connectors.Event{Kind: connectors.KindMessage, Text: text.Draw(t, "text"), Parameters: map[string]any{"v": text.Draw(t, "v"), "company_size": []any{}}}
		default:
			return message(text.Draw(t, "text"))
		}
	})
}

// Whatever a flow and a person do: no panic, a bounded turn, the same outcome
// again, a run that survives being stored, and no value that a field refuses.
func TestTurnProperties(t *testing.T) {
	t.Parallel()
	fields := testFields(t)
	rapid.Check(t, func(t *rapid.T) {
		flow, problems := Parse("f", []byte(anyFlow().Draw(t, "flow")), fields)
		if flow == nil {
			for _, p := range problems {
				if !p.Warning && !strings.Contains(p.Message, "endless loop") {
					t.Fatalf("%s", p)
				}
			}
			return
		}
		channel := connectors.Capabilities{Buttons: rapid.Bool().Draw(t, "buttons"), Forms: rapid.Bool().Draw(t, "forms")}
		var run *Run
		var person Person
		for range rapid.IntRange(1, 10).Draw(t, "turns") {
			turn := testTurn(anyEvent().Draw(t, "event"))
			turn.Channel, turn.Person = channel, person
			before := person.Values.Clone()
			play := func() Result {
				var stored *Run
				if run != nil {
					b, err := run.MarshalBinary()
					require.NoError(t, err)
					stored = new(Run)
					require.NoError(t, stored.UnmarshalBinary(b))
					require.True(t, reflect.DeepEqual(trimmed(run), trimmed(stored)))
				}
				return flow.Resume(stored, turn)
			}
			result := play()
			require.Equal(t, result, play())
			require.Equal(t, before, person.Values)
			require.LessOrEqual(t, len(result.Messages), 2*maxSteps)
			require.Equal(t, result.Run == nil, result.WaitingFor == "")
			for _, c := range result.Captured {
				field, ok := fields.Lookup(c.Field)
				require.True(t, ok)
				value, err := field.Parse(c.Value, contacts.Locale{Country: "GB"})
				require.NoError(t, err)
				require.Equal(t, c.Value, value, "a captured value is canonical")
			}
			run, person = result.Run, result.person
			if run == nil {
				return
			}
		}
	})
}

// trimmed is a run without unknown variables at the end, which are not stored.
func trimmed(r *Run) Run {
	out := *r
	out.vars = append([]any{}, r.vars...)
	for len(out.vars) > 0 && out.vars[len(out.vars)-1] == nil {
		out.vars = out.vars[:len(out.vars)-1]
	}
	return out
}
