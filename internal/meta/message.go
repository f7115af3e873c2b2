package meta

import (
	"slices"
	"strings"

	"usher/connectors"
)

// ownMark begins the metadata of what usher sent itself, which comes back with
// the echo.
const ownMark = "usher/"

func message(m connectors.Fields, e *connectors.Event) (fault string) {
	e.MessageID = m.Get("mid").ID()
	e.DedupeKey = e.MessageID
	e.Text = m.Get("text").Text()
	e.ReplyTo = m.Get("reply_to", "mid").ID()
	if story := m.Get("reply_to", "story"); story != "" {
		e.Referral = &connectors.Referral{Source: "story", SourceID: story.Get("id").ID(), SourceURL: story.Get("url").Text()}
	}
	if r := m.Get("referral"); r.IsObject() {
		e.Referral = referral(r.Fields())
	}
	if e.Direction == connectors.DirectionOut {
		e.CallbackData = m.Get("metadata").Text()
	}
	if e.MessageID == "" {
		return "message without mid"
	}
	own, isOwn := strings.CutPrefix(e.CallbackData, ownMark)
	switch {
	case isOwn:
		// What it says is known; that it was taken is the news.
		e.Kind, e.Status, e.Direction = connectors.KindStatus, "sent", ""
		e.DedupeKey, e.CallbackData, e.Text = e.MessageID+"#sent", own, ""
	case m.Get("is_deleted").True():
		e.Kind = connectors.KindDelete
		e.MessageID, e.TargetID = "", e.MessageID
		e.DedupeKey += "#delete"
	case m.Get("is_unsupported").True():
		e.Kind, e.RawType = connectors.KindUnsupported, "is_unsupported"
	case m.Get("quick_reply").IsObject():
		e.Kind = connectors.KindPostback
		e.Reply = &connectors.Choice{Type: "quick_reply", ID: m.Get("quick_reply", "payload").ID(), Title: e.Text}
	default:
		return content(m, e)
	}
	return ""
}

// content turns text and attachments into kind and values.
func content(m connectors.Fields, e *connectors.Event) (fault string) {
	var unknown string
	for a := range m.Get("attachments").Elements() {
		kind := a.Get("type").Text()
		switch {
		case kind == "":
			return "message with an attachment without type"
		case kind == "location":
			fault = place(a, e)
		case kind == "fallback": // a link that somebody pasted
			if e.Text == "" {
				e.Text = link(a)
			}
		case kind == "template", kind == "appointment_booking", a.Get("payload", "url") == "" && kind != "like_heart":
			unknown = kind
		default:
			e.Media = append(e.Media, attachment(kind, a.Get("payload")))
		}
	}
	e.Media = slices.DeleteFunc(e.Media, func(one connectors.Media) bool { return isTwin(one, e.Media) })
	for i, one := range e.Media {
		if one.Type == "image" && one.ID != "" {
			e.Media[i].Type = "sticker"
		}
	}
	switch {
	case e.Location != nil || fault != "":
		e.Kind = connectors.KindLocation
	case len(e.Media) > 0:
		e.Kind = connectors.KindMedia
	case e.Text != "" || m.Get("text") != "":
		e.Kind = connectors.KindMessage
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, unknown
		if unknown == "" {
			e.RawType = "message"
		}
	}
	return fault
}

// attachment keeps an id only of stickers: of others Meta tells none that serves.
func attachment(kind string, payload connectors.JSON) connectors.Media {
	return connectors.Media{Type: kind, ID: payload.Get("sticker_id").ID(), URL: payload.Get("url").Text()}
}

// isTwin says whether an attachment is the picture of a sticker that is there as
// a sticker too.
func isTwin(one connectors.Media, all []connectors.Media) bool {
	return one.Type == "image" && one.ID != "" && slices.ContainsFunc(all, func(other connectors.Media) bool {
		return other.Type == "sticker" && other.ID == one.ID
	})
}

func place(a connectors.JSON, e *connectors.Event) (fault string) {
	point := a.Get("payload", "coordinates")
	latitude, north := point.Get("lat").Number()
	longitude, east := point.Get("long").Number()
	if !north || !east {
		return "message without coordinates of its location"
	}
	e.Location = &connectors.Location{Latitude: latitude, Longitude: longitude, URL: a.Get("url").Text()}
	return ""
}

func link(a connectors.JSON) string {
	for _, text := range []string{a.Get("payload", "url").Text(), a.Get("url").Text(), a.Get("payload", "title").Text()} {
		if text != "" {
			return text
		}
	}
	return a.Get("title").Text()
}

func edit(m connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindEdit
	e.TargetID = m.Get("mid").ID()
	e.Text = m.Get("text").Text()
	n := m.Get("num_edit").ID()
	switch {
	case e.TargetID == "":
		return "message_edit without mid"
	case n == "":
		return "message_edit without num_edit"
	}
	e.DedupeKey = e.TargetID + "#edit" + n
	return ""
}

func postback(p connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindPostback
	e.MessageID = p.Get("mid").ID()
	e.DedupeKey = e.MessageID
	e.Reply = &connectors.Choice{Type: "postback", ID: p.Get("payload").ID(), Title: p.Get("title").Text()}
	e.Text = e.Reply.Title
	if r := p.Get("referral"); r.IsObject() {
		e.Referral = referral(r.Fields())
	}
	if e.Reply.ID == "" && e.Reply.Title == "" {
		return "postback without payload and title"
	}
	return ""
}
