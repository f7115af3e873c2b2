package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/crm"
	"usher/flows"
	"usher/internal/outbound"
	"usher/internal/outbox"
)

// when is a condition of the destination.
func when(source string) option {
	return func(w *world) {
		c, err := flows.ParseCondition(source, w.b.Fields)
		require.NoError(w.t, err)
		w.b.Destinations[0].When = c
	}
}

// stateOf is what the contact says of the destination.
func (w *world) stateOf(contactID string) map[string]any {
	w.t.Helper()
	states, err := w.g.DeliveryStates(w.t.Context(), w.b, contactID)
	require.NoError(w.t, err)
	require.Len(w.t, states, 1)
	return states[0]
}

// settled waits until nothing is due to the destination.
func (w *world) settled() {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.deliveries(DeliveryQuery{State: "pending"})) == 0 }, soon, look)
}

func TestLeadOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		w.say("web/site", "v1", "Hi", "20", "ada@example.com")
		lead := w.pushed(1)[0]
		c := w.onlyContact()
		require.Equal(t, crm.LeadCreated, lead.Kind)
		require.Equal(t, c.ID, lead.LeadKey)
		require.True(t, lead.First)
		require.Equal(t, 20.0, lead.Contact["fields"].(map[string]any)["company_size"])
		require.Contains(t, lead.Transcript, "Visitor: 20\n")
		var doc struct {
			Type string
			Data struct {
				LeadKey      string `json:"lead_key"`
				Changed      []string
				Conversation struct{ Channel, Flow string }
			}
		}
		require.NoError(t, json.Unmarshal(lead.Document, &doc))
		require.Equal(t, "lead.created", doc.Type)
		require.Equal(t, "web/site", doc.Data.Conversation.Channel)
		require.Equal(t, "enquiry", doc.Data.Conversation.Flow)

		// Later changes are updates of the same record.
		w.say("web/site", "v1", "Ada Lovelace", "07700 900123")
		require.Eventually(t, func() bool { return len(w.crm.got()) >= 2 }, soon, look)
		w.settled()
		for _, p := range w.crm.got()[1:] {
			require.Equal(t, crm.ContactUpdated, p.Kind)
			require.Equal(t, "r-"+c.ID, p.RemoteID)
			require.Equal(t, c.ID, p.LeadKey)
			require.NotEqual(t, lead.ID, p.ID)
		}
		latest := w.crm.got()[len(w.crm.got())-1]
		require.Equal(t, "+447700900123", latest.Contact["phone"])
		require.Equal(t, "delivered", w.stateOf(c.ID)["state"])
		require.Equal(t, "r-"+c.ID, w.stateOf(c.ID)["remote_id"])

		// Archived and back is no new lead.
		require.NoError(t, w.g.ArchiveContact(t.Context(), w.b, c.ID, ""))
		_, err := w.g.RestoreContact(t.Context(), w.b, c.ID, "")
		require.NoError(t, err)
		w.patch(c.ID, map[string]any{"email": "new@example.com"})
		require.Eventually(t, func() bool { return lastPush(w.crm.got()).Contact["email"] == "new@example.com" }, soon, look)
		n := 0
		for _, kind := range w.crm.kinds(c.ID) {
			if kind == crm.LeadCreated {
				n++
			}
		}
		require.Equal(t, 1, n)
	})
}

func lastPush(pushes []crm.Push) crm.Push { return pushes[len(pushes)-1] }

// TestUpdatesJoin: changes that come together are one push, with the latest.
func TestUpdatesJoin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
		w.pushed(1)
		began := time.Now()
		for i := range 10 {
			w.patch(c.ID, map[string]any{"plan": fmt.Sprint("plan ", i), "company_size": i})
		}
		w.patch(c.ID, map[string]any{"plan": "plan 9"}) // says nothing new
		update := w.pushed(2)[1]
		require.Less(t, time.Since(began), updateWait+3*time.Second)
		w.settled()
		require.Len(t, w.crm.got(), 2)
		fields := update.Contact["fields"].(map[string]any)
		require.Equal(t, "plan 9", fields["plan"])
		var doc struct{ Data struct{ Changed []string } }
		require.NoError(t, json.Unmarshal(update.Document, &doc))
		require.Equal(t, []string{"company_size", "plan"}, doc.Data.Changed)
		for _, d := range w.deliveries(DeliveryQuery{ContactID: c.ID}) {
			require.Equal(t, outbox.Delivered, d.State)
		}
	})
}

// TestWhenTurnsTrue: the lead goes out once the destination wants it, as a lead.
func TestWhenTurnsTrue(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent, when("contact.company_size >= 50"))
	c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace", "company_size": 7})
	require.Equal(t, "not_sent", w.stateOf(c.ID)["state"])
	require.Equal(t, "when_false", w.stateOf(c.ID)["reason"])
	w.patch(c.ID, map[string]any{"plan": "gold"})
	require.Empty(t, w.deliveries(DeliveryQuery{}))
	w.patch(c.ID, map[string]any{"company_size": 70})
	require.Equal(t, crm.LeadCreated, w.pushed(1)[0].Kind)
	// False again: it has the record, so it hears what changes.
	w.patch(c.ID, map[string]any{"company_size": 7})
	require.Equal(t, crm.ContactUpdated, w.pushed(2)[1].Kind)
}

func TestWhyNotSent(t *testing.T) {
	t.Parallel()
	w := build(t, embedded(t), silent)
	w.b.Destinations[0].CreatedAt = time.Now()
	w.start()
	unreachable := w.create(map[string]any{"customer_id": "c-1", "name": "Cus Tomer"})
	require.Equal(t, "not_reachable", w.stateOf(unreachable.ID)["reason"])
	// Reachable later: a lead.
	w.patch(unreachable.ID, map[string]any{"phone": "+447700900123"})
	w.pushed(1)

	w.b.Destinations[0].CreatedAt = time.Now().Add(time.Hour)
	early := w.create(map[string]any{"email": "early@example.com", "name": "Ear Ly"})
	require.Equal(t, "created_later", w.stateOf(early.ID)["reason"])
	w.b.Destinations[0].CreatedAt = time.Now().Add(-time.Hour)

	w.g.states.set(w.b.Destinations[0], "disabled")
	require.Equal(t, "paused", w.stateOf(early.ID)["reason"])
}

func TestFurtherEnquiry(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t))
	w.say("web/site", "v1", "Hi", "20", "ada@example.com", "Ada Lovelace", "07700 900123")
	require.Eventually(t, func() bool { return len(w.crm.got()) > 0 }, soon, look)
	w.settled()
	before := len(w.crm.got())
	c := w.onlyContact()
	w.say("web/site", "v1", "One more thing")
	require.Equal(t, "Thank you!", w.transcriptEnd("web/site", "v1"))
	require.Eventually(t, func() bool { return len(w.crm.got()) > before }, soon, look)
	enquiry := lastPush(w.crm.got())
	require.Equal(t, crm.InquiryCreated, enquiry.Kind)
	require.Equal(t, c.ID, enquiry.LeadKey)
	require.Equal(t, "r-"+c.ID, enquiry.RemoteID)
}

func TestRetries(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		var n atomic.Int32
		w.crm.answer = func(p crm.Push) crm.Receipt {
			switch n.Add(1) {
			case 1:
				return crm.Receipt{Status: 503, Err: &outbound.Error{Status: 503, Text: "not now"}}
			case 2:
				return crm.Receipt{Err: &outbound.Error{Unknown: true, Text: "connection reset"}}
			}
			return crm.Receipt{RemoteID: "r-9", Status: 201}
		}
		w.start()
		c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
		pushes := w.pushed(3)
		require.Equal(t, pushes[0].ID, pushes[2].ID, "the same delivery")
		require.Equal(t, []bool{true, false, false}, []bool{pushes[0].First, pushes[1].First, pushes[2].First})
		w.settled()
		d := w.deliveries(DeliveryQuery{})[0]
		require.Equal(t, outbox.Delivered, d.State)
		require.Equal(t, 3, d.AttemptCount)
		require.Empty(t, d.LastError)
		outcomes := []string{}
		for _, a := range d.Attempts {
			outcomes = append(outcomes, a.Outcome)
		}
		require.Equal(t, []string{"retry", "unknown", "delivered"}, outcomes)
		require.Equal(t, "503 not now", d.Attempts[0].Error)
		require.Equal(t, 503, d.Attempts[0].Status)
		require.Equal(t, "r-9", w.stateOf(c.ID)["remote_id"])
	})
}

func TestRetryAfterReplacesTheWait(t *testing.T) {
	t.Parallel()
	w := build(t, embedded(t), silent)
	w.crm.answer = func(crm.Push) crm.Receipt {
		return crm.Receipt{Status: 429, Err: &outbound.Error{Status: 429, RetryAfter: time.Hour}}
	}
	w.start()
	w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
	require.Eventually(t, func() bool {
		all := w.deliveries(DeliveryQuery{})
		return len(all) == 1 && all[0].AttemptCount == 1
	}, soon, look)
	d := w.deliveries(DeliveryQuery{})[0]
	require.WithinDuration(t, time.Now().Add(time.Hour), d.DueAt, time.Minute)
	require.Equal(t, outbox.Pending, d.State)
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for range 100 {
		for attempt, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 13: time.Hour, 80: time.Hour} {
			got := waitFor(attempt, time.Second, time.Hour, nil)
			require.GreaterOrEqual(t, got, want/2)
			require.LessOrEqual(t, got, want*3/2)
		}
	}
	require.Equal(t, 7*time.Second, waitFor(3, time.Second, time.Hour, &outbound.Error{RetryAfter: 7 * time.Second}))
}

func TestDeadLetterAndReplay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		w.b.Destinations[0].Retry.Attempts = 3
		broken := func(crm.Push) crm.Receipt {
			return crm.Receipt{Status: 500, Err: &outbound.Error{Status: 500, Text: strings.Repeat("x", 3000)}}
		}
		w.crm.answer = broken
		w.start()
		c := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
		dead := func() bool { return len(w.deliveries(DeliveryQuery{State: "dead"})) == 1 }
		require.Eventually(t, dead, soon, look)
		require.Len(t, w.crm.got(), 3)
		d := w.deliveries(DeliveryQuery{State: "dead"})[0]
		require.Equal(t, 3, d.AttemptCount)
		require.Equal(t, "dead", w.stateOf(c.ID)["state"])

		w.crm.answers(func(crm.Push) crm.Receipt {
			return crm.Receipt{Status: 422, Err: &outbound.Error{Class: outbound.Permanent, Status: 422, Text: "no such field"}}
		})
		require.NoError(t, w.g.ReplayDelivery(t.Context(), w.b, d.ID, false))
		w.pushed(4)
		require.Eventually(t, dead, soon, look)
		got, err := w.g.Delivery(t.Context(), w.b, d.ID)
		require.NoError(t, err)
		require.Equal(t, "422 no such field", got.LastError, "permanent: at once")
		require.Equal(t, 1, got.AttemptCount)
		require.Len(t, got.Attempts, 4)

		w.crm.answers(nil)
		require.NoError(t, w.g.ReplayDelivery(t.Context(), w.b, d.ID, false))
		again := w.pushed(5)[4]
		require.Equal(t, d.ID, again.ID)
		require.Equal(t, c.ID, again.LeadKey)
		w.settled()
		require.ErrorIs(t, w.g.ReplayDelivery(t.Context(), w.b, d.ID, false), ErrState)
		require.NoError(t, w.g.ReplayDelivery(t.Context(), w.b, d.ID, true))
		w.pushed(6)
		require.ErrorIs(t, w.g.ReplayDelivery(t.Context(), w.b, "dlv_none", false), outbox.ErrNotFound)
		foreign := &Business{ID: "globex"}
		require.ErrorIs(t, w.g.ReplayDelivery(t.Context(), foreign, d.ID, true), outbox.ErrNotFound)
	})
}

func TestReceiverIsGone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := build(t, be, silent)
		w.crm.answer = func(crm.Push) crm.Receipt {
			return crm.Receipt{Status: http.StatusGone, Err: &outbound.Error{Class: outbound.Disabled, Status: 410, Text: "gone"}}
		}
		w.start()
		first := w.create(map[string]any{"email": "ada@example.com", "name": "Ada Lovelace"})
		paused := func(n int) func() bool {
			return func() bool { return len(w.deliveries(DeliveryQuery{State: "paused"})) == n }
		}
		require.Eventually(t, func() bool { return len(w.deliveries(DeliveryQuery{})[0].Attempts) == 1 }, soon, look)
		d := w.deliveries(DeliveryQuery{})[0]
		require.Equal(t, outbox.Paused, d.State)
		require.Equal(t, "410 gone", d.LastError)
		require.Equal(t, "paused", d.Attempts[0].Outcome)
		stored, err := outbox.PutDestination(t.Context(), w.g.DB, w.b.ID, "crm", "fake")
		require.NoError(t, err)
		require.Equal(t, "disabled", stored.State)
		require.Contains(t, stored.Reason, "410")
		require.Equal(t, "paused", w.stateOf(first.ID)["state"])

		// What comes after waits, too.
		w.create(map[string]any{"email": "bob@example.com", "name": "Bob Bobson"})
		require.Eventually(t, paused(2), soon, look)
		require.Len(t, w.crm.got(), 1, "the receiver is left in peace")

		// Brought back, all of it goes out.
		w.crm.answers(nil)
		require.ErrorIs(t, w.g.EnableDestination(t.Context(), w.b, "none"), contacts.ErrNotFound)
		require.NoError(t, w.g.EnableDestination(t.Context(), w.b, "crm"))
		w.pushed(3)
		w.settled()
		require.Empty(t, w.deliveries(DeliveryQuery{State: "paused"}))
	})
}

// TestSlowReceiverHoldsUpNobody: not the answers to people, nor other leads.
func TestSlowReceiverHoldsUpNobody(t *testing.T) {
	t.Parallel()
	w := build(t, embedded(t), silent)
	hold := make(chan struct{})
	w.b.Destinations[0].Connector = &slow{receiver: w.crm, hold: hold}
	w.start()
	t.Cleanup(func() { close(hold) })
	w.create(map[string]any{"email": "slow@example.com", "name": "Slow One"})
	for i := range 20 {
		w.create(map[string]any{"email": fmt.Sprintf("p%d@example.com", i), "name": "Quick One"})
	}
	w.pushed(20)
	w.say("web/site", "v1", "Hi")
}

// slow is a receiver that does not answer for one person.
type slow struct {
	*receiver
	hold chan struct{}
}

func (s *slow) Push(ctx context.Context, pushes []crm.Push) []crm.Receipt {
	if pushes[0].Contact["email"] == "slow@example.com" {
		select {
		case <-s.hold:
		case <-ctx.Done():
		}
		return []crm.Receipt{{Err: ctx.Err()}}
	}
	return s.receiver.Push(ctx, pushes)
}

// TestLeadOfEveryContact, once, though many come at a time.
func TestLeadOfEveryContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		const many = 150
		for i := range many {
			require.NoError(t, w.post("phone/acme", fromPhone(fmt.Sprintf("+4477009%05d", i), "Ada Lovelace", "Hi")))
		}
		w.idle()
		pushes := w.pushed(many)
		seen := map[string]bool{}
		for _, p := range pushes {
			require.False(t, seen[p.LeadKey])
			seen[p.LeadKey] = true
			require.Equal(t, crm.LeadCreated, p.Kind)
			require.Equal(t, contacts.TypeLead, contacts.Type(p.Contact["type"].(string)))
		}
	})
}
