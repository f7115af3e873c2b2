package contacts

import (
	"maps"
	"slices"
	"strings"
)

// Text of a field that holds text; empty if it is not known.
func (v Values) Text(field string) string {
	s, _ := v[field].(string)
	return s
}

// Set keeps one canonical value; nil and "" clear it. A name and its parts stay
// one: a new name is split, a new part recomposes the name.
func (v Values) Set(field string, value any) {
	if value == "" {
		value = nil
	}
	switch field {
	case "name":
		name, _ := value.(string)
		if name != "" && name == v.Text("name") {
			return // the parts, a middle name too, are as good as before
		}
		first, last := SplitName(name)
		v.setNames(first, "", last)
	case "first_name", "middle_name", "last_name":
		v.put(field, value)
		v.setNames(v.Text("first_name"), v.Text("middle_name"), v.Text("last_name"))
	default:
		v.put(field, value)
	}
}

func (v Values) setNames(first, middle, last string) {
	v.put("first_name", first)
	v.put("middle_name", middle)
	v.put("last_name", last)
	v.put("name", ComposeName(first, middle, last))
}

func (v Values) put(field string, value any) {
	if value == nil || value == "" {
		delete(v, field)
		return
	}
	v[field] = value
}

// Fill takes over what other knows and v does not, and returns the names of the
// fields that are new, sorted. A name is taken whole or, where only the first
// name is known, completed by the same first name's last one: never mixed.
func (v Values) Fill(other Values) []string {
	before := maps.Clone(v)
	for field, value := range other {
		switch field {
		case "name", "first_name", "middle_name", "last_name":
		default:
			if v[field] == nil {
				v.put(field, value)
			}
		}
	}
	sameFirst := strings.EqualFold(v.Text("first_name"), other.Text("first_name"))
	if v["name"] == nil || sameFirst && v["last_name"] == nil && v["middle_name"] == nil {
		if other["name"] != nil {
			v.setNames(other.Text("first_name"), other.Text("middle_name"), other.Text("last_name"))
		}
	}
	return changed(before, v)
}

// Changed names the fields that differ between two states, sorted.
func Changed(before, after Values) []string { return changed(before, after) }

func changed(before, after Values) []string {
	var names []string
	for field, value := range after {
		if before[field] != value {
			names = append(names, field)
		}
	}
	for field := range before {
		if after[field] == nil {
			names = append(names, field)
		}
	}
	slices.Sort(names)
	return names
}

// Clone is a copy that can be changed alone.
func (v Values) Clone() Values { return maps.Clone(v) }
