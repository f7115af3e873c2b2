package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"usher/contacts"
	"usher/internal/gateway"
)

// written is what a body says of a person.
type written struct {
	// values by flat name as JSON has them; nil clears.
	values map[string]any
	// rest is what is no value: status, tags, assignee_id.
	rest map[string]json.RawMessage
}

// readPerson splits a body into values and the members named in rest. A name
// that nothing has, or that only usher writes, is a fault.
func readPerson(body []byte, fields *contacts.Fields, rest ...string) (written, error) {
	w := written{values: map[string]any{}, rest: map[string]json.RawMessage{}}
	all, err := members(body)
	if err != nil {
		return w, err
	}
	var faults []fault
	for _, name := range sortedNames(all) {
		field, known := fields.Lookup(name)
		switch {
		case name == "fields":
			faults = append(faults, w.custom(all[name], fields)...)
		case slices.Contains(rest, name):
			w.rest[name] = all[name]
		case known && field.BuiltIn && field.IsValue():
			if w.values[name], err = valueOf(all[name]); err != nil {
				return w, err
			}
		case known && !field.BuiltIn:
			faults = append(faults, fault{Field: name, Code: codeUnknown, Detail: "custom fields go into fields"})
		case known || slices.Contains(shownOnly(), name):
			faults = append(faults, fault{Field: name, Code: codeReadOnly, Detail: "cannot be set"})
		default:
			faults = append(faults, unknownMember(name))
		}
	}
	if len(faults) > 0 {
		return w, invalid(faults...)
	}
	return w, nil
}

// shownOnly are the members of a person's document that are no fields.
func shownOnly() []string {
	return []string{"raw_name", "timezone_approximate", "system", "consent", "do_not_contact", "blocked_until",
		"identities", "archived", "source", "pseudonym", "expires_at", "possible_duplicate_of", "deliveries"}
}

func (w *written) custom(raw json.RawMessage, fields *contacts.Fields) []fault {
	var custom map[string]json.RawMessage
	if err := json.Unmarshal(raw, &custom); err != nil {
		return []fault{{Field: "fields", Code: "type", Detail: "want an object of custom fields"}}
	}
	var faults []fault
	for _, name := range sortedNames(custom) {
		field, known := fields.Lookup(name)
		if !known || field.BuiltIn {
			faults = append(faults, fault{Field: shown(name), Code: codeUnknown, Detail: "no custom field has this name"})
			continue
		}
		value, err := valueOf(custom[name])
		if err != nil {
			faults = append(faults, fault{Field: name, Code: "type", Detail: "cannot be read"})
			continue
		}
		w.values[name] = value
	}
	return faults
}

// draft is a contact to be made. Somebody must be reachable and have a name:
// both parts of it, or the whole.
func (w *written) draft() (gateway.Draft, error) {
	var faults []fault
	if !w.has("name") {
		for _, part := range []string{"first_name", "last_name"} {
			if !w.has(part) {
				faults = append(faults, fault{Field: part, Code: codeRequired, Detail: part + " is required, or name"})
			}
		}
	}
	if !w.has("phone") && !w.has("email") {
		faults = append(faults, fault{Field: "phone", Code: codeRequired, Detail: "phone or email is required"},
			fault{Field: "email", Code: codeRequired, Detail: "phone or email is required"})
	}
	p, more := w.patch()
	if faults = append(faults, more...); len(faults) > 0 {
		return gateway.Draft{}, invalid(faults...)
	}
	d := gateway.Draft{Values: map[string]any{}}
	for name, value := range w.values {
		if value != nil {
			d.Values[name] = value
		}
	}
	if p.Status != nil {
		d.Status = *p.Status
	}
	if p.Tags != nil {
		d.Tags = *p.Tags
	}
	if p.AssigneeID != nil {
		d.AssigneeID = *p.AssigneeID
	}
	return d, nil
}

// has says whether something is given that is not blank.
func (w *written) has(name string) bool {
	switch v := w.values[name].(type) {
	case nil:
		return false
	case string:
		return strings.TrimSpace(v) != ""
	default:
		return true
	}
}

// Sources of what comes through the API: from programs, and from agents by hand.
const (
	viaAPI    = "api"
	viaManual = "manual"
)

// patch is what a merge patch changes.
func (w *written) patch() (gateway.Patch, []fault) {
	p := gateway.Patch{Values: w.values}
	var faults []fault
	for _, name := range sortedNames(w.rest) {
		var err error
		switch name {
		case "status":
			p.Status, err = textOrNone(w.rest[name])
		case "assignee_id":
			p.AssigneeID, err = textOrNone(w.rest[name])
		case "tags":
			tags := []string{}
			err = json.Unmarshal(w.rest[name], &tags)
			p.Tags = &tags
		case "do_not_contact":
			p.DoNotContact = new(bool)
			err = json.Unmarshal(w.rest[name], p.DoNotContact)
		}
		if err != nil {
			want, ok := map[string]string{"tags": "want a list of texts", "do_not_contact": "want true or false"}[name]
			if !ok {
				want = "want a text or null"
			}
			faults = append(faults, fault{Field: name, Code: "type", Detail: want})
		}
	}
	return p, faults
}

// textOrNone reads a text; null is the empty one.
func textOrNone(raw json.RawMessage) (*string, error) {
	var text string
	err := json.Unmarshal(raw, &text)
	return &text, err
}

// etag is a contact's version as HTTP has it.
func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// anyVersion is a precondition that always holds.
const anyVersion = 0

// versionOf reads If-Match. What is no tag of ours is at no version.
func versionOf(ifMatch string) (int64, error) {
	ifMatch = strings.TrimSpace(ifMatch)
	if ifMatch == "" || ifMatch == "*" {
		return anyVersion, nil
	}
	text := strings.Trim(strings.TrimPrefix(ifMatch, "W/"), `"`)
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || version <= 0 {
		return 0, newProblem(http.StatusPreconditionFailed, "changed since it was read, or not a tag of this contact")
	}
	return version, nil
}
