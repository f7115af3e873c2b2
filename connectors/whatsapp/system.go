package whatsapp

import "usher/connectors"

// system reads notices about a person. Those of a changed number or user id
// name the old ids and the new; only the latter are the person's from now on.
func (m *message) system(c *cursor, s *scope, e *connectors.Event) string {
	var now person
	var kind, body, customer, previous, previousParent string
	at := m.content("system")
	if at == (span{}) {
		e.Kind = connectors.KindSystem
		return "without system"
	}
	back := c.jump(at, "system")
	for key := range c.members {
		switch key {
		case "wa_id", "new_wa_id":
			now.phone = c.scalar()
		case "user_id":
			now.user = c.scalar()
		case "parent_user_id":
			now.parent = c.scalar()
		case "previous_user_id":
			previous = c.scalar()
		case "previous_parent_user_id":
			previousParent = c.scalar()
		case "customer":
			customer = c.scalar()
		case "type":
			kind = c.text()
		case "body":
			body = c.text()
		}
	}
	c.i = back
	switch kind {
	case "user_changed_number", "customer_changed_number", "user_changed_user_id":
		e.Kind = connectors.KindIdentity
		old := m.sender
		if old.phone == "" {
			old.phone = customer
		}
		if previous != "" {
			old.user = previous
		}
		if previousParent != "" {
			old.parent = previousParent
		}
		old.tidy()
		if now.tidy(); !now.on(e) {
			return "without the new id"
		}
		if old != (person{}) {
			e.PreviousIDs = old.ids()
		}
	default:
		e.Kind, e.RawType, e.Text = connectors.KindSystem, kind, body
		if m.sender.phone == "" {
			m.sender.phone = now.phone
		}
		if m.sender.user == "" {
			m.sender.user = now.user
		}
		who := s.people.find(m.sender)
		if !who.on(e) {
			return "without sender"
		}
		e.Name = who.name
	}
	return ""
}
