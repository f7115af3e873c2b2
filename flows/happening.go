package flows

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"usher/connectors"
)

// Happening is one thing that happens in a trial: what the visitor does, what
// another service answers, what time and agents bring.
//
//	say: Hello!
//	choose: Prices                  # a button of the last turn, by title or value
//	fill: {email: ada@example.com}  # a form
//	after: 20h                      # time passes; due: until something is due
//	call: {status: 200, body: {tier: gold}}   # or a status alone, or failed
//	bot: Good morning!              # or {says: [Hello!], outcome: answered}, handed_over, ended, failed
//	handover: taken                 # queued, nobody, returned, closed, disabled
//	event: {kind: conversation_started, page: {url: https://www.example.com/pricing}}
//
// event is anything else that a channel can say, or beside one of the others
// more of what is said; its keys are those of the events that the API shows.
type Happening struct {
	What string // for people

	event connectors.Event
	play  func(*Trial, connectors.Event) (Result, error)
}

// Play has it happen. Its error is ErrNotStarted, or says why it cannot happen
// now.
func (h *Happening) Play(t *Trial) (Result, error) { return h.play(t, h.event) }

// ParseHappening reads one from a YAML or JSON object. Its error is one line for
// whoever wrote it.
func ParseHappening(doc []byte) (*Happening, error) {
	root, _, err := parseDocument(doc)
	if err != nil {
		return nil, err
	}
	r := &reader{lines: strings.Split(string(doc), "\n"), flow: &Flow{}, scope: &scope{}}
	h := &Happening{}
	if o, ok := r.object(root, placeOf(root), "what happens"); ok {
		h.read(r, o)
		o.done()
	}
	if len(r.problems) > 0 {
		return nil, errorText(r.problems[0].Message)
	}
	return h, nil
}

// errorText is an error whose words are known.
type errorText string

func (e errorText) Error() string { return string(e) }

// doing is one kind of Happening.
type doing struct {
	key  string
	read func(r *reader, e entry, h *Happening)
}

// doings lists all kinds but event.
func doings() []doing {
	return []doing{
		{"say", readSaid}, {"choose", readChosen}, {"fill", readFilled}, {"after", readAfter},
		{"call", readAnswer}, {"bot", readBotTurn}, {"handover", readOutcome},
	}
}

// Happenings are the keys that a Happening can have.
func Happenings() []string {
	var keys []string
	for _, d := range doings() {
		keys = append(keys, d.key)
	}
	return append(keys, "event")
}

func (h *Happening) read(r *reader, o *object) {
	for _, d := range doings() {
		e, ok := o.take(d.key)
		switch {
		case !ok:
		case h.play != nil:
			r.fault(e.at(), "one thing happens at a time, not %s and %s", h.What, d.key)
		default:
			h.What = d.key
			d.read(r, e, h)
			if s, ok := scalar(e.value); ok {
				h.What += " " + s
			}
		}
	}
	if e, ok := o.take("event"); ok {
		r.decode(e, &h.event)
		if h.play == nil {
			h.play, h.What = (*Trial).Play, string(h.event.Kind)
		}
	}
	if h.play == nil {
		r.fault(o.at, "want one of %s", strings.Join(Happenings(), ", "))
	}
}

func readSaid(r *reader, e entry, h *Happening) {
	h.event = connectors.Event{Kind: connectors.KindMessage, Text: r.scalarOf(e)}
	h.play = (*Trial).Play
}

func readChosen(r *reader, e entry, h *Happening) {
	button := r.scalarOf(e)
	h.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Choose(button) }
}

func readFilled(r *reader, e entry, h *Happening) {
	h.event.Kind = connectors.KindForm
	r.decode(e, &h.event.Form)
	h.play = (*Trial).Play
}

// dueWord stands for the time until something is due.
const dueWord = "due"

func readAfter(r *reader, e entry, h *Happening) {
	word := r.scalarOf(e)
	span, err := parseSpan(word)
	if word != dueWord && (err != nil || span <= 0 || span > maxSpan) {
		r.fault(e.at(), "after: want a duration such as 90s, 36h or 2d, or %s", dueWord)
	}
	h.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.After(span) }
}

func readOutcome(r *reader, e entry, h *Happening) {
	outcome := r.scalarOf(e)
	if outcomes := handoverOutcomes(); !slices.Contains(outcomes, outcome) {
		r.fault(e.at(), "handover: %q is none of %s%s", outcome, strings.Join(outcomes, ", "), closest(outcome, outcomes))
	}
	h.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Handover(outcome) }
}

// readAnswer reads {status, body}, a status alone, or failed.
func readAnswer(r *reader, e entry, h *Happening) {
	answer := struct {
		Status int             `json:"status"`
		Body   json.RawMessage `json:"body"`
	}{Status: http.StatusOK}
	if word, ok := scalar(e.value); ok {
		status, err := strconv.Atoi(word)
		switch {
		case word == connectors.OutcomeFailed:
			h.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Fail("it does not answer") }
			return
		case err != nil:
			r.fault(e.at(), "call: want status and body, a status, or %s", connectors.OutcomeFailed)
		}
		answer.Status = status
	} else {
		r.decode(e, &answer)
	}
	h.play = func(trial *Trial, _ connectors.Event) (Result, error) {
		return trial.Answer(answer.Status, answer.Body)
	}
}

// readBotTurn reads {says, outcome} of a bot, an outcome, or what it says.
func readBotTurn(r *reader, e entry, h *Happening) {
	answer := struct {
		Says    []string `json:"says"`
		Outcome string   `json:"outcome"`
	}{Outcome: connectors.OutcomeAnswered}
	outcomes := []string{connectors.OutcomeAnswered, connectors.OutcomeHandedOver, connectors.OutcomeEnded, connectors.OutcomeFailed}
	if word, ok := scalar(e.value); !ok {
		r.decode(e, &answer)
	} else if slices.Contains(outcomes, word) {
		answer.Outcome = word
	} else {
		answer.Says = []string{word}
	}
	if !slices.Contains(outcomes, answer.Outcome) {
		r.fault(e.at(), "bot: %q is none of %s%s", answer.Outcome, strings.Join(outcomes, ", "), closest(answer.Outcome, outcomes))
	}
	h.play = func(trial *Trial, _ connectors.Event) (Result, error) {
		return trial.Bot(answer.Outcome, answer.Says...)
	}
}
