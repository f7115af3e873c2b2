package whatsapp

import (
	"strconv"

	"usher/connectors"
)

// readStatus reads what became of a message that our side sent. The same id
// comes once per status, in any order, and some are left out.
func readStatus(c *cursor, s *scope, e *connectors.Event) string {
	var who person
	var status, at, recipientType, participant string
	var faults span
	for key := range c.members {
		switch key {
		case "id":
			e.MessageID = c.scalar()
		case "status":
			status = c.text()
		case "timestamp":
			at = c.scalar()
		case "recipient_id":
			who.phone = c.scalar()
		case "recipient_user_id":
			who.user = c.scalar()
		case "recipient_parent_user_id":
			who.parent = c.scalar()
		case "recipient_type":
			recipientType = c.text()
		case "recipient_participant_id":
			participant = c.scalar()
		case "biz_opaque_callback_data":
			e.CallbackData = c.scalar()
		case "errors":
			faults = c.value()
		}
	}
	e.Kind = connectors.KindStatus
	if recipientType == "group" {
		e.GroupID, who.phone = who.phone, participant
	}
	// A status may name nobody: it is still told apart by the message's id.
	who = s.people.find(who)
	who.on(e)
	if faults != (span{}) {
		e.Errors = readErrors(c, faults)
	}
	var ok bool
	e.Timestamp, ok = connectors.Instant(at)
	switch {
	case e.MessageID == "":
		return "without id"
	case status == "":
		return "without status"
	}
	e.DedupeKey = e.MessageID + "#" + status
	switch status {
	case "sent", "delivered", "read", "played", "deleted":
		e.Status = status
	case "failed":
		e.Status, e.Failure = status, failure(e.Errors)
	default:
		e.Status, e.RawType = "unknown", status
	}
	if !ok {
		return "with an unreadable timestamp"
	}
	return ""
}

// readPreference reads a wish about marketing. Meta gives it no id.
func readPreference(c *cursor, s *scope, e *connectors.Event) string {
	var who person
	var wish connectors.Preference
	var at string
	for key := range c.members {
		switch key {
		case "wa_id":
			who.phone = c.scalar()
		case "user_id":
			who.user = c.scalar()
		case "parent_user_id":
			who.parent = c.scalar()
		case "category":
			wish.Category = c.text()
		case "value":
			wish.Value = c.text()
		case "timestamp":
			at = c.scalar()
		}
	}
	e.Kind, e.Preference = connectors.KindPreference, &wish
	who = s.people.find(who)
	known := who.on(e)
	e.Name = who.name
	var ok bool
	e.Timestamp, ok = connectors.Instant(at)
	switch {
	case !known:
		return "without person"
	case wish.Category == "" || wish.Value == "":
		return "without category and value"
	case !ok:
		return "with an unreadable timestamp"
	}
	return ""
}

// readErrors reads a list of the platform's errors.
func readErrors(c *cursor, at span) (all []connectors.PlatformErr) {
	back := c.jump(at, "errors")
	for range c.elements {
		var one connectors.PlatformErr
		var message string
		for key := range c.members {
			switch key {
			case "code":
				one.Code, _ = strconv.Atoi(c.scalar())
			case "title":
				one.Title = c.text()
			case "message":
				message = c.text()
			}
		}
		if one.Title == "" {
			one.Title = message
		}
		all = append(all, one)
	}
	c.i = back
	return all
}
