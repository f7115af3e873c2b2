package contacts_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"usher/contacts"
)

// parseCase: want is a canonical value, contacts.ErrBlank or a code.
type parseCase struct {
	in   any
	l    contacts.Locale
	want any
}

type refused string

func in(country string) contacts.Locale { return contacts.Locale{Country: country} }

// speaking is somebody whose own country nobody knows, at a British business.
func speaking(language string) contacts.Locale {
	return contacts.Locale{Country: "GB", Language: language}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func cases(t *testing.T) map[string][]parseCase {
	long := strings.Repeat("é", contacts.TextLimit)
	return map[string][]parseCase{
		"text": {
			{in: "gold", want: "gold"},
			{in: "  gold \n", want: "gold"},
			{in: "0", want: "0"},
			{in: "no", want: "no"},
			{in: "two\r\nlines", want: "two\nlines"},
			{in: "nul\x00\x07", want: "nul"},
			{in: "e\u0301", want: "é"},
			{in: float64(12345), want: "12345"},
			{in: json.Number("12.50"), want: "12.50"},
			{in: long, want: long},
			{in: long + "x", want: refused(contacts.CodeTooLong)},
			{in: true, want: refused(contacts.CodeType)},
			{in: []any{"a"}, want: refused(contacts.CodeType)},
			{in: map[string]any{}, want: refused(contacts.CodeType)},
			{in: "\u200b \ufeff", want: contacts.ErrBlank},
		},
		"number": {
			{in: 75.25, want: 75.25},
			{in: 0.0, want: 0.0},
			{in: math.Copysign(0, -1), want: 0.0},
			{in: 20, want: 20.0},
			{in: json.Number("1e3"), want: 1000.0},
			{in: "0", want: 0.0},
			{in: " 75.25 ", want: 75.25},
			{in: "75,25", want: 75.25},
			{in: ".5", want: 0.5},
			{in: "-5", want: -5.0},
			{in: "−5", want: -5.0},
			{in: "1e3", want: 1000.0},
			{in: "20 people", want: 20.0},
			{in: "about 20, I think.", want: 20.0},
			{in: "20 or so", want: 20.0},
			{in: "up to 20", want: 20.0},
			{in: "£1,234.50", want: 1234.5},
			{in: "1.234,5", want: 1234.5},
			{in: "1,234.5", l: in("DE"), want: 1234.5},
			{in: "1.234", l: in("DE"), want: 1234.0},
			{in: "1.234", l: in("GB"), want: 1.234},
			{in: "1,234", l: in("GB"), want: 1234.0},
			{in: "1,234", l: in("FR"), want: 1.234},
			{in: "0.125", l: in("DE"), want: 0.125},
			{in: "1.234", l: speaking("de"), want: 1234.0},
			{in: "1.234", l: speaking("de-CH"), want: 1.234},
			{in: "1,234", l: speaking("pt_BR"), want: 1.234},
			{in: "1,234", l: speaking("es-MX"), want: 1234.0},
			{in: "1,234", l: speaking("es"), want: 1.234},
			{in: "1.234", l: contacts.Locale{Country: "DE", Language: "en-US,en;q=0.9"}, want: 1.234},
			{in: "1.234", l: contacts.Locale{Country: "DE", Language: "klingon"}, want: 1234.0},
			{in: "1 234 567", want: 1234567.0},
			{in: "1\u202f234,5", l: in("FR"), want: 1234.5},
			{in: "1'234.50", l: in("CH"), want: 1234.5},
			{in: "12,34,567", l: in("IN"), want: 1234567.0},
			{in: "1,234,567", want: 1234567.0},
			{in: "２０", want: 20.0},
			{in: "2️⃣", want: 2.0},
			{in: "٢٠", want: 20.0},
			{in: "20%", want: 20.0},
			{in: "abc", want: refused(contacts.CodeInvalid)},
			{in: "10 or 20", want: refused(contacts.CodeInvalid)},
			{in: "10-20", want: refused(contacts.CodeInvalid)},
			{in: "20k", want: refused(contacts.CodeInvalid)},
			{in: "2 million", want: refused(contacts.CodeInvalid)},
			{in: "minus 5", want: refused(contacts.CodeInvalid)},
			{in: "covid-19", want: refused(contacts.CodeInvalid)},
			{in: "12:30", want: refused(contacts.CodeInvalid)},
			{in: "1/2", want: refused(contacts.CodeInvalid)},
			{in: "2024-05-02", want: refused(contacts.CodeInvalid)},
			{in: "1,23,4", want: refused(contacts.CodeInvalid)},
			{in: "1.2.3", want: refused(contacts.CodeInvalid)},
			{in: "20 30", want: refused(contacts.CodeInvalid)},
			{in: "NaN", want: refused(contacts.CodeInvalid)},
			{in: "Inf", want: refused(contacts.CodeInvalid)},
			{in: "0x10", want: refused(contacts.CodeInvalid)},
			{in: "1e300", want: refused(contacts.CodeInvalid)},
			{in: math.NaN(), want: refused(contacts.CodeInvalid)},
			{in: math.Inf(1), want: refused(contacts.CodeInvalid)},
			{in: true, want: refused(contacts.CodeType)},
			{in: "  ", want: contacts.ErrBlank},
		},
		"date": {
			{in: "2024-05-02", want: "2024-05-02"},
			{in: "2024-5-2", want: "2024-05-02"},
			{in: "2024/05/02", want: "2024-05-02"},
			{in: "20240502", want: "2024-05-02"},
			{in: "2024-05-02T23:30:00-05:00", want: "2024-05-02"},
			{in: "2024-05-02T00:00:00.000Z", want: "2024-05-02"},
			{in: "2024-05-02 13:45", want: "2024-05-02"},
			{in: float64(1714608000000), want: "2024-05-02"},
			{in: float64(1714608000000), l: contacts.Locale{Timezone: zone(t, "America/New_York")}, want: "2024-05-02"},
			{in: json.Number("1714604400000"), l: contacts.Locale{Timezone: zone(t, "Europe/London")}, want: "2024-05-02"},
			{in: "1714608000000", want: "2024-05-02"},
			{in: "2/5/2024", l: in("GB"), want: "2024-05-02"},
			{in: "2/5/2024", l: in("US"), want: "2024-02-05"},
			{in: "13/5/2024", l: in("US"), want: "2024-05-13"},
			{in: "5/13/2024", l: in("GB"), want: "2024-05-13"},
			{in: "2.5.2024", l: in("DE"), want: "2024-05-02"},
			{in: "2. 5. 2024", want: "2024-05-02"},
			{in: "2 May 2024", want: "2024-05-02"},
			{in: "2nd of May, 2024", want: "2024-05-02"},
			{in: "Thursday, 2 May 2024", want: "2024-05-02"},
			{in: "May 2, 2024", want: "2024-05-02"},
			{in: "Sept. 2 2024", want: "2024-09-02"},
			{in: "2. März 2024", want: "2024-03-02"},
			{in: "1er août 2024", want: "2024-08-01"},
			{in: "2 de mayo de 2024", want: "2024-05-02"},
			{in: "２０２４-０５-０２", want: "2024-05-02"},
			{in: "2/5/2024", l: speaking("en-US"), want: "2024-02-05"},
			{in: "2/5/2024", l: speaking("en"), want: "2024-05-02"},
			{in: "2/5/2024", l: contacts.Locale{Country: "US", Language: "de"}, want: "2024-05-02"},
			{in: "2024年5月2日", want: "2024-05-02"},
			{in: "2024년 5월 2일", want: "2024-05-02"},
			{in: "2024. 5. 2.", want: "2024-05-02"},
			{in: "2 мая 2024 г.", want: "2024-05-02"},
			{in: "2024. május 2.", want: "2024-05-02"},
			{in: "2 maja 2024", want: "2024-05-02"},
			{in: "2 listopada 2024", l: speaking("pl"), want: "2024-11-02"},
			{in: "2 listopada 2024", l: speaking("hr"), want: "2024-10-02"},
			{in: "2 listopada 2024", want: refused(contacts.CodeInvalid)},
			{in: "Donnerstag, den 2. Mai 2024", want: "2024-05-02"},
			{in: "jeudi 2 mai 2024", want: "2024-05-02"},
			{in: "It's on 2/5/2024", want: "2024-05-02"},
			{in: "before 2 May 2024", want: refused(contacts.CodeInvalid)},
			{in: "2 mar 2024", want: "2024-03-02"},
			{in: "2024-02-29", want: "2024-02-29"},
			{in: "2023-02-29", want: refused(contacts.CodeInvalid)},
			{in: "31/04/2024", want: refused(contacts.CodeInvalid)},
			{in: "2024-13-01", want: refused(contacts.CodeInvalid)},
			{in: "2/5/24", want: refused(contacts.CodeInvalid)},
			{in: "2 jui 2024", want: refused(contacts.CodeInvalid)},
			{in: "tomorrow-ish", want: refused(contacts.CodeInvalid)},
			{in: "0000-01-01", want: refused(contacts.CodeInvalid)},
			{in: 1.5, want: refused(contacts.CodeInvalid)},
			{in: 1e18, want: refused(contacts.CodeInvalid)},
			{in: math.NaN(), want: refused(contacts.CodeInvalid)},
			{in: false, want: refused(contacts.CodeType)},
			{in: "", want: contacts.ErrBlank},
		},
		"yes_no": {
			{in: true, want: true},
			{in: false, want: false},
			{in: "Yes!", want: true},
			{in: "yes, please", want: true},
			{in: "TRUE", want: true},
			{in: "1", want: true},
			{in: 1.0, want: true},
			{in: "oui", want: true},
			{in: "Sí", want: true},
			{in: "👍", want: true},
			{in: "no", want: false},
			{in: "No, thanks.", want: false},
			{in: 0, want: false},
			{in: "Nein", want: false},
			{in: "não", want: false},
			{in: "Ja, gerne!", want: true},
			{in: "はい。", want: true},
			{in: "да, конечно", want: true},
			{in: "yes yes", want: true},
			{in: "Yes, I do", want: true},
			{in: "👍🏽", want: true},
			{in: "✔️", want: true},
			{in: "Nee, dank je", want: false},
			{in: "non merci", want: false},
			{in: "No, I don't.", want: false},
			{in: "maybe", want: refused(contacts.CodeInvalid)},
			{in: "yes and no", want: refused(contacts.CodeInvalid)},
			{in: "yes, I don't", want: refused(contacts.CodeInvalid)},
			{in: "no problem", want: refused(contacts.CodeInvalid)},
			{in: "not yes", want: refused(contacts.CodeInvalid)},
			{in: 2.0, want: refused(contacts.CodeInvalid)},
			{in: []any{}, want: refused(contacts.CodeType)},
			{in: " ", want: contacts.ErrBlank},
		},
		"name": {
			{in: "  Ada   Lovelace ", want: "Ada Lovelace"},
			{in: "Ada\nLovelace", want: "Ada Lovelace"},
			{in: strings.Repeat("a", contacts.NameLimit+1), want: refused(contacts.CodeTooLong)},
			{in: "\t", want: contacts.ErrBlank},
		},
		"email": {
			{in: "ada@example.com", want: "ada@example.com"},
			{in: " Ada@Example.COM ", want: "ada@example.com"},
			{in: "ada@x.io", want: "ada@x.io"},
			{in: "ada+shop@example.co.uk", want: "ada+shop@example.co.uk"},
			{in: "Ada Lovelace <ada@example.com>", want: "ada@example.com"},
			{in: "mailto:ada@example.com", want: "ada@example.com"},
			{in: "my e-mail is ada@example.com.", want: "ada@example.com"},
			{in: "E-mail: ada@example.com", want: "ada@example.com"},
			{in: "ada＠example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada@bücher.de", want: "ada@xn--bcher-kva.de"},
			{in: "ada lovelace@example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada", want: refused(contacts.CodeInvalid)},
			{in: "ada@", want: refused(contacts.CodeInvalid)},
			{in: "@example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada@example", want: refused(contacts.CodeInvalid)},
			{in: "ada@@example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada..l@example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada@exa mple.com", want: refused(contacts.CodeInvalid)},
			{in: "ada@-example.com", want: refused(contacts.CodeInvalid)},
			{in: "ada@192.168.0.1", want: refused(contacts.CodeInvalid)},
			{in: "ada@[192.168.0.1]", want: refused(contacts.CodeInvalid)},
			{in: `"a b"@example.com`, want: refused(contacts.CodeInvalid)},
			{in: "ada@example.com, bob@example.com", want: refused(contacts.CodeInvalid)},
			{in: "quiet-otter-7f@guest.invalid", want: refused(contacts.CodeInvalid)},
			{in: strings.Repeat("a", 65) + "@example.com", want: refused(contacts.CodeTooLong)},
			{in: true, want: refused(contacts.CodeType)},
			{in: "", want: contacts.ErrBlank},
		},
		"phone": {
			{in: "+447700900123", want: "+447700900123"},
			{in: "07700 900123", l: in("GB"), want: "+447700900123"},
			{in: "7700900123", l: in("GB"), want: "+447700900123"},
			{in: "447700900123", l: in("GB"), want: "+447700900123"},
			{in: 447700900123.0, l: in("GB"), want: "+447700900123"},
			{in: "0044 7700 900123", l: in("FR"), want: "+447700900123"},
			{in: "+44 (0)7700 900-123", want: "+447700900123"},
			{in: "+44 (7700) 900.123", want: "+447700900123"},
			{in: "+33612345678", l: in("GB"), want: "+33612345678"},
			{in: "06 12 34 56 78", l: in("FR"), want: "+33612345678"},
			{in: "(212) 555-0123", l: in("US"), want: "+12125550123"},
			{in: "1 212 555 0123", l: in("US"), want: "+12125550123"},
			{in: "＋４４７７００９００１２３", want: "+447700900123"},
			{in: "+٤٤٧٧٠٠٩٠٠١٢٣", want: "+447700900123"},
			{in: "\u202a+44 7700\u00a0900123\u202c", want: "+447700900123"},
			{in: "tel:+447700900123", want: "+447700900123"},
			{in: "my number is 07700 900123", l: in("gb"), want: "+447700900123"},
			{in: "06 6982 1234", l: in("IT"), want: "+390669821234"},
			{in: "+39 (0)6 6982 1234", want: "+390669821234"},
			{in: "+49 (0)30 123456", want: "+4930123456"},
			{in: "011 44 7700 900123", l: in("US"), want: "+447700900123"},
			{in: "5.5E+11", l: in("GB"), want: refused(contacts.CodeMangled)},
			{in: "5,5e11", l: in("DE"), want: refused(contacts.CodeMangled)},
			{in: "4.47701E+11", want: refused(contacts.CodeMangled)},
			{in: "447700900123.0", want: refused(contacts.CodeMangled)},
			{in: "########", want: refused(contacts.CodeMangled)},
			{in: "07700900123", l: in("FR"), want: refused(contacts.CodeInvalid)},
			{in: "07700900123", want: refused(contacts.CodeInvalid)},
			{in: "07700900123", l: in("XX"), want: refused(contacts.CodeInvalid)},
			{in: "12", l: in("GB"), want: refused(contacts.CodeInvalid)},
			{in: "+44770090012345678", want: refused(contacts.CodeInvalid)},
			{in: "+999123456789", want: refused(contacts.CodeInvalid)},
			{in: "0800 FLOWERS", l: in("GB"), want: refused(contacts.CodeInvalid)},
			{in: "call me", l: in("GB"), want: refused(contacts.CodeInvalid)},
			{in: "07700 900001, 07700 900002", l: in("GB"), want: refused(contacts.CodeInvalid)},
			{in: "+44+7700900123", want: refused(contacts.CodeInvalid)},
			{in: "+", want: refused(contacts.CodeInvalid)},
			{in: "-", want: refused(contacts.CodeInvalid)},
			{in: " ", want: contacts.ErrBlank},
		},
		"customer_id": {
			{in: "C-77", want: "C-77"},
			{in: 77.0, want: "77"},
			{in: strings.Repeat("7", contacts.NameLimit+1), want: refused(contacts.CodeTooLong)},
		},
		"country": {
			{in: "gb", want: "GB"},
			{in: "UK", want: "GB"},
			{in: "DEU", want: "DE"},
			{in: "Germany", want: "DE"},
			{in: "allemagne", want: "DE"},
			{in: "Deutschland", want: "DE"},
			{in: "United Kingdom", want: "GB"},
			{in: "the United States of America", want: "US"},
			{in: "EU", want: refused(contacts.CodeInvalid)},
			{in: "ZZ", want: refused(contacts.CodeInvalid)},
			{in: "Atlantis", want: refused(contacts.CodeInvalid)},
		},
		"language": {
			{in: "en", want: "en"},
			{in: "EN_gb", want: "en-GB"},
			{in: "pt-br", want: "pt-BR"},
			{in: "English", want: "en"},
			{in: "Deutsch", want: "de"},
			{in: "klingonish", want: refused(contacts.CodeInvalid)},
		},
		"timezone": {
			{in: "Europe/London", want: "Europe/London"},
			{in: "america/port_of_spain", want: "America/Port_of_Spain"},
			{in: "utc", want: "UTC"},
			{in: "../etc/passwd", want: refused(contacts.CodeInvalid)},
			{in: "Local", want: refused(contacts.CodeInvalid)},
			{in: "Mars/Base", want: refused(contacts.CodeInvalid)},
		},
	}
}

// Assistants write a day as its parts.
func TestDateInParts(t *testing.T) {
	t.Parallel()
	day := contacts.Field{Name: "d", Type: contacts.Date}
	got, err := day.Parse(map[string]any{"year": 2026.0, "month": 9.0, "day": 4.0, "hours": 12.0}, contacts.Locale{})
	require.NoError(t, err)
	require.Equal(t, "2026-09-04", got)
	for _, wrong := range []map[string]any{{}, {"year": 2026.0, "month": 13.0, "day": 4.0}, {"year": "2026", "month": 9.0, "day": 4.0}, {"year": 1e300, "month": 9.0, "day": 4.0}} {
		_, err := day.Parse(wrong, contacts.Locale{})
		require.Error(t, err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "text", Type: contacts.Text}, {Name: "number", Type: contacts.Number},
		{Name: "date", Type: contacts.Date}, {Name: "yes_no", Type: contacts.YesNo},
	})
	require.NoError(t, err)
	for name, list := range cases(t) {
		field, ok := fields.Lookup(name)
		require.True(t, ok, name)
		for _, c := range append(list, parseCase{in: nil, want: contacts.ErrBlank}) {
			got, err := field.Parse(c.in, c.l)
			switch want := c.want.(type) {
			case error:
				require.ErrorIs(t, err, want, "%s %#v", name, c.in)
			case refused:
				var invalid *contacts.Invalid
				require.ErrorAs(t, err, &invalid, "%s %#v gave %v", name, c.in, got)
				require.Equal(t, string(want), invalid.Code, "%s %#v", name, c.in)
				require.Nil(t, got)
			default:
				require.NoError(t, err, "%s %#v", name, c.in)
				require.Equal(t, want, got, "%s %#v", name, c.in)
				if s, ok := got.(string); ok { // canonical: reading it again changes nothing
					again, err := field.Parse(s, contacts.Locale{})
					require.NoError(t, err, "%s %#v", name, c.in)
					require.Equal(t, got, again, "%s %#v", name, c.in)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"20 people", "5.5E+11", "2/5/2024", "ada@x.io", "٢٠", "+44 (0)7700 900123", "\xff", "Ünïted"} {
		f.Add(s, "GB")
	}
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "n", Type: contacts.Number}, {Name: "d", Type: contacts.Date}, {Name: "y", Type: contacts.YesNo},
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, s, country string) {
		for _, field := range fields.All() {
			got, err := field.Parse(s, contacts.Locale{Country: country})
			var invalid *contacts.Invalid
			if err != nil {
				require.Nil(t, got)
				require.True(t, errors.Is(err, contacts.ErrBlank) || errors.As(err, &invalid))
				continue
			}
			switch got := got.(type) {
			case string:
				require.NotEmpty(t, got)
				require.True(t, utf8.ValidString(got))
				require.LessOrEqual(t, utf8.RuneCountInString(got), contacts.TextLimit)
				again, err := field.Parse(got, contacts.Locale{Country: country})
				require.NoError(t, err)
				require.Equal(t, got, again)
			case float64:
				require.False(t, math.IsNaN(got) || math.IsInf(got, 0))
			case bool:
			default:
				t.Fatalf("%T is no canonical value", got)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	fields, err := contacts.NewFields([]contacts.Field{{Name: "size", Type: contacts.Number}, {Name: "day", Type: contacts.Date}})
	require.NoError(b, err)
	for name, s := range map[string]string{"name": "Ada Lovelace", "email": "ada@example.com", "phone": "07700 900123", "size": "20 people", "day": "2024-05-02", "language": "no such language"} {
		field, _ := fields.Lookup(name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = field.Parse(s, contacts.Locale{Country: "GB"})
			}
		})
	}
}
