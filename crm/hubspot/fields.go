package hubspot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"usher/crm"
)

// maxValue is how many characters HubSpot's text properties hold.
const maxValue = 65_536

// fields knows which property each field of a contact goes to.
type fields struct {
	key        string // property that holds the lead key
	stage      string // value of lifecyclestage; empty: not sent
	transcript string // property; empty: not sent
	properties []property
	names      []string // of everything that is written, for reading it back
}

type property struct{ field, name string }

// lead is one push on its way: what is written under which key, and where to
// say how it ended.
type lead struct {
	key        string
	properties map[string]string
	receipt    *crm.Receipt
}

func defaultMapping() map[string]string {
	return map[string]string{
		"first_name": "firstname",
		"last_name":  "lastname",
		"email":      "email",
		"phone":      "phone",
		"company":    "company",
	}
}

func newFields(s settings) (fields, error) {
	f := fields{key: cmp.Or(s.KeyProperty, defaultKey), stage: defaultStage, transcript: s.TranscriptProperty}
	if s.LifecycleStage != nil {
		f.stage = *s.LifecycleStage
	}
	taken := map[string]string{}
	take := func(setting, name string) error {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`).MatchString(name) {
			return fmt.Errorf("%s: %q is no property name", setting, name)
		}
		if other := taken[name]; other != "" {
			return fmt.Errorf("%s: property %q is written by %s already", setting, name, other)
		}
		taken[name] = setting
		f.names = append(f.names, name)
		return nil
	}
	if err := take("key_property", f.key); err != nil {
		return f, err
	}
	if f.stage != "" {
		if err := take("lifecycle_stage", "lifecyclestage"); err != nil {
			return f, err
		}
	}
	if f.transcript != "" {
		if err := take("transcript_property", f.transcript); err != nil {
			return f, err
		}
	}
	mapping := defaultMapping()
	maps.Copy(mapping, s.Mapping)
	for _, field := range slices.Sorted(maps.Keys(mapping)) {
		if mapping[field] == "" {
			continue
		}
		if err := take("mapping."+field, mapping[field]); err != nil {
			return f, err
		}
		f.properties = append(f.properties, property{field: field, name: mapping[field]})
	}
	return f, nil
}

// lead lists every property that usher owns and has a value for, not only what
// changed: what HubSpot does with the rest of a partial upsert is not said. What
// is unknown is left out, so that nothing is wiped that people typed into
// HubSpot, unless this very push is about its removal.
func (f fields) lead(p crm.Push, receipt *crm.Receipt) lead {
	l := lead{key: p.LeadKey, properties: make(map[string]string, len(f.names)), receipt: receipt}
	var changed []string
	asked := false
	for _, to := range f.properties {
		if value := text(lookup(p.Contact, to.field)); value != "" {
			l.properties[to.name] = head(value)
			continue
		}
		if !asked {
			changed, asked = changedBy(p), true
		}
		if slices.Contains(changed, to.field) {
			l.properties[to.name] = ""
		}
	}
	f.nameSomehow(l.properties, p.Contact)
	if f.stage != "" {
		l.properties["lifecyclestage"] = f.stage
	}
	if f.transcript != "" && p.Transcript != "" {
		l.properties[f.transcript] = tail(p.Transcript)
	}
	if len(l.properties) == 0 { // HubSpot refuses an input without any
		l.properties[f.key] = p.LeadKey
	}
	return l
}

// nameSomehow keeps a contact without first and last name from being listed as
// nameless: the display name stands in, else the phone number.
func (f fields) nameSomehow(properties map[string]string, contact map[string]any) {
	var last string
	for _, to := range f.properties {
		switch to.field {
		case "first_name":
			if properties[to.name] != "" {
				return
			}
		case "last_name":
			last = to.name
		}
	}
	if last == "" || properties[last] != "" {
		return
	}
	for _, field := range []string{"name", "phone"} {
		if value := text(lookup(contact, field)); value != "" {
			properties[last] = head(value)
			return
		}
	}
}

// lookup finds a field by its flat name, wherever the contact's document keeps
// it.
func lookup(contact map[string]any, field string) any {
	if value, ok := contact[field]; ok {
		return value
	}
	for _, block := range []string{"fields", "source", "system"} {
		if inner, ok := contact[block].(map[string]any); ok {
			if value, ok := inner[field]; ok {
				return value
			}
		}
	}
	return nil
}

// changedBy is data.changed of the document; a document that cannot be read
// changes nothing.
func changedBy(p crm.Push) []string {
	var doc struct {
		Data struct {
			Changed []string `json:"changed"`
		} `json:"data"`
	}
	if json.Unmarshal(p.Document, &doc) != nil {
		return nil
	}
	return doc.Data.Changed
}

// text writes a value the way HubSpot takes every value: as a string.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case *string:
		if v == nil {
			return ""
		}
		return strings.TrimSpace(*v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return strings.Join(v, ";") // HubSpot's form of several choices
	case []any:
		parts := make([]string, len(v))
		for i, part := range v {
			parts[i] = text(part)
		}
		return strings.Join(parts, ";")
	default: // whole numbers, addresses
		raw, err := json.Marshal(v)
		if err != nil || string(raw) == "null" {
			return ""
		}
		if plain := ""; json.Unmarshal(raw, &plain) == nil {
			return plain
		}
		return string(raw)
	}
}

func head(s string) string {
	if len(s) <= maxValue || utf8.RuneCountInString(s) <= maxValue {
		return s
	}
	return string([]rune(s)[:maxValue])
}

// tail keeps the newest part of a transcript.
func tail(s string) string {
	if len(s) <= maxValue || utf8.RuneCountInString(s) <= maxValue {
		return s
	}
	runes := []rune(s)
	return "…" + string(runes[len(runes)-maxValue+1:])
}

// property is where a field goes; empty if it is left out.
func (f fields) property(field string) string {
	for _, to := range f.properties {
		if to.field == field {
			return to.name
		}
	}
	return ""
}
