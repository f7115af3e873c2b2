package flows

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"usher/contacts"
)

// schema is a JSON Schema, or a part of one.
type schema = map[string]any

// Schema is the JSON Schema (2020-12) of flow documents, for editors: which keys
// and words there are, with what they mean. What it takes is not yet a sound
// flow; Parse judges. fields nil: the built-in ones.
func Schema(fields *contacts.Fields) ([]byte, error) {
	if fields == nil {
		var err error
		if fields, err = contacts.NewFields(nil); err != nil {
			return nil, err
		}
	}
	w := vocabulary{fields}
	var steps []schema
	for _, k := range kinds() {
		steps = append(steps, w.step(k.key, k.schema(w)))
	}
	steps = append(steps, w.step("go", schema{}))
	doc := mapping(schema{
		"$schema":     textFor("Where this schema lies, for editors."),
		"id":          explained(matching(flowID.String()), "Names the flow."),
		"name":        textFor("For people."),
		"description": textFor("For people."),
		"start":       w.start(),
		"defaults": explained(mapping(schema{
			"attempts": attempts(), "skip_if_known": skipIfKnown(),
		}), "Hold where a step says nothing."),
		"vars":  explained(oneOrMore(matching(stepID.String())), "Names of values that a bot sends as parameters."),
		"steps": schema{"type": "array", "minItems": 1, "maxItems": maxFlowSteps, "items": schema{"anyOf": steps}, "description": "What is done, one after the other."},
	}, "id", "steps")
	doc["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	doc["title"] = "A flow of usher"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// vocabulary is what the words of a business's documents can be.
type vocabulary struct{ fields *contacts.Fields }

// step is a kind of step with the keys that all have.
func (w vocabulary) step(kind string, own schema) schema {
	keys := schema{
		"id":        explained(matching(stepID.String()), "Names the step for go and otherwise, and its answer: vars.<id>."),
		"when":      conditionFor("The step is passed over unless this holds."),
		"go":        placeFor("What follows; left out: the next step."),
		"otherwise": placeFor("Where to go when it is declined, fails or has no answer."),
	}
	maps.Copy(keys, own)
	s := mapping(keys, kind)
	s["title"] = kind
	return s
}

func (w vocabulary) start() schema {
	patterns := func(what string) schema { return explained(oneOrMore(anyText()), what) }
	utm := schema{}
	for _, part := range utmParts() {
		utm[part] = patterns("A text, or several; * stands for anything.")
	}
	day := func(what string) schema { return explained(matching(`^\d{4}-\d{2}-\d{2}`), what) }
	return explained(mapping(schema{
		"trigger":       explained(oneOrMore(schema{"enum": triggers()}), "What begins the flow: first_message unless something else is given."),
		"keywords":      patterns("Whole messages that begin it, whatever their case; * stands for anything."),
		"payloads":      patterns("Payloads of buttons and menus that begin it."),
		"refs":          patterns("The ref of a link, or the id of an ad, that begins it."),
		"pages":         patterns("Pages that it is for, as /pricing* or www.example.com/*."),
		"except_pages":  patterns("Pages that it is not for."),
		"landing_pages": patterns("Pages on which the visit began."),
		"utm":           explained(mapping(utm), "What the campaign says of itself."),
		"languages":     patterns("As en or de-AT."),
		"countries":     patterns("As GB or Ireland."),
		"from":          day("First day, or instant."),
		"to":            day("Last day, or instant."),
		"returning":     explained(schema{"type": "boolean"}, "Whether the person has been here before."),
		"when":          conditionFor("A condition over contact, event, visit, channel and now."),
	}), "Which conversations the flow is for; everything given must hold.")
}

// question are the keys of a question, in an ask or a form.
func (w vocabulary) question() schema {
	bound := schema{"type": []string{"number", "string"}}
	return schema{
		"save":    w.field("The contact field that the answer is kept in, too."),
		"input":   explained(schema{"enum": inputNames()}, "Which kind of answer; left out: as the field has it."),
		"choices": explained(choices(maxChoices), "Answers to pick from: buttons, a list, or numbered text."),
		"rule": explained(anyOf(explained(anyText(), "An RE2 pattern of the whole answer."), mapping(schema{
			"pattern": anyText(), "min": bound, "max": bound, "min_length": atMost(contacts.TextLimit), "max_length": atMost(contacts.TextLimit),
		})), "What the answer must be besides."),
		"invalid":  textFor("Said after a wrong answer."),
		"optional": explained(schema{"type": []string{"boolean", "string"}}, "Whether it may be left out; or the word that does it."),
	}
}

func choices(most int) schema {
	return schema{"type": "array", "minItems": 1, "maxItems": most,
		"items": anyOf(anyText(), mapping(schema{"title": anyText(), "value": anyText()}, "title"))}
}

// field is the name of a contact field that flows may set.
func (w vocabulary) field(what string) schema {
	var names []string
	for _, f := range w.fields.All() {
		if f.Settable {
			names = append(names, f.Name)
		}
	}
	return explained(anyOf(schema{"enum": names}, matching(`^[a-z][a-z0-9_]*$`)), what)
}

func attempts() schema {
	return explained(atMost(maxAttempts), "How many wrong answers are taken: 3 by a question, 2 by a form unless said.")
}

func skipIfKnown() schema {
	return explained(schema{"type": "boolean"}, "Whether what is known is not asked again.")
}

// Parts of schemas. Where a text is wanted, numbers and truth values count as
// they are written.

func anyText() schema                     { return schema{"type": []string{"string", "number", "boolean"}} }
func textFor(what string) schema          { return explained(anyText(), what) }
func conditionFor(what string) schema     { return explained(anyText(), what) }
func matching(re string) schema           { return schema{"type": "string", "pattern": re} }
func atMost(most int) schema              { return schema{"type": "integer", "minimum": 1, "maximum": most} }
func anyOf(alternatives ...schema) schema { return schema{"anyOf": alternatives} }

func placeFor(what string) schema {
	return explained(matching(`^(flow:)?[A-Za-z0-9][A-Za-z0-9_-]*$`), what+" The id of a step, end, or flow:<id>.")
}

func spanFor(what string) schema {
	return explained(matching(`^([0-9]{1,4}d)?([0-9.]+(ms|s|m|h))*$`), what+" As 90s, 36h or 2d.")
}

// oneOrMore is one of a thing or a list of them.
func oneOrMore(one schema) schema {
	return anyOf(one, schema{"type": "array", "minItems": 1, "items": one})
}

func explained(s schema, what string) schema {
	s = maps.Clone(s)
	s["description"] = what
	return s
}

// mapping has these keys and no others.
func mapping(keys schema, required ...string) schema {
	s := schema{"type": "object", "properties": keys, "additionalProperties": false}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}
