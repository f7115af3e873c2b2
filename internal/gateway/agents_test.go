package gateway

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
)

func ptr[T any](v T) *T { return &v }

// agent makes one.
func (w *world) agent(name string, set ...func(*AgentPatch)) *contacts.Agent {
	w.t.Helper()
	p := AgentPatch{Name: &name}
	for _, s := range set {
		s(&p)
	}
	a, err := w.g.CreateAgent(w.t.Context(), w.b, p)
	require.NoError(w.t, err)
	return a
}

// takenBy requires that an address is refused, and says whose it is.
func takenBy(t *testing.T, err error, kind string) string {
	t.Helper()
	var taken *sqlstore.TakenError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, kind, taken.Address.Kind)
	require.NotNil(t, taken.Holder)
	return taken.Holder.Kind + " " + taken.Holder.ID
}

// 002-24, 002-25, 002-26, 002-28: a phone and an e-mail are one person's among
// contacts and agents, however they are written.
func TestAddressesOfAgentsAndContacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		bob := w.agent("Bob", func(p *AgentPatch) { p.Phone, p.Email = ptr("07700 900001"), ptr("Bob@Acme.example") })
		require.Equal(t, "+447700900001", bob.Phone)
		_, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"name": "Eve", "phone": "+44 7700 900001"}})
		require.Equal(t, "agent "+bob.ID, takenBy(t, err, "phone"))
		_, err = w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"name": "Eve", "email": "bob@acme.EXAMPLE"}})
		require.Equal(t, "agent "+bob.ID, takenBy(t, err, "email"))
		require.Empty(t, w.people(), "nothing is written")

		ada, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"name": "Ada", "phone": "+447700900002", "email": "ada@example.com"}})
		require.NoError(t, err)
		_, err = w.g.CreateAgent(t.Context(), w.b, AgentPatch{Name: ptr("Ann"), Phone: ptr("07700900002")})
		require.Equal(t, "contact "+ada.ID, takenBy(t, err, "phone"))
		_, err = w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Email: ptr("ADA@example.com"), Phone: ptr("")})
		require.Equal(t, "contact "+ada.ID, takenBy(t, err, "email"))
		_, err = w.g.PatchContact(t.Context(), w.b, ada.ID, Patch{Values: map[string]any{"phone": "07700900001"}})
		require.Equal(t, "agent "+bob.ID, takenBy(t, err, "phone"), "the patch above changed nothing")

		bob, err = w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Phone: ptr("07700900003"), Availability: ptr("away")})
		require.NoError(t, err)
		_, err = w.g.PatchContact(t.Context(), w.b, ada.ID, Patch{Values: map[string]any{"phone": "07700900001"}})
		require.NoError(t, err, "given up")
		require.NoError(t, w.g.DeleteAgent(t.Context(), w.b, bob.ID))
		w.agent("Ann", func(p *AgentPatch) { p.Phone, p.Email = ptr("07700900003"), ptr("bob@acme.example") })
	})
}

// a visitor who gives an agent's address goes on; it is kept unsaved.
func TestAddressOfAnAgentIsGiven(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.agent("Bob", func(p *AgentPatch) { p.Email = ptr("bob@acme.example") })
		w.say("web/site", "v", "Hello", "3", "bob@acme.example", "Bob", "07700900009")
		require.Equal(t, "> Thank you!", w.transcript("web/site", "v")[len(w.transcript("web/site", "v"))-1])
		c := w.onlyContact()
		require.Nil(t, c.Values["email"])
		require.Equal(t, "+447700900009", c.Values["phone"])
		conv, _ := w.conv("web/site", "v")
		require.Equal(t, "bob@acme.example", conv.State.Unsaved["email"])
	})
}

// Uniqueness is the database's: an agent and contacts race for one number.
func TestRaceOfAgentsAndContacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		var won atomic.Int64
		var all sync.WaitGroup
		for i := range 10 {
			try := func(do func() error) {
				all.Go(func() {
					var taken *sqlstore.TakenError
					if err := do(); err == nil {
						won.Add(1)
					} else if !errors.As(err, &taken) {
						t.Error(err)
					}
				})
			}
			try(func() error {
				_, err := w.g.CreateAgent(t.Context(), w.b, AgentPatch{Name: ptr(fmt.Sprint("Agent ", i)), Phone: ptr("07700900001")})
				return err
			})
			try(func() error {
				_, err := w.g.CreateContact(t.Context(), w.b, Draft{Values: map[string]any{"name": "Eve", "phone": "07700900001"}})
				return err
			})
		}
		all.Wait()
		require.EqualValues(t, 1, won.Load())
		agents, _, err := w.g.Agents(t.Context(), w.b)
		require.NoError(t, err)
		require.Len(t, append(make([]any, len(agents)), make([]any, len(w.people()))...), 1)
	})
}

func TestAgentsAndTeamsAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	faults := func(err error) (fields []string) {
		t.Helper()
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok {
			joined, ok = errors.Join(err).(interface{ Unwrap() []error })
		}
		require.True(t, ok, "%v", err)
		for _, one := range joined.Unwrap() {
			var f *connectors.FieldError
			require.ErrorAs(t, one, &f)
			fields = append(fields, f.Field)
		}
		return fields
	}
	_, err := w.g.CreateAgent(t.Context(), w.b, AgentPatch{Name: ptr(" "), Email: ptr("x"), Phone: ptr("12"), Role: ptr("boss"),
		Availability: ptr("asleep"), MaxConversations: ptr(-1)})
	require.Equal(t, []string{"name", "email", "phone", "role", "availability", "max_conversations"}, faults(err))
	bob := w.agent("Bob")
	_, err = w.g.CreateTeam(t.Context(), w.b, TeamPatch{Name: ptr("Sales"), Members: &[]string{bob.ID, "agt_none"},
		Hours: &map[string]string{"mon": "9-5", "fun": "closed"}})
	require.Equal(t, []string{"hours", "hours", "members"}, faults(err))
	for _, id := range []string{"", "-", "a b", "É", "Sales"} {
		_, err = w.g.CreateTeam(t.Context(), w.b, TeamPatch{ID: &id, Name: ptr("Sales")})
		require.Equal(t, []string{"id"}, faults(err))
	}
	sales, err := w.g.CreateTeam(t.Context(), w.b, TeamPatch{Name: ptr("Sales & more"), Members: &[]string{bob.ID, bob.ID}})
	require.NoError(t, err)
	require.Equal(t, "sales---more", sales.ID)
	require.Equal(t, []string{bob.ID}, sales.Members)
	require.True(t, sales.Enabled)
	_, err = w.g.CreateTeam(t.Context(), w.b, TeamPatch{ID: ptr("sales---more")})
	require.ErrorIs(t, err, sqlstore.ErrTaken)
	_, err = w.g.PatchTeam(t.Context(), w.b, sales.ID, TeamPatch{Enabled: ptr(false), IfVersion: 9})
	require.ErrorIs(t, err, ErrPrecondition)
	_, err = w.g.PatchAgent(t.Context(), w.b, bob.ID, AgentPatch{Name: ptr("B"), IfVersion: 9})
	require.ErrorIs(t, err, ErrPrecondition)
}
