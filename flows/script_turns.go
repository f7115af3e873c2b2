package flows

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"usher/connectors"
)

// doing is something that can happen in a turn of a script.
type doing struct {
	key  string
	read func(r *reader, e entry, t *scriptTurn)
}

// doings lists what can happen: what the visitor does, what another service
// answers, what time and agents bring.
//
//   - say: Hello!
//   - choose: Prices                  # a button of the last turn, by title or value
//   - fill: {email: ada@example.com}  # a form
//   - after: 20h                      # time passes
//   - call: {status: 200, body: {tier: gold}}   # or failed
//   - bot: {says: [Hello!], outcome: answered}  # or handed_over, ended; or failed
//   - handover: taken                 # queued, nobody, returned, closed, disabled
//   - event: {kind: conversation_started, page: {url: https://www.example.com/pricing}}
//
// event is anything else that a channel can say, or more of what is said; its
// keys are those of the events that the API shows.
func doings() []doing {
	return []doing{
		{"say", readSaid}, {"choose", readChosen}, {"fill", readFilled}, {"after", readAfter},
		{"call", readAnswer}, {"bot", readBotTurn}, {"handover", readOutcome},
	}
}

func readSaid(r *reader, e entry, t *scriptTurn) {
	t.event = connectors.Event{Kind: connectors.KindMessage, Text: r.scalarOf(e)}
	t.play = (*Trial).Play
}

func readChosen(r *reader, e entry, t *scriptTurn) {
	button := r.scalarOf(e)
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Choose(button) }
}

func readFilled(r *reader, e entry, t *scriptTurn) {
	t.event.Kind = connectors.KindForm
	r.decode(e, &t.event.Form)
	t.play = (*Trial).Play
}

func readAfter(r *reader, e entry, t *scriptTurn) {
	span, err := parseSpan(r.scalarOf(e))
	if err != nil || span <= 0 {
		r.fault(e.at(), "after: want a duration such as 90s, 36h or 2d")
	}
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.After(span) }
}

func readOutcome(r *reader, e entry, t *scriptTurn) {
	outcome := r.scalarOf(e)
	if !slices.Contains(HandoverOutcomes(), outcome) {
		r.fault(e.at(), "handover: %q is none of %s%s", outcome, strings.Join(HandoverOutcomes(), ", "), closest(outcome, HandoverOutcomes()))
	}
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Handover(outcome) }
}

// failedWord is a service that does not answer.
const failedWord = "failed"

// readAnswer reads {status, body}, or failed.
func readAnswer(r *reader, e entry, t *scriptTurn) {
	if r.fails(e, t) {
		return
	}
	answer := struct {
		Status int             `json:"status"`
		Body   json.RawMessage `json:"body"`
	}{Status: http.StatusOK}
	r.decode(e, &answer)
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) {
		return trial.Answer(answer.Status, answer.Body)
	}
}

// readBotTurn reads {says, outcome} of a bot, or failed.
func readBotTurn(r *reader, e entry, t *scriptTurn) {
	if r.fails(e, t) {
		return
	}
	answer := struct {
		Says    []string `json:"says"`
		Outcome string   `json:"outcome"`
	}{Outcome: connectors.OutcomeAnswered}
	r.decode(e, &answer)
	if outcomes := botOutcomes(); !slices.Contains(outcomes, answer.Outcome) {
		r.fault(e.at(), "bot: %q is none of %s%s", answer.Outcome, strings.Join(outcomes, ", "), closest(answer.Outcome, outcomes))
	}
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) {
		return trial.Bot(answer.Outcome, answer.Says...)
	}
}

func botOutcomes() []string {
	return []string{connectors.OutcomeAnswered, connectors.OutcomeHandedOver, connectors.OutcomeEnded}
}

// fails reads the word failed.
func (r *reader) fails(e entry, t *scriptTurn) bool {
	word, ok := scalar(e.value)
	if !ok {
		return false
	}
	if word != failedWord {
		r.fault(e.at(), "%s: want keys with values, or %s", e.key.Value, failedWord)
	}
	t.play = func(trial *Trial, _ connectors.Event) (Result, error) { return trial.Fail("it does not answer") }
	return true
}
