package flows

import (
	"slices"
	"sync"

	"github.com/expr-lang/expr/types"

	"usher/connectors"
	"usher/contacts"
)

// input is one kind of answer that a question can take.
type input struct {
	name string
	typ  types.Type // of vars.<id>
	// parse reads what was typed or sent as a value.
	parse func(v any, l contacts.Locale) (any, error)
	// other reads an answer that is no text: a file, a place, a shared card.
	other func(*connectors.Event) (any, bool)
	// invalid is said after a wrong answer if the step has no text of its own.
	invalid string
	// fields are the built-in names or types of the fields that it can be saved
	// in; nil: every text field.
	fields []string
}

// inputs lists every kind of input.
var inputs = sync.OnceValue(func() []input {
	builtIn := func(name string) func(any, contacts.Locale) (any, error) {
		return contacts.Field{Name: name, Type: contacts.Text, BuiltIn: true}.Parse
	}
	typed := func(t contacts.FieldType) func(any, contacts.Locale) (any, error) {
		return contacts.Field{Type: t}.Parse
	}
	return []input{
		{name: "text", typ: types.String, parse: typed(contacts.Text),
			invalid: "Please answer in a few words.", fields: []string{"text", "number", "date", "yes_no", "email", "phone"}},
		{name: "number", typ: types.Float64, parse: typed(contacts.Number),
			invalid: "Please answer with a number.", fields: []string{"text", "number"}},
		{name: "date", typ: types.String, parse: typed(contacts.Date),
			invalid: "Please answer with a date, such as 2026-05-31.", fields: []string{"text", "date"}},
		{name: "yes_no", typ: types.Bool, parse: typed(contacts.YesNo),
			invalid: "Please answer yes or no.", fields: []string{"text", "yes_no"}},
		{name: "email", typ: types.String, parse: builtIn("email"), other: sharedEmail,
			invalid: "That does not look like an e-mail address. Please try again.", fields: []string{"text", "email"}},
		{name: "phone", typ: types.String, parse: builtIn("phone"), other: sharedPhone,
			invalid: "That does not look like a phone number. Please give it with its country code, such as +44 7700 900123.",
			fields:  []string{"text", "phone"}},
		{name: choiceInput, typ: types.String, parse: typed(contacts.Text),
			invalid: "Please pick one of these.", fields: []string{"text", "number", "date", "yes_no", "email", "phone"}},
		{name: "url", typ: types.String, parse: parseURL,
			invalid: "That does not look like a web address. Please try again.", fields: []string{"text"}},
		{name: "file", typ: types.String, parse: parseLink, other: sentFile,
			invalid: "Please send a file.", fields: []string{"text"}},
		{name: "location", typ: types.String, parse: parseLocation, other: sentLocation,
			invalid: "Please share your location.", fields: []string{"text"}},
	}
})

const choiceInput = "choice"

func inputNamed(name string) (input, bool) {
	all := inputs()
	i := slices.IndexFunc(all, func(in input) bool { return in.name == name })
	if i < 0 {
		return input{}, false
	}
	return all[i], true
}

func inputNames() []string {
	var names []string
	for _, in := range inputs() {
		names = append(names, in.name)
	}
	return names
}

// inputOf is the input that a field asks for by itself.
func inputOf(f *contacts.Field) string {
	switch {
	case f == nil:
		return "text"
	case f.BuiltIn && (f.Name == "email" || f.Name == "phone"):
		return f.Name
	default:
		return string(f.Type)
	}
}

// opens says whether an event of this kind can begin a conversation.
func opens(k connectors.Kind) bool { return k == connectors.KindStarted || isInput(k) }

// isInput says whether an event of this kind is something that the person said:
// only those are answers, right or wrong.
func isInput(k connectors.Kind) bool {
	switch k {
	case connectors.KindMessage, connectors.KindMedia, connectors.KindLocation, connectors.KindCards, connectors.KindPostback,
		connectors.KindForm, connectors.KindOrder, connectors.KindFulfilment:
		return true
	default:
		return false
	}
}
