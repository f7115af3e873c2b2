package whatsapp

import "usher/connectors"

// readContent reads what a message of its type holds. known is false for types
// that this package has never heard of: there are new ones every year.
func (m *message) readContent(c *cursor, e *connectors.Event) (known bool, fault string) {
	e.Kind = eventKind(m.kind)
	if e.Kind == connectors.KindUnsupported {
		return false, ""
	}
	at := m.content(m.kind)
	if at == (span{}) {
		return true, "without " + m.kind
	}
	back := c.jump(at, m.kind)
	switch m.kind {
	case "text":
		fault = readText(c, e)
	case "document":
		fault = readMedia(c, e, "file")
	case "location":
		fault = readLocation(c, e)
	case "contacts":
		fault = readCards(c, e, m.origin == contactRequest)
	case "button":
		fault = readButton(c, e)
	case "interactive":
		fault = readInteractive(c, e)
	case "reaction":
		fault = readReaction(c, e)
	case "order":
		fault = readOrder(c, e)
	default:
		fault = readMedia(c, e, m.kind)
	}
	c.i = back
	return true, fault
}

func eventKind(kind string) connectors.Kind {
	switch kind {
	case "text":
		return connectors.KindMessage
	case "location":
		return connectors.KindLocation
	case "contacts":
		return connectors.KindCards
	case "button", "interactive":
		return connectors.KindPostback
	case "reaction":
		return connectors.KindReaction
	case "order":
		return connectors.KindOrder
	case "image", "video", "audio", "document", "sticker":
		return connectors.KindMedia
	default:
		return connectors.KindUnsupported
	}
}

func readText(c *cursor, e *connectors.Event) string {
	var found bool
	for key := range c.members {
		if key == "body" {
			found = c.peek() == '"'
			e.Text = c.text()
		}
	}
	if !found {
		return "without text.body"
	}
	return ""
}

func readMedia(c *cursor, e *connectors.Event, kind string) string {
	m := connectors.Media{Type: kind}
	for key := range c.members {
		switch key {
		case "id":
			m.ID = c.scalar()
		case "url", "link":
			m.URL = c.text()
		case "mime_type":
			m.MimeType = c.text()
		case "sha256":
			m.SHA256 = c.text()
		case "filename":
			m.Filename = c.text()
		case "caption":
			e.Text = c.text()
		case "voice":
			m.Voice = mark(c)
		case "animated":
			m.Animated = mark(c)
		}
	}
	if m.ID == "" && m.URL == "" {
		return "without id of its media"
	}
	e.Media = []connectors.Media{m}
	return ""
}

// mark keeps the difference between false and not said.
func mark(c *cursor) *bool {
	if c.peek() == 'n' {
		c.skip()
		return nil
	}
	b := c.flag()
	return &b
}

func readLocation(c *cursor, e *connectors.Event) string {
	var latitude, longitude string
	var l connectors.Location
	for key := range c.members {
		switch key {
		case "latitude":
			latitude = c.scalar()
		case "longitude":
			longitude = c.scalar()
		case "name":
			l.Name = c.text()
		case "address":
			l.Address = c.text()
		case "url":
			l.URL = c.text()
		}
	}
	var north, east bool
	l.Latitude, north = connectors.Number(latitude)
	l.Longitude, east = connectors.Number(longitude)
	if !north || !east {
		return "without latitude and longitude"
	}
	e.Location = &l
	return ""
}

func readReaction(c *cursor, e *connectors.Event) string {
	r := connectors.Reaction{Action: "unreact"}
	for key := range c.members {
		switch key {
		case "emoji":
			r.Emoji = c.text()
		case "message_id":
			r.TargetID = c.scalar()
		}
	}
	if r.Emoji != "" {
		r.Action = "react"
	}
	if r.TargetID == "" {
		return "without message_id of the reaction"
	}
	e.Reaction = &r
	return ""
}

func readOrder(c *cursor, e *connectors.Event) string {
	o := connectors.Order{Items: []connectors.OrderItem{}}
	var fault string
	for key := range c.members {
		switch key {
		case "catalog_id":
			o.CatalogID = c.scalar()
		case "text":
			o.Text = c.text()
		case "product_items":
			o.Items, fault = o.Items[:0], ""
			for range c.elements {
				var it connectors.OrderItem
				quantity, price := "0", "0"
				for key := range c.members {
					switch key {
					case "product_retailer_id":
						it.SKU = c.scalar()
					case "quantity":
						quantity = c.scalar()
					case "item_price":
						price = c.scalar()
					case "currency":
						it.Currency = c.text()
					}
				}
				var counted, priced bool
				it.Quantity, counted = connectors.Number(quantity)
				it.Price, priced = connectors.Number(price)
				if !counted || !priced {
					fault = "with an unreadable quantity or price"
				}
				o.Items = append(o.Items, it)
			}
		}
	}
	e.Order, e.Text = &o, o.Text
	return fault
}

// subtype reads the type member of a content.
func subtype(c *cursor, at span) (kind string) {
	if at == (span{}) || c.s[at.from] != '{' {
		return ""
	}
	back := c.jump(at, "unsupported")
	for key := range c.members {
		if key == "type" {
			kind = c.scalar()
		}
	}
	c.i = back
	return kind
}
