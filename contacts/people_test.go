package contacts_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"usher/contacts"
)

func TestFieldsOrder(t *testing.T) {
	t.Parallel()
	fields, err := contacts.NewFields([]contacts.Field{{Name: "company_size", Type: contacts.Number}, {Name: "plan", Title: "The plan", Type: contacts.Text}})
	require.NoError(t, err)
	var names, settable []string
	for _, field := range fields.All() {
		names = append(names, field.Name)
		if field.Settable {
			settable = append(settable, field.Name)
		}
	}
	require.Equal(t, "id type status name first_name middle_name last_name email phone customer_id company country city zip language timezone "+
		"contact_address billing_address tags assignee_id channel flow via created_at updated_at last_seen_at company_size plan", strings.Join(names, " "))
	require.Equal(t, "name first_name middle_name last_name email phone company country city zip language timezone "+
		"contact_address billing_address company_size plan", strings.Join(settable, " "))
	require.Equal(t, []contacts.Field{
		{Name: "company_size", Title: "Company size", Type: contacts.Number, Settable: true},
		{Name: "plan", Title: "The plan", Type: contacts.Text, Settable: true},
	}, fields.Custom())
	customer, ok := fields.Lookup("customer_id")
	require.True(t, ok)
	require.True(t, customer.IsValue())
	_, ok = fields.Lookup("nope")
	require.False(t, ok)
}

func TestFieldsRefused(t *testing.T) {
	t.Parallel()
	for _, custom := range [][]contacts.Field{
		{{Name: "", Type: contacts.Text}},
		{{Name: "Plan", Type: contacts.Text}},
		{{Name: "9lives", Type: contacts.Text}},
		{{Name: "a-b", Type: contacts.Text}},
		{{Name: "plan\n", Type: contacts.Text}},
		{{Name: strings.Repeat("a", 65), Type: contacts.Text}},
		{{Name: "email", Type: contacts.Text}},
		{{Name: "created_at", Type: contacts.Date}},
		{{Name: "plan", Type: "dropdown"}},
		{{Name: "plan"}},
		{{Name: "plan", Type: contacts.Text}, {Name: "plan", Type: contacts.Number}},
		{{Name: "plan", Type: contacts.Text, Title: strings.Repeat("a", 201)}},
		make([]contacts.Field, 501),
	} {
		_, err := contacts.NewFields(custom)
		require.Error(t, err, custom)
	}
	_, err := contacts.NewFields([]contacts.Field{{Name: "A", Type: contacts.Text}, {Name: "plan", Type: "list"}})
	require.ErrorContains(t, err, `"A"`)
	require.ErrorContains(t, err, `"plan"`, "every fault at once")
}

func TestNames(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"Ada Lovelace": {"Ada", "Lovelace"}, " Ada  King Lovelace ": {"Ada", "King Lovelace"}, "Ada": {"Ada", ""}, "": {"", ""},
	} {
		first, last := contacts.SplitName(raw)
		require.Equal(t, want, [2]string{first, last}, raw)
	}
	require.Equal(t, "Ada King Lovelace", contacts.ComposeName(" Ada", "King ", "Lovelace"))
	require.Equal(t, "Lovelace", contacts.ComposeName("", "", "Lovelace"))
	require.Equal(t, "", contacts.ComposeName("", " ", ""))
	require.Equal(t, "Ada", contacts.CleanRawName("\u202eAda\n"))
	require.Len(t, []rune(contacts.CleanRawName(strings.Repeat("é", 100_000))), contacts.NameLimit)
}

func TestValuesSet(t *testing.T) {
	t.Parallel()
	v := contacts.Values{}
	v.Set("name", "Ada Lovelace")
	require.Equal(t, contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace"}, v)
	v.Set("middle_name", "King")
	require.Equal(t, "Ada King Lovelace", v["name"])
	v.Set("name", "Ada King Lovelace")
	require.Equal(t, "King", v["middle_name"], "the same name again keeps its parts")
	v.Set("last_name", nil)
	require.Equal(t, contacts.Values{"name": "Ada King", "first_name": "Ada", "middle_name": "King"}, v)
	v.Set("name", "Grace Hopper")
	require.Equal(t, contacts.Values{"name": "Grace Hopper", "first_name": "Grace", "last_name": "Hopper"}, v)
	v.Set("agrees", false)
	v.Set("size", 0.0)
	require.Equal(t, false, v["agrees"], "false is a value")
	require.Equal(t, 0.0, v["size"], "nought is a value")
	v.Set("agrees", nil)
	v.Set("size", "")
	v.Set("name", nil)
	require.Empty(t, v)
}

func TestValuesNameStaysOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := contacts.Values{}
		for range rapid.IntRange(1, 8).Draw(t, "sets") {
			field := rapid.SampledFrom([]string{"name", "first_name", "middle_name", "last_name"}).Draw(t, "field")
			value := rapid.SampledFrom([]any{"Ada", "Ada Lovelace", "Ada King Lovelace", "", nil}).Draw(t, "value")
			v.Set(field, value)
			require.Equal(t, v.Text("name"), contacts.ComposeName(v.Text("first_name"), v.Text("middle_name"), v.Text("last_name")))
			for _, value := range v {
				require.NotEmpty(t, value)
			}
		}
	})
}

func TestValuesFill(t *testing.T) {
	t.Parallel()
	ada := contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "agrees": false}
	for name, c := range map[string]struct {
		have  contacts.Values
		want  contacts.Values
		added []string
	}{
		"nothing known": {contacts.Values{}, ada, []string{"agrees", "email", "first_name", "last_name", "name"}},
		"all known":     {ada.Clone(), ada, nil},
		"known stays":   {contacts.Values{"email": "x@example.com", "agrees": true, "name": "Bob", "first_name": "Bob"}, contacts.Values{"email": "x@example.com", "agrees": true, "name": "Bob", "first_name": "Bob"}, nil},
		"same person":   {contacts.Values{"name": "ada", "first_name": "ada", "email": "a@b.io", "agrees": true}, contacts.Values{"name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": "a@b.io", "agrees": true}, []string{"first_name", "last_name", "name"}},
	} {
		require.Equal(t, c.added, c.have.Fill(ada), name)
		require.Equal(t, c.want, c.have, name)
	}
	require.Equal(t, []string{"a", "b"}, contacts.Changed(contacts.Values{"a": 1.0, "c": "x"}, contacts.Values{"b": true, "c": "x"}))
}

func TestPseudonym(t *testing.T) {
	t.Parallel()
	shape := regexp.MustCompile(`^[a-z]+-[a-z]+-[0-9a-f]{2}@guest\.invalid$`)
	salt := []byte("salt")
	emails := map[string]bool{}
	names := map[string]bool{}
	const guests = 1000
	for i := range guests {
		id := contacts.GuestID(salt, "default", "webchat/site", fmt.Sprint(i))
		p := contacts.PseudonymOf(id, int64(i))
		require.Equal(t, p, contacts.PseudonymOf(id, int64(i)), "the same for life")
		require.NotEqual(t, p.Email, contacts.PseudonymOf(id, int64(i+1)).Email, "a new life, a new name")
		require.Regexp(t, shape, p.Email)
		require.Regexp(t, `^[A-Z][a-z]+ [A-Z][a-z]+$`, p.Name)
		emails[p.Email], names[p.Name] = true, true
	}
	require.Len(t, emails, guests)
	require.Greater(t, len(names), guests*98/100)
}

func TestIDs(t *testing.T) {
	t.Parallel()
	salt := []byte("salt")
	id := contacts.GuestID(salt, "default", "webchat/site", "v-1")
	require.Regexp(t, `^gst_[a-z2-7]{16}$`, id)
	require.Equal(t, id, contacts.GuestID(salt, "default", "webchat/site", "v-1"))
	conversation := contacts.ConversationID(salt, "default", "webchat/site", "v-1")
	require.Equal(t, "cnv_"+contacts.SuffixOf(id), conversation)
	require.Equal(t, conversation, contacts.ConversationIDOf(id))
	require.Equal(t, "con_"+contacts.SuffixOf(id), contacts.ContactIDOf(id))
	require.Equal(t, id, contacts.GuestIDOf(contacts.ContactIDOf(id)))
	for _, other := range []string{
		contacts.GuestID(salt, "default", "webchat/site", "v-2"),
		contacts.GuestID(salt, "default", "webchat/sitev", "-1"),
		contacts.GuestID(salt, "other", "webchat/site", "v-1"),
		contacts.GuestID([]byte("pepper"), "default", "webchat/site", "v-1"),
	} {
		require.NotEqual(t, id, other)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for country, want := range map[string]string{
		"GB": "Europe/London", "jp": "Asia/Tokyo", "US": "America/New_York", "AU": "Australia/Sydney", "RU": "Europe/Moscow",
		"DE": "Europe/Berlin", "XK": "Europe/Belgrade", "AD": "Europe/Andorra", "ZZ": "", "": "", "GBR": "", " A": "",
	} {
		zone := contacts.TimezoneOf(country)
		require.Equal(t, want, zone, country)
		_, err := time.LoadLocation(zone)
		require.NoError(t, err)
	}
	for phone, want := range map[string]string{
		"+447700900123": "GB", "+12125550123": "US", "+14165550123": "CA", "+33612345678": "FR", "+390612345678": "IT",
		"+80012345678": "", "+999": "", "": "", "x": "",
	} {
		require.Equal(t, want, contacts.CountryOfPhone(phone), phone)
	}
	require.Equal(t, "ada@example.com", contacts.AddressKey("email", " Ada@Example.com"))
	require.Equal(t, "+447700900123", contacts.AddressKey("phone", "+44 7700 900123"))
	require.Equal(t, "C-77", contacts.AddressKey("customer_id", "C-77"))
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	for want, list := range map[contacts.Type][]contacts.Values{
		contacts.TypeGuest:    {{}, {"name": "Ada"}, {"email": "a@b.io"}, {"phone": "+447700900123"}, {"email": "a@b.io", "phone": "+447700900123"}},
		contacts.TypeLead:     {{"name": "Ada", "email": "a@b.io"}, {"name": "Ada", "phone": "+447700900123"}},
		contacts.TypeCustomer: {{"customer_id": "C-77"}, {"customer_id": "C-77", "name": "Ada", "email": "a@b.io"}},
	} {
		for _, v := range list {
			require.Equal(t, want, contacts.TypeOf(v), v)
		}
	}
}
