package contacts

import (
	"slices"
	"time"
)

// Identity is one way in which a person is recognised.
type Identity struct {
	Kind    string `json:"kind"` // channel, phone, email, customer_id
	Channel string `json:"channel,omitempty"`
	Value   string `json:"value"`
	Proven  bool   `json:"proven"`
}

// Document is the contact as the API, exports and CRMs show it: every key is
// there, unknown is nil.
func (c *Contact) Document(fields *Fields, identities []Identity) map[string]any {
	d := c.Values.document(fields)
	if identities == nil {
		identities = []Identity{}
	}
	tags := slices.Clone(c.Tags)
	if tags == nil {
		tags = []string{}
	}
	d["id"] = c.ID
	d["type"] = string(c.Type())
	d["status"] = orNil(c.Status)
	d["raw_name"] = orNil(c.RawName)
	d["timezone_approximate"] = c.TimezoneApproximate
	system := map[string]any{}
	for k, v := range c.System {
		system[k] = v
	}
	for _, k := range []string{"city", "zip"} {
		if v := c.Values[k]; v != nil {
			system[k] = v
		}
	}
	d["system"] = system
	d["tags"] = tags
	d["assignee_id"] = orNil(c.AssigneeID)
	d["consent"] = nil
	if c.Consent != nil {
		d["consent"] = map[string]any{"given": c.Consent.Given, "at": timestamp(c.Consent.At)}
	}
	d["do_not_contact"] = c.DoNotContact
	d["blocked_until"] = orNilTime(c.BlockedUntil)
	d["identities"] = identities
	d["archived"] = c.Archived
	d["source"] = c.Source.document()
	d["created_at"] = orNilTime(c.CreatedAt)
	d["updated_at"] = orNilTime(c.UpdatedAt)
	d["last_seen_at"] = orNilTime(c.LastSeenAt)
	if c.PossibleDuplicateOf != "" {
		d["possible_duplicate_of"] = c.PossibleDuplicateOf
	}
	return d
}

// Document is the guest in the contact's shape, with real values only, its
// pseudonym beside them and the end of its life.
func (g *Guest) Document(fields *Fields) map[string]any {
	c := &Contact{
		Values: g.Conversation.State.Said, RawName: g.Conversation.State.RawName, Status: g.Conversation.State.Status,
		Tags: g.Conversation.State.Tags, Consent: g.Conversation.State.Consent, System: g.Conversation.State.System,
		Source:    Source{Channel: g.Conversation.Channel, Via: "channel"},
		CreatedAt: g.Conversation.CreatedAt, UpdatedAt: g.Conversation.UpdatedAt, LastSeenAt: g.Conversation.UpdatedAt,
	}
	d := c.Document(fields, []Identity{{Kind: "channel", Channel: g.Conversation.Channel, Value: g.Conversation.ExternalID, Proven: true}})
	pseudonym := PseudonymOf(g.ID, g.Seed)
	d["id"] = g.ID
	d["pseudonym"] = map[string]any{"name": pseudonym.Name, "email": pseudonym.Email}
	d["expires_at"] = orNilTime(g.ExpiresAt)
	return d
}

// document has the built-in values at the top and the custom ones in "fields".
func (v Values) document(fields *Fields) map[string]any {
	d := map[string]any{}
	custom := map[string]any{}
	for _, f := range fields.All() {
		switch {
		case !f.BuiltIn:
			if v[f.Name] != nil {
				custom[f.Name] = v[f.Name]
			}
		case f.Name == "city" || f.Name == "zip": // shown in system
		case f.IsValue():
			d[f.Name] = v[f.Name]
		}
	}
	d["fields"] = custom
	return d
}

func (s Source) document() map[string]any {
	return map[string]any{"channel": orNil(s.Channel), "flow": orNil(s.Flow), "step": orNil(s.Step), "via": orNil(s.Via)}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func orNilTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
