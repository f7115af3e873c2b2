package telegram

import (
	"strings"

	"usher/connectors"
)

// attachment is how a message carries one kind of file.
type attachment struct {
	member string // of the message
	kind   string // our word
}

// attachments in the order in which they are looked for: an animation comes as a
// document too, for old clients.
func attachments() []attachment {
	return []attachment{
		{"photo", "image"}, {"voice", "audio"}, {"audio", "audio"}, {"animation", "video"}, {"video", "video"},
		{"video_note", "video"}, {"sticker", "sticker"}, {"document", "file"},
	}
}

// content turns what a message holds into kind and values. What this package has
// never heard of is kept under the platform's name.
func content(m connectors.Fields, e *connectors.Event) (fault string) {
	e.Text = m.Get("text").Text()
	if e.Text == "" {
		e.Text = m.Get("caption").Text()
	}
	for _, a := range attachments() {
		if file := m.Get(a.member); file != "" {
			e.Kind = connectors.KindMedia
			return readFile(a, file, e)
		}
	}
	switch {
	case m.Get("venue") != "":
		return readPlace(m.Get("venue", "location"), m.Get("venue"), e)
	case m.Get("location") != "":
		return readPlace(m.Get("location"), "", e)
	case m.Get("contact") != "":
		return readCard(m.Get("contact"), m.Get("from", "id").ID(), e)
	case m.Get("web_app_data") != "":
		readWebApp(m.Get("web_app_data"), e)
	case m.Get("text") != "":
		e.Kind = connectors.KindMessage
		if ref := deepLink(e.Text); ref != "" {
			e.Referral = &connectors.Referral{Source: "deep_link", Ref: ref}
		}
	default:
		unknown(m, e)
	}
	return ""
}

// readFile reads a file by the id under which the bot can fetch it. Of a photo
// there are several sizes, and the largest is the photo.
func readFile(a attachment, file connectors.JSON, e *connectors.Event) (fault string) {
	if a.member == "photo" {
		file = largest(file)
	}
	media := connectors.Media{
		Type: a.kind, ID: file.Get("file_id").ID(), MimeType: file.Get("mime_type").Text(), Filename: file.Get("file_name").Text(),
	}
	is := true
	switch a.member {
	case "voice":
		media.Voice = &is
	case "animation":
		media.Animated = &is
	case "sticker":
		is = file.Get("is_animated").True() || file.Get("is_video").True()
		media.Animated = &is
	}
	if media.ID == "" {
		return "message without file_id of its " + a.member
	}
	e.Media = []connectors.Media{media}
	return ""
}

func largest(sizes connectors.JSON) (most connectors.JSON) {
	area := -1.0
	for size := range sizes.Elements() {
		width, _ := size.Get("width").Number()
		height, _ := size.Get("height").Number()
		if width*height >= area {
			area, most = width*height, size
		}
	}
	return most
}

func readPlace(point, venue connectors.JSON, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindLocation
	latitude, north := point.Get("latitude").Number()
	longitude, east := point.Get("longitude").Number()
	if !north || !east {
		return "message without latitude and longitude"
	}
	e.Location = &connectors.Location{
		Latitude: latitude, Longitude: longitude, Name: venue.Get("title").Text(), Address: venue.Get("address").Text(),
	}
	return ""
}

// readCard reads a shared address card. It is the sender's own only if it names
// the sender: Telegram knows whose number is whose.
func readCard(card connectors.JSON, sender string, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindCards
	written := card.Get("phone_number").ID()
	if written == "" {
		return "message without phone_number of the contact"
	}
	owner := card.Get("user_id").ID()
	own := owner != "" && owner == sender
	phone := connectors.PlainPhone(written)
	if plain := connectors.E164(phone); owner != "" && plain != "" {
		phone = plain // Telegram's own numbers come with and without plus
	}
	e.Contacts = []connectors.Card{{
		Name:   strings.TrimSpace(card.Get("first_name").Text() + " " + card.Get("last_name").Text()),
		Phones: []string{phone},
		Own:    own,
	}}
	if own {
		e.Phone = connectors.E164(strings.TrimPrefix(phone, "+"))
	}
	return ""
}

// readWebApp reads what a page inside Telegram sent: any text, JSON by custom.
func readWebApp(sent connectors.JSON, e *connectors.Event) {
	e.Kind = connectors.KindForm
	e.Reply = &connectors.Choice{Type: "web_app", Title: sent.Get("button_text").Text()}
	data := sent.Get("data").Text()
	if answers, err := connectors.ReadJSON([]byte(data)); err == nil {
		e.Reply.Data = answers.Object()
	}
	if e.Reply.Data == nil {
		e.Text = data
	}
}

// deepLink is the parameter of the link with which somebody came to the bot.
func deepLink(text string) string {
	command, ref, _ := strings.Cut(text, " ")
	if name, _, _ := strings.Cut(command, "@"); name != "/start" {
		return ""
	}
	return strings.TrimSpace(ref)
}

// unknown names what a message holds. Notices about a chat are nothing that
// anybody said.
func unknown(m connectors.Fields, e *connectors.Event) {
	e.Kind = connectors.KindUnsupported
	for _, f := range m {
		switch {
		case isNotice(f.Name):
			e.Kind, e.RawType = connectors.KindSystem, f.Name
			return
		case e.RawType == "" && !isEnvelope(f.Name) && (f.Value.IsObject() || f.Value.IsList()):
			e.RawType = f.Name
		}
	}
}

func isNotice(name string) bool {
	switch name {
	case "new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo",
		"group_chat_created", "supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed",
		"migrate_to_chat_id", "migrate_from_chat_id", "pinned_message", "write_access_allowed", "boost_added",
		"chat_background_set", "proximity_alert_triggered":
		return true
	}
	return strings.HasPrefix(name, "forum_topic_") || strings.HasPrefix(name, "general_forum_topic_") ||
		strings.HasPrefix(name, "video_chat_")
}

// isEnvelope says whether a member is about a message rather than its content.
func isEnvelope(name string) bool {
	switch name {
	case "from", "sender_chat", "sender_business_bot", "chat", "forward_origin", "reply_to_message", "external_reply", "quote",
		"reply_to_story", "via_bot", "entities", "caption_entities", "link_preview_options", "reply_markup",
		"direct_messages_topic", "suggested_post_info":
		return true
	}
	return false
}
