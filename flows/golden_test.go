package flows

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
)

var update = flag.Bool("update", false, "rewrite what the golden cases want")

// goldenCase is one conversation with a flow, of testdata/<kind>.json.
type goldenCase struct {
	Name    string                  `json:"name"`
	Flow    json.RawMessage         `json:"flow"`
	Person  goldenPerson            `json:"person,omitzero"`
	Channel connectors.Capabilities `json:"channel,omitzero"`
	Turns   []goldenTurn            `json:"turns"`
}

type goldenPerson struct {
	Values contacts.Values `json:"values,omitempty"`
	Status string          `json:"status,omitempty"`
	Tags   []string        `json:"tags,omitempty"`
	Given  *bool           `json:"consent,omitempty"`
}

type goldenTurn struct {
	Event connectors.Event `json:"event,omitzero"`
	// Answer to the request of the turn before, in place of an event.
	Answer *goldenAnswer `json:"answer,omitempty"`
	// Outside is what became known between the turns.
	Outside contacts.Values `json:"outside,omitempty"`
	Want    goldenResult    `json:"want"`
}

type goldenAnswer struct {
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	Failed string `json:"failed,omitempty"`
}

// goldenRequest is what the step sends that the turn ended with.
type goldenRequest struct {
	Line    string            `json:"line,omitempty"` // method and URL
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
	Error   string            `json:"error,omitempty"`
}

type goldenResult struct {
	Messages   []connectors.Message `json:"messages,omitempty"`
	Captured   []Capture            `json:"captured,omitempty"`
	Effects    []Effect             `json:"effects,omitempty"`
	Waits      []Wait               `json:"waits,omitempty"`
	Request    *goldenRequest       `json:"request,omitempty"`
	WaitingFor string               `json:"waiting_for,omitempty"`
	Handling   string               `json:"handling,omitempty"` // if it is not flow
	Next       string               `json:"next,omitempty"`
	Back       bool                 `json:"back,omitempty"`
	Ended      bool                 `json:"ended,omitempty"`
	Trace      []TraceLine          `json:"trace,omitempty"`
}

// testFields are the fields of the golden cases and most tests.
func testFields(t testing.TB) *contacts.Fields {
	t.Helper()
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "company_size", Title: "Company size", Type: contacts.Number},
		{Name: "subscribed", Title: "Subscribed", Type: contacts.YesNo},
		{Name: "birthday", Title: "Birthday", Type: contacts.Date},
		{Name: "plan", Title: "Plan", Type: contacts.Text},
	})
	require.NoError(t, err)
	return fields
}

func mustParse(t testing.TB, doc string) *Flow {
	t.Helper()
	flow, problems := Parse("test.yaml", []byte(doc), testFields(t))
	require.NotNil(t, flow, "%v", problems)
	return flow
}

var testNow = time.Date(2026, 5, 20, 9, 30, 0, 0, time.UTC)

func testTurn(e connectors.Event) Turn {
	return Turn{Event: &e, ChannelID: "webchat/site", Country: "GB", Timezone: time.UTC, Now: testNow, EventID: 1}
}

func message(text string) connectors.Event {
	return connectors.Event{Kind: connectors.KindMessage, Text: text}
}

// Every kind of step has golden cases.
func TestGolden(t *testing.T) {
	t.Parallel()
	names := []string{"go", "every_step"}
	for _, k := range kinds() {
		names = append(names, k.key)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", name+".json")
			raw, err := os.ReadFile(file)
			require.NoError(t, err, "a kind of step needs golden cases")
			var cases []goldenCase
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.DisallowUnknownFields()
			require.NoError(t, dec.Decode(&cases))
			require.NotEmpty(t, cases)
			for i := range cases {
				playGolden(t, &cases[i])
			}
			if *update {
				var out bytes.Buffer
				enc := json.NewEncoder(&out)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				require.NoError(t, enc.Encode(cases))
				require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
			}
		})
	}
}

func playGolden(t *testing.T, c *goldenCase) {
	flow := mustParse(t, string(c.Flow))
	person := Person{Values: c.Person.Values, Status: c.Person.Status, Tags: c.Person.Tags}
	if c.Person.Given != nil {
		person.Consent = &contacts.Consent{Given: *c.Person.Given, At: testNow}
	}
	var stored []byte
	var asked Wait
	for i := range c.Turns {
		turn := testTurn(c.Turns[i].Event)
		turn.Channel, turn.EventID, turn.ConversationID = c.Channel, int64(i+1), "cnv_1"
		values := person.Values.Clone()
		for field, value := range c.Turns[i].Outside {
			if values == nil {
				values = contacts.Values{}
			}
			values.Set(field, value)
		}
		person.Values = values
		turn.Person = person
		var result Result
		if stored == nil {
			result = flow.Start(turn)
		} else {
			var run Run
			require.NoError(t, run.UnmarshalBinary(stored), c.Name)
			if answer := c.Turns[i].Answer; answer != nil {
				resume := flow.Response(&run, asked, answer.Status, []byte(answer.Body))
				if answer.Failed != "" {
					resume = asked.Resume(connectors.OutcomeFailed, answer.Failed)
				}
				turn.Event = &connectors.Event{Kind: connectors.KindResumed, Resume: resume}
			}
			result = flow.Resume(&run, turn)
		}
		person = result.person
		stored = nil
		if result.Run != nil {
			var err error
			stored, err = result.Run.MarshalBinary()
			require.NoError(t, err)
		}
		got := goldenResult{
			Messages: result.Messages, Captured: result.Captured, Effects: result.Effects, Waits: result.Waits, WaitingFor: result.WaitingFor,
			Next: result.Next, Back: result.Back != nil, Ended: result.Run == nil, Trace: result.Trace,
		}
		if n := len(result.Waits); n > 0 && (result.Waits[n-1].Cause == connectors.CauseCall || result.Waits[n-1].Cause == connectors.CauseBot) {
			turn.Person, asked = person, result.Waits[n-1]
			turn.Event = &c.Turns[asked.Event-1].Event
			got.Request = goldenRequestOf(flow, result.Run, asked, turn)
		}
		if result.Handling != byFlow {
			got.Handling = result.Handling
		}
		if *update {
			c.Turns[i].Want = got
			continue
		}
		want, err := json.MarshalIndent(c.Turns[i].Want, "", "  ")
		require.NoError(t, err)
		have, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "%s, turn %d", c.Name, i+1)
	}
}

func goldenRequestOf(flow *Flow, run *Run, w Wait, turn Turn) *goldenRequest {
	request, err := flow.Request(run, w, turn, func(name string) (string, bool) { return "s3cret", name == "token" })
	if err != nil {
		return &goldenRequest{Error: err.Error()}
	}
	return &goldenRequest{Line: request.Method + " " + request.URL, Headers: request.Headers, Body: string(request.Body)}
}
