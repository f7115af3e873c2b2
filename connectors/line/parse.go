package line

import (
	"cmp"
	"fmt"

	"usher/connectors"
)

// Parse reads a webhook in payload order; the console's Verify sends one without
// events.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !doc.Get("events").IsList() {
		return nil, fmt.Errorf("%w: no webhook of LINE", connectors.ErrUnreadable)
	}
	account := doc.Get("destination").Text()
	var items []connectors.Item
	for element := range doc.Get("events").Elements() {
		items = append(items, item(element, account))
	}
	return connectors.Once(items), nil
}

func item(doc connectors.JSON, account string) connectors.Item {
	source := doc.Get("source")
	e := connectors.Event{
		Account:    account,
		DedupeKey:  doc.Get("webhookEventId").Text(),
		Redelivery: doc.Get("deliveryContext", "isRedelivery").True(),
		Standby:    doc.Get("mode").Text() == "standby",
		ReplyToken: doc.Get("replyToken").Text(),
		GroupID:    cmp.Or(source.Get("groupId").Text(), source.Get("roomId").Text()),
	}
	// Who has not agreed to it is not named in groups.
	e.ExternalID = cmp.Or(source.Get("userId").Text(), e.GroupID)
	at, timed := connectors.Instant(doc.Get("timestamp").ID())
	e.Timestamp = at
	problem := read(doc, &e)
	switch {
	case !doc.IsObject():
		problem = "event is no object"
	case problem != "":
	case e.ExternalID == "" && e.Kind != connectors.KindUnsupported:
		problem = "event without source"
	case !timed:
		problem = "event at an impossible time"
	}
	return connectors.Item{Event: e, Raw: doc.Raw(), Problem: problem}
}

// read fills an event from what its type carries. A type that is not known is
// kept by its name.
func read(doc connectors.JSON, e *connectors.Event) (problem string) {
	kind := doc.Get("type").Text()
	switch kind {
	case "message":
		return message(doc.Get("message"), e)
	case "postback":
		e.Kind = connectors.KindPostback
		postback := doc.Get("postback")
		e.Reply = &connectors.Choice{Type: "postback", ID: postback.Get("data").Text(), Data: postback.Get("params").Object()}
		if !postback.IsObject() {
			return "postback without data"
		}
	case "follow":
		e.Kind = connectors.KindFollow
	case "unfollow":
		e.Kind = connectors.KindUnfollow
	case "unsend":
		e.Kind, e.TargetID = connectors.KindDelete, doc.Get("unsend", "messageId").ID()
		if e.TargetID == "" {
			return "unsend without messageId"
		}
	case "":
		e.Kind = connectors.KindUnsupported
		return "event without type"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	return ""
}

func message(doc connectors.JSON, e *connectors.Event) (problem string) {
	kind := doc.Get("type").Text()
	e.MessageID, e.ReplyTo = doc.Get("id").ID(), doc.Get("quotedMessageId").ID()
	switch kind {
	case "text":
		e.Kind, e.Text = connectors.KindMessage, doc.Get("text").Text()
		if doc.Get("text") == "" {
			problem = "text without text"
		}
	case "image", "video", "audio":
		// What LINE hosts has no address: it is fetched by the message's id.
		e.Kind = connectors.KindMedia
		e.Media = []connectors.Media{{Type: kind, ID: e.MessageID, URL: doc.Get("contentProvider", "originalContentUrl").Text()}}
	case "file":
		e.Kind = connectors.KindMedia
		e.Media = []connectors.Media{{Type: kind, ID: e.MessageID, Filename: doc.Get("fileName").Text()}}
	case "sticker":
		e.Kind, e.Text = connectors.KindMedia, doc.Get("text").Text()
		e.Media = []connectors.Media{{Type: kind, ID: doc.Get("stickerId").ID()}}
	case "location":
		e.Kind = connectors.KindLocation
		latitude, lat := doc.Get("latitude").Number()
		longitude, long := doc.Get("longitude").Number()
		if !lat || !long {
			problem = "location without coordinates"
			break
		}
		e.Location = &connectors.Location{Latitude: latitude, Longitude: longitude, Name: doc.Get("title").Text(), Address: doc.Get("address").Text()}
	case "":
		e.Kind, problem = connectors.KindUnsupported, "message without type"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	if e.MessageID == "" && problem == "" {
		problem = "message without id"
	}
	return problem
}
