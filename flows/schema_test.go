package flows

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// everyObject has every kind of object that a document can hold.
const everyObject = `
id: every
start: {trigger: first_message, utm: {source: google}}
defaults: {attempts: 2}
steps:
  - say: {text: Hi, buttons: [{title: A, value: a}]}
  - {id: q, ask: "Q?", rule: {pattern: "[a-z]+"}}
  - {id: p, ask: "P?", choices: [A, {title: B}]}
  - form: {title: F, fields: [{save: email}]}
  - route: [{when: known(contact.email), go: c}]
  - set: {status: qualified}
  - {id: c, consent: true}
  - call: {url: "https://a.example/", headers: {X: "1"}, save: {company: /name}}
  - handover: {say: {nobody: Nobody.}}
  - bot: {url: "https://a.example/"}
  - wait: 20h
  - push: all
  - run: every
  - go: end
`

// The schema has exactly the keys that the reader looks for, in every kind of
// step and in every object of a document.
func TestSchemaHasTheKeysThatAreRead(t *testing.T) {
	t.Parallel()
	read := map[string][][]string{}
	r := newReader("every.yaml", []byte(everyObject), testFields(t))
	r.asked = func(what string, keys []string) {
		kinds := kindKeys()
		if kind, ok := strings.CutPrefix(what, "step "); ok {
			keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(kinds, key) && key != kind })
		}
		keys = slices.Compact(slices.Sorted(slices.Values(keys)))
		if !slices.ContainsFunc(read[what], func(other []string) bool { return slices.Equal(other, keys) }) {
			read[what] = append(read[what], keys)
		}
	}
	_, problems := r.parse([]byte(everyObject))
	require.False(t, Faulty(problems), "%v", problems)

	raw, err := Schema(testFields(t))
	require.NoError(t, err)
	var doc any
	require.NoError(t, json.Unmarshal(raw, &doc))
	have := map[string][][]string{"a flow": {keysAt(t, doc)}}
	add := func(what string, node any) { have[what] = append(have[what], keysAt(t, node)) }
	add("start", at(doc, "start"))
	add("utm", at(doc, "start", "utm"))
	add("defaults", at(doc, "defaults"))
	steps := at(doc, "steps").(map[string]any)["items"].(map[string]any)["anyOf"].([]any)
	for _, step := range steps {
		kind := step.(map[string]any)["title"].(string)
		add("step "+kind, step)
		switch kind {
		case "say":
			said := alternatives(at(step, "say"))[1]
			add("say", said)
			add("a choice", alternatives(at(said, "buttons").(map[string]any)["items"])[1])
		case "ask":
			add("rule", alternatives(at(step, "rule"))[1])
		case "form":
			add("form", at(step, "form"))
			add("a form field", at(step, "form", "fields").(map[string]any)["items"])
		case "route":
			add("a rule", at(step, "route").(map[string]any)["items"])
		case "call", "bot":
			add(kind, at(step, kind))
		case "handover":
			add(kind, at(step, kind))
			add("say", at(step, kind, "say"))
		}
	}
	require.Len(t, steps, len(kinds())+1)
	for what := range read {
		require.ElementsMatch(t, read[what], have[what], what)
	}
	require.Len(t, have, len(read))
}

// at walks down the properties of objects.
func at(node any, keys ...string) any {
	for _, key := range keys {
		node = node.(map[string]any)["properties"].(map[string]any)[key]
	}
	return node
}

func alternatives(node any) []any { return node.(map[string]any)["anyOf"].([]any) }

func keysAt(t *testing.T, node any) []string {
	t.Helper()
	properties, ok := node.(map[string]any)["properties"].(map[string]any)
	require.True(t, ok)
	require.Equal(t, false, node.(map[string]any)["additionalProperties"])
	keys := make([]string, 0, len(properties))
	for key := range properties {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// What runs passes the schema: the examples, and every golden flow.
func TestFlowsPassTheSchema(t *testing.T) {
	t.Parallel()
	raw, err := Schema(testFields(t))
	require.NoError(t, err)
	var one openapi3.Schema
	require.NoError(t, json.Unmarshal(raw, &one))
	all := openapi3.NewArraySchema().WithItems(&one) // it is compiled for each value
	plain := func(doc []byte) any {
		var v any
		require.NoError(t, yaml.Unmarshal(doc, &v))
		asJSON, err := json.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(asJSON, &v))
		return v
	}
	docs := []any{plain([]byte(everyObject))}
	for _, doc := range examples(t) {
		docs = append(docs, plain(doc))
	}
	golden, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	for _, file := range golden {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		var cases []goldenCase
		require.NoError(t, json.Unmarshal(raw, &cases))
		for _, c := range cases {
			docs = append(docs, plain(c.Flow))
		}
	}
	require.NoError(t, all.VisitJSON(docs, openapi3.EnableJSONSchema2020()))
	for _, wrong := range []string{
		"steps: [{say: a}]", "id: f\nsteps: []", "id: f\nsteps: [{sai: a}]", "id: f\nsteps: [{say: a, save: name}]", "id: f\nsteps: [{id: 1a, say: a}]",
		"id: f\nstart: {trigger: sometimes}\nsteps: [{say: a}]", "id: f\nsteps: [{wait: soon}]", "id: f\nsteps: [{say: a, go: \"to the end\"}]",
		"id: f\nsteps: [{id: q, ask: a, input: colour}]", "id: f\nsteps: [{route: [{when: x}]}]", "id: f\nsteps: [{set: {status: great}}]",
	} {
		require.Error(t, all.VisitJSON([]any{plain([]byte(wrong))}, openapi3.EnableJSONSchema2020()), wrong)
	}
}

// The file that editors read is the one of this version.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	want, err := Schema(nil)
	require.NoError(t, err)
	file := filepath.Join("..", "docs", "flow.schema.json")
	if *update {
		require.NoError(t, os.WriteFile(file, want, 0o644))
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(have), "go test ./flows -run SchemaFile -update writes it")
}
