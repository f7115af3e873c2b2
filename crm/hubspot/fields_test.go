package hubspot

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/crm"
	"usher/crm/crmtest"
)

func TestProperties(t *testing.T) {
	t.Parallel()
	document := func(changed ...string) json.RawMessage {
		raw, err := json.Marshal(map[string]any{"data": map[string]any{"changed": changed}})
		require.NoError(t, err)
		return raw
	}
	for _, c := range []struct {
		name     string
		settings config.Settings
		push     crm.Push
		want     map[string]string
	}{
		{"unknown values are left alone", nil,
			crm.Push{Contact: map[string]any{"email": "a@b.c", "phone": nil, "first_name": "Ada", "company": "  "}},
			map[string]string{"email": "a@b.c", "firstname": "Ada", "lifecyclestage": "lead"}},
		{"unless they were removed", nil,
			crm.Push{Contact: map[string]any{"email": "a@b.c", "phone": nil, "first_name": "Ada"}, Document: document("phone", "name")},
			map[string]string{"email": "a@b.c", "firstname": "Ada", "phone": "", "lifecyclestage": "lead"}},
		{"nameless: the display name", nil,
			crm.Push{Contact: map[string]any{"email": "a@b.c", "name": "Ada L."}},
			map[string]string{"email": "a@b.c", "lastname": "Ada L.", "lifecyclestage": "lead"}},
		{"nameless: the phone", nil,
			crm.Push{Contact: map[string]any{"phone": "+447700900123"}},
			map[string]string{"phone": "+447700900123", "lastname": "+447700900123", "lifecyclestage": "lead"}},
		{"other types", config.Settings{"lifecycle_stage": "", "mapping": map[string]any{
			"n": "n", "i": "i", "yes": "yes", "tags": "tags", "list": "list", "city": "city", "channel": "chan", "address": "address", "email": ""}},
			crm.Push{Contact: map[string]any{"email": "a@b.c", "first_name": "Ada", "tags": []string{"vip", "b2b"},
				"fields":  map[string]any{"n": 2e6, "yes": true, "i": json.Number("7"), "list": []any{"a", 1.5}},
				"source":  map[string]any{"channel": "whatsapp/acme"},
				"system":  map[string]any{"city": "London"},
				"address": map[string]any{"street": "St James's Square"}}},
			map[string]string{"firstname": "Ada", "n": "2000000", "i": "7", "yes": "true", "tags": "vip;b2b", "list": "a;1.5",
				"city": "London", "chan": "whatsapp/acme", "address": `{"street":"St James's Square"}`}},
		{"nothing at all", config.Settings{"lifecycle_stage": ""},
			crm.Push{LeadKey: "k", Contact: map[string]any{}},
			map[string]string{"usher_lead_id": "k"}},
	} {
		s := config.Settings{"token": "x"}
		for k, v := range c.settings {
			s[k] = v
		}
		built, err := New(crm.Setup{Settings: s, HTTP: http.DefaultClient})
		require.NoError(t, err, c.name)
		got := built.(*connector).fields.lead(c.push, &crm.Receipt{})
		require.Equal(t, c.want, got.properties, c.name)
	}
}

func TestLongValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", maxValue) + "end"
	require.Equal(t, maxValue, utf8.RuneCountInString(head(long)))
	require.Equal(t, maxValue, utf8.RuneCountInString(tail(long)))
	require.True(t, strings.HasSuffix(tail(long), "éend"))
	require.True(t, strings.HasPrefix(tail(long), "…"))
}

func BenchmarkBody(b *testing.B) {
	c := newTest(b, "https://crm.example", http.DefaultClient)
	pushes := make([]crm.Push, maxInputs)
	for n := range pushes {
		pushes[n] = crmtest.Push(b, n)
	}
	receipts := make([]crm.Receipt, len(pushes))
	leads := make([]lead, len(pushes))
	b.ReportAllocs()
	for b.Loop() {
		for i, p := range pushes {
			leads[i] = c.fields.lead(p, &receipts[i])
		}
		if _, err := json.Marshal(c.fields.inputs(leads)); err != nil {
			b.Fatal(err)
		}
	}
}
