package viber

import "usher/connectors"

// Parse reads a callback: there is one event in each.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	body, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	callback := body.Fields()
	it := connectors.Item{Raw: r.Body[:len(r.Body):len(r.Body)]}
	e := &it.Event
	token := callback.Get("message_token").ID()
	at, ok := connectors.Instant(callback.Get("timestamp").ID())
	e.Timestamp, e.DedupeKey = at, token
	kind := callback.Get("event").Text()
	switch kind {
	case "webhook":
		return nil, nil // set_webhook asks whether somebody is there
	case "message":
		who(callback.Get("sender"), e)
		e.MessageID = token
		it.Problem = content(callback.Get("message").Fields(), e)
	case "subscribed":
		e.Kind = connectors.KindFollow
		who(callback.Get("user"), e)
	case "unsubscribed":
		e.Kind = connectors.KindUnfollow
		e.ExternalID = callback.Get("user_id").ID()
	case "conversation_started":
		e.Kind = connectors.KindStarted
		who(callback.Get("user"), e)
		e.Subscribed = callback.Get("subscribed").Flag()
		if ref := callback.Get("context").Text(); ref != "" {
			e.Referral = &connectors.Referral{Source: "deep_link", Ref: ref}
		}
	case "delivered", "seen", "failed":
		status(kind, token, callback, e)
	case "":
		it.Problem = "callback without event"
	default:
		e.RawType = kind
	}
	if e.Kind == "" {
		e.Kind = connectors.KindUnsupported
	}
	switch {
	case it.Problem != "":
	case token == "":
		it.Problem = kind + " without message_token"
	case e.ExternalID == "" && e.Kind != connectors.KindStatus && e.RawType != kind:
		it.Problem = kind + " without the person's id"
	case !ok:
		it.Problem = kind + " with an unreadable timestamp"
	}
	return []connectors.Item{it}, nil
}

func who(person connectors.JSON, e *connectors.Event) {
	e.ExternalID = person.Get("id").ID()
	e.Name = person.Get("name").Text()
	e.Language = person.Get("language").Text()
}

// status reads what became of a message of ours: the token is the one that it
// was given when it was sent.
func status(kind, token string, callback connectors.Fields, e *connectors.Event) {
	e.Kind, e.Status = connectors.KindStatus, kind
	if kind == "seen" {
		e.Status = "read"
	}
	e.ExternalID = callback.Get("user_id").ID()
	e.MessageID = token
	if token != "" {
		e.DedupeKey = token + "#" + e.Status
	}
	if reason := callback.Get("desc").Text(); reason != "" {
		e.Errors = []connectors.PlatformErr{{Title: reason}}
	}
}

// content turns what a message holds into kind and values.
func content(m connectors.Fields, e *connectors.Event) (fault string) {
	e.Text = m.Get("text").Text()
	e.TrackingData = m.Get("tracking_data").ID()
	kind := m.Get("type").Text()
	switch kind {
	case "text":
		e.Kind = connectors.KindMessage
		if m.Get("text") == "" {
			return "message without text"
		}
	case "url":
		e.Kind = connectors.KindMessage
		if e.Text == "" {
			e.Text = m.Get("media").Text()
		}
	case "picture":
		return media("image", m, e)
	case "video", "file", "sticker":
		return media(kind, m, e)
	case "location":
		return place(m.Get("location"), e)
	case "contact":
		return card(m.Get("contact"), e)
	case "":
		return "message without type"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	return ""
}

func media(kind string, m connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindMedia
	file := connectors.Media{
		Type: kind, ID: m.Get("sticker_id").ID(), URL: m.Get("media").Text(), Filename: m.Get("file_name").Text(),
	}
	if file.URL == "" && file.ID == "" {
		return "message without its " + kind
	}
	e.Media = []connectors.Media{file}
	return ""
}

func place(point connectors.JSON, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindLocation
	latitude, north := point.Get("lat").Number()
	longitude, east := point.Get("lon").Number()
	if !north || !east {
		return "message without latitude and longitude"
	}
	e.Location = &connectors.Location{Latitude: latitude, Longitude: longitude}
	return ""
}

// card reads a shared address card. Nothing says whether it is the sender's own.
func card(c connectors.JSON, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindCards
	phone := c.Get("phone_number").ID()
	if phone == "" {
		return "message without phone_number of the contact"
	}
	e.Contacts = []connectors.Card{{Name: c.Get("name").Text(), Phones: []string{connectors.PlainPhone(phone)}}}
	return ""
}
