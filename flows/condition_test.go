package flows

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/contacts"
)

func TestConditions(t *testing.T) {
	t.Parallel()
	ada := Person{
		Values: contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "email": "ada@example.com", "company_size": 80.0, "subscribed": false, "birthday": "1990-12-10"},
		Status: "qualified", Tags: []string{"vip", "eu"},
	}
	event := message("I need support")
	event.Page = &connectors.Page{URL: "https://example.com/pricing?a=1"}
	event.Parameters = map[string]any{"plan": "gold", "deep": map[string]any{"x": 1.0}}
	tests := map[string][2]bool{ // for Ada, for a stranger
		`contact.company_size >= 50`:                                      {true, false},
		`contact.company_size < 50`:                                       {false, false},
		`not (contact.company_size < 50)`:                                 {true, true},
		`contact.company_size == 80`:                                      {true, false},
		`contact.company_size != 80`:                                      {false, true},
		`contact.company_size * 2 + 1 > 160`:                              {true, false},
		`contact.company_size / 0 > 1`:                                    {true, false},
		`-contact.company_size < 0`:                                       {true, false},
		`contact.email == nil`:                                            {false, true},
		`known(contact.email)`:                                            {true, false},
		`not known(contact.email)`:                                        {false, true},
		`known(contact.subscribed)`:                                       {true, false},
		`contact.subscribed`:                                              {false, false},
		`not contact.subscribed`:                                          {true, true},
		`contact.subscribed or contact.type == "lead"`:                    {true, false},
		`contact.subscribed == false`:                                     {true, false},
		`contact.type == "guest"`:                                         {false, true},
		`contact.status != "disqualified"`:                                {true, true},
		`contact.status in ["qualified", "sales_qualified"]`:              {true, false},
		`"vip" in contact.tags`:                                           {true, false},
		`"vip" not in contact.tags`:                                       {false, true},
		`any(contact.tags, # startsWith "v")`:                             {true, false},
		`len(contact.tags) == 2`:                                          {true, false},
		`contact.email endsWith "@example.com"`:                           {true, false},
		`lower(contact.name) contains "love"`:                             {true, false},
		`lower(contact.last_name) == "x" or channel == "webchat/site"`:    {true, true},
		`contact.name matches "^A.*e$"`:                                   {true, false},
		`contact.birthday < "2000-01-01"`:                                 {true, false},
		`now - date(contact.birthday) > duration("1000h")`:                {true, false},
		`now.date == "2026-05-20" and now.hour == 9`:                      {true, true},
		`now.weekday in ["saturday", "sunday"]`:                           {false, false},
		`event.text contains "support"`:                                   {true, true},
		`event.page.url contains "/pricing"`:                              {true, true},
		`event.reply.id == "x"`:                                           {false, false},
		`event.parameters.plan == "gold" and event.parameters.deep.x > 0`: {true, true},
		`event.parameters.none.such >= 1`:                                 {false, false},
		`event.parameters.plan > 5`:                                       {false, false},
		`channel.type == "webchat"`:                                       {true, true},
		`(contact.first_name ?? "nobody") == "nobody"`:                    {false, true},
		`contact.company_size > 50 ? true : contact.subscribed`:           {true, false},
		`contact["email"] != nil`:                                         {true, false},
		`contact?.email != nil`:                                           {true, false},
	}
	for source, want := range tests {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			condition, err := ParseCondition(source, testFields(t))
			require.NoError(t, err)
			turn := testTurn(event)
			turn.Person = ada
			require.Equal(t, want[0], condition.Holds(turn), "Ada")
			turn.Person = Person{}
			require.Equal(t, want[1], condition.Holds(turn), "a stranger")
		})
	}
}

func TestConditionFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		`contact.emial == "x"`:                           `no contact field "emial"; did you mean "email"?`,
		`contact.company_size == "80"`:                   "invalid operation: == (different types: number and text)",
		`contact.email > 5`:                              "different types: text and number",
		`contact`:                                        `no contact field ""`,
		`contact[event.text] == "x"`:                     "a name is followed by plain names only, as in contact.email",
		`vars.x == 1`:                                    "no vars.x",
		`event.txt == "x"`:                               `no event.txt; did you mean "text"?`,
		`now.month == 1`:                                 "no now.month",
		`os.env == "x"`:                                  `unknown name "os"`,
		`system("ls")`:                                   "unknown function system",
		`now.Local() == now`:                             "unknown function",
		`repeat("a", 100000) == ""`:                      "unknown function repeat",
		`len(1..1000000) > 1`:                            "ranges are not supported",
		`contact.name matches contact.email`:             "the pattern after matches must be a plain text",
		`contact.name matches "("`:                       "missing closing )",
		`all(contact.tags, any(contact.tags, # == "x"))`: "any cannot stand inside another",
		`map(contact.tags, #) == nil`:                    "unknown function map",
		`let x = 1; x == 1`:                              "is not supported",
		`contact.tags`:                                   "want true or false, not list",
		`$env == nil`:                                    "unknown name",
		strings.Repeat("(", 3000):                        "longer than 2000 characters",
		strings.Repeat("not ", 450) + "true":             "exceeds maximum allowed nodes",
		`known()`:                                        "not enough arguments",
		`{"a": 1} == nil`:                                "is not supported",
	}
	for source, want := range tests {
		name := source
		if len(name) > 40 {
			name = name[:40]
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseCondition(source, testFields(t))
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"plain":                                  "plain",
		"Hi {{ contact.first_name }}!":           "Hi Ada!",
		"Hi {{contact.last_name|default:'you'}}": "Hi you",
		"{{ contact.first_name | upcase | downcase | capitalize }}": "Ada",
		"{{ contact.company_size }} / {{ contact.subscribed }}":     "80 / yes",
		"{{ contact.email | url }}":                                 "ada%2Bx%40example.com",
		"{{ '  a b ' | trim | url }}":                               "a%20b",
		"{{ contact.birthday | date: '%d.%m.%Y' }}":                 "10.12.1990",
		"{{ now | date: '%A %H:%M' }}":                              "Wednesday 09:30",
		"{{ contact.first_name | date }}":                           "Ada",
		"{{ contact.tags | join: ' & ' }}":                          "vip & {{ contact.email }}",
		"{{ contact.first_name | truncate: 2 }}":                    "A…",
		"{{ contact.first_name | truncate: 99999999999999999999 }}": "Ada",
		"{{ channel }} {{ event.text }} {{ contact.type }}":         "webchat/site hi guest",
		"{ no } }} %": "{ no } }} %",
	}
	for source, want := range tests {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			s := &scope{fields: testFields(t)}
			parsed, err := s.template(source)
			require.NoError(t, err)
			turn := testTurn(message("hi"))
			turn.Person = Person{Values: contacts.Values{"first_name": "Ada", "email": "ada+x@example.com", "company_size": 80.0,
				"subscribed": true, "birthday": "1990-12-10"}, Tags: []string{"vip", "{{ contact.email }}"}}
			require.Equal(t, want, parsed.render((&Flow{}).machine(turn)))
		})
	}
}

func TestTemplateFaults(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"{{ contact.nme }}":                     `no contact field "nme"`,
		"{{ contact.name":                       "{{ without }}",
		"{{ }}":                                 "want a name such as contact.email",
		"{{ contact.name upcase }}":             "want | or }}",
		"{{ contact.name | shout }}":            `no filter "shout"`,
		"{{ contact.name | default }}":          "default: 0 arguments; as in default: 'there'",
		"{{ contact.name | default: there }}":   "want a quoted text or a number",
		"{{ contact.name | upcase: 'x' }}":      "upcase: 1 arguments",
		"{% if contact.name %}x{% endif %}":     "{% … %} is not supported",
		strings.Repeat("a", maxTemplate+1):      "longer than",
		strings.Repeat("{{ now }}", maxParts+1): "more than 100 parts",
	}
	for source, want := range tests {
		s := &scope{fields: testFields(t)}
		_, err := s.template(source)
		require.ErrorContains(t, err, want)
	}
}

func TestTemplateOutputIsBounded(t *testing.T) {
	t.Parallel()
	s := &scope{fields: testFields(t)}
	parsed, err := s.template(strings.Repeat("{{ event.text }}", 100))
	require.NoError(t, err)
	long := parsed.render((&Flow{}).machine(testTurn(message(strings.Repeat("é", 5000)))))
	require.LessOrEqual(t, len(long), maxOutput)
	require.Equal(t, "é", long[len(long)-2:])
}

func FuzzCondition(f *testing.F) {
	f.Add(`contact.company_size >= 50 and not known(contact.email)`)
	f.Add(`any(contact.tags, # matches "^a") ? now.hour > 3 : event.parameters.x.y in [1, "a"]`)
	fields := testFields(f)
	f.Fuzz(func(t *testing.T, source string) {
		began := time.Now()
		defer func() { require.Less(t, time.Since(began), 5*time.Second, "unbounded") }()
		condition, err := ParseCondition(source, fields)
		if err != nil {
			return
		}
		turn := testTurn(message("hi"))
		condition.Holds(turn)
		turn.Person = Person{Values: contacts.Values{"company_size": 80.0, "email": "a@example.com"}, Tags: []string{"a"}}
		require.Equal(t, condition.Holds(turn), condition.Holds(turn))
	})
}

func FuzzTemplate(f *testing.F) {
	f.Add("Hi {{ contact.first_name | default: 'there' }}, {{ now | date: '%d %B' }}")
	f.Add("{{ 'a' | truncate: 1 | join: '' | url }}")
	fields := testFields(f)
	f.Fuzz(func(t *testing.T, source string) {
		parsed, err := (&scope{fields: fields}).template(source)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(parsed.render((&Flow{}).machine(testTurn(message("hi"))))), maxOutput)
	})
}
