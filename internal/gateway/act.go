package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/ids"
	"usher/internal/outbox"
)

// What agents do with conversations. It is an event of the conversation, so that
// it has its place among what the person says and what timers bring, and is done
// once, whatever ends in between.

// textMost bounds what an agent writes, in bytes; no platform takes more.
const textMost = 10_000

// StateError says why an act does not fit the conversation. It is an ErrState.
type StateError struct{ Reason string }

func (e *StateError) Error() string { return e.Reason }

// Unwrap makes it an ErrState.
func (e *StateError) Unwrap() error { return ErrState }

// acted is what came of an act, as its event's row keeps it.
type acted struct {
	Refused string `json:"refused,omitempty"`
	Seq     int64  `json:"seq,omitempty"` // of the message
}

// Act does something with a conversation, in its turn. Of a message it returns
// the line. Errors: contacts.ErrNotFound, *connectors.FieldError, *StateError,
// ErrBusy.
func (g *Gateway) Act(ctx context.Context, b *Business, conversation string, a connectors.Act) (*contacts.Line, error) {
	conv, _, err := g.Conversation(ctx, b, conversation)
	if err != nil {
		return nil, err
	}
	ch, ok := b.Channels[conv.Channel]
	if !ok {
		return nil, &StateError{"its channel is not configured any more"}
	}
	if err := g.checkAct(ctx, b, conv, &a); err != nil {
		return nil, err
	}
	answer, err := g.inject(ctx, ch, &connectors.Event{Kind: connectors.KindAct, ExternalID: conv.ExternalID, Act: &a})
	if err != nil {
		return nil, err
	}
	var done acted
	if err := json.Unmarshal(answer, &done); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err) // it was put into quarantine
	}
	if done.Refused != "" {
		return nil, &StateError{done.Refused}
	}
	if a.Do == connectors.ActRelease || a.Do == connectors.ActClose {
		g.deal(ctx, b) // its agent has room
	}
	if a.Do != connectors.ActMessage {
		return nil, nil
	}
	lines, err := g.Messages(ctx, b, conversation, done.Seq-1, 1)
	if err != nil || len(lines) == 0 {
		return nil, cmp.Or(err, contacts.ErrNotFound)
	}
	return &lines[0], nil
}

func (g *Gateway) checkAct(ctx context.Context, b *Business, conv *contacts.Conversation, a *connectors.Act) error {
	people := sqlstore.New(g.DB.Read(ctx))
	switch a.Do {
	case connectors.ActMessage:
		switch a.Text = strings.TrimSpace(a.Text); {
		case a.Text == "":
			return &connectors.FieldError{Field: "text", Code: "required", Detail: "text is required"}
		case len(a.Text) > textMost:
			return &connectors.FieldError{Field: "text", Code: "too_long", Detail: "want at most 10000 bytes"}
		}
	case connectors.ActTake:
		if a.AgentID == "" {
			break
		}
		if _, err := people.Agent(b.ID, a.AgentID); err != nil {
			if errors.Is(err, contacts.ErrNotFound) {
				err = &connectors.FieldError{Field: "agent_id", Code: "unknown", Detail: "there is no such agent"}
			}
			return err
		}
		// What a former agent has, anybody may take.
		if d := conv.State.Desk; d != nil && d.AssigneeID != "" && d.AssigneeID != a.AgentID {
			_, err := people.Agent(b.ID, d.AssigneeID)
			if err != nil && !errors.Is(err, contacts.ErrNotFound) {
				return err
			}
			a.Force = a.Force || err != nil
		}
	}
	return nil
}

// act does what an agent wants done, if the conversation is in a state for it.
func (g *Gateway) act(ctx context.Context, t *turn) error {
	refused, err := g.perform(ctx, t)
	switch {
	case err != nil:
		return err
	case refused != "":
		t.passOver(refused)
		t.outcome.Answer, err = json.Marshal(acted{Refused: refused})
		return err
	case t.ev.Act.Do != connectors.ActMessage:
		g.say(t)
	}
	return nil
}

func (g *Gateway) perform(ctx context.Context, t *turn) (refused string, err error) {
	a, conv, st := t.ev.Act, t.conv, &t.conv.State
	if t.guest != nil && t.guest.Applied == 0 {
		return "the guest is gone", nil
	}
	desk := contacts.Desk{Since: t.now}
	if st.Desk != nil {
		desk = *st.Desk
	}
	yours := a.Force || desk.AssigneeID == a.AgentID
	if a.Do != connectors.ActMessage {
		t.trace = append(t.trace, traceLine{Kind: "agent", Did: a.Do, Detail: a.AgentID})
	}
	switch a.Do {
	case connectors.ActTake:
		return g.take(ctx, t, desk)
	case connectors.ActRelease:
		if conv.Handling != contacts.ByAgent || !yours {
			return "it is not with you", nil
		}
		st.Desk = nil
		conv.Handling = contacts.ByFlow
		return "", g.tellRun(ctx, t, connectors.OutcomeReturned)
	case connectors.ActClose:
		switch {
		case isClosed(conv):
			return "it is closed already", nil
		case conv.Handling == contacts.ByAgent && !yours:
			return "another agent has it", nil
		}
		desk.Closed = t.now
		conv.Handling, st.Desk = contacts.ByFlow, &desk
		if err := g.endRuns(ctx, t, runClosed); err != nil || len(t.notices) > 0 {
			return "", err
		}
		t.notices = append(t.notices, closedRun("", runClosed)) // no run had waited
		return "", nil
	case connectors.ActReopen:
		if !isClosed(conv) {
			return "it is not closed", nil
		}
		conv.Handling = contacts.Queued
		st.Desk = &contacts.Desk{Team: desk.Team, AssigneeID: a.AgentID, Taken: a.AgentID != "", Since: t.now}
		if a.AgentID != "" {
			conv.Handling = contacts.ByAgent
		}
		return "", nil
	case connectors.ActMessage:
		return g.write(ctx, t, desk)
	case connectors.ActAssign:
		if conv.Handling != contacts.Queued || desk.AssigneeID != "" {
			return "it does not wait any more", nil
		}
		desk.AssigneeID = a.AgentID
		conv.Handling, st.Desk = contacts.ByAgent, &desk
		return "", nil
	default:
		return "nobody can do that", nil
	}
}

// take gives the conversation to the agent. One that another person has taken is
// not taken away.
func (g *Gateway) take(ctx context.Context, t *turn, desk contacts.Desk) (refused string, err error) {
	a, conv := t.ev.Act, t.conv
	has := conv.Handling == contacts.ByAgent && desk.Taken
	switch {
	case isClosed(conv):
		return "it is closed", nil
	case has && a.AgentID != "" && desk.AssigneeID == a.AgentID:
		return "", nil // asked for again
	case has && !a.Force:
		return "another agent has it", nil
	}
	desk.AssigneeID, desk.Taken = cmp.Or(a.AgentID, desk.AssigneeID), true
	if !atDesk(conv) {
		desk.Since = t.now
	}
	conv.Handling, conv.State.Desk = contacts.ByAgent, &desk
	if has {
		return "", nil // the run was told
	}
	if err := g.endRuns(ctx, t, runTaken); err != nil {
		return "", err
	}
	return "", g.tellRun(ctx, t, connectors.OutcomeTaken)
}

// write says what the agent wrote. Whoever answers a conversation that waits for
// people takes it.
func (g *Gateway) write(ctx context.Context, t *turn, desk contacts.Desk) (refused string, err error) {
	a := t.ev.Act
	if !a.Private {
		has := t.conv.Handling == contacts.ByAgent && desk.Taken
		switch {
		case !atDesk(t.conv):
			return "no agent has it; take it first", nil
		case has && !a.Force && desk.AssigneeID != a.AgentID:
			return "another agent has it", nil
		case !has:
			if refused, err = g.take(ctx, t, desk); refused != "" || err != nil {
				return refused, err
			}
		}
	}
	g.say(t)
	m := connectors.Message{ID: ids.Format("msg", t.work.row.ID), Text: a.Text}
	t.line(m.ID, true, m, map[bool]string{false: "sent"}[a.Private])
	line := &t.lines[len(t.lines)-1]
	line.Author, line.Private = a.AgentID, a.Private
	if t.messages = append(t.messages, m); a.Private {
		t.messages = nil
	}
	t.acted.Seq = line.Seq
	return "", nil
}

// tellRun lets the run that asked for people go on with what they did.
func (g *Gateway) tellRun(ctx context.Context, t *turn, outcome string) error {
	return g.eachRun(ctx, t, func(run *flows.Run, flow *flows.Flow) error {
		r := askedFor(run, outcome)
		if !flow.Expects(run, r) {
			return nil
		}
		ev := *t.ev // its session too: what the run waits for next is that session's
		act := ev.Act
		ev.Kind, ev.Resume, ev.Act = connectors.KindResumed, r, nil
		t.ev = &ev
		err := g.run(ctx, t)
		ev.Kind, ev.Resume, ev.Act = connectors.KindAct, nil, act
		return cmp.Or(err, errTold)
	})
}

// errTold ends a round of runs: one was told.
var errTold = errors.New("told")

// endRuns ends the runs, for a reason. Where an agent comes, that which asked for
// one goes on; what the others wait for would be said into the agent's
// conversation.
func (g *Gateway) endRuns(ctx context.Context, t *turn, reason string) error {
	return g.eachRun(ctx, t, func(run *flows.Run, flow *flows.Flow) error {
		if reason == runTaken && flow.Expects(run, askedFor(run, "")) {
			return nil
		}
		t.awaits(run, flow)
		t.notices = append(t.notices, closedRun(flow.ID, reason))
		delete(t.conv.State.Runs, t.ev.Session)
		return nil
	})
}

// askedFor is what comes of a run's handover.
func askedFor(run *flows.Run, outcome string) *connectors.Resume {
	return &connectors.Resume{Run: run.ID, Visit: run.Visit, Cause: connectors.CauseHandover, Outcome: outcome}
}

// eachRun calls do for each run that waits in the conversation, the turn's event
// being one of its session meanwhile. Told, the event stays one of that session.
func (g *Gateway) eachRun(ctx context.Context, t *turn, do func(*flows.Run, *flows.Flow) error) error {
	own := t.ev
	for _, session := range sortedKeys(t.conv.State.Runs) {
		ev := *own
		ev.Session = session
		t.ev = &ev
		var failed error
		run, flow := g.currentRun(t, func(id string, version int) *flows.Flow {
			flow, err := g.versions.find(ctx, g.DB, t.ch.Business, id, version)
			failed = err
			return flow
		})
		if failed == nil && run != nil {
			failed = do(run, flow)
		}
		if errors.Is(failed, errTold) {
			return nil
		}
		if failed != nil {
			return failed
		}
	}
	t.ev = own
	return nil
}

// sessionOf is the session of a run that waits in the conversation.
func sessionOf(st *contacts.State, id int64) string {
	for session, raw := range st.Runs {
		var run flows.Run
		if run.UnmarshalBinary(raw) == nil && run.ID == id {
			return session
		}
	}
	return ""
}

// address makes an act's event one that was said where the person last wrote
// from, as what comes of it goes there.
func (t *turn) address() {
	ev := *t.ev
	var to connectors.Address
	if json.Unmarshal(t.conv.State.Address, &to) == nil {
		ev.Account, ev.IDs, ev.GroupID, ev.ChannelID, ev.BusinessConnectionID = to.Account, to.IDs, to.GroupID, to.ChannelID, to.BusinessConnectionID
	}
	t.ev = &ev
}

// RetryMessage sends a message once more that has failed. Errors:
// outbox.ErrNotFound, outbox.ErrState.
func (g *Gateway) RetryMessage(ctx context.Context, b *Business, id string) error {
	failed, err := outbox.FailedReply(g.DB.Read(ctx), b.ID, id)
	if err != nil {
		return err
	}
	if failed.Body == nil { // it was sent, and failed later
		if failed.Body, err = g.bodyOf(ctx, b, failed.Conversation, id); err != nil {
			return err
		}
	}
	err = g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error { return outbox.RetryReply(tx, failed) })
	signal(g.replies.list)
	return err
}

// bodyOf is a message of ours as the transcript has it.
func (g *Gateway) bodyOf(ctx context.Context, b *Business, conversation, id string) ([]byte, error) {
	conv, _, err := g.Conversation(ctx, b, conversation)
	if err != nil {
		return nil, err
	}
	lines, err := g.Messages(ctx, b, conversation, max(conv.State.Seq-sqlstore.LinesMost, 0), sqlstore.LinesMost)
	for _, line := range lines {
		if line.ID == id && line.Out && !line.Private {
			return line.Body, nil
		}
	}
	return nil, cmp.Or(err, outbox.ErrState)
}
