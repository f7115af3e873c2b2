package flows

import (
	"slices"
	"strings"
	"time"

	"usher/contacts"
)

// maxPatterns of one kind: more is a table, not a flow's start.
const maxPatterns = 100

func triggers() []string {
	return []string{"first_message", "conversation_started", "keyword", "postback", "referral"}
}

func (r *reader) start(o *object) {
	s := &r.flow.start
	s.first = true
	e, ok := o.take("start")
	if !ok {
		return
	}
	begin, ok := r.object(e.value, e.at(), "start")
	if !ok {
		return
	}
	r.triggers(begin, s)
	s.pages, s.exceptPages, s.landing = r.patterns(begin, "pages"), r.patterns(begin, "except_pages"), r.patterns(begin, "landing_pages")
	r.utm(begin, s)
	s.languages = r.parsed(begin, "languages", contacts.ParseLanguage)
	s.countries = r.parsed(begin, "countries", contacts.ParseCountry)
	s.from, s.to = r.moments(begin, "from"), r.moments(begin, "to")
	if to, ok := begin.value("to"); ok && s.to.earlierThan(s.from) {
		r.fault(to.at(), "to: is before from, so the flow never starts")
	}
	s.returning = begin.flag("returning")
	r.condition(begin, "when", &s.when)
	if when, ok := begin.value("when"); ok {
		r.later = append(r.later, func() {
			if s.when != nil && slices.ContainsFunc(s.when.names, func(n name) bool { return strings.HasPrefix(n.path, "vars.") }) {
				r.warn(when.at(), "when: no variable is known before the flow has begun")
			}
		})
	}
	begin.done()
}

func (r *reader) triggers(o *object, s *start) {
	names, e, named := o.texts("trigger")
	for _, name := range names {
		if !slices.Contains(triggers(), name) {
			r.fault(e.at(), "trigger: %q is none of %s%s", name, strings.Join(triggers(), ", "), closest(name, triggers()))
		}
	}
	for _, words := range r.patterns(o, "keywords") {
		s.keywords = append(s.keywords, plainWords(words))
	}
	s.payloads, s.refs = r.patterns(o, "payloads"), r.patterns(o, "refs")
	for trigger, key := range map[string]string{"keyword": "keywords", "postback": "payloads"} {
		if slices.Contains(names, trigger) && !o.has(key) {
			r.fault(e.at(), "trigger: %s needs %s", trigger, key)
		}
	}
	if slices.Contains(s.keywords, "") || slices.Contains(s.keywords, "*") {
		// Every answer would begin the flow anew.
		words, _ := o.value("keywords")
		r.fault(words.at(), "keywords: one of them is any message; that is trigger: first_message")
	}
	s.first = slices.Contains(names, "first_message") || !named && !o.has("keywords") && !o.has("payloads") && !o.has("refs")
	s.opened = slices.Contains(names, "conversation_started")
	s.referral = slices.Contains(names, "referral") && len(s.refs) == 0
}

// patterns takes a key that is a text with * in it, or a list of such.
func (r *reader) patterns(o *object, key string) []string {
	texts, e, _ := o.texts(key)
	if len(texts) > maxPatterns {
		r.fault(e.at(), "%s: %d items; %d are the most", key, len(texts), maxPatterns)
	}
	return texts
}

// parsed takes a key that is a text or a list, each in a form of its own.
func (r *reader) parsed(o *object, key string, parse func(string) (string, error)) []string {
	texts, e, _ := o.texts(key)
	var all []string
	for _, text := range texts {
		value, err := parse(text)
		if err != nil {
			r.fault(e.at(), "%s: %q: %s", key, text, reason(err))
			continue
		}
		all = append(all, value)
	}
	return all
}

func (r *reader) utm(o *object, s *start) {
	e, ok := o.take("utm")
	if !ok {
		return
	}
	parts, ok := r.object(e.value, e.at(), "utm")
	if !ok {
		return
	}
	for _, name := range utmParts() {
		patterns := r.patterns(parts, name)
		for i := range patterns {
			patterns[i] = strings.ToLower(patterns[i])
		}
		if patterns != nil {
			s.utm = append(s.utm, utmRule{name, patterns})
		}
	}
	parts.done()
}

func (r *reader) moments(o *object, key string) moments {
	text, e, ok := o.text(key)
	if !ok {
		return moments{}
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return moments{day: t.Format(time.DateOnly)}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.fault(e.at(), "%s: want a day as 2026-05-31 or an instant as 2026-05-31T09:00:00Z", key)
	}
	return moments{instant: t}
}

// earlierThan compares what can be compared without knowing the zone.
func (m moments) earlierThan(other moments) bool {
	switch {
	case m.day != "" && other.day != "":
		return m.day < other.day
	case !m.instant.IsZero() && !other.instant.IsZero():
		return m.instant.Before(other.instant)
	default:
		return false
	}
}

// value looks at an entry without taking it.
func (o *object) value(key string) (entry, bool) {
	i := slices.IndexFunc(o.entries, func(e entry) bool { return e.key.Value == key })
	if i < 0 {
		return entry{}, false
	}
	return o.entries[i], true
}
