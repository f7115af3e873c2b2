package slack

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"usher/connectors"
)

// Parse reads an event, a pressed button or a command.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return parseForm(r)
	}
	doc, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: nothing that Slack sends", connectors.ErrUnreadable)
	}
	e := connectors.Event{
		Account:    doc.Get("team_id").Text(),
		DedupeKey:  doc.Get("event_id").Text(),
		Redelivery: r.Header.Get("X-Slack-Retry-Num") != "",
	}
	var problem string
	switch kind := doc.Get("type").Text(); kind {
	case "event_callback":
		if doc.Get("event").IsObject() && ours(doc) {
			return nil, nil
		}
		problem = readEvent(doc.Get("event"), &e)
	case verification:
		return nil, nil
	case "app_rate_limited":
		e.Kind, e.RawType = connectors.KindAccountError, kind
		e.Errors = []connectors.PlatformErr{{Title: "events are held back: too many for this app and workspace"}}
	case "":
		e.Kind, problem = connectors.KindUnsupported, "nothing that has a type"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	return []connectors.Item{{Event: e, Raw: r.Body, Problem: problem}}, nil
}

// ours says whether an event comes of a bot, perhaps this one: to answer it would
// be a loop.
func ours(doc connectors.JSON) bool {
	event := doc.Get("event")
	if event.Get("bot_id") != "" || event.Get("subtype").Text() == "bot_message" ||
		event.Get("message", "bot_id") != "" || event.Get("previous_message", "bot_id") != "" {
		return true
	}
	user := event.Get("user").Text()
	for authorized := range doc.Get("authorizations").Elements() {
		if user != "" && authorized.Get("is_bot").True() && authorized.Get("user_id").Text() == user {
			return true
		}
	}
	return false
}

// readEvent fills an event from the one inside a callback.
func readEvent(doc connectors.JSON, e *connectors.Event) (problem string) {
	e.ExternalID = cmp.Or(doc.Get("user").Text(), doc.Get("user", "id").Text())
	e.ChannelID = doc.Get("channel").Text()
	kind := doc.Get("type").Text()
	at, timed := connectors.Instant(cmp.Or(doc.Get("ts").ID(), doc.Get("event_ts").ID()))
	e.Timestamp = at
	switch kind {
	case "message", "app_mention":
		problem = readMessage(doc, e)
	case "reaction_added", "reaction_removed":
		e.Kind = connectors.KindReaction
		e.ChannelID = doc.Get("item", "channel").Text()
		e.Reaction = &connectors.Reaction{Emoji: doc.Get("reaction").Text(), Action: "react", TargetID: doc.Get("item", "ts").ID()}
		if kind == "reaction_removed" {
			e.Reaction.Action = "unreact"
		}
	case "":
		e.Kind, problem = connectors.KindUnsupported, "event without type"
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
	}
	switch {
	case problem != "":
	case e.ExternalID == "" && e.Kind != connectors.KindUnsupported:
		problem = kind + " without user"
	case !timed:
		problem = kind + " at an impossible time"
	}
	return problem
}

func readMessage(doc connectors.JSON, e *connectors.Event) (problem string) {
	switch subtype := doc.Get("subtype").Text(); subtype {
	case "", "file_share", "thread_broadcast", "me_message":
		e.MessageID = doc.Get("ts").ID()
		if thread := doc.Get("thread_ts").ID(); thread != e.MessageID {
			e.ReplyTo = thread
		}
		said(doc, e)
		if e.MessageID == "" {
			problem = "message without ts"
		}
	case "message_changed":
		message := doc.Get("message")
		e.ExternalID = cmp.Or(message.Get("user").Text(), doc.Get("previous_message", "user").Text())
		said(message, e)
		e.Kind, e.TargetID = connectors.KindEdit, message.Get("ts").ID()
		if e.TargetID == "" {
			problem = "edit without ts"
		}
	case "message_deleted":
		e.ExternalID = doc.Get("previous_message", "user").Text()
		e.Kind, e.TargetID = connectors.KindDelete, cmp.Or(doc.Get("deleted_ts").ID(), doc.Get("previous_message", "ts").ID())
		if e.TargetID == "" {
			problem = "deletion without ts"
		}
	default: // somebody joined, a topic was set …
		e.Kind, e.RawType = connectors.KindUnsupported, subtype
	}
	return problem
}

// said reads text and files.
func said(doc connectors.JSON, e *connectors.Event) {
	e.Kind, e.Text = connectors.KindMessage, plain(doc.Get("text").Text())
	for file := range doc.Get("files").Elements() {
		e.Kind = connectors.KindMedia
		mime := file.Get("mimetype").Text()
		e.Media = append(e.Media, connectors.Media{
			Type: mediaType(mime), ID: file.Get("id").Text(), MimeType: mime, Filename: file.Get("name").Text(),
			URL: cmp.Or(file.Get("url_private_download").Text(), file.Get("url_private").Text()), // with the bot's token
		})
	}
}

func mediaType(mime string) string {
	switch kind, _, _ := strings.Cut(mime, "/"); kind {
	case "image", "video", "audio":
		return kind
	default:
		return "file"
	}
}

var (
	// marked is an address that Slack has made a link of.
	marked   = regexp.MustCompile(`<(mailto:|tel:|https?://)([^|>]+)(?:\|([^>]*))?>`)
	entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")
)

// plain is a text as it was typed: Slack escapes three characters, and makes
// links of e-mail addresses, numbers and web addresses.
func plain(text string) string {
	text = marked.ReplaceAllStringFunc(text, func(link string) string {
		part := marked.FindStringSubmatch(link)
		scheme, address, label := part[1], part[2], part[3]
		web := strings.HasPrefix(scheme, "http")
		switch {
		case label != "" && (!web || strings.HasSuffix(scheme+address, label)):
			return label
		case web && label != "":
			return label + " " + scheme + address
		case web:
			return scheme + address
		default:
			return address
		}
	})
	return entities.Replace(text)
}

// parseForm reads what Slack posts as a form: the press of a button as JSON in
// payload, or a command.
func parseForm(r *connectors.Request) ([]connectors.Item, error) {
	form, err := url.ParseQuery(string(r.Body))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: no form", connectors.ErrUnreadable)
	case form.Has("payload"):
		doc, err := connectors.ReadJSON([]byte(form.Get("payload")))
		if err != nil {
			return nil, err
		}
		return interaction(r, doc), nil
	case form.Get("ssl_check") != "":
		return nil, nil // Slack looks whether the certificate is good
	case form.Get("command") == "":
		return nil, fmt.Errorf("%w: neither an interaction nor a command", connectors.ErrUnreadable)
	}
	clean := func(name string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(form.Get(name), "\uFFFD"), "\x00", "")
	}
	e := connectors.Event{
		Kind: connectors.KindMessage, Account: clean("team_id"), ExternalID: clean("user_id"), ChannelID: clean("channel_id"),
		DedupeKey: clean("trigger_id"), Text: strings.TrimSpace(clean("command") + " " + plain(clean("text"))),
	}
	if name := clean("user_name"); name != "" {
		e.IDs = &connectors.IDs{Username: name}
	}
	item := connectors.Item{Event: e, Raw: r.Body}
	if e.ExternalID == "" {
		item.Problem = "command without user"
	}
	return []connectors.Item{item}, nil
}

// interaction reads what was pressed or chosen in a message.
func interaction(r *connectors.Request, doc connectors.JSON) []connectors.Item {
	e := connectors.Event{
		Account:    cmp.Or(doc.Get("team", "id").Text(), doc.Get("user", "team_id").Text()),
		ExternalID: doc.Get("user", "id").Text(),
		ChannelID:  cmp.Or(doc.Get("channel", "id").Text(), doc.Get("container", "channel_id").Text()),
	}
	if name := doc.Get("user", "username").Text(); name != "" {
		e.IDs = &connectors.IDs{Username: name}
	}
	if kind := doc.Get("type").Text(); kind != "block_actions" {
		e.Kind, e.RawType, e.DedupeKey = connectors.KindUnsupported, kind, doc.Get("trigger_id").Text()
		return []connectors.Item{{Event: e, Raw: r.Body}}
	}
	e.Kind, e.TargetID = connectors.KindPostback, cmp.Or(doc.Get("message", "ts").ID(), doc.Get("container", "message_ts").ID())
	e.ReplyTo = doc.Get("message", "thread_ts").ID()
	var items []connectors.Item
	for action := range doc.Get("actions").Elements() {
		items = append(items, pressed(r, action, doc.Get("trigger_id").Text(), e))
	}
	if items == nil {
		items = []connectors.Item{{Event: e, Raw: r.Body, Problem: "interaction without actions"}}
	}
	return connectors.Once(items)
}

func pressed(r *connectors.Request, action connectors.JSON, trigger string, e connectors.Event) connectors.Item {
	option := action.Get("selected_option")
	e.Reply = &connectors.Choice{
		Type: "button", Name: action.Get("action_id").Text(),
		ID:    cmp.Or(action.Get("value").Text(), option.Get("value").Text(), action.Get("selected_date").Text()),
		Title: cmp.Or(action.Get("text", "text").Text(), option.Get("text", "text").Text()),
	}
	if option != "" {
		e.Reply.Type = "list"
	}
	e.Text = e.Reply.Title
	at, timed := connectors.Instant(action.Get("action_ts").ID())
	e.Timestamp = at
	if trigger != "" {
		e.DedupeKey = trigger + "#" + e.Reply.Name
	}
	item := connectors.Item{Event: e, Raw: r.Body}
	switch {
	case e.ExternalID == "":
		item.Problem = "interaction without user"
	case !timed:
		item.Problem = "interaction at an impossible time"
	}
	return item
}
