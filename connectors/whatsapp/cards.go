package whatsapp

import (
	"strings"

	"usher/connectors"
)

// contactRequest marks the answer to a button that asks people for their own
// number. Meta's text puts it on the message, client libraries on the card.
const contactRequest = "contact_request"

// readCards reads shared address cards. Only an answer to a contact request
// proves that a card is the sender's own: any other may have been passed on.
func readCards(c *cursor, e *connectors.Event, asked bool) string {
	if c.peek() != '[' {
		c.skip()
		return "without list of contacts"
	}
	for range c.elements {
		card := connectors.Card{Own: asked}
		var number, noted string
		for key := range c.members {
			switch key {
			case "name":
				card.Name = cardName(c)
			case "phones":
				card.Phones, number = cardPhones(c)
			case "emails":
				card.Emails = cardEmails(c)
			case "vcard":
				noted = vcardNumber(c.text())
			case "origin":
				card.Own = asked || c.text() == contactRequest
			}
		}
		if number == "" {
			number = noted
		}
		if card.Own && e.Phone == "" {
			e.Phone = number
		}
		e.Contacts = append(e.Contacts, card)
	}
	if len(e.Contacts) == 0 {
		return "without contacts"
	}
	return ""
}

func cardName(c *cursor) string {
	var full, first, last string
	for key := range c.members {
		switch key {
		case "formatted_name":
			full = c.text()
		case "first_name":
			first = c.text()
		case "last_name":
			last = c.text()
		}
	}
	if full != "" {
		return full
	}
	return strings.TrimSpace(first + " " + last)
}

// cardPhones returns the numbers of a card and the first of them that is
// international beyond doubt.
func cardPhones(c *cursor) (phones []string, number string) {
	for range c.elements {
		var phone, id string
		for key := range c.members {
			switch key {
			case "phone":
				phone = c.scalar()
			case "wa_id":
				id = c.scalar()
			}
		}
		if phone == "" {
			phone = connectors.E164(id)
		}
		if phone == "" {
			continue
		}
		written := connectors.PlainPhone(phone)
		phones = append(phones, written)
		if number == "" {
			number = connectors.E164(id)
		}
		if number == "" && strings.HasPrefix(written, "+") {
			number = connectors.E164(written[1:])
		}
	}
	return phones, number
}

func cardEmails(c *cursor) (emails []string) {
	for range c.elements {
		for key := range c.members {
			if key != "email" {
				continue
			}
			if email := c.text(); email != "" {
				emails = append(emails, email)
			}
		}
	}
	return emails
}

// vcardNumber finds the number that WhatsApp writes into a vCard beside the one
// the person wrote: TEL;type=CELL;waid=12025550161:…
func vcardNumber(card string) string {
	_, rest, ok := strings.Cut(card, "waid=")
	if !ok {
		return ""
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	return connectors.E164(rest[:end])
}
