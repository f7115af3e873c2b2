package twilio

import (
	"fmt"
	"strconv"
	"strings"

	"usher/connectors"
)

// Parse reads a form: one message, or what became of one of ours.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	f, ok := readForm(r.Body)
	if !ok || len(f) == 0 {
		return nil, fmt.Errorf("%w: no form", connectors.ErrUnreadable)
	}
	it := connectors.Item{Raw: r.Body[:len(r.Body):len(r.Body)]}
	e := &it.Event
	e.MessageID = f.get("MessageSid")
	if r.Path == statusPath || f.get("MessageStatus") != "" {
		it.Problem = status(f, e)
		e.CallbackData = r.Query[reference]
	} else {
		it.Problem = message(f, e)
	}
	return []connectors.Item{it}, nil
}

// parties splits a kind of messaging from who is meant by it: whatsapp:+1202…;
// SMS have none. What is unknown stays part of the id, so that it can be
// answered.
func parties(address string) (medium, id string) {
	if number, ok := strings.CutPrefix(address, whatsapp); ok {
		return whatsapp, number
	}
	return "", address
}

const whatsapp = "whatsapp:"

// who writes the person's ids to an event. A number that Twilio tells is the
// person's own: networks and WhatsApp have checked it.
func who(address string, f form, e *connectors.Event) {
	medium, id := parties(address)
	_, user := parties(f.get("ExternalUserId"))
	if connectors.ScopedUserID(id) {
		id, user = "", id
	}
	if strings.HasPrefix(id, "+") {
		e.Phone = connectors.E164(id[1:])
	}
	e.ExternalID = id
	if medium == whatsapp {
		e.IDs = &connectors.IDs{WaID: strings.TrimPrefix(e.Phone, "+"), UserID: user}
		if told := f.get("WaId"); told != "" && !connectors.ScopedUserID(told) {
			e.IDs.WaID = told
		}
		if user != "" {
			e.ExternalID = user
		}
	}
}

// message reads what a person wrote. Twilio tells no time.
func message(f form, e *connectors.Event) (fault string) {
	who(f.get("From"), f, e)
	_, e.Account = parties(f.get("To"))
	e.DedupeKey = e.MessageID
	e.Name = f.get("ProfileName")
	e.Text = f.get("Body")
	e.ReplyTo = f.get("OriginalRepliedMessageSid")
	e.Forwarded = f.get("Forwarded") == "true" || f.get("FrequentlyForwarded") == "true"
	e.Referral = referral(f)
	fault = content(f, e)
	switch {
	case e.MessageID == "":
		return "message without MessageSid"
	case e.ExternalID == "":
		return "message without From"
	}
	return fault
}

func referral(f form) *connectors.Referral {
	r := connectors.Referral{
		Source: f.get("ReferralSourceType"), SourceID: f.get("ReferralSourceId"), SourceURL: f.get("ReferralSourceUrl"),
		Headline: f.get("ReferralHeadline"), Body: f.get("ReferralBody"), ClickID: f.get("ReferralCtwaClid"),
	}
	if r == (connectors.Referral{}) {
		return nil
	}
	return &r
}

// content turns what a message holds into kind and values.
func content(f form, e *connectors.Event) (fault string) {
	e.Media = media(f)
	kind := f.get("MessageType")
	switch {
	case f.get("OptOutType") == "STOP": // Twilio has answered it, and sends nothing more
		e.Kind = connectors.KindUnfollow
	case f.get("OptOutType") == "START":
		e.Kind = connectors.KindFollow
	case f.get("ButtonPayload") != "" || f.get("ButtonText") != "":
		chosen(e, connectors.Choice{Type: "button", ID: f.get("ButtonPayload"), Title: f.get("ButtonText")})
	case f.get("ListId") != "" || f.get("ListTitle") != "":
		chosen(e, connectors.Choice{Type: "list", ID: f.get("ListId"), Title: f.get("ListTitle"), Description: f.get("ListDescription")})
	case f.get("InteractiveData") != "":
		e.Kind = connectors.KindForm
		e.Reply = &connectors.Choice{Type: "flow"}
		if answers, err := connectors.ReadJSON([]byte(f.get("InteractiveData"))); err == nil {
			e.Reply.Data = answers.Object()
		}
	case f.get("Latitude") != "" || f.get("Longitude") != "":
		return place(f, e)
	case len(e.Media) > 0:
		e.Kind = connectors.KindMedia
	case kind == "" || kind == "text" || e.Text != "":
		e.Kind = connectors.KindMessage
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	return ""
}

func chosen(e *connectors.Event, c connectors.Choice) {
	e.Kind, e.Reply = connectors.KindPostback, &c
	if c.Title != "" {
		e.Text = c.Title
	}
}

func place(f form, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindLocation
	latitude, north := connectors.Number(f.get("Latitude"))
	longitude, east := connectors.Number(f.get("Longitude"))
	if !north || !east {
		return "message without latitude and longitude"
	}
	e.Location = &connectors.Location{Latitude: latitude, Longitude: longitude, Name: f.get("Label"), Address: f.get("Address")}
	return ""
}

// media lists attachments; the picture of an ad is none.
func media(f form) (all []connectors.Media) {
	n, _ := strconv.Atoi(f.get("NumMedia"))
	for i := range min(n, len(f)) {
		address := f.get("MediaUrl" + strconv.Itoa(i))
		if address == "" {
			continue
		}
		m := connectors.Media{Type: "file", URL: address, MimeType: f.get("MediaContentType" + strconv.Itoa(i))}
		if kind, _, _ := strings.Cut(m.MimeType, "/"); kind == "image" || kind == "audio" || kind == "video" {
			m.Type = kind
		}
		if f.get("MessageType") == "sticker" {
			m.Type = "sticker"
		}
		all = append(all, m)
	}
	return all
}

// reference is our own name of a message in the address that its statuses go to.
const reference = "ref"

// status reads what became of a message that we sent.
func status(f form, e *connectors.Event) (fault string) {
	who(f.get("To"), f, e)
	_, e.Account = parties(f.get("From"))
	e.Kind = connectors.KindStatus
	word := f.get("MessageStatus")
	if word == "" {
		word = f.get("SmsStatus")
	}
	if code, err := strconv.Atoi(f.get("ErrorCode")); err == nil && code != 0 {
		e.Errors = []connectors.PlatformErr{{Code: code, Title: f.get("ErrorMessage")}}
	}
	switch word {
	case "sent", "delivered", "read":
		e.Status = word
	case "failed":
		e.Status, e.Failure = word, failure(e.Errors)
	case "undelivered", "canceled":
		e.Status, e.RawType, e.Failure = "failed", word, failure(e.Errors)
	default: // queued, sending and what is yet to come
		e.Status, e.RawType = "unknown", word
	}
	switch {
	case e.MessageID == "":
		return "status without MessageSid"
	case word == "":
		return "status without MessageStatus"
	}
	e.DedupeKey = e.MessageID + "#" + word
	return ""
}
