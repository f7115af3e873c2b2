package flows

import (
	"net/url"
	"slices"
	"strings"

	"github.com/expr-lang/expr/types"
)

// Visit is what is known of a person's coming here, besides what was said. A
// visit ends with half an hour of silence.
type Visit struct {
	Number int // 1 in a person's first visit; 0: unknown
	// Runs is how many runs of flows the conversation has had, without the one
	// that waits or is about to begin.
	Runs int
	// Known: the conversation is that of a contact who was known before the visit.
	Known   bool
	Landing string // address of the first page of the visit; empty: unknown
	// Country that the person writes from, ISO 3166-1 alpha-2; empty: unknown.
	Country string
}

// Returning says whether the person has been here before.
func (v Visit) Returning() bool { return v.Number > 1 || v.Runs > 0 || v.Known }

// utmParts are what campaigns say of themselves in the addresses of their links.
func utmParts() []string { return []string{"source", "medium", "campaign", "term", "content"} }

type utmRule struct {
	name     string
	patterns []string // in lower case
}

// utm is what the campaign that brought the person says: on the page that the
// event comes from, else on the one that the visit began on, else behind the ad.
func (m *machine) utm(part string) string {
	var pages []string
	if m.turn.Event.Page != nil {
		pages = append(pages, m.turn.Event.Page.URL)
	}
	pages = append(pages, m.turn.Visit.Landing)
	if m.turn.Event.Referral != nil {
		pages = append(pages, m.turn.Event.Referral.SourceURL)
	}
	for _, page := range pages {
		if !strings.Contains(page, "utm_") {
			continue
		}
		if u, err := url.Parse(page); err == nil {
			if value := u.Query().Get("utm_" + part); value != "" {
				return cut(value, maxLooked)
			}
		}
	}
	return ""
}

func visitNames() []string {
	names := []string{"country", "landing_page", "number", "returning", "runs"}
	for _, part := range utmParts() {
		names = append(names, "utm."+part)
	}
	return names
}

// visitName is one thing that is known of the visit.
func visitName(part string) (name, bool) {
	n := name{path: "visit." + part, typ: types.String}
	switch part {
	case "number":
		n.typ = types.Float64
		n.get = func(m *machine) any {
			if m.turn.Visit.Number == 0 {
				return nil
			}
			return float64(m.turn.Visit.Number)
		}
	case "runs":
		n.typ = types.Float64
		n.get = func(m *machine) any { return float64(m.turn.Visit.Runs) }
	case "returning":
		n.typ = types.Bool
		n.get = func(m *machine) any { return m.turn.Visit.Returning() }
	case "landing_page":
		n.get = func(m *machine) any { return orNil(m.turn.Visit.Landing) }
	case "country":
		n.get = func(m *machine) any { return orNil(m.turn.Visit.Country) }
	default:
		utm, ok := strings.CutPrefix(part, "utm.")
		if !ok || !slices.Contains(utmParts(), utm) {
			return n, false
		}
		n.get = func(m *machine) any { return orNil(m.utm(utm)) }
	}
	return n, true
}
