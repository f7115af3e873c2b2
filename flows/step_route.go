package flows

import "strconv"

// route goes where the first rule that holds says, else on.
//
//   - route:
//   - {when: contact.company_size >= 50, go: sales}
//   - {go: newsletter}
type route struct{ rules []rule }

type rule struct {
	when *condition // nil: always
	to   target
}

// maxRules is more than anybody reads.
const maxRules = 100

func readRoute(r *reader, o *object, e entry, _ *step) body {
	items, _, ok := o.items(e.key.Value, maxRules)
	if !ok {
		return &route{}
	}
	b := &route{rules: make([]rule, len(items))}
	covered := false // a rule before always holds
	for i, item := range items {
		at := r.dash(item)
		rule, ok := r.object(item, at, "a rule")
		if !ok {
			continue
		}
		if covered {
			r.warn(at, "never reached: a rule before it always holds")
		}
		covered = covered || !rule.has("when")
		r.condition(rule, "when", &b.rules[i].when)
		if !rule.has("go") {
			r.fault(at, "a rule needs a go")
		}
		r.target(rule, "go", &b.rules[i].to)
		rule.done()
	}
	return b
}

func (b *route) enter(m *machine, _ *step) verdict {
	for i := range b.rules {
		if rule := &b.rules[i]; rule.when == nil || rule.when.holds(m) {
			m.trace("matched", join("rule "+strconv.Itoa(i+1)+", to "+rule.to.name, b.saw(m, i+1)))
			return verdict{jump, rule.to}
		}
	}
	m.trace("went on", join("no rule holds", b.saw(m, len(b.rules))))
	return verdict{do: next}
}

// saw tells what the first n rules were judged by.
func (b *route) saw(m *machine, n int) string {
	conditions := make([]*condition, n)
	for i := range conditions {
		conditions[i] = b.rules[i].when
	}
	return saw(m, namesOf(conditions...))
}

func (b *route) targets() (to []*target, always bool) {
	for i := range b.rules {
		to = append(to, &b.rules[i].to)
		always = always || b.rules[i].when == nil
	}
	return to, always
}
