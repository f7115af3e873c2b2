package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"usher/contacts"
	"usher/crm"
	"usher/internal/outbox"
)

// notice is something that happened to a contact, for the destinations that ask
// to hear of it. What it says besides the contact is in detail.
type notice struct {
	kind   crm.Kind
	detail map[string]any
}

// Why a run is closed.
const (
	runEnded    = "ended"    // it reached its end
	runReplaced = "replaced" // another flow began
	runTaken    = "taken"    // an agent came, for whom it did not ask
	runClosed   = "closed"   // an agent closed the conversation
)

func startedRun(flow string) notice {
	return notice{crm.ConversationStarted, map[string]any{"flow": flow}}
}

func closedRun(flow, reason string) notice {
	return notice{crm.ConversationClosed, map[string]any{"flow": orNull(flow), "reason": reason}}
}

// deskNotice tells of a conversation that agents answer now; nothing if they did
// before.
func (t *turn) deskNotice() []notice {
	if t.wasAtDesk || !atDesk(t.conv) || t.conv.State.Desk == nil {
		return nil
	}
	desk := t.conv.State.Desk
	return []notice{{crm.ConversationHandover, map[string]any{"team": orNull(desk.Team), "assignee_id": orNull(desk.AssigneeID)}}}
}

// orNull is a text in a document, null if it is empty.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// statusNotice tells of a status that is another now; nothing if it is not.
func statusNotice(old, new string) []notice {
	if old == new {
		return nil
	}
	return []notice{{crm.StatusChanged, map[string]any{"old": orNull(old), "new": orNull(new)}}}
}

// noticesFor makes deliveries of what happened to a contact, in that order, each
// behind the leads and updates of the same cause.
func noticesFor(b *Business, c *contacts.Contact, happened []notice, conversation, cause string, now time.Time) ([]outbox.Delivery, error) {
	var due []outbox.Delivery
	for i, n := range happened {
		detail, err := json.Marshal(n.detail)
		if err != nil {
			return nil, fmt.Errorf("notice %s: %w", n.kind, err)
		}
		for _, d := range b.Destinations {
			if !d.Send[n.kind] || !d.hears(c) {
				continue
			}
			told := delivery(d, c, n.kind, changedBy(n.kind), conversation, fmt.Sprintf("%s/%d", cause, i), now)
			told.CreatedAt, told.Detail = now.Add(time.Duration(i+1)*time.Microsecond), detail
			due = append(due, told)
		}
	}
	return due, nil
}

// changedBy is what of the contact a kind of notice is about.
func changedBy(k crm.Kind) []string {
	if k == crm.StatusChanged {
		return []string{"status"}
	}
	return nil
}

// hears says whether a destination hears of what happens to a contact: one that
// it has, or would want if it were new.
func (d *Destination) hears(c *contacts.Contact) bool {
	return !c.Archived && c.Reachable() &&
		(slices.Contains(c.Synced, d.ID) || d.When == nil || d.When.Holds(conditionTurn(d, c)))
}
