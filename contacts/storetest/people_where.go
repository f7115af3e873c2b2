package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

func customFields(t *testing.T) *contacts.Fields {
	t.Helper()
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "company_size", Type: contacts.Number}, {Name: "plan", Type: contacts.Text},
		{Name: "renewal", Type: contacts.Date}, {Name: "newsletter", Type: contacts.YesNo},
	})
	require.NoError(t, err)
	return fields
}

func testWhere(t *testing.T, p *people) {
	p.crowd(t)
	fields := customFields(t)
	locale := contacts.Locale{Country: "GB", Timezone: time.FixedZone("", 2*3600)}
	for where, want := range map[string]string{
		"company_size>=5.5": "Ada bob", "company_size>5.5": "Ada", "company_size<20": "bob", "company_size<=20": "Ada bob",
		"company_size=20": "Ada", "company_size=20,5.5": "Ada bob", "company_size!=20": "bob Zoë", "company_size > 9": "Ada",
		"company_size:known": "Ada bob", "company_size:unknown": "Zoë", "phone:known": "Ada Zoë", "phone:unknown": "bob",
		"plan=gold": "Ada", "plan=Gold": "", "plan=gold,silver": "Ada", `plan="Silver, old",gold`: "Ada bob", "plan!=gold": "bob Zoë",
		"plan~SILVER": "bob", "plan~old": "Ada bob", "plan~élite": "Zoë", "plan~É": "Zoë", "plan~%": "", "plan~_": "",
		"renewal>=2024-06-15": "bob", "renewal=2024-06-01": "Ada", "renewal<=1 June 2024": "Ada", "renewal>2024-06-01": "bob",
		"newsletter=yes": "Ada", "newsletter=no": "bob", "newsletter!=yes": "bob Zoë", "newsletter=yes,no": "Ada bob",
		"name~love": "Ada", "name~zoe": "Zoë", "name=Ada Lovelace": "Ada", "name>B": "bob Zoë", "email~BOB": "bob",
		"phone=07700 900123": "Ada", "phone~77009": "Ada", "country=GB,IE": "Ada bob", "country:unknown": "Zoë",
		"type=lead": "Ada Zoë", "type!=lead": "bob", "type=é": "", "status=qualified": "Ada", "status:unknown": "bob Zoë", "via=ask,form": "Ada bob",
		"via~API": "Zoë", "tags=vip": "Ada", "tags=vip,vip2": "Ada bob", "tags!=vip": "bob Zoë", "tags:known": "Ada bob", "tags:unknown": "Zoë",
		"assignee_id=agt_1": "Ada", "assignee_id:unknown": "bob Zoë", "id=" + p.id("con", "bob"): "bob", "id~BOB": "bob", "id~é": "",
		"channel=whatsapp/acme": "Ada", "flow:unknown": "Zoë", "customer_id:known": "bob", "customer_id=C-1": "bob",
		"created_at=2024-05-02": "Ada bob Zoë", "created_at!=2024-05-02": "", "created_at>2024-05-01": "Ada bob Zoë",
		"created_at>2024-05-02": "", "created_at<=2024-05-02": "Ada bob Zoë", "created_at<2024-05-02": "",
		"created_at>2024-05-02T10:02:00Z": "bob Zoë", "created_at>=2024-05-02T12:02:00.123456+02:00": "bob Zoë",
		"created_at=2024-05-02T10:02:00.123456Z": "bob", "last_seen_at:known": "Ada bob", "last_seen_at:unknown": "Zoë",
		"last_seen_at>=2024-05-03": "bob", "last_seen_at<2030-01-01": "Ada bob",
	} {
		clause, err := sqlstore.ParseClause(where, fields, locale)
		require.NoError(t, err, where)
		require.Equal(t, want, p.names(t, sqlstore.Filter{Where: []sqlstore.Clause{clause}}), where)
	}
	var both []sqlstore.Clause
	for _, where := range []string{"company_size:known", "renewal>2024-06-15"} {
		clause, err := sqlstore.ParseClause(where, fields, locale)
		require.NoError(t, err)
		both = append(both, clause)
	}
	require.Equal(t, "bob", p.names(t, sqlstore.Filter{Where: both}))
}

func testWhereRefused(t *testing.T, p *people) {
	fields := customFields(t)
	for _, where := range []string{
		"", "nosuch=1", "company_size", "company_size>=many", "company_size=", "plan=", "plan=,", "newsletter>yes", "tags>a", "tags~a",
		"renewal~2024", "company_size~2", "phone:known=1", "created_at>soon", "Plan=gold", "plan;drop", "1=1", "renewal=31/31/2024",
		"plan=" + strings.Repeat("x,", 200), "plan=" + strings.Repeat("x", 2000),
	} {
		_, err := sqlstore.ParseClause(where, fields, contacts.Locale{})
		require.ErrorIs(t, err, sqlstore.ErrFilter, where)
	}
	for _, clause := range []sqlstore.Clause{
		{Field: contacts.Field{Name: "plan", Type: contacts.Text}, Op: "; DROP TABLE contacts", Values: []any{"x"}},
		{Field: contacts.Field{Name: "plan", Type: contacts.Text}, Op: sqlstore.Equal},
		{Field: contacts.Field{Name: "created_at", Type: contacts.Date, BuiltIn: true}, Op: sqlstore.Equal, Values: []any{"x"}},
	} {
		_, _, _, err := p.read(t).ListContacts(p.business, sqlstore.Filter{Where: []sqlstore.Clause{clause}}, sqlstore.Page{})
		require.ErrorIs(t, err, sqlstore.ErrFilter)
	}
}

func testHostileText(t *testing.T, p *people) {
	p.crowd(t)
	for _, hostile := range []string{`'`, `"`, `\`, `\'`, `' OR '1'='1`, `') OR 1=1 -- `, `%`, "\x00", `$.values.plan`, "\xff\xfe"} {
		plan := contacts.Field{Name: "plan", Type: contacts.Text}
		for _, f := range []sqlstore.Filter{
			{Email: hostile}, {Tag: hostile}, {Status: hostile}, {Channel: hostile}, {Q: hostile + "x"}, {AssigneeID: hostile}, {Type: contacts.Type(hostile)},
			{Where: []sqlstore.Clause{{Field: plan, Op: sqlstore.Equal, Values: []any{hostile}}}},
			{Where: []sqlstore.Clause{{Field: plan, Op: sqlstore.Contains, Values: []any{hostile + "x"}}}},
		} {
			require.Empty(t, p.names(t, f), "%q", hostile)
		}
	}
	odd := p.contact("odd", contacts.Values{"name": `Robert'); DROP TABLE contacts;--`, "plan": "\\' %_!", "note": "\x00"})
	odd.Tags = []string{`\'"`}
	p.put(t, odd)
	got, err := p.read(t).Contact(p.business, odd.ID)
	require.NoError(t, err)
	require.Equal(t, odd, got)
	require.Equal(t, "Robert');", p.names(t, sqlstore.Filter{Tag: `\'"`}))
	fields := customFields(t)
	plan, _ := fields.Lookup("plan")
	require.Equal(t, "Robert');", p.names(t, sqlstore.Filter{Where: []sqlstore.Clause{{Field: plan, Op: sqlstore.Contains, Values: []any{`\' %_!`}}}}))
}
