package flows

import (
	"strings"

	"github.com/expr-lang/expr/types"

	"usher/connectors"
)

// eventTexts are the texts of an event under the names of its JSON form.
func eventTexts() map[string]func(*connectors.Event) string {
	return map[string]func(*connectors.Event) string{
		"kind":        func(e *connectors.Event) string { return string(e.Kind) },
		"text":        func(e *connectors.Event) string { return e.Text },
		"language":    func(e *connectors.Event) string { return e.Language },
		"name":        func(e *connectors.Event) string { return e.Name },
		"session":     func(e *connectors.Event) string { return e.Session },
		"external_id": func(e *connectors.Event) string { return e.ExternalID },
		"account":     func(e *connectors.Event) string { return e.Account },
		"client_ip":   func(e *connectors.Event) string { return e.ClientIP },

		"page.url":            pageText(func(p *connectors.Page) string { return p.URL }),
		"page.title":          pageText(func(p *connectors.Page) string { return p.Title }),
		"reply.type":          replyText(func(c *connectors.Choice) string { return c.Type }),
		"reply.id":            replyText(func(c *connectors.Choice) string { return c.ID }),
		"reply.title":         replyText(func(c *connectors.Choice) string { return c.Title }),
		"referral.source":     referralText(func(r *connectors.Referral) string { return r.Source }),
		"referral.source_id":  referralText(func(r *connectors.Referral) string { return r.SourceID }),
		"referral.source_url": referralText(func(r *connectors.Referral) string { return r.SourceURL }),
		"referral.headline":   referralText(func(r *connectors.Referral) string { return r.Headline }),
		"referral.body":       referralText(func(r *connectors.Referral) string { return r.Body }),
		"referral.click_id":   referralText(func(r *connectors.Referral) string { return r.ClickID }),
		"referral.ref":        referralText(func(r *connectors.Referral) string { return r.Ref }),
	}
}

func pageText(get func(*connectors.Page) string) func(*connectors.Event) string {
	return func(e *connectors.Event) string {
		if e.Page == nil {
			return ""
		}
		return get(e.Page)
	}
}

func replyText(get func(*connectors.Choice) string) func(*connectors.Event) string {
	return func(e *connectors.Event) string {
		if e.Reply == nil {
			return ""
		}
		return get(e.Reply)
	}
}

func referralText(get func(*connectors.Referral) string) func(*connectors.Event) string {
	return func(e *connectors.Event) string {
		if e.Referral == nil {
			return ""
		}
		return get(e.Referral)
	}
}

// maxLooked is how much of a text conditions and templates look at, in bytes: a
// pattern takes time in proportion to it.
const maxLooked = 16 << 10

func eventNames() []string {
	var names []string
	for name := range eventTexts() {
		names = append(names, name)
	}
	return sortedCopy(append(names, "media"))
}

// eventName is one part of the event. What a bot platform or form sends under
// names of its own is below event.parameters, event.form and event.system.
func eventName(part string) (name, bool) {
	n := name{path: "event." + part}
	if get, ok := eventTexts()[part]; ok {
		n.typ = types.String
		n.get = func(m *machine) any { return orNil(cut(get(m.turn.Event), maxLooked)) }
		return n, true
	}
	n.typ = types.Any
	if part == "media" { // its types: image, audio …
		n.typ = types.TypeOf([]string(nil))
		n.get = func(m *machine) any {
			kinds := make([]string, 0, len(m.turn.Event.Media))
			for _, media := range m.turn.Event.Media {
				kinds = append(kinds, media.Type)
			}
			return kinds
		}
		return n, true
	}
	root, path, ok := strings.Cut(part, ".")
	var values func(*connectors.Event) map[string]any
	switch root {
	case "parameters":
		values = func(e *connectors.Event) map[string]any { return e.Parameters }
	case "form":
		values = func(e *connectors.Event) map[string]any { return e.Form }
	case "system":
		values = func(e *connectors.Event) map[string]any { return e.System }
	default:
		return n, false
	}
	keys := strings.Split(path, ".")
	n.get = func(m *machine) any { return dig(values(m.turn.Event), keys) }
	return n, ok
}

// dig follows keys through nested maps; nil where one is missing.
func dig(values map[string]any, keys []string) any {
	for i, key := range keys {
		v := values[key]
		if i == len(keys)-1 {
			if s, ok := v.(string); ok {
				return cut(s, maxLooked)
			}
			return v
		}
		values, _ = v.(map[string]any)
	}
	return nil
}
