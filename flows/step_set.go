package flows

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v3"

	"usher/contacts"
)

// set writes what the flow itself knows: contact fields, status, tags, who is
// responsible, a note for agents, variables.
//
//   - set: {status: sales_qualified, add_tags: [enterprise], company: "{{ vars.firm }}", vars.plan: gold}
type set struct{ writes []write }

// write is one thing set, in the order of the document.
type write struct {
	effect   EffectKind // empty: a value
	field    *contacts.Field
	variable *variable
	fixed    any         // number, truth value; nil with clear
	texts    []*template // of a text value, a note, tags
	clear    bool
}

// Statuses are what a contact's status can be; besides none.
func Statuses() []string {
	return []string{"qualified", "marketing_qualified", "sales_qualified", "disqualified"}
}

func readSet(r *reader, _ *object, e entry, _ *step) body {
	b := &set{}
	o, ok := r.object(e.value, e.at(), "set")
	if !ok {
		return b
	}
	if len(o.entries) == 0 {
		r.fault(e.at(), "set is empty")
	}
	b.writes = make([]write, len(o.entries))
	for i, item := range o.entries {
		w := &b.writes[i]
		switch key := item.key.Value; {
		case key == "status":
			b.status(r, o, item, w)
		case key == "assignee" || key == "assignee_id":
			b.assignee(r, item, w)
		case key == "add_tags":
			w.effect = AddTags
			b.texts(r, o, key, w)
		case key == "remove_tags":
			w.effect = RemoveTags
			b.texts(r, o, key, w)
		case key == "note":
			w.effect = Note
			b.texts(r, o, key, w)
		case strings.HasPrefix(key, "vars."):
			b.value(r, item, w)
			if id := strings.TrimPrefix(key, "vars."); stepID.MatchString(id) {
				w.variable = r.scope.declare(id, w.typ())
			} else {
				r.fault(item.at(), "set: %q is no name of a variable", key)
			}
		default:
			if field, ok := r.settable(key, item.at(), "set"); ok {
				w.field = &field
				b.value(r, item, w)
				b.fits(r, item, w)
			}
		}
	}
	return b
}

func (b *set) status(r *reader, _ *object, item entry, w *write) {
	w.effect = SetStatus
	s, ok := scalar(item.value)
	if !ok || s == "" || s == "none" {
		w.clear = true
		return
	}
	if !slices.Contains(Statuses(), s) {
		r.fault(item.at(), "status: %q is none of %s, none%s", s, strings.Join(Statuses(), ", "), closest(s, Statuses()))
	}
	w.fixed = s
}

// assignee is an agent's id or e-mail; none clears it.
func (b *set) assignee(r *reader, item entry, w *write) {
	w.effect = SetAssignee
	if s, ok := scalar(item.value); ok && s != "" && s != "none" {
		w.texts = make([]*template, 1)
		r.compileText(s, item.at(), "assignee", &w.texts[0])
	}
}

func (b *set) texts(r *reader, o *object, key string, w *write) {
	texts, e, _ := o.texts(key)
	w.texts = make([]*template, len(texts))
	for i, source := range texts {
		r.compileText(source, e.at(), key, &w.texts[i])
	}
}

func (b *set) value(r *reader, item entry, w *write) {
	switch s, ok := scalar(item.value); {
	case !ok && item.value.Kind != yaml.ScalarNode:
		r.fault(item.at(), "set: %s: want one value", item.key.Value)
	case !ok:
		w.clear = true
	default:
		switch item.value.ShortTag() {
		case "!!bool":
			var yes bool
			if item.value.Decode(&yes) == nil {
				w.fixed = yes
			}
		case "!!int", "!!float":
			if n, err := contacts.ParseNumber(s, contacts.Locale{}); err == nil && (w.field == nil || w.field.Type == contacts.Number) {
				w.fixed = n
			}
		}
		if w.fixed == nil {
			w.texts = make([]*template, 1)
			r.compileText(s, item.at(), item.key.Value, &w.texts[0])
		}
	}
}

// fits checks a value without placeholders against its field at once.
func (b *set) fits(r *reader, item entry, w *write) {
	r.later = append(r.later, func() {
		v := w.fixed
		if len(w.texts) == 1 && w.texts[0] != nil && w.texts[0].parts == nil {
			v = w.texts[0].fixed
		}
		if v == nil {
			return
		}
		stored, err := w.field.Parse(v, contacts.Locale{})
		if err != nil && w.field.Name != "phone" { // a national number is read by the country of the business
			r.fault(item.at(), "set: %s: %s", item.key.Value, reason(err))
			return
		}
		if w.fixed != nil {
			w.fixed = stored
		}
	})
}

func (w *write) typ() types.Type {
	switch w.fixed.(type) {
	case bool:
		return types.Bool
	case float64:
		return types.Float64
	case nil:
		if w.clear {
			return types.Any
		}
	}
	return types.String
}

func (b *set) changes() {}

func (b *set) enter(m *machine, _ *step) verdict {
	for i := range b.writes {
		b.writes[i].apply(m)
	}
	return verdict{do: next}
}

func (w *write) apply(m *machine) {
	switch w.effect {
	case SetStatus:
		m.person.Status, _ = w.fixed.(string)
		m.effect(Effect{Kind: SetStatus, Status: m.person.Status}, "status")
	case SetAssignee:
		w.applyAssignee(m)
	case AddTags, RemoveTags:
		w.applyTags(m)
	case Note:
		for _, t := range w.texts {
			if note := strings.TrimSpace(t.render(m)); note != "" {
				m.effect(Effect{Kind: Note, Text: note}, "note")
			}
		}
	default:
		w.applyValue(m)
	}
}

func (w *write) applyAssignee(m *machine) {
	assignee := ""
	if w.texts != nil {
		if assignee = strings.TrimSpace(w.texts[0].render(m)); assignee == "" {
			return // a text of unknown values leaves it as it is
		}
	}
	m.person.Assignee = assignee
	m.effect(Effect{Kind: SetAssignee, Assignee: assignee}, "assignee")
}

func (w *write) applyTags(m *machine) {
	var tags []string
	for _, t := range w.texts {
		if tag := strings.TrimSpace(t.render(m)); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) == 0 {
		return
	}
	others := slices.DeleteFunc(slices.Clone(m.person.Tags), func(tag string) bool { return slices.Contains(tags, tag) })
	if w.effect == AddTags {
		others = append(others, tags...)
	}
	m.person.Tags = others
	m.effect(Effect{Kind: w.effect, Tags: tags}, string(w.effect))
}

func (w *write) applyValue(m *machine) {
	v := w.fixed
	if len(w.texts) == 1 {
		v = strings.TrimSpace(w.texts[0].render(m))
	}
	if w.field == nil {
		if !isKnown(v) {
			v = nil
		}
		m.setVariable(w.variable, v)
		m.trace("set", "vars."+w.variable.path)
		return
	}
	if !w.clear {
		if !isKnown(v) {
			return // a text of unknown values leaves the field as it is
		}
		stored, err := m.parse(func(l contacts.Locale) (any, error) { return w.field.Parse(v, l) })
		if err != nil {
			m.trace("invalid", "contact."+w.field.Name+": "+reason(err))
			return
		}
		v = stored
	}
	m.capture(w.field.Name, v, "set")
}

func (m *machine) effect(e Effect, what string) {
	m.result.Effects = append(m.result.Effects, e)
	m.trace("set", what)
}
