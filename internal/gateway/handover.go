package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/hours"
	"usher/internal/inbox"
)

// wanted is whom a conversation is handed over to.
type wanted struct {
	Business     *Business
	Conversation string
	Team         string // id or name of a team
	Agent        string // id or e-mail of an agent; with neither anybody is meant
}

// meet decides what a handover meets now: people who are there, or why there are
// none. Where it gives the conversation to somebody, that is written at once, so
// that nobody is given more than they take; the event that tells of it follows.
func (g *Gateway) meet(ctx context.Context, w wanted) (connectors.Resume, error) {
	r := connectors.Resume{}
	own, err := g.assigneeOf(ctx, w)
	if err == nil {
		err = g.repeated(func() error {
			return g.DB.Write(ctx, database.Steps, func(tx *database.Tx) (err error) {
				r, err = g.meeting(sqlstore.New(tx), w, own)
				return err
			})
		})
	}
	r.Cause = connectors.CauseHandover
	return r, err
}

func (g *Gateway) meeting(people *sqlstore.Store, w wanted, own string) (connectors.Resume, error) {
	before, err := people.DeskOf(w.Business.ID, w.Conversation)
	if err != nil && !errors.Is(err, contacts.ErrNotFound) {
		return connectors.Resume{}, err
	}
	if before.AssigneeID != "" && before.Handling == contacts.ByAgent {
		// Decided before, by somebody who could not tell any more.
		return assigned(before.AssigneeID), nil
	}
	staff, err := staffOf(people, w)
	if err != nil || staff.outcome != "" {
		return connectors.Resume{Outcome: staff.outcome, Detail: staff.why}, err
	}
	open, err := people.OpenConversations(w.Business.ID)
	if err != nil {
		return connectors.Resume{}, err
	}
	if own != "" {
		// All that this person says is one agent's: nobody else is given it.
		a, err := people.Agent(w.Business.ID, own)
		switch {
		case errors.Is(err, contacts.ErrNotFound), err == nil && !a.Free(open[own]):
			return connectors.Resume{Outcome: connectors.OutcomeNobody, AgentID: own, Detail: "the agent of this contact is not available"}, nil
		case err != nil:
			return connectors.Resume{}, err
		}
		staff.auto, staff.agents = true, []*contacts.Agent{a}
	}
	free := slices.DeleteFunc(staff.agents, func(a *contacts.Agent) bool { return !a.Free(open[a.ID]) })
	switch {
	case len(free) == 0:
		return connectors.Resume{Outcome: connectors.OutcomeNobody, Detail: "all are away or busy"}, nil
	case !staff.auto:
		return connectors.Resume{Outcome: connectors.OutcomeQueued, Detail: "unassigned"}, nil
	}
	// Two nodes may have read the same agent: the one that writes first wins.
	next := free[0]
	next.AssignedAt = time.Now().UTC().Truncate(time.Microsecond)
	if err := people.PutAgent(next); err != nil {
		return connectors.Resume{}, err
	}
	ok, err := people.AssignDesk(w.Conversation, next.ID)
	if err != nil || !ok { // somebody has it by now
		return connectors.Resume{Outcome: connectors.OutcomeQueued}, err
	}
	return assigned(next.ID), nil
}

// dealAtOnce bounds what is dealt out at once; the rest waits for the next
// occasion, or to be taken.
const dealAtOnce = 100

// deal gives conversations that wait in the queues of teams that assign to agents
// who may have one more. That a team has nobody now says nothing of the others.
func (g *Gateway) deal(ctx context.Context, b *Business) {
	waiting, err := sqlstore.New(g.DB.Read(ctx)).Waiting(b.ID, dealAtOnce)
	none := map[string]bool{}
	for _, row := range waiting {
		ch := b.Channels[row.Channel]
		if err != nil || ch == nil || row.Team == "" || none[row.Team] {
			continue
		}
		var r connectors.Resume
		if r, err = g.meet(ctx, wanted{Business: b, Conversation: row.ID, Team: row.Team}); r.AgentID == "" {
			none[row.Team] = true
		}
		if r.AgentID == "" || r.Outcome != connectors.OutcomeQueued {
			continue
		}
		var e *inbox.Event
		ev := &connectors.Event{Kind: connectors.KindAct, ExternalID: row.ExternalID, Act: &connectors.Act{Do: connectors.ActAssign, AgentID: r.AgentID}}
		if e, err = g.row(ch, &connectors.Request{At: time.Now().UTC()}, &connectors.Item{Event: *ev}); err == nil {
			_, err = g.put(ctx, []*inbox.Event{e})
		}
	}
	if err != nil {
		g.Log.Warn("what waits was not dealt out", "business", b.ID, "error", err)
	}
}

func assigned(agent string) connectors.Resume {
	return connectors.Resume{Outcome: connectors.OutcomeQueued, AgentID: agent, Detail: "assigned to " + agent}
}

// staff is who may be given a conversation.
type staff struct {
	outcome, why string            // why nobody may; empty: somebody may
	agents       []*contacts.Agent // who has waited for longest first
	auto         bool              // it is given without being asked for
}

func staffOf(people *sqlstore.Store, w wanted) (staff, error) {
	b := w.Business
	switch {
	case w.Team != "":
		teams, err := people.Teams(b.ID)
		if err != nil {
			return staff{}, err
		}
		return teamStaff(people, b, teamOf(teams, w.Team), w.Team)
	case !b.open(nil):
		return staff{outcome: connectors.OutcomeClosed, why: "by the hours of the business"}, nil
	}
	all, err := people.Agents(b.ID)
	if err != nil {
		return staff{}, err
	}
	if w.Agent != "" {
		id, err := agentNamed(people, b, w.Agent)
		if err != nil && !errors.Is(err, contacts.ErrNotFound) {
			return staff{}, err
		}
		all = slices.DeleteFunc(all, func(a *contacts.Agent) bool { return a.ID != id })
	}
	if len(all) == 0 {
		return staff{outcome: connectors.OutcomeNobody, why: "there is no such agent"}, nil
	}
	return staff{agents: all, auto: w.Agent != ""}, nil
}

func teamStaff(people *sqlstore.Store, b *Business, t *contacts.Team, name string) (staff, error) {
	switch {
	case t == nil:
		return staff{outcome: connectors.OutcomeNobody, why: fmt.Sprintf("there is no team %q", name)}, nil
	case !t.Enabled:
		return staff{outcome: connectors.OutcomeDisabled, why: "team " + t.ID + " is switched off"}, nil
	case !b.open(t.Hours):
		return staff{outcome: connectors.OutcomeClosed, why: "by the hours of team " + t.ID}, nil
	}
	members, err := people.MembersOf(b.ID, t.ID)
	if err == nil && len(members) == 0 {
		return staff{outcome: connectors.OutcomeNobody, why: "team " + t.ID + " has no agents"}, nil
	}
	return staff{agents: members, auto: t.AutoAssign}, err
}

// teamOf finds a team by its id, else by its name.
func teamOf(all []*contacts.Team, name string) *contacts.Team {
	if i := slices.IndexFunc(all, func(t *contacts.Team) bool { return t.ID == name }); i >= 0 {
		return all[i]
	}
	if i := slices.IndexFunc(all, func(t *contacts.Team) bool { return strings.EqualFold(t.Name, name) }); i >= 0 {
		return all[i]
	}
	return nil
}

// open says whether people are there now, by hours of their own or else by the
// business's.
func (b *Business) open(own map[string]string) bool {
	week := hours.Week(own)
	if len(week) == 0 {
		week = b.Hours
	}
	now := time.Now()
	if b.Timezone != nil {
		now = now.In(b.Timezone)
	}
	return week.Open(now)
}

// assigneeOf is the agent whose all conversations of this person are; empty:
// nobody's.
func (g *Gateway) assigneeOf(ctx context.Context, w wanted) (string, error) {
	people := sqlstore.New(g.DB.Read(ctx))
	conv, guest, err := g.Conversation(ctx, w.Business, w.Conversation)
	var id string
	switch {
	case err == nil && guest == nil:
		var c *contacts.Contact
		if c, err = people.Contact(w.Business.ID, conv.ContactID); err == nil {
			id = c.AssigneeID
		}
	case err == nil && conv.State.Assignee != nil: // by its flow
		id, err = agentNamed(people, w.Business, *conv.State.Assignee)
	}
	if errors.Is(err, contacts.ErrNotFound) {
		return "", nil
	}
	return id, err
}
