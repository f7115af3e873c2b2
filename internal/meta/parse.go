package meta

import (
	"bytes"
	"fmt"

	"usher/connectors"
)

// Parse reads a webhook in payload order: entries, then the items of each.
func (c *Channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	body, err := connectors.ReadJSON(r.Body)
	if err != nil {
		return nil, err
	}
	if !body.IsObject() {
		return nil, fmt.Errorf("%w: no JSON object", connectors.ErrUnreadable)
	}
	p := parser{}
	if kind := body.Get("object").Text(); kind != c.object && kind != "" || !body.Get("entry").IsList() {
		p.fault(body, "no webhook about a "+c.object)
		return p.items, nil
	}
	for entry := range body.Get("entry").Elements() {
		p.entry(entry)
	}
	return connectors.Once(p.items), nil
}

// parser holds what is found in one body.
type parser struct{ items []connectors.Item }

func (p *parser) entry(entry connectors.JSON) {
	s := scope{account: entry.Get("id").ID(), at: entry.Get("time").ID()}
	found := false
	for name, list := range entry.Members() {
		switch name {
		case "messaging", "standby":
			s.standby = name == "standby"
			if !list.IsList() {
				p.fault(entry, name+" is no list")
			}
			for item := range list.Elements() {
				p.item(item, s)
			}
		case "changes":
			// Posts, comments and the like are nobody's conversation; but the
			// dashboard's tests, and some subscriptions, wrap items so.
			for change := range list.Elements() {
				if item := change.Get("value"); item.Get("sender").IsObject() && item.Get("recipient").IsObject() {
					p.item(item, s)
				}
			}
		default:
			continue
		}
		found = true
	}
	if !found {
		p.fault(entry, "entry without messaging")
	}
}

// scope is what the items of one entry share.
type scope struct {
	account string
	at      string // when Meta sent it
	standby bool   // another app has the conversation
}

// fault adds an item for a part that holds no event that could be told apart.
func (p *parser) fault(part connectors.JSON, problem string) {
	p.items = append(p.items, connectors.Item{Event: connectors.Event{Kind: connectors.KindUnsupported}, Raw: part.Raw(), Problem: problem})
}

func (p *parser) item(part connectors.JSON, s scope) {
	if !part.IsObject() {
		p.fault(part, "item is no object")
		return
	}
	item := part.Fields()
	it := connectors.Item{Raw: part.Raw()}
	e := &it.Event
	e.Account, e.Standby = s.account, s.standby
	person := item.Get("sender")
	if ours := item.Get("message", "is_echo").True() || s.account != "" && person.Get("id").ID() == s.account; ours {
		e.Direction = connectors.DirectionOut
		person = item.Get("recipient")
	}
	e.ExternalID = person.Get("id").ID()
	if ref := person.Get("user_ref").ID(); ref != "" && e.ExternalID == "" {
		e.ExternalID = userRef + ref
	}
	at := item.Get("timestamp").ID()
	if at == "" {
		at = s.at
	}
	var ok bool
	e.Timestamp, ok = connectors.Instant(at)
	kind, content := about(item)
	if kind == "delivery" {
		p.deliveries(it, content)
		return
	}
	it.Problem = read(kind, content.Fields(), e)
	if e.Kind == "" {
		e.Kind = connectors.KindUnsupported
	}
	if e.DedupeKey == "" && kind != "" && at != "" && e.ExternalID != "" {
		// Meta names no id, but a person does one thing of a kind at a time.
		e.DedupeKey = e.ExternalID + "#" + kind + at
	}
	switch {
	case it.Problem != "":
	case e.ExternalID == "" && kind != "optin":
		it.Problem = kind + " without the person's id"
	case !ok:
		it.Problem = kind + " with an unreadable timestamp"
	}
	p.items = append(p.items, it)
}

// userRef sets the ids of people apart whom a page knows only by a tick on some
// website.
const userRef = "user_ref:"

// about finds what an item is about: the object besides the parties that this
// package knows, else the last.
func about(item connectors.Fields) (kind string, content connectors.JSON) {
	for _, f := range item {
		if f.Value.IsObject() && f.Name != "sender" && f.Name != "recipient" && (!isKnown(kind) || isKnown(f.Name)) {
			kind, content = f.Name, f.Value
		}
	}
	return kind, content
}

func isKnown(kind string) bool {
	switch kind {
	case "message", "message_edit", "postback", "referral", "optin", "delivery", "read", "reaction":
		return true
	}
	return isNotice(kind)
}

// isNotice says whether an item is about who has the conversation, or the app.
func isNotice(kind string) bool {
	switch kind {
	case "pass_thread_control", "take_thread_control", "request_thread_control", "app_roles", "policy_enforcement", "policy-enforcement",
		"account_linking", "response_feedback":
		return true
	}
	return false
}

// read fills an event from what the item is about.
func read(kind string, content connectors.Fields, e *connectors.Event) (fault string) {
	switch kind {
	case "message":
		return message(content, e)
	case "message_edit":
		return edit(content, e)
	case "postback":
		return postback(content, e)
	case "referral":
		e.Kind = connectors.KindReferral
		e.Referral = referral(content)
	case "optin":
		return optin(content, e)
	case "read":
		return seen(content, e)
	case "reaction":
		return reaction(content, e)
	case "":
		return "item about nothing"
	}
	if e.RawType = kind; isNotice(kind) {
		e.Kind = connectors.KindSystem
	}
	return ""
}

// deliveries reads which messages of ours have arrived: one event each, or one
// for all until a time.
func (p *parser) deliveries(it connectors.Item, content connectors.JSON) {
	it.Event.Kind, it.Event.Status = connectors.KindStatus, "delivered"
	found := false
	mids := content.Get("mids")
	for mid := range mids.Elements() {
		one := it
		one.Raw = bytes.Replace(it.Raw, mids.Raw(), []byte("["+mid+"]"), 1)
		one.Event.MessageID = mid.ID()
		one.Event.DedupeKey = one.Event.MessageID + "#delivered"
		if one.Event.MessageID == "" {
			one.Event.DedupeKey, one.Problem = "", "delivery of a message without id"
		}
		p.items = append(p.items, one)
		found = true
	}
	if found {
		return
	}
	mark := content.Get("watermark").ID()
	it.Event.Watermark, _ = connectors.Instant(mark)
	if it.Event.Watermark.IsZero() || it.Event.ExternalID == "" {
		it.Problem = "delivery without mids, and without person and watermark"
	} else {
		it.Event.DedupeKey = it.Event.ExternalID + "#delivered" + mark
	}
	p.items = append(p.items, it)
}

func seen(content connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind, e.Status = connectors.KindStatus, "read"
	if e.MessageID = content.Get("mid").ID(); e.MessageID != "" {
		e.DedupeKey = e.MessageID + "#read"
		return ""
	}
	mark := content.Get("watermark").ID()
	e.Watermark, _ = connectors.Instant(mark)
	if e.Watermark.IsZero() {
		return "read without mid and watermark"
	}
	e.DedupeKey = e.ExternalID + "#read" + mark
	return ""
}

func reaction(content connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindReaction
	change := connectors.Reaction{
		Emoji: content.Get("emoji").Text(), Action: content.Get("action").Text(), TargetID: content.Get("mid").ID(),
	}
	if change.Emoji == "" {
		change.Emoji = content.Get("reaction").Text()
	}
	switch {
	case change.TargetID == "":
		return "reaction without mid"
	case change.Action != "react" && change.Action != "unreact":
		return "reaction without action"
	}
	e.Reaction = &change
	return ""
}

func optin(content connectors.Fields, e *connectors.Event) (fault string) {
	e.Kind = connectors.KindOptin
	e.RawType = content.Get("type").Text()
	if ref := content.Get("user_ref").ID(); e.ExternalID == "" && ref != "" {
		e.ExternalID = userRef + ref
	}
	ref := content.Get("ref").Text()
	if ref == "" {
		ref = content.Get("payload").Text()
	}
	if ref != "" {
		e.Referral = &connectors.Referral{Ref: ref}
	}
	if e.ExternalID == "" {
		return "optin without the person's id"
	}
	return ""
}

func referral(r connectors.Fields) *connectors.Referral {
	return &connectors.Referral{
		Source: r.Get("source").Text(), SourceID: r.Get("ad_id").ID(), SourceURL: r.Get("referer_uri").Text(),
		Headline: r.Get("ads_context_data", "ad_title").Text(), Ref: r.Get("ref").Text(),
	}
}
