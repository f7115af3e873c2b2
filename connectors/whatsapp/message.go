package whatsapp

import "usher/connectors"

// message is one of messages[] or message_echoes[] before its meaning is known.
type message struct {
	sender, recipient person
	id, kind, time    string
	origin            string
	context, referral span
	group             string
	errors            span
	// What has no field above: the content is named like the type, and the type
	// may come after it.
	rest [usualMembers]member
	more []member
	n    int
}

type member struct {
	key string
	at  span
}

// usualMembers is more than the members without a field that a message has
// today; further ones cost an allocation.
const usualMembers = 6

func (m *message) keep(key string, at span) {
	if m.n == len(m.rest) {
		m.more = append(m.more, member{key, at})
		return
	}
	m.rest[m.n] = member{key, at}
	m.n++
}

// content returns the member of that name that was written last.
func (m *message) content(name string) span {
	for _, list := range [][]member{m.more, m.rest[:m.n]} {
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].key == name {
				return list[i].at
			}
		}
	}
	return span{}
}

func readMessage(c *cursor, s *scope, e *connectors.Event) string {
	var m message
	m.read(c)
	if m.kind == "system" {
		if fault := m.common(c, e); fault != "" {
			return fault
		}
		return m.system(c, s, e)
	}
	who := s.people.find(m.sender)
	known := who.on(e)
	e.Name = who.name
	fault := m.common(c, e)
	switch {
	case fault != "":
		return fault
	case !known:
		return "without sender"
	}
	return m.meaning(c, e)
}

// readEcho reads what somebody wrote to a person in the Business app.
func readEcho(c *cursor, s *scope, e *connectors.Event) string {
	var m message
	m.read(c)
	who := s.people.find(m.recipient)
	known := who.on(e)
	e.Name = who.name
	e.Direction = connectors.DirectionOut
	fault := m.common(c, e)
	switch {
	case fault != "":
		return fault
	case !known:
		return "without recipient"
	}
	return m.meaning(c, e)
}

func (m *message) read(c *cursor) {
	for key := range c.members {
		switch key {
		case "from":
			m.sender.phone = c.scalar()
		case "from_user_id":
			m.sender.user = c.scalar()
		case "from_parent_user_id":
			m.sender.parent = c.scalar()
		case "to":
			m.recipient.phone = c.scalar()
		case "to_user_id":
			m.recipient.user = c.scalar()
		case "to_parent_user_id":
			m.recipient.parent = c.scalar()
		case "id":
			m.id = c.scalar()
		case "timestamp":
			m.time = c.scalar()
		case "type":
			m.kind = c.text()
		case "origin":
			m.origin = c.text()
		case "group_id":
			m.group = c.scalar()
		case "context":
			m.context = c.value()
		case "referral":
			m.referral = c.value()
		case "errors":
			m.errors = c.value()
		default:
			m.keep(key, c.value())
		}
	}
}

// common fills what all messages have, as far as it is readable.
func (m *message) common(c *cursor, e *connectors.Event) string {
	e.MessageID, e.DedupeKey = m.id, m.id
	e.GroupID = m.group
	at, ok := connectors.Instant(m.time)
	e.Timestamp = at
	if m.context != (span{}) {
		m.about(c, e)
	}
	if m.referral != (span{}) {
		e.Referral = readReferral(c, m.referral)
	}
	if m.errors != (span{}) {
		e.Errors = readErrors(c, m.errors)
	}
	switch {
	case m.id == "":
		return "without id"
	case !ok:
		return "with an unreadable timestamp"
	case m.kind == "":
		return "without type"
	}
	return ""
}

// about reads the context: what the message answers, and whether it was passed
// on. A product that was asked about is where the person comes from.
func (m *message) about(c *cursor, e *connectors.Event) {
	back := c.jump(m.context, "context")
	for key := range c.members {
		switch key {
		case "id":
			e.ReplyTo = c.scalar()
		case "forwarded", "frequently_forwarded":
			e.Forwarded = c.flag() || e.Forwarded
		case "referred_product":
			var product string
			for key := range c.members {
				if key == "product_retailer_id" {
					product = c.scalar()
				}
			}
			if product != "" {
				e.Referral = &connectors.Referral{Source: "product", SourceID: product}
			}
		}
	}
	c.i = back
}

func readReferral(c *cursor, at span) *connectors.Referral {
	back := c.jump(at, "referral")
	var r connectors.Referral
	for key := range c.members {
		switch key {
		case "source_type":
			r.Source = c.text()
		case "source_id":
			r.SourceID = c.scalar()
		case "source_url":
			r.SourceURL = c.text()
		case "headline":
			r.Headline = c.text()
		case "body":
			r.Body = c.text()
		case "ctwa_clid":
			r.ClickID = c.scalar()
		case "ref":
			r.Ref = c.text()
		}
	}
	c.i = back
	return &r
}

// meaning turns the content into kind and values.
func (m *message) meaning(c *cursor, e *connectors.Event) string {
	switch m.kind {
	case "request_welcome":
		e.Kind = connectors.KindStarted
		return ""
	case "edit", "revoke":
		return m.change(c, e)
	}
	known, fault := m.readContent(c, e)
	if !known {
		e.RawType = m.kind
		if sub := subtype(c, m.content(m.kind)); m.kind == "unsupported" && sub != "" {
			e.RawType += "/" + sub
		}
	}
	return fault
}

// change reads an edit or a deletion by the person: each is a message of its
// own that names the one it is about.
func (m *message) change(c *cursor, e *connectors.Event) string {
	at := m.content(m.kind)
	if at == (span{}) {
		return "without " + m.kind
	}
	e.Kind = connectors.KindEdit
	if m.kind == "revoke" {
		e.Kind = connectors.KindDelete
	}
	back, text := c.jump(at, m.kind), span{}
	for key := range c.members {
		switch key {
		case "original_message_id":
			e.TargetID = c.scalar()
		case "message":
			text = c.value()
		}
	}
	c.i = back
	if e.TargetID == "" {
		return m.kind + " without original_message_id"
	}
	if m.kind == "revoke" || text == (span{}) {
		return ""
	}
	var now message
	back = c.jump(text, "message")
	now.read(c)
	c.i = back
	known, fault := now.readContent(c, e)
	if !known {
		e.RawType = "edit/" + now.kind
	}
	e.Kind = connectors.KindEdit
	return fault
}
