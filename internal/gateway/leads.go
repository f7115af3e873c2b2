package gateway

import (
	"slices"
	"time"

	"usher/contacts"
	"usher/crm"
	"usher/flows"
	"usher/internal/ids"
	"usher/internal/outbox"
)

const inquiryCreated = crm.InquiryCreated

// updateWait lets further changes of a contact join the update that is due.
const updateWait = time.Second

// leadsFor says what destinations must hear of a contact that was made or has
// changed, and marks those that now have it as a lead.
func leadsFor(b *Business, c *contacts.Contact, changed []string, conversation string, cause int64, now time.Time) []outbox.Delivery {
	var due []outbox.Delivery
	for _, d := range b.Destinations {
		switch d.fate(c) {
		case "":
			due = append(due, delivery(d, c, crm.LeadCreated, nil, conversation, "", now))
			c.Synced = append(slices.Clone(c.Synced), d.ID)
		case isSynced:
			if len(changed) > 0 && d.Send[crm.ContactUpdated] {
				update := delivery(d, c, crm.ContactUpdated, changed, conversation, ids.Format("evt", cause), now)
				update.DueAt = now.Add(updateWait)
				due = append(due, update)
			}
		}
	}
	return due
}

// Why a destination does not have a contact as a lead; the reasons that the API
// shows.
const (
	isSynced     = "synced"
	whenFalse    = "when_false"
	notReachable = "not_reachable"
	createdLater = "created_later"
	isPaused     = "paused"
	notWanted    = "not_wanted"
	isArchived   = "archived"
)

// fate says why the destination gets no lead for the contact; empty: it gets
// one now.
func (d *Destination) fate(c *contacts.Contact) string {
	switch {
	case slices.Contains(c.Synced, d.ID):
		return isSynced
	case c.Archived:
		return isArchived
	case !c.Reachable():
		return notReachable
	case c.CreatedAt.Before(d.CreatedAt):
		return createdLater
	case d.When != nil && !d.When.Holds(conditionTurn(d, c)):
		return whenFalse
	case !d.Send[crm.LeadCreated]:
		return notWanted
	}
	return ""
}

// conditionTurn is what a destination's condition sees: the whole contact.
func conditionTurn(d *Destination, c *contacts.Contact) flows.Turn {
	return flows.Turn{
		Person:    flows.Person{Values: c.Values, Status: c.Status, Tags: c.Tags, Consent: c.Consent},
		ChannelID: c.Source.Channel, Country: d.Business.Country, Timezone: d.Business.Timezone, Now: c.UpdatedAt,
	}
}

func delivery(d *Destination, c *contacts.Contact, kind crm.Kind, changed []string, conversation, cause string, now time.Time) outbox.Delivery {
	return outbox.Delivery{
		ID:       outbox.DeliveryID(d.ID, c.ID, kind, cause),
		Business: c.BusinessID, Destination: d.ID, ContactID: c.ID, Conversation: conversation,
		Kind: kind, LeadKey: c.ID, Changed: changed, DueAt: now, CreatedAt: now,
	}
}
