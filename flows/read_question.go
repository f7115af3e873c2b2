package flows

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"usher/contacts"
)

// maxChoices is more than any channel shows in a list.
const maxChoices = 100

// question reads the keys that an ask and a form field share. In a form with an
// id, its fields are vars.<form>.<field>.
func (r *reader) question(o *object, id, form string, q *question) {
	if field, ok := o.field("save"); ok {
		q.field = &field
		q.key = field.Name
	} else {
		q.key = id
	}
	r.choices(o, q)
	r.input(o, q)
	r.rule(o, q)
	r.text(o, "invalid", &q.invalid)
	r.optional(o, q)
	typ := q.input.typ
	if q.field != nil {
		typ = typeOf(*q.field)
	}
	switch {
	case id != "" && !stepID.MatchString(id):
		r.fault(o.at, "id: %q is no name of a variable", id)
	case id != "":
		q.variable = r.scope.declare(id, typ)
		if form != "" {
			r.scope.alias(form+"."+q.key, q.variable)
		}
	case form != "" && q.key != "":
		q.variable = r.scope.declare(form+"."+q.key, typ)
	}
}

// input reads which kind of answer is wanted, or infers it.
func (r *reader) input(o *object, q *question) {
	inferred := inputOf(q.field)
	if len(q.choices) > 0 {
		inferred = choiceInput
	}
	q.input, _ = inputNamed(inferred)
	name, e, ok := o.text("input")
	if !ok {
		return
	}
	in, ok := inputNamed(name)
	switch {
	case !ok:
		r.fault(e.at(), "input: %q is none of %s%s", name, strings.Join(inputNames(), ", "), closest(name, inputNames()))
		return
	case name == choiceInput && !o.has("choices"):
		r.fault(e.at(), "input: choice needs choices")
	case q.field != nil && !slices.Contains(in.fields, inputOf(q.field)):
		r.fault(e.at(), "input: %s does not fit %s, a %s field", name, q.field.Name, inputOf(q.field))
	}
	q.input = in
}

// optional reads true, false or the word that leaves the question out.
func (r *reader) optional(o *object, q *question) {
	e, ok := o.take("optional")
	if !ok {
		return
	}
	s, ok := scalar(e.value)
	switch {
	case !ok:
		r.fault(e.at(), "optional: want true, false or the word that leaves it out")
	case slices.Contains([]string{"true", "yes", "on"}, strings.ToLower(s)):
		q.optional = true
	case slices.Contains([]string{"false", "no", "off"}, strings.ToLower(s)):
	default:
		q.optional, q.skip = true, strings.TrimSpace(s)
	}
}

func (r *reader) choices(o *object, q *question) {
	items, e, ok := o.items("choices", maxChoices)
	if !ok {
		return
	}
	q.at = e.at()
	for _, item := range items {
		c, ok := r.choice(follow(item), e.at())
		if !ok {
			continue
		}
		if slices.ContainsFunc(q.choices, func(o choice) bool {
			return o.value == c.value || strings.EqualFold(strings.TrimSpace(o.title), strings.TrimSpace(c.title))
		}) {
			r.fault(e.at(), "choices: %q is there twice", c.title)
		}
		if strings.Contains(c.title+c.value, "{{") {
			r.fault(e.at(), "choices: {{ … }} is not supported here")
		}
		c.stored = c.value
		if q.field != nil {
			stored, err := q.field.Parse(c.value, contacts.Locale{})
			if err != nil {
				r.fault(e.at(), "choices: %q cannot be saved in %s: %s", c.value, q.field.Name, reason(err))
			}
			c.stored = stored
		}
		q.choices = append(q.choices, c)
	}
}

func (r *reader) choice(item *yaml.Node, at place) (choice, bool) {
	if item.Kind != yaml.MappingNode {
		title, ok := scalar(item)
		if !ok || strings.TrimSpace(title) == "" {
			r.fault(at, "choices: want texts, or title and value")
			return choice{}, false
		}
		return choice{title: title, value: strings.TrimSpace(title)}, true
	}
	o, ok := r.object(item, placeOf(item), "a choice")
	if !ok {
		return choice{}, false
	}
	title, _, _ := o.text("title")
	value, _, ok := o.text("value")
	if !ok {
		value = strings.TrimSpace(title)
	}
	o.done()
	if title == "" {
		r.fault(o.at, "a choice needs a title")
		return choice{}, false
	}
	return choice{title: title, value: value}, true
}

// alias gives a variable a second name.
func (s *scope) alias(path string, v *variable) {
	if s.variable(path) == nil {
		s.aliases = append(s.aliases, alias{path, v})
	}
}
