package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func (p *people) agent(n any) *contacts.Agent {
	return &contacts.Agent{ID: p.id("agt", n), BusinessID: p.business, Name: fmt.Sprint("Agent ", n, " 🦊"), Email: fmt.Sprint(n, "@acme.example"),
		Phone: "+447700900001", Role: contacts.RoleAgent, Availability: contacts.Available, MaxConversations: 3, CreatedAt: at(1)}
}

func (p *people) putAgents(t *testing.T, all ...*contacts.Agent) {
	t.Helper()
	p.write(t, func(s *sqlstore.Store) error {
		for _, a := range all {
			if err := s.PutAgent(a); err != nil {
				return err
			}
		}
		return nil
	})
}

func testAgents(t *testing.T, p *people) {
	bob, ann := p.agent("bob"), p.agent("ann")
	ann.CreatedAt, ann.Role, ann.AssignedAt = at(2), contacts.RoleAdmin, at(9)
	p.putAgents(t, bob, ann)
	require.EqualValues(t, 1, bob.Version)
	got, err := p.read(t).Agent(p.business, bob.ID)
	require.NoError(t, err)
	require.Equal(t, bob, got)
	stale := *bob
	bob.Availability, bob.AssignedAt = contacts.Away, at(7)
	p.putAgents(t, bob)
	require.ErrorIs(t, p.try(t, func(s *sqlstore.Store) error { return s.PutAgent(&stale) }), contacts.ErrConflict)
	again := p.agent("bob")
	require.ErrorIs(t, p.try(t, func(s *sqlstore.Store) error { return s.PutAgent(again) }), contacts.ErrConflict)
	all, err := p.read(t).Agents(p.business)
	require.NoError(t, err)
	require.Equal(t, []*contacts.Agent{bob, ann}, all)
	for _, where := range []struct{ business, id string }{{"another", bob.ID}, {p.business, "agt_é"}, {p.business, ""}} {
		_, err = p.read(t).Agent(where.business, where.id)
		require.ErrorIs(t, err, contacts.ErrNotFound)
	}
	drop := func(business string) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.DeleteAgent(business, bob.ID) })
	}
	require.ErrorIs(t, drop("another"), contacts.ErrNotFound)
	require.NoError(t, drop(p.business))
	require.ErrorIs(t, drop(p.business), contacts.ErrNotFound)
}

func testAgentRace(t *testing.T, p *people) {
	p.putAgents(t, p.agent(1))
	read, err := p.read(t).Agent(p.business, p.id("agt", 1))
	require.NoError(t, err)
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			a := *read
			a.AssignedAt = at(5)
			if err := p.try(t, func(s *sqlstore.Store) error { return s.PutAgent(&a) }); err == nil {
				won.Add(1)
			} else if !errors.Is(err, contacts.ErrConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load(), "who reads the same agent gives it one conversation")
}

func testTeams(t *testing.T, p *people) {
	ann, bob, cy := p.agent("ann"), p.agent("bob"), p.agent("cy")
	ann.AssignedAt, cy.AssignedAt, bob.CreatedAt = at(5), at(4), at(2)
	p.putAgents(t, ann, bob, cy)
	sales := &contacts.Team{ID: "sales", BusinessID: p.business, Name: "Sales 🦊", Members: []string{ann.ID, bob.ID, cy.ID}, Enabled: true,
		Hours: map[string]string{"mon-fri": "09:00-17:30"}, CreatedAt: at(1)}
	put := func(team contacts.Team) error {
		return p.try(t, func(s *sqlstore.Store) error { return s.PutTeam(&team) })
	}
	require.NoError(t, put(*sales))
	require.ErrorIs(t, put(*sales), sqlstore.ErrTaken)
	other := *sales
	other.BusinessID, other.Members = p.business+"2", nil
	require.NoError(t, put(other))
	sales.Version = 1
	got, err := p.read(t).Team(p.business, "sales")
	require.NoError(t, err)
	require.Equal(t, sales, got)

	order := func() (names string) {
		members, err := p.read(t).MembersOf(p.business, "sales")
		require.NoError(t, err)
		for _, a := range members {
			names += strings.TrimPrefix(a.ID, p.id("agt", "")) + " "
		}
		return names
	}
	require.Equal(t, "bob cy ann ", order(), "who waits longest is first")
	bob.AssignedAt = at(6)
	p.putAgents(t, bob)
	require.Equal(t, "cy ann bob ", order())

	sales.Members, sales.AutoAssign, sales.Enabled, sales.Hours = []string{ann.ID, ann.ID}, true, false, nil
	require.NoError(t, put(*sales))
	require.ErrorIs(t, put(*sales), contacts.ErrConflict)
	require.Equal(t, "ann ", order())
	p.write(t, func(s *sqlstore.Store) error { return s.DeleteAgent(p.business, ann.ID) })
	all, err := p.read(t).Teams(p.business)
	require.NoError(t, err)
	sales.Version, sales.Members = 2, []string{}
	require.Equal(t, []*contacts.Team{sales}, all)
	p.write(t, func(s *sqlstore.Store) error { return s.DeleteTeam(p.business, "sales") })
	require.ErrorIs(t, p.try(t, func(s *sqlstore.Store) error { return s.DeleteTeam(p.business, "sales") }), contacts.ErrNotFound)
	_, err = p.read(t).Team(p.business+"2", "sales")
	require.NoError(t, err, "the other business's stays")
}

func (p *people) handed(n any, minute int) sqlstore.DeskRow {
	return sqlstore.DeskRow{ID: p.id("cnv", n), Business: p.business, Channel: "webchat/site", ExternalID: fmt.Sprint("visitor ", n),
		Handling: contacts.Queued, Desk: contacts.Desk{Team: "sales", Since: at(1)}, UpdatedAt: at(minute)}
}

func testDesk(t *testing.T, p *people) {
	one, two := p.handed(1, 1), p.handed(2, 2)
	put := func(rows ...sqlstore.DeskRow) {
		p.write(t, func(s *sqlstore.Store) error { return s.PutDesk(rows) })
	}
	put(one, two)
	one.Handling, one.AssigneeID, one.ContactID, one.ExpiresAt = contacts.ByAgent, "agt_"+p.business, p.id("con", 1), at(500)
	put(two, one)
	got, err := p.read(t).DeskOf(p.business, one.ID)
	require.NoError(t, err)
	require.Equal(t, one, got)
	assign := func(agent string) (won bool) {
		p.write(t, func(s *sqlstore.Store) (err error) {
			won, err = s.AssignDesk(two.ID, agent)
			return err
		})
		return won
	}
	waiting, err := p.read(t).Waiting(p.business, 10)
	require.NoError(t, err)
	require.Equal(t, []sqlstore.DeskRow{two}, waiting)
	require.True(t, assign("agt_2"))
	require.False(t, assign("agt_3"), "it is somebody's")
	open, err := p.read(t).OpenConversations(p.business)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"agt_" + p.business: 1, "agt_2": 1}, open)
	_, err = p.read(t).DeskOf("another", one.ID)
	require.ErrorIs(t, err, contacts.ErrNotFound)

	var swept int64
	sweep := func(now time.Time) {
		p.write(t, func(s *sqlstore.Store) (err error) {
			swept, err = s.SweepDesk(now, 10_000)
			return err
		})
	}
	sweep(at(499))
	_, err = p.read(t).DeskOf(p.business, one.ID)
	require.NoError(t, err)
	sweep(at(501))
	require.Positive(t, swept)
	_, err = p.read(t).DeskOf(p.business, one.ID)
	require.ErrorIs(t, err, contacts.ErrNotFound)
	p.write(t, func(s *sqlstore.Store) error { return s.DropDesk([]string{two.ID, "cnv_nobody", "é"}) })
	_, err = p.read(t).DeskOf(p.business, two.ID)
	require.ErrorIs(t, err, contacts.ErrNotFound)
}

// testDeskList: the conversations of contacts and, among them, those of guests
// that people are to answer.
func testDeskList(t *testing.T, p *people) {
	p.crowd(t)
	var all []*contacts.Conversation
	var rows []sqlstore.DeskRow
	for i := range 6 {
		c := p.conversation(i)
		c.ContactID, c.UpdatedAt = p.id("con", []string{"ada", "bob"}[i%2]), at(2*i) // Ada is assigned to agt_1
		if i >= 4 {
			c.Handling = contacts.ByAgent
			row := p.handed(i, 2*i)
			row.ContactID, row.Handling, row.AssigneeID = c.ContactID, c.Handling, "agt_2"
			rows = append(rows, row)
		}
		all = append(all, c)
	}
	for i := range 4 { // guests, between the others
		row := p.handed(fmt.Sprint("g", i), 2*i+1)
		if i == 3 {
			row.Handling, row.AssigneeID, row.Channel = contacts.ByAgent, "agt_2", "whatsapp/acme"
		}
		rows = append(rows, row)
	}
	p.write(t, func(s *sqlstore.Store) error {
		return errors.Join(s.PutConversations(all), s.PutDesk(rows))
	})
	list := func(f sqlstore.ConversationFilter, limit int) (said string) {
		page := sqlstore.Page{Limit: limit, Count: true}
		n := 0
		for {
			list, next, total, err := p.read(t).ListConversations(p.business, f, page)
			require.NoError(t, err)
			for _, c := range list {
				said += strings.TrimPrefix(c.ExternalID, "visitor ") + " "
			}
			n += len(list)
			if page.Cursor = next; next == "" {
				require.Equal(t, total, n)
				return said
			}
			require.Len(t, list, limit)
		}
	}
	for _, limit := range []int{1, 2, 3, 7, 50} {
		require.Equal(t, "5 4 g3 3 g2 2 g1 1 g0 0 ", list(sqlstore.ConversationFilter{}, limit))
		require.Equal(t, "g2 g1 g0 ", list(sqlstore.ConversationFilter{Handling: contacts.Queued}, limit))
		require.Equal(t, "5 4 g3 ", list(sqlstore.ConversationFilter{Handling: contacts.ByAgent}, limit))
		require.Equal(t, "3 2 1 0 ", list(sqlstore.ConversationFilter{Handling: contacts.ByFlow}, limit))
		require.Equal(t, "5 4 g3 ", list(sqlstore.ConversationFilter{AssigneeID: "agt_2"}, limit))
		require.Equal(t, "2 0 ", list(sqlstore.ConversationFilter{AssigneeID: "agt_1"}, limit), "of the contact, unless somebody has the conversation")
		require.Equal(t, "g3 ", list(sqlstore.ConversationFilter{Channel: "whatsapp/acme"}, limit))
		require.Equal(t, "4 2 0 ", list(sqlstore.ConversationFilter{ContactID: p.id("con", "ada")}, limit))
	}
	got, _, _, err := p.read(t).ListConversations(p.business, sqlstore.ConversationFilter{Channel: "whatsapp/acme"}, sqlstore.Page{})
	require.NoError(t, err)
	require.Equal(t, "agt_2", got[0].State.Desk.AssigneeID)
	require.Empty(t, got[0].ContactID)
}
