package flows

import (
	"encoding/json"
	"errors"
	"time"

	"usher/connectors"
)

// ErrUnreadableTrial: the bytes are no state of a trial with this flow.
var ErrUnreadableTrial = errors.New("no state of a trial")

// trialState is a trial between two requests.
type trialState struct {
	Started bool                `json:"started"`
	Run     []byte              `json:"run,omitempty"`
	Person  Person              `json:"person"`
	Events  int64               `json:"events"`
	Runs    int                 `json:"runs,omitempty"`
	Now     time.Time           `json:"now"`
	Waits   []Wait              `json:"waits,omitempty"`
	Told    Wait                `json:"told,omitzero"`
	Offered []connectors.Button `json:"offered,omitempty"`
}

// State is the trial so far, for Restore.
func (t *Trial) State() ([]byte, error) {
	s := trialState{
		Started: t.started, Person: t.Turn.Person, Events: t.Turn.EventID, Runs: t.Turn.Visit.Runs, Now: t.Turn.Now,
		Told: t.told, Offered: t.offered,
	}
	if w, ok := t.Awaits(); ok {
		s.Waits = []Wait{w}
	}
	if t.Last.Run != nil {
		var err error
		if s.Run, err = t.Last.Run.MarshalBinary(); err != nil {
			return nil, err
		}
	}
	return json.Marshal(s)
}

// Restore goes on with an earlier trial. Its error is ErrUnreadableTrial.
func (t *Trial) Restore(state []byte) error {
	var s trialState
	if json.Unmarshal(state, &s) != nil || s.Events < 0 || s.Events > maxTrialEvents || len(s.Waits) > 1 {
		return ErrUnreadableTrial
	}
	t.Last = Result{}
	if s.Run != nil {
		t.Last.Run = new(Run)
		if t.Last.Run.UnmarshalBinary(s.Run) != nil || t.running() == nil {
			return ErrUnreadableTrial
		}
	}
	t.started, t.waits, t.told, t.offered = s.Started, s.Waits, s.Told, s.Offered
	t.Turn.Person, t.Turn.EventID, t.Turn.Visit.Runs = s.Person, s.Events, s.Runs
	if s.Now.After(t.Turn.Now) { // time that the trial has let pass
		t.Turn.Now = s.Now
	}
	return nil
}

// maxTrialEvents is longer than anybody tries.
const maxTrialEvents = 1 << 30
