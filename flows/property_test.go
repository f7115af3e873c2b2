package flows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/connectors"
	"usher/contacts"
)

// anyFlow makes flows of all kinds of steps that lead anywhere, also into other
// flows.
func anyFlow(id string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
		n := rapid.IntRange(1, 8).Draw(t, "steps")
		target := func() string {
			return pick("target", "end", "flow:f", "flow:g", "flow:gone", "s0", fmt.Sprintf("s%d", n-1), fmt.Sprintf("s%d", n/2))
		}
		when := func() string {
			return pick("when", `contact.company_size >= 50`, `known(contact.email)`, `vars.v == "x"`, `contact.type == "lead"`,
				`contact.subscribed`, `event.text contains "a"`, `"t" in contact.tags`, `known(contact.assignee_id)`)
		}
		address := func() string {
			return pick("url", "https://a.example.com/x", "https://a.example.com/{{ vars.v }}/{{ contact.email | url }}?n={{ contact.name | upcase }}")
		}
		var steps []map[string]any
		for i := range n {
			step := map[string]any{"id": fmt.Sprintf("s%d", i)}
			switch kind := pick("kind", append(kindKeys(), "go")...); kind {
			case "say":
				step["say"] = rapid.SampledFrom([]any{
					"Hi {{ contact.first_name | default: 'you' }} {{ vars.v }}",
					[]any{"a", map[string]any{"image": "{{ vars.v }}", "text": "{{ contact.email }}", "buttons": []any{"x", "y"}, "link_preview": false}},
					map[string]any{"file": "https://a.example.com/{{ vars.v }}.pdf"},
				}).Draw(t, "say")
			case "ask":
				step["ask"] = "?"
				if rapid.Bool().Draw(t, "choices") {
					step["choices"] = []any{"x", "y", map[string]any{"title": "Z", "value": "3"}}
				} else {
					step["save"] = pick("save", "name", "email", "phone", "company_size", "subscribed", "birthday", "plan")
				}
				if rapid.Bool().Draw(t, "optional") {
					step["optional"] = true
				}
			case "form":
				step["form"] = map[string]any{"fields": []any{
					map[string]any{"save": "name", "required": rapid.Bool().Draw(t, "required")},
					map[string]any{"save": "email", "required": true}, map[string]any{"id": "note", "label": "Note"},
				}}
			case "consent":
				step["consent"] = "May we?"
			case "route":
				step["route"] = []any{map[string]any{"when": when(), "go": target()}, map[string]any{"when": when(), "go": target()}}
			case "set":
				step["set"] = map[string]any{"vars.v": "x", "add_tags": "t", "company": "{{ contact.name }}", "assignee": "{{ vars.v }}", "note": "n"}
			case "call":
				step["call"] = map[string]any{"url": address(), "method": pick("method", "POST", "PUT", "PATCH", "DELETE"),
					"headers": map[string]any{"X-A": "{{ vars.v }}{{ secret.token }}"},
					"body":    rapid.SampledFrom([]any{"{{ vars.v }}", map[string]any{"a": []any{"{{ contact.company_size }}", nil, 1.5}}}).Draw(t, "body"),
					"save":    map[string]any{"company_size": "/size", "email": "/list/0", "vars.v": "/deep/v"}}
			case "wait":
				step["wait"] = pick("wait", "1s", "2d")
			case "handover":
				step["handover"] = map[string]any{"team": "sales", "wait": "2m", "say": map[string]any{"success": "s {{ vars.v }}", "nobody": "n", "closed": "c", "disabled": "d"}}
			case "bot":
				step["bot"] = map[string]any{"url": address(), "wire": pick("wire", "usher", "rasa"), "token": "{{ secret.token }}"}
			case "push":
				step["push"] = "all"
			case "run":
				step["run"] = pick("run", "f", "g", "gone")
			default:
				step["go"] = target()
			}
			if rapid.Bool().Draw(t, "when") {
				step["when"] = when()
			}
			if rapid.Bool().Draw(t, "otherwise") {
				step["otherwise"] = target()
			}
			steps = append(steps, step)
		}
		doc, err := json.Marshal(map[string]any{"id": id, "vars": "v", "steps": steps,
			"defaults": map[string]any{"skip_if_known": rapid.Bool().Draw(t, "skip"), "attempts": rapid.IntRange(1, 3).Draw(t, "attempts")}})
		require.NoError(t, err)
		return string(doc)
	})
}

// anyEvent is what a person does, or what comes of what the run waits for.
func anyEvent(f *Flow, r *Run, waits []Wait) *rapid.Generator[connectors.Event] {
	return rapid.Custom(func(t *rapid.T) connectors.Event {
		text := rapid.OneOf(rapid.SampledFrom([]string{"Ada Lovelace", "ada@example.com", "07700 900123", "20", "yes", "1990-12-10", "x", "3", "skip", "human", ""}), rapid.String())
		if len(waits) > 0 && rapid.IntRange(0, 3).Draw(t, "resumes") > 0 {
			return connectors.Event{Kind: connectors.KindResumed, Resume: anyResume(t, f, r, rapid.SampledFrom(waits).Draw(t, "wait"))}
		}
		switch rapid.IntRange(0, 7).Draw(t, "event") {
		case 0:
			return connectors.Event{Kind: connectors.KindForm, Form: map[string]any{"name": text.Draw(t, "name"), "email": text.Draw(t, "email"), "note": 3.0}}
		case 1:
			return connectors.Event{Kind: connectors.KindPostback, Reply: &connectors.Choice{ID: text.Draw(t, "id"), Title: "T"}}
		case 2:
			return connectors.Event{Kind: rapid.SampledFrom([]connectors.Kind{connectors.KindStatus, connectors.KindCapture, connectors.KindReaction,
				connectors.KindMedia, connectors.KindStarted, connectors.KindResumed}).Draw(t, "kind")}
		case 3:
			return connectors.Event{Kind: connectors.KindMessage, Text: text.Draw(t, "text"), Parameters: map[string]any{"v": text.Draw(t, "v"), "company_size": []any{}}}
		case 4:
			given := rapid.Bool().Draw(t, "given")
			return connectors.Event{Kind: connectors.KindConsent, Given: &given}
		default:
			return message(text.Draw(t, "text"))
		}
	})
}

func anyResume(t *rapid.T, f *Flow, r *Run, w Wait) *connectors.Resume {
	outcomes := map[string][]string{
		connectors.CauseTimer: {connectors.OutcomeDue},
		connectors.CauseHandover: {connectors.OutcomeQueued, connectors.OutcomeNobody, connectors.OutcomeTaken, connectors.OutcomeReturned,
			connectors.OutcomeClosed, connectors.OutcomeDisabled, connectors.OutcomeTimeout},
	}[w.Cause]
	if outcomes != nil {
		return w.Resume(rapid.SampledFrom(outcomes).Draw(t, "outcome"), "")
	}
	answer := rapid.SampledFrom([]string{
		`{"size":20,"list":["ada@example.com"],"deep":{"v":"x"}}`, `{"size":"many","list":[null],"deep":[]}`, `[]`, ``, `{`, "\xff",
		`[{"text":"a","buttons":[{"title":"One","payload":"/one"}]},{"custom":{"ended":true}}]`, `[{"custom":{"handover":true}},{"image":"x"}]`,
		`{"replies":[{"text":"a","media":[{"type":"image","url":"https://a.example.com/a.png"}],"form":{"fields":[{"name":"n"}]}}],"handling":"flow","waiting_for":null}`,
		`{"replies":[{"buttons":[{"title":"One","value":"1"},{"title":"","value":""}]}],"handling":"bot"}`,
	}).Draw(t, "answer")
	if f == nil || r == nil {
		return w.Resume(connectors.OutcomeFailed, "")
	}
	return f.Response(r, w, rapid.SampledFrom([]int{200, 200, 200, 204, 302, 500}).Draw(t, "status"), []byte(answer))
}

// Whatever flows, a person and the services around do: no panic, a bounded turn,
// the same outcome again, a run that survives being stored, nothing that the
// field refuses, nothing that happens twice.
func TestTurnProperties(t *testing.T) {
	t.Parallel()
	fields := testFields(t)
	rapid.Check(t, func(t *rapid.T) {
		all := map[string]*Flow{}
		for _, id := range []string{"f", "g"} {
			flow, problems := Parse(id, []byte(anyFlow(id).Draw(t, id)), fields)
			for _, p := range problems {
				if !p.Warning && !strings.Contains(p.Message, "endless loop") {
					t.Fatalf("%s", p)
				}
			}
			if all[id] = flow; flow == nil {
				return
			}
		}
		find := func(id string, _ int) *Flow { return all[id] }
		channel := connectors.CapabilitiesOf(rapid.SampledFrom([]string{"webchat", "whatsapp", "generic"}).Draw(t, "channel"))
		var run *Run
		var person Person
		var waits []Wait
		for i := range rapid.IntRange(1, 12).Draw(t, "turns") {
			var running *Flow
			if run != nil {
				running = all[run.Flow]
			}
			turn := testTurn(anyEvent(running, run, waits).Draw(t, "event"))
			turn.Channel, turn.Person, turn.EventID, turn.Now = channel, person, int64(i+1), testNow.Add(time.Duration(i)*time.Hour)
			before := person.Values.Clone()
			play := func(run *Run) Result {
				var stored *Run
				flow := all["f"]
				if run != nil {
					stored, flow = again(t, run), all[run.Flow]
				}
				return Advance(flow, stored, turn, find)
			}
			result := play(run)
			require.Equal(t, result, play(run))
			require.Equal(t, before, person.Values)
			checkResult(t, fields, result)
			if r := turn.Event.Resume; r != nil && r.Cause != connectors.CauseHandover { // what was done is done
				twice := turn
				twice.Person = result.person
				once := result
				if once.Run != nil {
					require.Empty(t, Advance(all[once.Run.Flow], again(t, once.Run), twice, find).Messages)
				}
			}
			if turn.Event.Kind == connectors.KindResumed && (run == nil || !running.Expects(run, turn.Event.Resume)) {
				require.Empty(t, result.Messages)
				require.Empty(t, result.Captured)
				require.Equal(t, run == nil, result.Run == nil)
			}
			for _, w := range result.Waits {
				require.NotZero(t, w.Run)
				for _, o := range waits {
					require.False(t, o.Run == w.Run && o.Visit == w.Visit, "a visit has its own number")
				}
			}
			run, person, waits = result.Run, result.person, append(waits, result.Waits...)
			if n := len(result.Waits); n > 0 && run != nil && (result.Waits[n-1].Cause == connectors.CauseCall || result.Waits[n-1].Cause == connectors.CauseBot) {
				request, err := all[run.Flow].Request(run, result.Waits[n-1], turn, func(string) (string, bool) { return "s3cret", true })
				if err == nil {
					require.True(t, strings.HasPrefix(request.URL, "https://a.example.com/"), request.URL)
				}
			}
		}
	})
}

// again is the run as it comes back from where it was kept.
func again(t *rapid.T, run *Run) *Run {
	b, err := run.MarshalBinary()
	require.NoError(t, err)
	stored := new(Run)
	require.NoError(t, stored.UnmarshalBinary(b))
	require.True(t, reflect.DeepEqual(trimmed(run), trimmed(stored)))
	return stored
}

func checkResult(t *rapid.T, fields *contacts.Fields, result Result) {
	require.LessOrEqual(t, len(result.Messages), maxFlows*20*maxSteps)
	require.LessOrEqual(t, len(result.Trace), maxFlows*20*maxSteps)
	require.NotEmpty(t, result.Handling)
	if result.Run == nil {
		require.Empty(t, result.WaitingFor)
		require.Equal(t, byFlow, result.Handling)
	}
	for _, m := range result.Messages {
		require.NotContains(t, m.Text, "s3cret")
	}
	for _, c := range result.Captured {
		field, ok := fields.Lookup(c.Field)
		require.True(t, ok)
		value, err := field.Parse(c.Value, contacts.Locale{Country: "GB"})
		require.NoError(t, err)
		require.Equal(t, c.Value, value, "a captured value is canonical")
	}
	for _, w := range result.Waits { // resumes travel as JSON
		resume := *w.Resume(connectors.OutcomeOK, "x")
		resume.Values, resume.Replies = map[string]any{"a": 1.5, "b": true}, []connectors.Message{{Text: "t"}}
		raw, err := json.Marshal(connectors.Event{Kind: connectors.KindResumed, Resume: &resume})
		require.NoError(t, err)
		var back connectors.Event
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, resume, *back.Resume)
	}
}

// trimmed is a run without unknown variables at the end, which are not stored.
func trimmed(r *Run) Run {
	out := *r
	out.vars = append([]any{}, r.vars...)
	for len(out.vars) > 0 && out.vars[len(out.vars)-1] == nil {
		out.vars = out.vars[:len(out.vars)-1]
	}
	if out.parent != nil {
		parent := trimmed(out.parent)
		out.parent = &parent
	}
	return out
}
