package api

import (
	"strings"
	"time"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/internal/gateway"
)

// ContactFilters select contacts; all that are given must hold.
type ContactFilters struct {
	Email       string   `query:"email"`
	Phone       string   `query:"phone" doc:"In any form"`
	CustomerID  string   `query:"customer_id"`
	Type        string   `query:"type" enum:"guest,lead,customer"`
	Status      string   `query:"status"`
	Tag         string   `query:"tag"`
	Channel     string   `query:"channel" example:"whatsapp/acme"`
	Flow        string   `query:"flow"`
	AssigneeID  string   `query:"assignee_id" doc:"me: the agent of the key"`
	Archived    string   `query:"archived" enum:"false,true,any" doc:"Left out: those that are not archived"`
	Q           string   `query:"q" doc:"Words that begin words of name, e-mail or phone"`
	CreatedFrom string   `query:"created_from" doc:"A day where the business is, or an instant; included"`
	CreatedTo   string   `query:"created_to"`
	SeenFrom    string   `query:"seen_from"`
	SeenTo      string   `query:"seen_to"`
	Where       []string `query:"where,explode" doc:"company_size>=50, plan=gold,silver (any of), phone:known; repeatable, all must hold"`
}

func (in *ContactFilters) filter(b *gateway.Business, who *caller) (sqlstore.Filter, error) {
	locale := contacts.Locale{Country: b.Country, Timezone: b.Timezone}
	f := sqlstore.Filter{
		CustomerID: in.CustomerID, Type: contacts.Type(in.Type), Status: in.Status, Tag: in.Tag,
		Channel: in.Channel, Flow: in.Flow, AssigneeID: in.AssigneeID, Q: in.Q,
	}
	if in.Archived != "false" {
		f.Archived = sqlstore.Archived(in.Archived)
	}
	var faults []fault
	fail := func(name string, err error) {
		faults = append(faults, fault{Field: name, Code: "invalid", Detail: err.Error()})
	}
	address := func(name, text string) string {
		if text == "" {
			return ""
		}
		field, _ := b.Fields.Lookup(name)
		value, err := field.Parse(unplus(text), locale)
		if err != nil {
			fail(name, err)
			return ""
		}
		canonical, _ := value.(string)
		return contacts.AddressKey(name, canonical)
	}
	f.Email, f.Phone = address("email", in.Email), address("phone", in.Phone)
	moment := func(name, text string, after bool) time.Time {
		if text == "" {
			return time.Time{}
		}
		t, err := bound(text, after, locale)
		if err != nil {
			fail(name, err)
		}
		return t
	}
	f.CreatedFrom, f.CreatedTo = moment("created_from", in.CreatedFrom, false), moment("created_to", in.CreatedTo, true)
	f.SeenFrom, f.SeenTo = moment("seen_from", in.SeenFrom, false), moment("seen_to", in.SeenTo, true)
	for _, text := range in.Where {
		clause, err := sqlstore.ParseClause(text, b.Fields, locale)
		if err != nil {
			fail("where", err)
		}
		f.Where = append(f.Where, clause)
	}
	if in.AssigneeID == "me" {
		if f.AssigneeID = who.AgentID; f.AssigneeID == "" {
			faults = append(faults, fault{Field: "assignee_id", Code: "invalid", Detail: "me: the key is no agent's"})
		}
	}
	if len(faults) > 0 {
		return f, invalid(faults...)
	}
	return f, nil
}

// bound reads an instant, or a day as its first moment; after: as the moment
// after it, since both ends are included.
func bound(text string, after bool, l contacts.Locale) (time.Time, error) {
	for _, spelling := range []string{text, strings.Replace(text, " ", "+", 1)} {
		if t, err := time.Parse(time.RFC3339Nano, spelling); err == nil {
			if after {
				t = t.Add(time.Microsecond)
			}
			return t, nil
		}
	}
	date, err := contacts.ParseDate(text, l)
	if err != nil {
		return time.Time{}, err
	}
	zone := l.Timezone
	if zone == nil {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return time.Time{}, err
	}
	if after {
		t = t.AddDate(0, 0, 1)
	}
	return t, nil
}

// unplus gives a number its plus back: in a query one that is not escaped is a
// blank.
func unplus(s string) string {
	if rest, ok := strings.CutPrefix(s, " "); ok {
		return "+" + rest
	}
	return s
}
