package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// crowd fills the business with three people; names are what lists are told by.
func (p *people) crowd(t *testing.T) {
	t.Helper()
	ada := p.contact("ada", contacts.Values{"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+447700900123",
		"company_size": 20.0, "plan": "gold", "renewal": "2024-06-01", "newsletter": true, "country": "GB"})
	ada.Tags, ada.Status, ada.AssigneeID = []string{"vip", `say "hi"`}, "qualified", "agt_1"
	ada.Source = contacts.Source{Channel: "whatsapp/acme", Flow: "welcome", Via: "ask"}
	ada.CreatedAt, ada.LastSeenAt = at(1), at(1)
	bob := p.contact("bob", contacts.Values{"name": "bob O'Brien", "email": "bob@example.com", "customer_id": "C-1",
		"company_size": 5.5, "plan": "Silver, old", "renewal": "2024-07-01", "newsletter": false, "country": "IE"})
	bob.Tags, bob.Source = []string{"vip2"}, contacts.Source{Channel: "webchat/site", Flow: "welcome", Via: "form"}
	bob.CreatedAt, bob.LastSeenAt = at(2), at(1000)
	zoe := p.contact("zoe", contacts.Values{"name": "Zoë Ångström", "phone": "+4915112345678", "plan": "ÉLITE"})
	zoe.Source, zoe.CreatedAt, zoe.LastSeenAt = contacts.Source{Via: "api"}, at(3), time.Time{}
	gone := p.contact("gone", contacts.Values{"name": "Gone", "email": "gone@example.com"})
	gone.Archived, gone.CreatedAt = true, at(4)
	alien := p.contact("alien", contacts.Values{"name": "Alien", "email": "ada@example.com"})
	alien.BusinessID = p.business + "2"
	p.put(t, ada, bob, zoe, gone, alien)
	var rows []sqlstore.AddressRow
	for _, c := range []*contacts.Contact{ada, bob, zoe, gone, alien} {
		for _, kind := range []string{"email", "phone", "customer_id"} {
			if v := c.Values.Text(kind); v != "" {
				rows = append(rows, sqlstore.AddressRow{Business: c.BusinessID, Address: sqlstore.Address{Kind: kind, Value: v}, Holder: holder(c.ID, contacts.Claimed)})
			}
		}
	}
	require.NoError(t, p.add(t, rows...))
}

// names lists the first names of a filter's contacts, oldest first.
func (p *people) names(t *testing.T, f sqlstore.Filter) string {
	t.Helper()
	list, next, total, err := p.read(t).ListContacts(p.business, f, sqlstore.Page{Count: true})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Equal(t, len(list), total)
	slices.Reverse(list)
	var names []string
	for _, c := range list {
		first, _, _ := strings.Cut(c.Values.Text("name"), " ")
		names = append(names, first)
	}
	return strings.Join(names, " ")
}

func testFilters(t *testing.T, p *people) {
	p.crowd(t)
	for _, c := range []struct {
		filter sqlstore.Filter
		want   string
	}{
		{sqlstore.Filter{}, "Ada bob Zoë"},
		{sqlstore.Filter{Archived: sqlstore.OnlyArchived}, "Gone"},
		{sqlstore.Filter{Archived: sqlstore.AnyArchived}, "Ada bob Zoë Gone"},
		{sqlstore.Filter{Email: "ada@example.com"}, "Ada"},
		{sqlstore.Filter{Email: "gone@example.com"}, ""},
		{sqlstore.Filter{Phone: "+4915112345678"}, "Zoë"},
		{sqlstore.Filter{CustomerID: "C-1"}, "bob"},
		{sqlstore.Filter{CustomerID: "c-1"}, ""},
		{sqlstore.Filter{Type: contacts.TypeCustomer}, "bob"},
		{sqlstore.Filter{Type: contacts.TypeLead}, "Ada Zoë"},
		{sqlstore.Filter{Status: "qualified"}, "Ada"},
		{sqlstore.Filter{Tag: "vip"}, "Ada"},
		{sqlstore.Filter{Tag: `say "hi"`}, "Ada"},
		{sqlstore.Filter{Tag: "VIP"}, ""},
		{sqlstore.Filter{Channel: "webchat/site", Flow: "welcome"}, "bob"},
		{sqlstore.Filter{AssigneeID: "agt_1"}, "Ada"},
		{sqlstore.Filter{CreatedFrom: at(2)}, "bob Zoë"},
		{sqlstore.Filter{CreatedFrom: at(2), CreatedTo: at(3)}, "bob"},
		{sqlstore.Filter{SeenFrom: at(2)}, "bob"},
		{sqlstore.Filter{SeenFrom: at(0), SeenTo: at(2)}, "Ada"},
		{sqlstore.Filter{Flow: "welcome", Q: "example", Tag: "vip"}, "Ada"},
	} {
		require.Equal(t, c.want, p.names(t, c.filter), "%+v", c.filter)
	}
	_, _, _, err := p.read(t).ListContacts(p.business, sqlstore.Filter{Archived: "maybe"}, sqlstore.Page{})
	require.ErrorIs(t, err, sqlstore.ErrFilter)
}

func testSearch(t *testing.T, p *people) {
	p.crowd(t)
	for q, want := range map[string]string{
		"": "Ada bob Zoë", "ada": "Ada", "ADA love": "Ada", "lace": "", "love ada": "Ada", "zoe angs": "Zoë", "ZOË": "Zoë",
		"brien": "bob", "o'b": "bob", "bob@exam": "bob", "example.com": "Ada bob", "+44 7700 900123": "Ada", "07700 900123": "Ada",
		"900123": "Ada", "0044 (0)": "", "123": "", "%": "", "_": "", "!": "", "'": "", `" OR 1=1`: "",
	} {
		require.Equal(t, want, p.names(t, sqlstore.Filter{Q: q}), "%q", q)
	}
}

func testPages(t *testing.T, p *people) {
	fields := customFields(t)
	var all []*contacts.Contact
	for i := range 23 {
		c := p.contact(fmt.Sprintf("%02d", (i*7)%23), contacts.Values{"name": fmt.Sprintf("%c person", 'a'+i%4)})
		if i%5 != 0 {
			c.Values["company_size"], c.Values["plan"], c.Values["newsletter"] = float64(i%3)+0.1, fmt.Sprint("p", i%3), i%2 == 0
			c.Values["renewal"] = fmt.Sprintf("2024-01-%02d", 1+i%3)
		}
		c.CreatedAt, c.UpdatedAt, c.LastSeenAt = at(i%3), at(-i), at(i%2)
		all = append(all, c)
	}
	p.put(t, all...)
	for _, order := range []string{"", "created_at", "-created_at", "updated_at", "-last_seen_at", "name", "-name", "id", "-id", "type", "status",
		"company_size", "-company_size", "plan", "-plan", "newsletter", "-newsletter", "renewal", "-renewal", "email", "via"} {
		sort, err := sqlstore.ParseSort(order, fields)
		require.NoError(t, err)
		seen := map[string]bool{}
		var keys []any
		page := sqlstore.Page{Limit: 4, Sort: sort}
		for {
			list, next, total, err := p.read(t).ListContacts(p.business, sqlstore.Filter{}, page)
			require.NoError(t, err, order)
			require.Equal(t, -1, total)
			for _, c := range list {
				require.False(t, seen[c.ID], "%s: %s comes twice", order, c.ID)
				seen[c.ID] = true
				keys = append(keys, sortedBy(c, strings.TrimPrefix(order, "-")))
			}
			if page.Cursor = next; next == "" {
				break
			}
		}
		require.Len(t, seen, len(all), order)
		require.True(t, ordered(keys, strings.HasPrefix(order, "-")), "%s: %v", order, keys)
	}
	list, _, _, err := p.read(t).ListContacts(p.business, sqlstore.Filter{}, sqlstore.Page{Limit: 1e6})
	require.NoError(t, err)
	require.Len(t, list, 23)
	for _, order := range []string{"nosuch", "tags", "--name", "name desc"} {
		_, err := sqlstore.ParseSort(order, fields)
		require.ErrorIs(t, err, sqlstore.ErrFilter, order)
	}
}

func sortedBy(c *contacts.Contact, field string) any {
	switch field {
	case "created_at":
		return float64(c.CreatedAt.UnixMicro())
	case "updated_at":
		return float64(c.UpdatedAt.UnixMicro())
	case "last_seen_at":
		return float64(c.LastSeenAt.UnixMicro())
	case "id":
		return c.ID
	case "newsletter":
		if v, ok := c.Values[field].(bool); ok {
			return map[bool]float64{true: 1}[v]
		}
	}
	return c.Values[field]
}

// ordered says whether known keys rise (or fall) and unknown ones come last.
func ordered(keys []any, falling bool) bool {
	for i := 1; i < len(keys); i++ {
		a, b := keys[i-1], keys[i]
		if a == nil && b != nil {
			return false
		}
		if a == nil || b == nil {
			continue
		}
		x, y := fmt.Sprintf("%025.3f", a), fmt.Sprintf("%025.3f", b)
		if s, ok := a.(string); ok {
			x, y = s, b.(string)
		}
		if x > y && !falling || x < y && falling {
			return false
		}
	}
	return true
}

func testCursors(t *testing.T, p *people) {
	p.crowd(t)
	fields := customFields(t)
	_, next, _, err := p.read(t).ListContacts(p.business, sqlstore.Filter{}, sqlstore.Page{Limit: 1})
	require.NoError(t, err)
	require.NotEmpty(t, next)
	byName, err := sqlstore.ParseSort("name", fields)
	require.NoError(t, err)
	for _, page := range []sqlstore.Page{
		{Cursor: next, Sort: byName}, {Cursor: "x"}, {Cursor: next + "A"}, {Cursor: "e30"}, {Cursor: strings.Repeat("A", 9999)},
		{Cursor: "eyJzIjoiLWNyZWF0ZWRfYXQiLCJrIjoieCIsImkiOiJhIn0"}, // a text for a time
	} {
		_, _, _, err := p.read(t).ListContacts(p.business, sqlstore.Filter{}, page)
		require.True(t, errors.Is(err, sqlstore.ErrFilter), "%v", page)
	}
}

func testCounts(t *testing.T, p *people) {
	p.crowd(t)
	for by, want := range map[string]map[string]int{
		"type": {"lead": 2, "customer": 1}, "status": {"qualified": 1, "": 2}, "flow": {"welcome": 2, "": 1},
		"channel": {"whatsapp/acme": 1, "webchat/site": 1, "": 1},
	} {
		counts, err := p.read(t).CountContacts(p.business, sqlstore.Filter{}, by)
		require.NoError(t, err)
		got := map[string]int{}
		for _, c := range counts {
			got[c.Values[0]] = c.Count
		}
		require.Equal(t, want, got)
	}
	counts, err := p.read(t).CountContacts(p.business, sqlstore.Filter{}, "status", "flow")
	require.NoError(t, err)
	total := 0
	for _, c := range counts {
		require.Len(t, c.Values, 2)
		total += c.Count
	}
	require.Equal(t, 3, total)
	for _, wrong := range [][]string{{"doc"}, {"status", "status"}, {}} {
		_, err = p.read(t).CountContacts(p.business, sqlstore.Filter{}, wrong...)
		require.ErrorIs(t, err, sqlstore.ErrFilter)
	}
}

func testConversationLists(t *testing.T, p *people) {
	p.crowd(t)
	var all []*contacts.Conversation
	for i := range 5 {
		c := p.conversation(i)
		c.ContactID, c.UpdatedAt, c.CreatedAt = p.id("con", []string{"ada", "bob"}[i%2]), at(i), at(10-i)
		if i == 4 {
			c.Handling, c.Channel = contacts.ByBot, "whatsapp/acme"
		}
		all = append(all, c)
	}
	p.write(t, func(s *sqlstore.Store) error { return s.PutConversations(all) })
	list := func(f sqlstore.ConversationFilter) (said string) {
		page := sqlstore.Page{Limit: 2}
		for {
			list, next, _, err := p.read(t).ListConversations(p.business, f, page)
			require.NoError(t, err)
			for _, c := range list {
				said += strings.TrimPrefix(c.ExternalID, "visitor ")
			}
			if page.Cursor = next; next == "" {
				return said
			}
		}
	}
	require.Equal(t, "43210", list(sqlstore.ConversationFilter{}))
	require.Equal(t, "4", list(sqlstore.ConversationFilter{Handling: contacts.ByBot}))
	require.Equal(t, "3210", list(sqlstore.ConversationFilter{Channel: "webchat/site"}))
	require.Equal(t, "31", list(sqlstore.ConversationFilter{ContactID: p.id("con", "bob")}))
	require.Equal(t, "420", list(sqlstore.ConversationFilter{AssigneeID: "agt_1"}))
	of, err := p.read(t).ConversationsOf([]string{p.id("con", "bob"), p.id("con", "zoe")})
	require.NoError(t, err)
	require.Equal(t, map[string][]*contacts.Conversation{p.id("con", "bob"): {all[3], all[1]}}, of)
	_, _, total, err := p.read(t).ListConversations(p.business, sqlstore.ConversationFilter{}, sqlstore.Page{Limit: 1, Count: true})
	require.NoError(t, err)
	require.Equal(t, 5, total)
	byName, err := sqlstore.ParseSort("name", customFields(t))
	require.NoError(t, err)
	_, _, _, err = p.read(t).ListConversations(p.business, sqlstore.ConversationFilter{}, sqlstore.Page{Sort: byName})
	require.ErrorIs(t, err, sqlstore.ErrFilter)
}
