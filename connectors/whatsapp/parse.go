package whatsapp

import (
	"fmt"
	"slices"

	"usher/connectors"
)

// object is what Meta writes at the top of every webhook for WhatsApp.
const object = "whatsapp_business_account"

// Parse reads a webhook in payload order; inside one change: messages, echoes,
// statuses, preferences, errors. Strings and raw bytes of the items share the
// memory of one body.
func (c *channel) Parse(r *connectors.Request) ([]connectors.Item, error) {
	p := parser{body: r.Body, cur: cursor{s: string(r.Body)}}
	if err := p.envelope(); err != nil {
		return nil, err
	}
	return connectors.Once(p.items), nil
}

// parser holds what is found in one body.
type parser struct {
	body  []byte
	cur   cursor
	items []connectors.Item
}

// envelope walks entries and changes in one pass. A member that comes twice
// counts as it was written last, so what came of the first is dropped.
func (p *parser) envelope() error {
	c := &p.cur
	if c.peek() != '{' {
		return fmt.Errorf("%w: no JSON object", connectors.ErrUnreadable)
	}
	kind, entries := object, false
	for key := range c.members {
		switch key {
		case "object":
			kind = c.text()
		case "entry":
			p.items = p.items[:0]
			entries = c.peek() == '['
			for from := range c.elements {
				p.entry(from)
			}
		}
	}
	if c.peek(); c.bad || c.i != len(c.s) {
		return fmt.Errorf("%w: no JSON, or nested deeper than %d", connectors.ErrUnreadable, connectors.MaxDepth)
	}
	if kind != object || !entries {
		p.items = p.items[:0]
		p.fault(span{0, len(p.body)}, "no webhook of a WhatsApp business account")
	}
	return nil
}

func (p *parser) entry(from int) {
	c := &p.cur
	mark, changes := len(p.items), false
	for key := range c.members {
		if key != "changes" {
			continue
		}
		p.items = p.items[:mark]
		changes = c.peek() == '['
		for from := range c.elements {
			p.change(from)
		}
	}
	if !changes {
		p.items = p.items[:mark]
		p.fault(p.passed(from), "entry without changes")
	}
}

// change finds out what a change is about before it looks inside: value may
// come before field.
func (p *parser) change(from int) {
	c := &p.cur
	var v value
	var field string
	isObject := c.peek() == '{'
	for key := range c.members {
		switch key {
		case "field":
			field = c.text()
		case "value":
			v = value{at: span{c.i, c.i}}
			v.read(c)
			v.at.to = c.i
		}
	}
	if c.bad {
		return
	}
	switch {
	case !isObject:
		p.fault(p.passed(from), "change is no object")
	case !ours(field):
		// Templates, account and quality notices: not a conversation's business.
	case v.at == span{} || c.s[v.at.from] != '{':
		p.fault(p.passed(from), "change without value")
	case !v.known():
		p.fault(v.at, "value holds nothing known")
	default:
		p.value(&v)
	}
}

// ours says which webhook fields hold conversations. One without a name is
// judged by what is in it.
func ours(field string) bool {
	switch field {
	case "", "messages", "smb_message_echoes", "user_preferences":
		return true
	}
	return false
}

// value is the places of what a change holds.
type value struct {
	at                                                span
	account                                           string
	contacts                                          span
	messages, echoes, statuses, preferences, problems span
}

func (v *value) read(c *cursor) {
	for key := range c.members {
		switch key {
		case "metadata":
			v.account = ""
			for key := range c.members {
				if key == "phone_number_id" {
					v.account = c.scalar()
				}
			}
		case "contacts":
			v.contacts = c.value()
		case "messages":
			v.messages = c.value()
		case "message_echoes":
			v.echoes = c.value()
		case "statuses":
			v.statuses = c.value()
		case "user_preferences":
			v.preferences = c.value()
		case "errors":
			v.problems = c.value()
		}
	}
}

func (v *value) known() bool {
	none := span{}
	return v.messages != none || v.echoes != none || v.statuses != none || v.preferences != none || v.problems != none
}

func (p *parser) value(v *value) {
	s := scope{account: v.account, people: p.contacts(v.contacts)}
	p.each(v.messages, "message", &s)
	p.each(v.echoes, "echo", &s)
	p.each(v.statuses, "status", &s)
	p.each(v.preferences, "preference", &s)
	if v.problems != (span{}) {
		it := p.item(v.problems)
		it.Event.Kind, it.Event.Account = connectors.KindAccountError, s.account
		it.Event.Errors = readErrors(&p.cur, v.problems)
		if len(it.Event.Errors) == 0 {
			it.Problem = "errors of unknown shape"
		}
	}
}

// scope is what the items of one value share.
type scope struct {
	account string
	people  people
}

// A guess at how many items a list holds, so that they need not be moved often
// while they become more: a plain message has some 150 to 300 bytes, others more, and Meta
// puts at most 1,000 into one POST.
const usualBytes, usualMost = 512, 1000

// each reads the elements of one list of a value. What it finds is all that
// stays of the element: a fault in one does not keep the next from being read.
func (p *parser) each(list span, what string, s *scope) {
	if list == (span{}) {
		return
	}
	c := p.cur.at(list)
	if c.peek() != '[' {
		p.fault(list, what+": not a list")
		return
	}
	p.items = slices.Grow(p.items, min((list.to-list.from)/usualBytes+1, usualMost))
	for from := range c.elements {
		it := p.item(span{from, from})
		it.Event.Account = s.account
		c.wrong = ""
		fault := "is no object"
		if c.peek() == '{' {
			fault = read(&c, what, s, &it.Event)
		}
		if c.i == from {
			c.skip()
		}
		switch {
		case fault != "":
			it.Problem = what + " " + fault
		case c.wrong != "":
			it.Problem = fmt.Sprintf("%s: %.40q is of the wrong type", what, c.wrong)
		case s.account == "":
			it.Problem = what + " without phone_number_id"
		}
		if it.Event.Kind == "" {
			it.Event.Kind = connectors.KindUnsupported
		}
		it.Raw = p.body[from:c.i:c.i]
	}
}

// read fills an event from the object before c. A fault completes a sentence
// that begins with what the object is.
func read(c *cursor, what string, s *scope, e *connectors.Event) (fault string) {
	switch what {
	case "message":
		return readMessage(c, s, e)
	case "echo":
		return readEcho(c, s, e)
	case "status":
		return readStatus(c, s, e)
	default:
		return readPreference(c, s, e)
	}
}

// item adds one.
func (p *parser) item(at span) *connectors.Item {
	p.items = append(p.items, connectors.Item{Raw: p.body[at.from:at.to:at.to]})
	return &p.items[len(p.items)-1]
}

// fault adds an item for a part that holds no event that could be told apart.
func (p *parser) fault(at span, problem string) {
	if p.cur.bad {
		return
	}
	it := p.item(at)
	it.Event.Kind, it.Problem = connectors.KindUnsupported, problem
}

// passed is the value that began at from and that the cursor has just passed.
func (p *parser) passed(from int) span { return span{from, p.cur.i} }
