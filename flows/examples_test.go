package flows

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
)

// examples are the flows of examples/flows by their file's name.
func examples(t *testing.T) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "examples", "flows", "*.yaml"))
	require.NoError(t, err)
	docs := map[string][]byte{}
	for _, file := range files {
		if !strings.HasSuffix(file, ".test.yaml") {
			docs[file], err = os.ReadFile(file)
			require.NoError(t, err)
		}
	}
	require.Len(t, docs, 7)
	return docs
}

// Every example is sound, with the others and on every channel, and only the
// sample of a new installation needs a field of its own.
func TestExampleFlows(t *testing.T) {
	t.Parallel()
	var all []*Flow
	for file, doc := range examples(t) {
		flow, problems := Parse(file, doc, testFields(t))
		require.Empty(t, problems)
		all = append(all, flow)
		_, problems = Parse(file, doc, nil)
		require.Equal(t, flow.ID == "welcome", len(problems) > 0, file)
	}
	require.Empty(t, CheckAll(all, Around{}))
}

// Every example has a test that it passes. In its trace stands why a question was
// skipped and why a route was taken.
func TestExampleFlowsPassTheirTests(t *testing.T) {
	t.Parallel()
	docs := examples(t)
	find := func(id string) *Flow {
		for file, doc := range docs {
			if flow, _ := Parse(file, doc, testFields(t)); flow != nil && flow.ID == id {
				return flow
			}
		}
		return nil
	}
	for file, doc := range docs {
		test := strings.TrimSuffix(file, ".yaml") + ".test.yaml"
		text, err := os.ReadFile(test)
		require.NoError(t, err)
		script, problems := ParseScript(test, text, testFields(t))
		require.Empty(t, problems)
		failures, err := script.Play(func(channel string) (*Trial, error) {
			flow, problems := Parse(file, doc, testFields(t))
			require.NotNil(t, flow, "%v", problems)
			turn := testTurn(connectors.Event{})
			turn.ChannelID, turn.Channel = channel+"/test", connectors.CapabilitiesOf(channel)
			return NewTrial(flow, find, testFields(t), turn)
		})
		require.NoError(t, err)
		for _, f := range failures {
			t.Error(f)
		}
		explains := func(words ...string) bool {
			return slices.ContainsFunc(script.tests, func(test scriptTest) bool {
				return slices.ContainsFunc(test.turns, func(turn scriptTurn) bool {
					return slices.ContainsFunc(turn.want.trace, func(line string) bool {
						return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(line, word) })
					})
				})
			})
		}
		require.True(t, explains("is known"), "%s: why was a question skipped?", test)
		require.True(t, explains("; saw contact.", "; saw vars."), "%s: why this route?", test)
	}
}

// Every flow that is offered as an example plays with whatever is said, on every
// channel, without a panic and within the limits of a turn.
func TestExampleFlowsTakeAnything(t *testing.T) {
	t.Parallel()
	for file, doc := range examples(t) {
		for _, channel := range connectors.ChannelTypes() {
			flow, _ := Parse(file, doc, testFields(t))
			turn := testTurn(connectors.Event{})
			turn.ChannelID, turn.Channel = channel+"/test", connectors.CapabilitiesOf(channel)
			turn.Visit.Number = 2
			turn.Person.Values = contacts.Values{"country": "GB"}
			trial, err := NewTrial(flow, nil, testFields(t), turn)
			require.NoError(t, err)
			for _, said := range []string{"newsletter", "yes", "1", "Ada Lovelace", "ada@example.com", "31.05.2026", "AB-12345", "skip", "no", "human", "20"} {
				result, err := trial.Say(said)
				if err != nil {
					require.ErrorIs(t, err, ErrNotStarted)
				}
				for _, m := range result.Messages {
					require.Equal(t, []connectors.Message{m}, turn.Channel.Render(m), "what is said can be shown")
				}
				_, _, _ = trial.Alone()
			}
		}
	}
}
