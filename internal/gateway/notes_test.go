package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts/sqlstore"
)

// TestFlowNotes: 001-35, a flow's notes come with the guest to the contact, and
// so does whose it is to be.
func TestFlowNotes(t *testing.T) {
	t.Parallel()
	const noting = `
id: noting
name: Noting
steps:
  - set: {note: "Wrote {{ event.text }}", assignee: bob@acme.example}
  - {id: mail, ask: "Your e-mail?", save: email}
  - set: {note: ["Has {{ contact.email }}", "and more"]}
  - {id: size, ask: "How many?", save: company_size}
  - set: {note: "{{ contact.company_size }} people", assignee: agt_nobody}
`
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, withFlow(noting))
		name, mail := "Bob", "bob@acme.example"
		bob, err := w.g.CreateAgent(t.Context(), w.b, AgentPatch{Name: &name, Email: &mail})
		require.NoError(t, err)
		w.say("web/site", "v1", "hi", "ada@example.com", "20")
		c := w.onlyContact()
		require.Equal(t, bob.ID, c.AssigneeID)
		notes, _, _, err := sqlstore.New(w.g.DB.Read(t.Context())).Notes(c.ID, sqlstore.Page{})
		require.NoError(t, err)
		var all []string
		for _, n := range notes {
			require.Equal(t, "flow:noting", n.Author)
			all = append(all, n.Text)
		}
		require.ElementsMatch(t, []string{"Wrote hi", "Has ada@example.com", "and more", "20 people"}, all)
		require.Nil(t, must(w.conv("web/site", "v1")).State.Notes)
		for _, line := range w.transcript("web/site", "v1") {
			require.NotContains(t, line, "Wrote", "never said")
		}
	})
}
