package telegram

import (
	"bytes"
	"slices"
	"strings"

	"usher/connectors"
)

// Parse reads an update: there is one in each webhook.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	update, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	it := connectors.Item{Raw: r.Body[:len(r.Body):len(r.Body)]}
	e := &it.Event
	e.DedupeKey = update.Get("update_id").ID()
	kind, object := about(update)
	content := object.Fields()
	switch kind {
	case "message", "business_message":
		it.Problem = c.message(content, e)
	case "edited_message", "edited_business_message":
		it.Problem = c.message(content, e)
		e.Kind = connectors.KindEdit
		e.MessageID, e.TargetID = "", e.MessageID
		if at, ok := connectors.Instant(content.Get("edit_date").ID()); ok {
			e.Timestamp = at
		}
	case "deleted_business_messages":
		return deletions(it, content), nil
	case "callback_query":
		it.Problem = pressed(content, e)
	case "message_reaction":
		it.Problem = reaction(content, e)
	case "my_chat_member":
		it.Problem = membership(content, e)
	case "":
		it.Problem = "update about nothing"
	default:
		// Posts of channels, polls, payments and what is yet to come: nobody's
		// conversation with the bot.
		e.RawType = kind
		where(content, e)
		e.Timestamp, _ = connectors.Instant(content.Get("date").ID())
		e.Text = content.Get("text").Text()
	}
	if e.Kind == "" {
		e.Kind = connectors.KindUnsupported
	}
	if e.DedupeKey == "" && it.Problem == "" {
		it.Problem = "update without update_id"
	}
	return []connectors.Item{it}, nil
}

// about finds what an update is about: its one member besides the id.
func about(update connectors.JSON) (kind string, content connectors.JSON) {
	for name, value := range update.Members() {
		if name != "update_id" && value.IsObject() {
			kind, content = name, value
		}
	}
	return kind, content
}

// message reads what was said, and by whom. A fault completes a sentence.
func (c *channel) message(m connectors.Fields, e *connectors.Event) (fault string) {
	from := m.Get("from")
	chat := where(m, e)
	e.MessageID = m.Get("message_id").ID()
	e.BusinessConnectionID = m.Get("business_connection_id").ID()
	e.ReplyTo = m.Get("reply_to_message", "message_id").ID()
	e.Forwarded = m.Get("forward_origin") != "" || m.Get("forward_date") != ""
	var ok bool
	if e.Timestamp, ok = connectors.Instant(m.Get("date").ID()); !ok {
		fault = "message with an unreadable date"
	}
	who(from, e)
	switch {
	case e.BusinessConnectionID != "" && e.GroupID == "" && e.ExternalID != chat:
		// The business itself, or the bot for it, wrote to the person whose chat
		// this is.
		e.Direction = connectors.DirectionOut
		who(m.Get("chat"), e)
	case c.itself(e.ExternalID):
		e.Direction = connectors.DirectionOut
		e.ExternalID = chat
	case e.ExternalID == "": // somebody in a group who writes in its name
		e.ExternalID = m.Get("sender_chat", "id").ID()
		e.Name = m.Get("sender_chat", "title").Text()
	}
	switch {
	case e.MessageID == "":
		return "message without message_id"
	case e.ExternalID == "":
		return "message without sender"
	}
	if found := content(m, e); fault == "" {
		fault = found
	}
	return fault
}

// itself says whether an id is this bot's own: its token begins with it.
func (c *channel) itself(id string) bool {
	own, _, ok := strings.Cut(string(c.Token), ":")
	return ok && id != "" && id == own
}

// who writes a person's ids to an event. What they call themselves proves
// nothing but how to address them.
func who(p connectors.JSON, e *connectors.Event) {
	e.ExternalID = p.Get("id").ID()
	if e.ExternalID == "" {
		return
	}
	e.IDs = &connectors.IDs{UserID: e.ExternalID, Username: p.Get("username").Text()}
	e.Name = strings.TrimSpace(p.Get("first_name").Text() + " " + p.Get("last_name").Text())
	e.Language = p.Get("language_code").Text()
}

// where reads the chat: groups are answered there, people in their own.
func where(m connectors.Fields, e *connectors.Event) (chat string) {
	chat = m.Get("chat", "id").ID()
	if kind := m.Get("chat", "type").Text(); kind != "private" && kind != "" {
		e.GroupID = chat
	}
	return chat
}

// pressed reads a press of a button below a message of the bot. It has no time
// of its own, and the message may be out of reach by now.
func pressed(q connectors.Fields, e *connectors.Event) (fault string) {
	who(q.Get("from"), e)
	below := q.Get("message").Fields()
	where(below, e)
	e.Kind = connectors.KindPostback
	e.CallbackID = q.Get("id").ID()
	e.ReplyTo = below.Get("message_id").ID()
	e.BusinessConnectionID = below.Get("business_connection_id").ID()
	data := q.Get("data").Text()
	switch {
	case e.ExternalID == "":
		return "callback_query without sender"
	case e.CallbackID == "":
		return "callback_query without id"
	case data == "":
		e.Kind, e.RawType = connectors.KindUnsupported, "callback_query"
		if q.Get("game_short_name") != "" {
			e.RawType = "callback_query/game"
		}
		return ""
	}
	e.Reply = &connectors.Choice{Type: "callback", ID: data, Title: titleOf(below.Get("reply_markup", "inline_keyboard"), data)}
	e.Text = e.Reply.Title
	return ""
}

// titleOf finds the button with that data.
func titleOf(keyboard connectors.JSON, data string) string {
	for row := range keyboard.Elements() {
		for button := range row.Elements() {
			if button.Get("callback_data").Text() == data {
				return button.Get("text").Text()
			}
		}
	}
	return ""
}

// reaction reads a change of one person's reactions to a message.
func reaction(r connectors.Fields, e *connectors.Event) (fault string) {
	who(r.Get("user"), e)
	where(r, e)
	e.Kind = connectors.KindReaction
	e.Timestamp, _ = connectors.Instant(r.Get("date").ID())
	if e.ExternalID == "" { // in a group's or channel's name
		e.ExternalID = r.Get("actor_chat", "id").ID()
	}
	before, now := emojis(r.Get("old_reaction")), emojis(r.Get("new_reaction"))
	change := connectors.Reaction{Action: "react", TargetID: r.Get("message_id").ID()}
	fresh := slices.IndexFunc(now, func(emoji string) bool { return !slices.Contains(before, emoji) })
	gone := slices.IndexFunc(before, func(emoji string) bool { return !slices.Contains(now, emoji) })
	switch {
	case change.TargetID == "":
		return "message_reaction without message_id"
	case e.ExternalID == "":
		return "message_reaction without person"
	case fresh >= 0:
		change.Emoji = now[fresh]
	case gone >= 0:
		change.Action, change.Emoji = "unreact", before[gone]
	default:
		return "message_reaction without a change"
	}
	e.Reaction = &change
	return ""
}

// emojis lists reactions; those that are no emoji by the id that they have.
func emojis(list connectors.JSON) (all []string) {
	for r := range list.Elements() {
		switch kind := r.Get("type").Text(); kind {
		case "emoji":
			all = append(all, r.Get("emoji").Text())
		case "custom_emoji":
			all = append(all, r.Get("custom_emoji_id").ID())
		default:
			all = append(all, kind)
		}
	}
	return all
}

// membership reads what became of the bot in a chat: a person blocks it and lets
// it back, a group takes it in and puts it out.
func membership(m connectors.Fields, e *connectors.Event) (fault string) {
	who(m.Get("from"), e)
	where(m, e)
	e.Timestamp, _ = connectors.Instant(m.Get("date").ID())
	status := m.Get("new_chat_member", "status").Text()
	switch {
	case status == "":
		return "my_chat_member without status"
	case e.GroupID != "":
		e.Kind, e.RawType = connectors.KindSystem, "my_chat_member/"+status
	case e.ExternalID == "":
		return "my_chat_member without person"
	case status == "kicked", status == "left":
		e.Kind = connectors.KindUnfollow
	default:
		e.Kind = connectors.KindFollow
	}
	return ""
}

// deletions reads messages that were deleted in the chat of a business with a
// person: one event each.
func deletions(it connectors.Item, content connectors.Fields) (items []connectors.Item) {
	update := it.Event.DedupeKey
	who(content.Get("chat"), &it.Event)
	where(content, &it.Event)
	it.Event.Kind = connectors.KindDelete
	it.Event.BusinessConnectionID = content.Get("business_connection_id").ID()
	ids := content.Get("message_ids")
	for id := range ids.Elements() {
		one := it
		one.Raw = bytes.Replace(it.Raw, ids.Raw(), []byte("["+id+"]"), 1)
		one.Event.TargetID = id.ID()
		one.Event.DedupeKey = update + "#" + id.ID()
		if update == "" || id.ID() == "" || one.Event.ExternalID == "" {
			one.Problem = "deleted_business_messages without the ids of update, chat and message"
		}
		items = append(items, one)
	}
	if items == nil {
		it.Problem = "deleted_business_messages without message_ids"
		items = append(items, it)
	}
	return connectors.Once(items)
}
