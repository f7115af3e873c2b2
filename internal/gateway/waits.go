package gateway

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/connectors"
	"usher/flows"
	"usher/internal/inbox"
	"usher/internal/timers"
)

// What a run waits for outside of its conversation: how a turn begins and ends
// such a wait, and the event by which its run goes on.

// waitDetail is what a timer's row keeps for whoever brings about what its run
// waits for.
type waitDetail struct {
	// To is where the person is answered.
	To connectors.Address `json:"to"`
	// Team or Agent is asked for by a handover, until At, in microseconds.
	Team  string `json:"team,omitempty"`
	Agent string `json:"agent,omitempty"`
	At    int64  `json:"at,omitempty"`
	// Followed: the request that caused the wait waits for its end too.
	Followed bool `json:"followed,omitempty"`
}

// spoken says whether the person, or a program for it, has said something, and
// not usher itself.
func (t *turn) spoken() bool {
	return t.ev.Kind != connectors.KindResumed && t.ev.Kind != connectors.KindAct
}

// passOver turns an event that no run waits for any more into nothing.
func (t *turn) passOver(reason string) {
	t.outcome.State, t.outcome.Reason = ignored, reason
	t.outcome.GuestID = guestIDOf(t.conv)
	if t.conv.ContactID != "" {
		t.outcome.GuestID, t.outcome.ContactID = "", t.conv.ContactID
	}
	t.nobody = t.guest != nil && t.guest.Applied == 0
	t.conv, t.guest, t.contact, t.proven = nil, nil, nil, nil
}

// awaits notes what the run waited for before the turn.
func (t *turn) awaits(run *flows.Run, flow *flows.Flow) {
	if run == nil {
		return
	}
	first, last := flow.Awaited(run)
	for visit := first; visit <= last; visit++ {
		t.over = append(t.over, timers.IDOf(t.conv.ID, run.ID, visit))
	}
}

// begun notes what has become of that: what the run still waits for is not over,
// and what it began to wait for is written down.
func (t *turn) begun(result flows.Result, find flows.Find) {
	run := result.Run
	if run == nil {
		return
	}
	flow := find(run.Flow, run.Version)
	if flow == nil {
		return
	}
	first, last := flow.Awaited(run)
	for visit := first; visit <= last && !t.taken(); visit++ {
		id := timers.IDOf(t.conv.ID, run.ID, visit)
		t.over = slices.DeleteFunc(t.over, func(over string) bool { return over == id })
	}
	for _, w := range result.Waits {
		if w.Run == run.ID && first <= w.Visit && w.Visit <= last {
			t.wait = &w // a turn leaves one at the most
		}
	}
}

// taken says that an agent has come: the time of the handover counts no more.
func (t *turn) taken() bool {
	return t.ev.Kind == connectors.KindResumed && t.ev.Resume.Outcome == connectors.OutcomeTaken
}

// timer writes down what the turn's run waits for.
func (g *Gateway) timer(t *turn, followed bool) error {
	w := t.wait
	if w == nil {
		return nil
	}
	d := waitDetail{To: t.ev.Address().Later(), Team: w.Team, Agent: w.Agent, Followed: followed}
	due := t.now
	switch w.Cause {
	case connectors.CauseTimer:
		due = w.At
	case connectors.CauseHandover:
		d.At = w.At.UnixMicro()
	}
	detail, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("%w: encode wait: %w", errFlow, err)
	}
	t.timers = append(t.timers, timers.Timer{
		ID: timers.IDOf(t.conv.ID, w.Run, w.Visit), Business: t.ch.Business.ID, Channel: t.ch.ID, ExternalID: t.ev.ExternalID,
		Session: t.ev.Session, Conversation: t.conv.ID, Lane: t.work.row.Lane, Part: inbox.PartOf(t.work.row.Lane),
		Run: w.Run, Visit: w.Visit, Cause: w.Cause, DueAt: due.UnixMicro(), EventID: cmp.Or(w.Event, t.work.row.ID),
		Detail: detail, CreatedAt: t.now.UnixMicro(),
	})
	return nil
}

// resumeKey names what has happened to a run's wait. The first word on something
// that happens once counts.
func resumeKey(conversation string, r *connectors.Resume) string {
	what := r.Cause
	if r.Cause == connectors.CauseHandover {
		switch r.Outcome {
		case connectors.OutcomeQueued, connectors.OutcomeNobody, connectors.OutcomeClosed, connectors.OutcomeDisabled:
			what += "/asked"
		default:
			what += "/" + r.Outcome
		}
	}
	return strings.Join([]string{conversation, strconv.FormatInt(r.Run, 10), strconv.Itoa(r.Visit), what}, "/")
}

// firstWord is the dedupe key of the first thing that comes of a wait.
func firstWord(b *Business, channel, conversation string, w *flows.Wait) [32]byte {
	r := connectors.Resume{Run: w.Run, Visit: w.Visit, Cause: w.Cause, Outcome: connectors.OutcomeQueued}
	return inbox.DedupeOfOwn(b.ID, channel, resumeKey(conversation, &r))
}

// resumed is the inbox row by which a run goes on.
func (g *Gateway) resumed(ch *Channel, tm *timers.Timer, d waitDetail, r connectors.Resume) (*inbox.Event, error) {
	r.Run, r.Visit, r.Cause = tm.Run, tm.Visit, tm.Cause
	ev := connectors.Event{Kind: connectors.KindResumed, ExternalID: tm.ExternalID, Session: tm.Session,
		Account: d.To.Account, IDs: d.To.IDs, GroupID: d.To.GroupID, ChannelID: d.To.ChannelID,
		BusinessConnectionID: d.To.BusinessConnectionID, DedupeKey: resumeKey(tm.Conversation, &r), Resume: &r}
	return g.row(ch, &connectors.Request{At: time.Now().UTC()}, &connectors.Item{Event: ev})
}

// guestEffects is what a guest's last event led to beyond its state and its
// transcript, as the guest keeps it: bare where it is only what the run waits
// for.
type guestEffects struct {
	Waiting string      `json:"waiting,omitempty"`
	Wait    *flows.Wait `json:"wait,omitempty"`
}

func (t *turn) guestEffects() ([]byte, error) {
	if t.wait == nil {
		return []byte(t.waiting), nil
	}
	raw, err := json.Marshal(guestEffects{t.waiting, t.wait})
	if err != nil {
		return nil, fmt.Errorf("%w: encode wait: %w", errFlow, err)
	}
	return raw, nil
}

func (t *turn) takeGuestEffects(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' { // no name of a field or variable begins so
		t.waiting = string(raw)
		return nil
	}
	var e guestEffects
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("%w: decode effects: %w", errFlow, err)
	}
	t.waiting, t.wait = e.Waiting, e.Wait
	return nil
}

// storedTurn is a request-reply turn as its row keeps it.
type storedTurn struct {
	connectors.Turn
	// Then is the dedupe key, in hexadecimal, of the event whose turn the same
	// request waits for.
	Then string `json:"then,omitempty"`
	// Late: no request waited any more; what is said went another way.
	Late bool `json:"late,omitempty"`
}

// follow adds to the answer of a turn what comes of the wait that it began, as
// long as there is time. mine: the request is the first for the turn's event.
func (g *Gateway) follow(ctx context.Context, first storedTurn, mine bool) connectors.Turn {
	all := first.Turn
	for then := first.Then; then != ""; {
		var key [32]byte
		if n, err := hex.Decode(key[:], []byte(then)); err != nil || n != len(key) {
			break
		}
		var next storedTurn
		if answer := g.awaitNext(ctx, key, mine); answer == nil || json.Unmarshal(answer, &next) != nil || next.Late {
			break
		}
		next.Replies = append(all.Replies, next.Replies...)
		all, then = next.Turn, next.Then
	}
	return all
}

// awaitNext is await for an event that is not stored yet, known by its dedupe
// key.
func (g *Gateway) awaitNext(ctx context.Context, key [32]byte, mine bool) []byte {
	var ready chan inbox.Outcome
	if mine {
		ready = g.answers.readyNext(key)
	}
	tick := time.NewTicker(pollAnswer)
	defer tick.Stop()
	for reserved := false; ; {
		select {
		case outcome := <-ready:
			return outcome.Answer
		case <-ctx.Done():
			if !mine {
				return nil
			}
			return g.answers.lastNext(key, ready)
		case <-tick.C:
		}
		row, err := g.inbox.ByDedupe(ctx, key)
		switch {
		case err != nil: // not there yet, or the deadline ends this
		case row.State != inbox.Accepted:
			return row.Answer
		case mine && !reserved && row.ReservedBy == g.Node && !g.runsLane(row.Lane):
			reserved = true
			go g.runReserved(ctx, row)
		}
	}
}
