package flows

import (
	"errors"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/contacts"
)

// start says which conversations a flow is for. Everything that is given must
// hold; of the triggers, one.
//
//	start:
//	  trigger: first_message        # what a person does first while no run waits: the default
//	  keywords: [prices, "talk to*"] # the whole message, whatever its case; * stands for anything
//	  payloads: [PRICES, "menu:*"]  # of a button, a menu or a postback
//	  refs: ["summer-*"]            # the ref of a link, or the id of an ad
//	  pages: ["/pricing*"]
//	  except_pages: ["/pricing/old*"]
//	  landing_pages: ["/lp/*"]      # the page that the visit began on
//	  utm: {source: google, campaign: ["spring*", "summer*"]}
//	  languages: [en, de-AT]        # de holds for de-AT too
//	  countries: [GB, Ireland]
//	  from: 2026-05-01              # days of the business's zone, both included, or instants
//	  to: 2026-05-31
//	  returning: true               # has been here before
//	  when: contact.status != "disqualified"
//
// Triggers are first_message, conversation_started (the chat was opened, nothing
// is said yet), keyword, postback and referral; several may be given as a list.
// keywords, payloads and refs are triggers by themselves. These three begin the
// flow also while a run of another one waits, which they end: a plain answer
// never does.
type start struct {
	first, opened, referral  bool
	keywords, payloads, refs []string

	pages, exceptPages, landing []string
	utm                         []utmRule
	languages, countries        []string
	from, to                    moments
	returning                   *bool
	when                        *condition
}

// moments is a day of the business's zone, or an instant.
type moments struct {
	day     string // YYYY-MM-DD
	instant time.Time
}

func (m moments) given() bool { return m.day != "" || !m.instant.IsZero() }

// before says whether now is earlier than the instant or the beginning of the
// day; after whether it is later than the instant or the end of the day.
func (m moments) before(now time.Time) bool {
	if m.day != "" {
		return now.Format(time.DateOnly) < m.day
	}
	return now.Before(m.instant)
}

func (m moments) after(now time.Time) bool {
	if m.day != "" {
		return now.Format(time.DateOnly) > m.day
	}
	return now.After(m.instant)
}

// Choose finds the flow that an event begins: the first of all, in their order,
// whose start holds; nil if there is none. current is the flow of the run that
// waits in the conversation, if one does: then only a keyword, a payload or a
// referral begins a flow, and what answers the question that waits is an answer.
//
// The lines say why each flow before was passed over and what began the chosen
// one; while a run waits and goes on there are none.
func Choose(all []*Flow, waiting *Run, current *Flow, t Turn) (*Flow, []TraceLine) {
	if t.Event == nil || t.Event.Direction == connectors.DirectionOut || !begins(t.Event) {
		return nil, nil
	}
	running := waiting != nil && current != nil
	if running && current.offers(waiting, t) {
		return nil, nil
	}
	var lines []TraceLine
	for _, f := range all {
		by, why := f.start.begun(f, t, running)
		switch {
		case why == "":
			return f, append(lines, TraceLine{Kind: "flow", Did: "started", Detail: f.ID + ": " + by})
		case !running:
			lines = append(lines, TraceLine{Kind: "flow", Did: "not started", Detail: f.ID + ": " + why})
		}
	}
	return nil, lines
}

// Starts says whether the event may open a run of this flow.
func (f *Flow) Starts(t Turn) bool {
	chosen, _ := Choose([]*Flow{f}, nil, nil, t)
	return chosen != nil
}

// begins says whether an event can begin a run of any flow.
func begins(e *connectors.Event) bool {
	switch e.Kind {
	case connectors.KindReferral, connectors.KindOptin, connectors.KindFollow:
		return true
	default:
		return opens(e.Kind)
	}
}

// begun says by which trigger the event begins the flow, or why it does not: one
// of the two is empty.
func (s *start) begun(f *Flow, t Turn, running bool) (by, why string) {
	if by, why = s.triggered(t.Event, running); why != "" {
		return "", why
	}
	m := f.machine(t)
	defer m.free()
	for _, unfit := range []func(*machine) string{s.offPage, s.offCampaign, s.offPerson, s.offDate} {
		if why := unfit(m); why != "" {
			return "", why
		}
	}
	if s.when == nil {
		return by, ""
	}
	if !s.when.holds(m) {
		return "", join("when does not hold", s.when.saw(m))
	}
	return join(by, "when holds", s.when.saw(m)), ""
}

func (s *start) triggered(e *connectors.Event, running bool) (by, why string) {
	if len(s.keywords) > 0 && (e.Reply == nil || e.Reply.ID == "") { // what was tapped has its payload
		if said, ok := saidText(e); ok && matches(s.keywords, plainWords(said)) {
			return "a keyword", ""
		}
	}
	if e.Reply != nil && matches(s.payloads, e.Reply.ID) {
		return "the payload " + quoted(e.Reply.ID), ""
	}
	if r := e.Referral; r != nil {
		switch {
		case s.referral:
			return "a referral", ""
		case matches(s.refs, r.Ref):
			return "the referral " + quoted(r.Ref), ""
		case matches(s.refs, r.SourceID):
			return "the referral " + quoted(r.SourceID), ""
		}
	}
	switch {
	case running:
		return "", "nothing that begins it while another run waits"
	case s.opened && (e.Kind == connectors.KindStarted || e.Kind == connectors.KindFollow):
		return "the conversation was opened", ""
	case s.first && opens(e.Kind):
		return "the first message", ""
	default:
		return "", "none of its triggers"
	}
}

func (s *start) offPage(m *machine) string {
	page := ""
	if m.turn.Event.Page != nil {
		page = m.turn.Event.Page.URL
	}
	switch landing := m.turn.Visit.Landing; {
	case len(s.pages) > 0 && page == "", len(s.landing) > 0 && landing == "":
		return "the page is unknown"
	case len(s.pages) > 0 && !onPage(s.pages, page), page != "" && onPage(s.exceptPages, page):
		return "the page is " + quoted(page)
	case len(s.landing) > 0 && !onPage(s.landing, landing):
		return "the landing page is " + quoted(landing)
	}
	return ""
}

func (s *start) offCampaign(m *machine) string {
	for _, rule := range s.utm {
		switch value := m.utm(rule.name); {
		case value == "":
			return "utm " + rule.name + " is unknown"
		case !matches(rule.patterns, strings.ToLower(value)):
			return "utm " + rule.name + " is " + quoted(value)
		}
	}
	return ""
}

func (s *start) offPerson(m *machine) string {
	if len(s.languages) > 0 {
		spoken := m.turn.Event.Language
		if spoken == "" {
			spoken = m.person.Values.Text("language")
		}
		if spoken == "" {
			return "the language is unknown"
		}
		if !speaks(s.languages, spoken) {
			return "the language is " + quoted(spoken)
		}
	}
	if len(s.countries) > 0 {
		country := m.person.Values.Text("country")
		if country == "" {
			country = m.turn.Visit.Country
		}
		if country == "" {
			return "the country is unknown"
		}
		if !slices.Contains(s.countries, country) {
			return "the country is " + quoted(country)
		}
	}
	switch {
	case s.returning == nil || *s.returning == m.turn.Visit.Returning():
		return ""
	case *s.returning:
		return "the person is here for the first time"
	default:
		return "the person has been here before"
	}
}

func (s *start) offDate(m *machine) string {
	switch now := m.now(); {
	case s.from.given() && s.from.before(now):
		return "not before " + s.from.String()
	case s.to.given() && s.to.after(now):
		return "only until " + s.to.String()
	}
	return ""
}

func (m moments) String() string {
	if m.day != "" {
		return m.day
	}
	return m.instant.Format(time.RFC3339)
}

// matches says whether a text is one of the patterns, * standing for anything.
func matches(patterns []string, s string) bool {
	return s != "" && slices.ContainsFunc(patterns, func(p string) bool { return like(p, s) })
}

// plainWords is what was said in lower case, without what stands around it, its
// words one blank apart: how keywords are compared.
func plainWords(s string) string {
	s = strings.Join(strings.Fields(strings.ToLower(cut(s, maxLooked))), " ")
	return strings.Trim(s, " .,;:!?¡¿…\"'()")
}

// speaks says whether a language tag is one of the wanted ones, or a variety.
func speaks(wanted []string, spoken string) bool {
	if tag, err := contacts.ParseLanguage(spoken); err == nil {
		spoken = tag
	}
	return slices.ContainsFunc(wanted, func(tag string) bool {
		return strings.EqualFold(tag, spoken) || len(spoken) > len(tag) && spoken[len(tag)] == '-' && strings.EqualFold(tag, spoken[:len(tag)])
	})
}

// offering is a body whose question can offer choices.
type offering interface {
	// asked is the one question that a typed answer would be for; nil: none.
	asked(r *Run) *question
}

// offers says whether the event answers the question that waits, so that it is an
// answer whatever it would begin otherwise: it picks one of the choices, or is
// the number, date or address that is asked for. Where any words are an answer
// they are one only if they begin nothing.
func (f *Flow) offers(r *Run, t Turn) bool {
	if !f.made(r) {
		return false
	}
	body, ok := f.steps[r.step].body.(offering)
	if !ok {
		return false
	}
	q := body.asked(r)
	if q == nil {
		return false
	}
	m := f.machine(t)
	defer m.free()
	m.run, m.at = *r, r.step
	if _, err := q.read(m); err != nil {
		return errors.Is(err, errLeftOut)
	}
	return q.input.name != "text" || q.picks(m)
}

// picks says whether the event is one of the choices.
func (q *question) picks(m *machine) bool {
	if reply := m.turn.Event.Reply; reply != nil && reply.ID != "" {
		if _, ok := q.sent(reply.ID); ok {
			return true
		}
	}
	said, _ := saidText(m.turn.Event)
	_, ok := q.typed(m, said)
	return ok
}

func (b *ask) asked(*Run) *question { return &b.question }

func (b *form) asked(r *Run) *question {
	if r.field < 1 || r.field > len(b.fields) {
		return nil
	}
	return &b.fields[r.field-1].question
}
