package whatsapp

import (
	"strings"

	"usher/connectors"
)

// person is everyone's ids as one place of the payload names them. A
// business-scoped user id in the place of a phone number is moved to user.
type person struct {
	phone  string // wa_id: digits
	user   string // CC.xxx
	parent string // CC.ENT.xxx: the same person across a portfolio
	handle string
	name   string
}

// people is the contacts block of one value. It is matched by id: its order is
// not that of the messages.
type people struct {
	list []person
	by   map[string]int // either id to place in list; nil for a short list
}

// fewPeople may be looked through one by one; more are indexed, because one
// request can hold a thousand of them and as many messages.
const fewPeople = 8

func (p *parser) contacts(list span) people {
	var all people
	if list == (span{}) {
		return all
	}
	c := p.cur.at(list)
	for range c.elements {
		var one person
		for key := range c.members {
			switch key {
			case "wa_id":
				one.phone = c.scalar()
			case "user_id":
				one.user = c.scalar()
			case "parent_user_id":
				one.parent = c.scalar()
			case "profile":
				one.name, one.handle = "", ""
				for key := range c.members {
					switch key {
					case "name":
						one.name = c.text()
					case "username":
						one.handle = c.text()
					}
				}
			}
		}
		one.tidy()
		all.list = append(all.list, one)
	}
	if len(all.list) > fewPeople {
		all.by = make(map[string]int, 2*len(all.list))
		for i := len(all.list) - 1; i >= 0; i-- { // the first of a name wins, as below
			all.by[all.list[i].phone], all.by[all.list[i].user] = i, i
		}
		delete(all.by, "")
	}
	return all
}

// tidy puts a user id that came as a phone number where it belongs.
func (o *person) tidy() {
	o.phone = strings.TrimPrefix(o.phone, "+")
	if !connectors.ScopedUserID(o.phone) {
		return
	}
	if o.user == "" {
		o.user = o.phone
	}
	o.phone = ""
}

// find completes what a message says of a person with the contacts block.
func (all *people) find(o person) person {
	o.tidy()
	known := all.lookup(o)
	if known == nil {
		return o
	}
	if o.user == "" {
		o.user = known.user
	}
	if o.phone == "" {
		o.phone = known.phone
	}
	if o.parent == "" {
		o.parent = known.parent
	}
	o.handle, o.name = known.handle, known.name
	return o
}

func (all *people) lookup(o person) *person {
	if all.by != nil {
		i, ok := all.by[o.user]
		if !ok {
			i, ok = all.by[o.phone]
		}
		if !ok {
			return nil
		}
		return &all.list[i]
	}
	for i := range all.list {
		if o.user != "" && all.list[i].user == o.user {
			return &all.list[i]
		}
	}
	for i := range all.list {
		if o.phone != "" && all.list[i].phone == o.phone {
			return &all.list[i]
		}
	}
	return nil
}

// on writes the person's ids to an event; false: there are none. The number is
// the person's own: WhatsApp has checked it.
func (o *person) on(e *connectors.Event) bool {
	switch {
	case o.user != "":
		e.ExternalID = o.user
	case o.phone != "":
		e.ExternalID = o.phone
	case o.parent != "":
		e.ExternalID = o.parent
	default:
		return false
	}
	e.IDs = o.ids()
	e.Phone = connectors.E164(o.phone)
	return true
}

func (o *person) ids() *connectors.IDs {
	return &connectors.IDs{WaID: o.phone, UserID: o.user, ParentUserID: o.parent, Username: o.handle}
}
