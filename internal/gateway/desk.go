package gateway

import (
	"slices"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
)

// Who a conversation is handled by, and its row at the desk, where people find
// it: also a guest's, of which SQL has nothing else.

// handle notes who the person talks to after a flow's turn.
func (t *turn) handle(result flows.Result) {
	conv, st := t.conv, &t.conv.State
	wanted := slices.ContainsFunc(result.Effects, func(e flows.Effect) bool { return e.Kind == flows.FollowUp })
	switch by := contacts.Handling(result.Handling); {
	case by == contacts.Queued:
		t.queue(result)
	case by == contacts.ByAgent:
		conv.Handling = by
	case wanted || conv.Handling == contacts.FollowUp:
		// The flow talks on; somebody is to come back to the person all the same.
		if conv.Handling = contacts.FollowUp; st.Desk == nil {
			st.Desk = &contacts.Desk{Since: t.now}
		}
	default:
		conv.Handling, st.Desk = by, nil
	}
}

// queue notes that people are asked for, and whom the conversation is given to.
func (t *turn) queue(result flows.Result) {
	st := &t.conv.State
	for _, w := range result.Waits {
		if w.Cause == connectors.CauseHandover {
			st.Desk = &contacts.Desk{Team: w.Team, Since: t.now}
		}
	}
	if st.Desk == nil {
		st.Desk = &contacts.Desk{Since: t.now}
	}
	t.conv.Handling = contacts.Queued
	if r := t.ev.Resume; r != nil && r.AgentID != "" && !st.Desk.Taken {
		st.Desk.AssigneeID = r.AgentID
		if r.Outcome == connectors.OutcomeQueued {
			t.conv.Handling = contacts.ByAgent
		}
	}
}

// isClosed says whether people are done with a conversation and its person has
// said nothing since.
func isClosed(conv *contacts.Conversation) bool {
	return conv.State.Desk != nil && !conv.State.Desk.Closed.IsZero()
}

// atDesk says whether people are to look at a conversation.
func atDesk(conv *contacts.Conversation) bool {
	switch conv.Handling {
	case contacts.Queued, contacts.ByAgent, contacts.FollowUp:
		return conv.State.Desk != nil && !isClosed(conv)
	}
	return false
}

// desk is what the turn changes at the desk: a row to put, or the conversation's
// to drop.
func (t *turn) desk() (put []sqlstore.DeskRow, drop []string) {
	if t.conv == nil {
		return nil, nil
	}
	conv := t.conv
	if !atDesk(conv) {
		// Of an event that is run again it is not known what was before.
		if t.wasAtDesk || t.rerun && !t.spoken() {
			drop = []string{conv.ID}
		}
		return nil, drop
	}
	row := sqlstore.DeskRow{ID: conv.ID, Business: conv.BusinessID, Channel: conv.Channel, ExternalID: conv.ExternalID,
		Handling: conv.Handling, Desk: *conv.State.Desk, UpdatedAt: conv.UpdatedAt}
	switch {
	case t.contact != nil:
		row.ContactID = t.contact.ID
	case t.guest != nil:
		row.ExpiresAt = t.guest.ExpiresAt
	default:
		row.ContactID = conv.ContactID
	}
	return []sqlstore.DeskRow{row}, nil
}
