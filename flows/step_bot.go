package flows

import (
	"net/http"
	"strings"
	"time"

	"usher/connectors"
)

// bot lets an external bot talk to the person: each message goes to it, and what
// it answers is said, until it hands over. What the person said last before the
// step is the bot's first message.
//
//   - bot: {url: "https://bot.example.com/webhooks/rest/webhook", wire: rasa, token: "{{ secret.bot }}"}
//     go: bye          # it has ended
//     otherwise: human # it failed or asked for a person, or the person did
type bot struct {
	url     urlTemplate
	wire    wire
	token   *template // nil: none
	timeout time.Duration
}

// botTimeout gives a bot the time to think.
const botTimeout = 15 * time.Second

func readBot(r *reader, o *object, e entry, _ *step) body {
	b := &bot{wire: usherWire{}}
	c, ok := r.object(e.value, e.at(), "bot")
	if !ok {
		return b
	}
	r.url(c, &b.url)
	switch name, e, ok := c.text("wire"); {
	case !ok || name == "usher":
	case name == "rasa":
		b.wire = rasaWire{}
	default:
		r.fault(e.at(), "wire: %q is none of usher, rasa", name)
	}
	if source, e, ok := c.text("token"); ok {
		r.compileSecret(source, e.at(), "token", &b.token)
	}
	b.timeout = c.spanOf("timeout", botTimeout, maxTimeout)
	c.done()
	return b
}

func (b *bot) cause() string { return connectors.CauseBot }

func (b *bot) handling(*Run) string { return byBot }

func (b *bot) enter(m *machine, s *step) verdict {
	e := m.turn.Event
	switch {
	case e.Kind == connectors.KindStarted && b.wire.greets():
		b.ask(m, m.turn.EventID)
	case m.run.heard == 0:
		m.trace("waits", "for a message to pass on")
	case m.run.heard == m.turn.EventID && m.answered == nil && b.wantsPerson(m, s):
		return verdict{do: fail}
	default:
		if m.answered != nil && m.run.heard == m.turn.EventID { // the bot is told which one, not its number
			m.run.offered = offered(m.answered.titles())
		}
		b.ask(m, m.run.heard)
	}
	return verdict{do: wait}
}

// titles are the choices of a question, each standing for its title.
func (q *question) titles() []connectors.Button {
	var titles []connectors.Button
	for _, c := range q.choices {
		titles = append(titles, connectors.Button{Title: c.title, Value: c.title})
	}
	return titles
}

// ask waits for the bot's answer to an event. Run.tries is how many of the last
// visits are still unanswered.
func (b *bot) ask(m *machine, event int64) {
	m.await(Wait{Cause: connectors.CauseBot, At: m.turn.Now, Event: event})
	m.run.tries++
	m.run.heard = 0
	m.trace("passed on", "to "+b.url.host)
}

func (b *bot) resume(m *machine, s *step) verdict {
	e := m.turn.Event
	switch {
	case !isInput(e.Kind) || e.Direction == connectors.DirectionOut:
	case b.wantsPerson(m, s):
		return verdict{do: fail}
	case botText(&m.run, e) == "" && formData(e) == nil:
		m.trace("not passed on", "there is nothing in it to read")
	default:
		b.ask(m, m.turn.EventID)
	}
	return verdict{do: wait}
}

// wantsPerson: who asks for a person gets one at once, if the flow has a place
// for that.
func (b *bot) wantsPerson(m *machine, s *step) bool {
	said, _ := saidText(m.turn.Event)
	if s.otherwise.kind == toNext || !asksForPerson(said) {
		return false
	}
	m.trace("handed over", "the person asked for one")
	return true
}

func (b *bot) request(m *machine, _ *step) (*Request, error) {
	address, err := b.url.render(m)
	if err != nil {
		return nil, err
	}
	body, err := b.wire.turn(m)
	if err != nil {
		return nil, err
	}
	out := &Request{Method: http.MethodPost, URL: address, Body: body, Timeout: b.timeout, Headers: map[string]string{
		"Accept": "application/json", "Content-Type": "application/json", "Idempotency-Key": m.visitKey(),
	}}
	if b.token != nil {
		out.Headers["Authorization"] = oneLine("Bearer " + b.token.render(m))
	}
	return out, nil
}

func (b *bot) response(answer []byte, resume *connectors.Resume) {
	resume.Outcome = connectors.OutcomeAnswered
	if strings.TrimSpace(string(answer)) == "" {
		return
	}
	if err := b.wire.read(answer, resume); err != nil {
		*resume = connectors.Resume{Run: resume.Run, Visit: resume.Visit, Cause: resume.Cause,
			Outcome: connectors.OutcomeFailed, Detail: "the bot's answer cannot be read"}
	}
}

func (b *bot) resumed(m *machine, _ *step, r *connectors.Resume) verdict {
	m.run.tries = m.run.Visit - r.Visit
	for _, reply := range r.Replies {
		m.say(reply)
	}
	m.run.offered = nil
	if n := len(r.Replies); n > 0 {
		m.run.offered = offered(r.Replies[n-1].Buttons)
	}
	switch r.Outcome {
	case connectors.OutcomeAnswered:
		m.trace("answered", counted(len(r.Replies), "message"))
		return verdict{do: wait}
	case connectors.OutcomeEnded:
		m.trace("ended", because("the bot is done", r.Detail))
		return verdict{do: next}
	case connectors.OutcomeHandedOver:
		m.trace("handed over", because("the bot asked for a person", r.Detail))
	default:
		m.trace("failed", r.Detail)
	}
	return verdict{do: fail}
}

// askingForPerson are the messages that ask for a person whatever bot is there.
func askingForPerson() []string {
	return []string{
		"agent", "human", "human agent", "live agent", "live chat", "real person", "person", "operator", "representative", "support",
		"i need a human", "i want a human", "i want to speak to someone", "i want to talk to someone", "i want to talk to a human",
		"can i speak to someone", "can i talk to someone", "can i speak to a human", "can i talk to a human", "can i talk to a person",
		"speak to someone", "talk to someone", "speak to a human", "talk to a human", "speak to a person", "talk to a person",
		"speak to an agent", "talk to an agent", "speak with someone", "speak with an agent", "talk to support", "contact support",
		"mensch", "mitarbeiter", "mit einem menschen sprechen", "mit jemandem sprechen", "mit einem mitarbeiter sprechen",
		"humain", "un humain", "parler à quelqu'un", "parler à un humain", "parler à un conseiller", "conseiller",
		"humano", "persona", "agente", "hablar con alguien", "hablar con una persona", "hablar con un agente",
		"falar com alguém", "falar com um humano", "falar com um atendente", "atendente",
		"operatore", "parlare con qualcuno", "parlare con un operatore", "medewerker", "iemand spreken", "konsultant",
		"оператор", "человек", "поговорить с человеком", "позовите оператора",
	}
}

func asksForPerson(said string) bool {
	said = strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(said, "’", "'")), " "))
	said = strings.Trim(said, " .!?¿¡…")
	said = strings.TrimSuffix(strings.TrimPrefix(said, "please "), " please")
	said = strings.TrimRight(said, " ,")
	if said == "" || len(said) > 80 {
		return false
	}
	for _, phrase := range askingForPerson() {
		if said == phrase {
			return true
		}
	}
	return false
}
