package gateway

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/connectors"
	"usher/contacts"
)

// Bounds of what is kept of a person's system data: it is nobody's archive.
const (
	systemMost  = 40  // keys
	systemName  = 64  // characters of a key
	systemBytes = 500 // of a value
)

// systemData is what an event says of its person besides what they said: the
// address they come from, the campaign that led them here, whatever a channel
// knows by itself.
func systemData(ev *connectors.Event) map[string]any {
	if ev.Direction == connectors.DirectionOut || ev.Kind == connectors.KindCapture || ev.Anonymous {
		return nil // that is of whoever sent it
	}
	data := map[string]any{}
	for name, value := range ev.System {
		if kept, ok := systemValue(value); ok && isSystemName(name) {
			data[name] = kept
		}
	}
	if ev.ClientIP != "" {
		data["client_ip"] = ev.ClientIP
	}
	if ev.Page != nil {
		for name, value := range campaign(ev.Page.URL) {
			data[name] = value
		}
	}
	return data
}

func isSystemName(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= systemName && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// systemValue is a value as it is kept; long texts are cut, what is nothing or
// larger than it may be is left out.
func systemValue(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		if v = strings.TrimSpace(v); len(v) > systemBytes {
			v = strings.ToValidUTF8(v[:systemBytes], "")
		}
		return v, v != ""
	case float64, bool:
		return v, true
	case map[string]any, []any:
		doc, err := json.Marshal(v)
		return v, err == nil && len(doc) <= systemBytes
	default:
		return nil, false
	}
}

// campaign is what an address says of how the person came.
func campaign(address string) map[string]string {
	_, query, ok := strings.Cut(address, "?")
	if !ok || !strings.Contains(query, "utm_") {
		return nil
	}
	query, _, _ = strings.Cut(query, "#")
	values, _ := url.ParseQuery(query) // what can be read of it
	found := map[string]string{}
	for _, part := range campaignParts() {
		if value, ok := systemValue(values.Get(part)); ok {
			found[part], _ = value.(string)
		}
	}
	return found
}

func campaignParts() []string {
	return []string{"utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"}
}

// behaviour are the keys that tell what the person did elsewhere: kept unless
// they declined.
func behaviour() []string { return append(campaignParts(), "referrer") }

// addSystem is known data with what is new; the latest counts. A campaign is one
// whole: of the one before nothing stays. changed says whether anything did.
func addSystem(known, data map[string]any, declined bool) (merged map[string]any, changed bool) {
	merged = maps.Clone(known)
	if merged == nil {
		merged = map[string]any{}
	}
	for _, part := range campaignParts() {
		if data[part] != nil {
			for _, old := range campaignParts() {
				delete(merged, old)
			}
			break
		}
	}
	for name, value := range data {
		if _, there := merged[name]; there || len(merged) < systemMost {
			merged[name] = value
		}
	}
	if declined {
		for _, name := range behaviour() {
			delete(merged, name)
		}
	}
	if len(merged) == 0 && len(known) == 0 {
		return nil, false
	}
	return merged, !reflect.DeepEqual(merged, known)
}

// keepSystem keeps an event's system data with a guest, or for its contact.
func (t *turn) keepSystem() {
	t.system = systemData(t.ev)
	if t.guest != nil {
		st := &t.conv.State
		st.System, _ = addSystem(st.System, t.system, declined(st.Consent))
		t.system = st.System
	}
}

func declined(c *contacts.Consent) bool { return c != nil && !c.Given }
