package config

import (
	"slices"
	"strings"
)

// builtInFields are the names that a custom field cannot have: what every
// person has, and what a person's JSON form uses beside the fields.
func builtInFields() []string {
	return []string{
		"id", "type", "status", "name", "first_name", "middle_name", "last_name", "email", "phone",
		"customer_id", "company", "country", "city", "zip", "language", "timezone", "contact_address",
		"billing_address", "tags", "assignee_id", "channel", "flow", "via", "created_at", "updated_at",
		"last_seen_at",
	}
}

func scopes() []string     { return []string{"admin", "agent", "read", "bot"} }
func fieldTypes() []string { return []string{"text", "number", "date", "yes_no"} }

func documentKinds() []string {
	return append(leadKinds(),
		"contact.status_changed", "contact.archived", "contact.erased",
		"conversation.started", "conversation.handover", "conversation.closed", "conversation.abandoned")
}

func (l *loader) checkItems(c *Config, businesses map[string]bool) {
	l.checkKeys(c.Keys, businesses)
	l.checkFields(c.Fields, businesses)
	l.checkChannels(c.Channels, businesses)
	l.checkDestinations(c.Destinations, businesses)
	for name := range c.Secrets {
		if path := join("secrets", name); !fieldName().MatchString(name) {
			l.add(path, "a secret's name is lower-case letters, digits and _")
		}
	}
}

func (l *loader) checkKeys(keys []Key, businesses map[string]bool) {
	names, secrets := seenIn{}, map[Secret]string{}
	for i, k := range keys {
		path := index("keys", i)
		l.business(path, k.Business, businesses)
		l.unique(path+".name", k.Name, names.of(k.Business))
		if other, twice := secrets[k.Key]; l.must(path+".key", string(k.Key)) && twice {
			l.add(path+".key", "the same as that of %s", other)
		}
		secrets[k.Key] = path
		if len(k.Scopes) == 0 && !l.spoilt(path+".scopes") {
			l.add(path+".scopes", "missing; some of %s", list(scopes()))
		}
		for j, scope := range k.Scopes {
			l.oneOf(index(path+".scopes", j), scope, scopes()...)
		}
	}
}

func (l *loader) checkFields(fields []Field, businesses map[string]bool) {
	names := seenIn{}
	for i, f := range fields {
		path := index("fields", i)
		l.business(path, f.Business, businesses)
		l.unique(path+".name", f.Name, names.of(f.Business))
		switch {
		case f.Name == "":
		case !fieldName().MatchString(f.Name):
			l.add(path+".name", "want a lower-case letter, then lower-case letters, digits and _, up to 64")
		case slices.Contains(builtInFields(), f.Name):
			l.add(path+".name", "%s is built in", f.Name)
		}
		l.oneOf(path+".type", f.Type, fieldTypes()...)
	}
}

func (l *loader) checkChannels(channels []Channel, businesses map[string]bool) {
	ids := map[string]bool{} // of all businesses: they are addresses
	for i, ch := range channels {
		path := index("channels", i)
		l.business(path, ch.Business, businesses)
		l.unique(path+".id", ch.ID, ids)
		if ch.ID != "" && !channelID().MatchString(ch.ID) {
			l.add(path+".id", "want type/name, as whatsapp/acme")
		}
		if ch.Flow != "" && (len(ch.Flows) != 1 || ch.Flows[0] != ch.Flow) {
			l.add(path+".flows", "either flow or flows, not both")
		}
		for j, flow := range ch.Flows {
			l.must(index(path+".flows", j), flow)
		}
	}
}

func (l *loader) checkDestinations(destinations []Destination, businesses map[string]bool) {
	ids := seenIn{}
	for i, d := range destinations {
		path := index("destinations", i)
		l.business(path, d.Business, businesses)
		l.unique(path+".id", d.ID, ids.of(d.Business))
		if d.ID != "" && !itemName().MatchString(d.ID) {
			l.add(path+".id", "want letters, digits, '.', - and _, up to 64")
		}
		l.must(path+".type", d.Type)
		for j, kind := range d.Send {
			l.oneOf(index(path+".send", j), kind, documentKinds()...)
		}
	}
}

func (l *loader) business(path, id string, known map[string]bool) {
	if path += ".business"; !known[id] && !l.spoilt(path) {
		l.add(path, "%q is no business of this configuration", id)
	}
}

// seenIn keeps the names of each business apart.
type seenIn map[string]map[string]bool

func (s seenIn) of(business string) map[string]bool {
	if s[business] == nil {
		s[business] = map[string]bool{}
	}
	return s[business]
}

func list(names []string) string { return strings.Join(names, ", ") }
