package contacts

import (
	"reflect"
	"time"
)

// Change is one field of a contact that took another value. Besides values it
// may be status, tags (a list of text), assignee_id or archived.
type Change struct {
	Field    string
	Old, New any // canonical; nil: not known
	Source   Source
	By       string // id of the agent or key that made it; empty: the person did, or a flow
	At       time.Time
}

// Changes are what a contact's history gets of one write: everything about it
// that others may have asked for, before and after. nil before: it is new.
// Fields that are worked out from others are among them.
func Changes(before, after *Contact, at time.Time) []Change {
	var all []Change
	add := func(field string, was, is any) {
		if !reflect.DeepEqual(was, is) {
			all = append(all, Change{Field: field, Old: was, New: is, At: at})
		}
	}
	if before == nil {
		before = &Contact{}
	}
	for _, field := range Changed(before.Values, after.Values) {
		add(field, before.Values[field], after.Values[field])
	}
	add("status", orNil(before.Status), orNil(after.Status))
	add("tags", listed(before.Tags), listed(after.Tags))
	add("assignee_id", orNil(before.AssigneeID), orNil(after.AssigneeID))
	add("archived", before.Archived, after.Archived)
	return all
}

// listed is a list as JSON has it; nil if there is nothing on it.
func listed(texts []string) any {
	if len(texts) == 0 {
		return nil
	}
	all := make([]any, len(texts))
	for i, s := range texts {
		all[i] = s
	}
	return all
}
