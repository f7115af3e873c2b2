package gateway

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/crm"
	"usher/flows"
	"usher/internal/outbox"
)

// hears makes the destination ask for these kinds.
func hears(kinds ...crm.Kind) option {
	return func(w *world) {
		for _, k := range kinds {
			w.b.Destinations[0].Send[k] = true
		}
	}
}

// told are the notices that the receiver got for a contact, in order: the kind and
// what it says besides.
func (w *world) told(contactID string) []string {
	w.t.Helper()
	told := []string{}
	for _, p := range w.crm.got() {
		if p.LeadKey != contactID || p.Kind == crm.LeadCreated || p.Kind == crm.ContactUpdated {
			continue
		}
		var doc struct {
			Type crm.Kind
			Data map[string]any
		}
		require.NoError(w.t, json.Unmarshal(p.Document, &doc))
		require.Equal(w.t, p.Kind, doc.Type)
		switch p.Kind {
		case crm.StatusChanged:
			require.Contains(w.t, doc.Data, "old")
			require.Equal(w.t, []any{"status"}, doc.Data["changed"])
			told = append(told, fmt.Sprint("status ", doc.Data["old"], " ", doc.Data["new"]))
		default:
			told = append(told, fmt.Sprint(p.Kind, " ", doc.Data["flow"], " ", doc.Data["reason"]))
		}
	}
	return told
}

// tells waits until a contact's notices are these, and no more of them wait.
func (w *world) tells(contactID string, want ...string) {
	w.t.Helper()
	settled := func() bool {
		for _, d := range w.deliveries(DeliveryQuery{ContactID: contactID}) {
			if d.State == outbox.Pending {
				return false
			}
		}
		return true
	}
	require.Eventually(w.t, settled, soon, look)
	require.Equal(w.t, append([]string{}, want...), w.told(contactID))
}

// TestStatusChanges: 003-20 (a flow sets the status), 003-21 (a person does, and
// the history tells), 003-22 (each change is told once, with old and new; what is
// set again is none).
func TestStatusChanges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, hears(crm.StatusChanged), withFlow(`
id: status
steps:
  - {id: q, ask: "Which?"}
  - {set: {status: marketing_qualified}, when: vars.q == "a"}
  - {set: {status: none}, when: vars.q == "b"}
  - {set: {status: qualified}}
  - {set: {status: disqualified}, when: vars.q == "c"}
  - {go: q}
`))
		say := func(text string) {
			require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", text)))
			w.idle()
		}
		say("Hi")
		c := w.onlyContact()
		require.Empty(t, c.Status)
		say("a")
		require.Equal(t, "qualified", w.contact(c.ID).Status)
		say("a")
		say("b")
		say("c")
		w.tells(c.ID, "status <nil> qualified", "status qualified disqualified")

		set := func(status string) {
			_, err := w.g.PatchContact(t.Context(), w.b, c.ID, Patch{Via: "manual", Status: &status})
			require.NoError(t, err)
		}
		set("sales_qualified")
		set("sales_qualified")
		set("")
		w.tells(c.ID, "status <nil> qualified", "status qualified disqualified", "status disqualified sales_qualified", "status sales_qualified <nil>")

		changes, _, _, err := sqlstore.New(w.g.DB.Read(t.Context())).History(c.ID, sqlstore.Page{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []any{"status", "sales_qualified", "manual"}, []any{changes[0].Field, changes[0].Old, changes[0].Source.Via})

		made, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Status: "qualified", Values: map[string]any{"email": "eve@example.com"}})
		require.NoError(t, err)
		w.tells(made.ID, "status <nil> qualified")
	})
}

// A guest's status is told once the guest has become a contact.
func TestGuestsStatusIsToldLater(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), hears(crm.StatusChanged), withFlow(`
id: status
steps:
  - {set: {status: qualified}}
  - {id: mail, ask: "E-mail?", save: email}
  - {id: more, ask: "More?"}
`))
	w.say("web/site", "v", "Hi", "ada@example.com", "no")
	c := w.onlyContact()
	w.tells(c.ID, "status <nil> qualified")
	require.Equal(t, crm.LeadCreated, w.crm.got()[0].Kind, "the lead first")
}

// TestRunsAreTold: B-003-14: a run that begins is told, and one that is closed:
// at its end, or by another flow.
func TestRunsAreTold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, hears(crm.ConversationStarted, crm.ConversationClosed), withFlows(
			"id: b2\nstart: {keywords: [menu]}\nsteps: [{say: Bye}]\n", oneStep("b1", "{}")))
		for _, text := range []string{"Hi", "menu", "Hi again"} {
			require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", text)))
			w.idle()
		}
		w.tells(w.onlyContact().ID, "conversation.started b1 <nil>", "conversation.closed b1 replaced", "conversation.started b2 <nil>",
			"conversation.closed b2 ended", "conversation.started b1 <nil>")
		require.NoError(t, w.post("web/site", connectors.Event{Kind: connectors.KindStarted, ExternalID: "v"}))
		w.idle()
		require.Len(t, w.told(w.onlyContact().ID), 5, "strangers leave no trace")
	})
}

// Who does not ask, or would not want the contact, hears nothing.
func TestNoticesAreAskedFor(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	c, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Status: "qualified", Values: map[string]any{"email": "eve@example.com"}})
	require.NoError(t, err)
	w.tells(c.ID)
	picky := setup(t, embedded(t), silent, hears(crm.StatusChanged), func(w *world) {
		var err error
		w.b.Destinations[0].When, err = flows.ParseCondition(`contact.status == "sales_qualified"`, w.b.Fields)
		require.NoError(t, err)
	})
	c, err = picky.g.CreateContact(t.Context(), picky.b, Draft{Via: "api", Status: "qualified", Values: map[string]any{"email": "eve@example.com"}})
	require.NoError(t, err)
	customer, err := picky.g.CreateContact(t.Context(), picky.b, Draft{Via: "api", Status: "sales_qualified", Values: map[string]any{"customer_id": "c-1"}})
	require.NoError(t, err)
	for _, status := range []string{"sales_qualified", "disqualified"} {
		_, err = picky.g.PatchContact(t.Context(), picky.b, c.ID, Patch{Via: "api", Status: &status})
		require.NoError(t, err)
	}
	picky.tells(c.ID, "status qualified sales_qualified", "status sales_qualified disqualified")
	picky.tells(customer.ID)
}

// What agents do with a contact's conversation is told: that it comes to them,
// and that they close it, whether a run waited or not.
func TestTheDeskIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), hears(crm.ConversationHandover, crm.ConversationClosed), supportFlow("1m"))
	bob := w.agent("Bob")
	w.team(TeamPatch{}, bob)
	require.NoError(t, w.post("phone/acme", fromPhone("+447700900123", "Ada", "Help")))
	w.idle()
	k := &talk{w, "phone/acme", "447700900123"}
	k.becomes(contacts.Queued, "")
	require.NoError(t, k.do(connectors.ActTake, bob.ID))
	require.NoError(t, k.do(connectors.ActClose, bob.ID))
	require.NoError(t, k.do(connectors.ActReopen, bob.ID))
	require.NoError(t, k.do(connectors.ActClose, bob.ID))
	w.tells(w.onlyContact().ID, "conversation.handover <nil> <nil>", "conversation.closed support closed",
		"conversation.handover <nil> <nil>", "conversation.closed <nil> closed")
}
