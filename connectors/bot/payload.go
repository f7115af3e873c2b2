package bot

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/connectors"
	"usher/contacts"
)

// Bounds of what a bot may say; texts in characters.
const (
	maxIDBytes = 255     // of ids in any script: what the inbox keeps
	maxID      = 256     // session, message_id, user.id, user.customer_id: what a key column takes
	maxText    = 16_384  // four times the longest message of a messenger
	maxShort   = 1024    // name, button value, page title
	maxURL     = 2048    // what browsers and proxies agree on
	maxValues  = 200     // in parameters, form or system: more than a contact has
	maxKind    = 64      // of an unknown kind, kept to show it
	maxPhone   = 64      // as people decorate numbers
	maxEmail   = 2 * 254 // an address with what surrounds it
)

// document is a JSON object whose members are not read yet. Of a member given
// twice the last one counts.
type document map[string]json.RawMessage

// Parse reads one turn. A member of the wrong type or beyond its bound is a
// *connectors.FieldError and nothing is kept: the bot waits for the answer, so
// its developer learns of it at once. A kind from the future is a Problem.
// Members that the contract does not name are passed over.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	if err := connectors.CheckJSON(r.Body); err != nil {
		return nil, err
	}
	var doc document
	if err := json.Unmarshal(r.Body, &doc); err != nil || doc == nil {
		return nil, fmt.Errorf("%w: want a JSON object", connectors.ErrUnreadable)
	}
	var e connectors.Event
	p := reader{country: c.country}
	session := p.id(doc, "", "session")
	e.MessageID = p.id(doc, "", "message_id")
	kind := p.text(doc, "", "kind", maxText)
	e.Text = p.text(doc, "", "text", maxText)
	e.Language = p.text(doc, "", "language", maxKind)
	e.Parameters = p.values(doc, "parameters")
	e.Form = p.values(doc, "form")
	e.System = p.values(doc, "system")
	p.user(&e, doc)
	p.page(&e, doc)
	if ip, err := netip.ParseAddr(p.text(doc, "", "client_ip", maxID)); err == nil {
		e.ClientIP = ip.Unmap().WithZone("").String() // one that is none helps nobody and hurts nobody
	}
	if strings.TrimSpace(session) == "" {
		p.fail("session", "required", "names the conversation")
	}
	if e.ExternalID == "" {
		e.ExternalID = session
	} else if session != e.ExternalID {
		e.Session = session
	}
	e.DedupeKey = dedupeKey(session, e.MessageID, r)

	item := connectors.Item{Raw: r.Body}
	item.Problem = p.kind(&e, doc, kind)
	if p.err != nil {
		return nil, p.err
	}
	item.Event = e
	return []connectors.Item{item}, nil
}

// dedupeKey joins session and message id: bots count their messages from one in
// each session, and two sessions must never swallow each other's messages. The
// session is escaped, so the first # ends it. A signed message without an id of
// its own has that of its webhook.
func dedupeKey(session, messageID string, r *connectors.Request) string {
	if messageID != "" {
		return url.QueryEscape(session) + "#" + messageID
	}
	if id := r.Header.Get(connectors.HeaderWebhookID); id != "" && len(id) <= maxID && printable(id) {
		return "#" + id
	}
	return ""
}

// reader reads members and keeps the first fault.
type reader struct {
	country string
	err     error
}

func (p *reader) fail(field, code, detail string) {
	if p.err == nil {
		p.err = &connectors.FieldError{Field: field, Code: code, Detail: detail}
	}
}

// member decodes a member that is neither missing nor null.
func (p *reader) member(doc document, parent, name string, into any, want string) (given bool) {
	raw, ok := doc[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if json.Unmarshal(raw, into) != nil {
		p.fail(parent+name, "type", "want "+want)
		return false
	}
	return true
}

// text drops NUL, which databases refuse, and changes nothing else.
func (p *reader) text(doc document, parent, name string, limit int) string {
	var s string
	p.member(doc, parent, name, &s, "a text")
	if utf8.RuneCountInString(s) > limit {
		p.fail(parent+name, "too_long", fmt.Sprintf("at most %d characters", limit))
		return ""
	}
	return clean(s)
}

func (p *reader) id(doc document, parent, name string) string {
	s := p.text(doc, parent, name, maxID)
	if len(s) > maxIDBytes {
		p.fail(parent+name, "too_long", fmt.Sprintf("at most %d bytes", maxIDBytes))
	}
	if !printable(s) {
		p.fail(parent+name, "invalid", "has characters that do not print")
	}
	return s
}

// values reads an object. Its values are kept as they are: what they mean is
// for the fields that they name.
func (p *reader) values(doc document, name string) map[string]any {
	var all map[string]any
	if !p.member(doc, "", name, &all, "an object") {
		return nil
	}
	if len(all) > maxValues {
		p.fail(name, "too_long", fmt.Sprintf("at most %d values", maxValues))
	}
	for key, value := range all {
		all[key] = p.value(name+"."+key, value)
	}
	return all
}

func (p *reader) value(field string, value any) any {
	s, ok := value.(string)
	if !ok {
		return value
	}
	if utf8.RuneCountInString(s) > maxText {
		p.fail(field, "too_long", fmt.Sprintf("at most %d characters", maxText))
	}
	return clean(s)
}

// user reads who the person is. Members that have no place of their own, like
// company, are parameters unless the parameters say otherwise.
func (p *reader) user(e *connectors.Event, doc document) {
	var user document
	if !p.member(doc, "", "user", &user, "an object") {
		return
	}
	const parent = "user."
	e.ExternalID = p.id(user, parent, "id")
	e.Name = strings.TrimSpace(p.text(user, parent, "name", maxShort))
	e.CustomerID = strings.TrimSpace(p.id(user, parent, "customer_id"))
	if language := p.text(user, parent, "language", maxKind); language != "" {
		e.Language = language
	}
	p.member(user, parent, "verified", &e.Verified, "true or false")
	e.Email = p.address("user.email", p.text(user, parent, "email", maxEmail), contacts.ParseEmail)
	e.Phone = p.address("user.phone", p.text(user, parent, "phone", maxPhone), func(s string) (string, error) {
		return contacts.ParsePhone(s, p.country)
	})
	for name, raw := range user {
		switch name {
		case "id", "name", "email", "phone", "customer_id", "verified", "language":
			continue
		}
		var value any
		if _, taken := e.Parameters[name]; taken || json.Unmarshal(raw, &value) != nil || value == nil {
			continue
		}
		if e.Parameters == nil {
			e.Parameters = map[string]any{}
		}
		e.Parameters[name] = p.value(parent+name, value)
	}
}

// address reads an e-mail or phone; a blank one is none given.
func (p *reader) address(field, s string, parse func(string) (string, error)) string {
	parsed, err := parse(s)
	var invalid *contacts.Invalid
	switch {
	case err == nil:
		return parsed
	case errors.As(err, &invalid):
		p.fail(field, invalid.Code, invalid.Detail)
	case !errors.Is(err, contacts.ErrBlank):
		p.fail(field, "invalid", "cannot be used")
	}
	return ""
}

func (p *reader) page(e *connectors.Event, doc document) {
	var page document
	if !p.member(doc, "", "page", &page, "an object") {
		return
	}
	found := connectors.Page{URL: p.text(page, "page.", "url", maxURL), Title: p.text(page, "page.", "title", maxShort)}
	if found.URL != "" {
		e.Page = &found
	}
}

// kind reads what belongs to the kind of event. The default is message, or the
// answer to a form if there is one.
func (p *reader) kind(e *connectors.Event, doc document, kind string) (problem string) {
	if kind == "" && e.Form != nil {
		kind = string(connectors.KindForm)
	}
	switch e.Kind = connectors.Kind(kind); e.Kind {
	case "", connectors.KindMessage:
		e.Kind = connectors.KindMessage
	case connectors.KindStarted:
	case connectors.KindPostback:
		p.postback(e, doc)
	case connectors.KindForm:
		if e.Form == nil {
			p.fail("form", "required", "want an object of field names and values")
		}
	case connectors.KindConsent:
		var given bool
		if p.member(doc, "", "given", &given, "true or false") {
			e.Given = &given
		} else {
			p.fail("given", "required", "want true or false")
		}
	default:
		e.Kind, e.RawType = connectors.KindUnsupported, kind
		if utf8.RuneCountInString(kind) > maxKind {
			e.RawType = string([]rune(kind)[:maxKind])
		}
		return "unknown kind"
	}
	return ""
}

// postback reads a tapped button: its value (or payload, as other platforms
// call it) and its title in text; either alone stands for both.
func (p *reader) postback(e *connectors.Event, doc document) {
	value := p.text(doc, "", "value", maxShort)
	if value == "" {
		value = p.text(doc, "", "payload", maxShort)
	}
	if value == "" {
		value = e.Text
	}
	if e.Text == "" {
		e.Text = value
	}
	if value == "" {
		p.fail("text", "required", "want the button's title, or its value in value")
	}
	e.Reply = &connectors.Choice{Type: "postback", ID: value, Title: e.Text}
}

func clean(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func printable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
