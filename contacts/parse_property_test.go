package contacts_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
	"pgregory.net/rapid"

	"usher/contacts"
)

// A number written by the habits of a language is read as that number.
func TestNumbersOfLanguages(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tag := rapid.SampledFrom([]string{"en", "en-IN", "de", "de-AT", "fr", "es", "es-MX", "it", "pt-BR", "nl", "pl", "ru", "sv", "tr", "ja", "uk", "da", "cs"}).Draw(t, "language")
		places := rapid.IntRange(0, 2).Draw(t, "places")
		scale := math.Pow10(places)
		want := math.Round(rapid.Float64Range(-1e9, 1e9).Draw(t, "number")*scale) / scale
		written := message.NewPrinter(language.MustParse(tag)).Sprint(number.Decimal(want, number.Scale(places)))
		got, err := contacts.ParseNumber(written, contacts.Locale{Country: "GB", Language: tag})
		require.NoError(t, err, "%s: %q", tag, written)
		require.InDelta(t, want, got, 1e-6, "%s: %q", tag, written)
	})
}

// A day is the same in whatever order it is written.
func TestDaysInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Date(rapid.IntRange(1900, 2100).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		for _, c := range []struct {
			layout string
			l      contacts.Locale
		}{
			{"2006-01-02", contacts.Locale{}},
			{"20060102", contacts.Locale{}},
			{"2.1.2006", in("DE")},
			{"02/01/2006", in("GB")},
			{"1/2/2006", in("US")},
			{"1/2/2006", contacts.Locale{Country: "GB", Language: "en-US"}},
			{"2/1/2006", contacts.Locale{Country: "US", Language: "fr"}},
			{"2 January 2006", contacts.Locale{}},
			{"January 2, 2006", contacts.Locale{}},
			{"Monday, 2 Jan 2006", contacts.Locale{}},
			{"2006 January 2", contacts.Locale{}},
			{"2006年1月2日", contacts.Locale{}},
			{time.RFC3339, contacts.Locale{}},
		} {
			got, err := contacts.ParseDate(d.Format(c.layout), c.l)
			require.NoError(t, err, d.Format(c.layout))
			require.Equal(t, d.Format(time.DateOnly), got, d.Format(c.layout))
		}
	})
}

// A number as people of its country write it, with any decoration, is that
// number there, and with + or 00 anywhere.
func TestPhonesOfCountries(t *testing.T) {
	t.Parallel()
	var countries []string
	for country := range phonenumbers.GetSupportedRegions() {
		countries = append(countries, country)
	}
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom(countries).Draw(t, "country")
		n := phonenumbers.GetExampleNumber(country)
		want := phonenumbers.Format(n, phonenumbers.E164)
		read := func(s, country string) {
			got, err := contacts.ParsePhone(s, country)
			require.NoError(t, err, "%q in %s", s, country)
			require.Equal(t, want, got, "%q in %s", s, country)
		}
		read(phonenumbers.Format(n, phonenumbers.NATIONAL), country)
		elsewhere := rapid.SampledFrom(append(countries, "", "XX")).Draw(t, "elsewhere")
		read(phonenumbers.Format(n, phonenumbers.INTERNATIONAL), elsewhere)
		read("00"+want[1:], elsewhere)
		var dressed strings.Builder
		for _, digit := range want {
			dressed.WriteRune(digit)
			dressed.WriteString(rapid.SampledFrom([]string{"", "", " ", "-", ".", "(", ")", "\u00a0", "/"}).Draw(t, "decoration"))
		}
		read(dressed.String(), elsewhere)
	})
}

// What a parser takes it takes again, as the same; what it refuses it says in
// one of two ways and gives nothing.
func fuzzed[T comparable](t *testing.T, s string, parse func(string) (T, error)) {
	got, err := parse(s)
	var zero T
	if err != nil {
		var invalid *contacts.Invalid
		require.True(t, errors.Is(err, contacts.ErrBlank) || errors.As(err, &invalid), "%v", err)
		require.Equal(t, zero, got)
		return
	}
	text, ok := any(got).(string)
	if !ok {
		text = fmt.Sprint(got)
		if f, isNumber := any(got).(float64); isNumber {
			require.LessOrEqual(t, math.Abs(f), 1e15)
			return // written by no habit
		}
	}
	again, err := parse(text)
	require.NoError(t, err, "%q, then %q", s, text)
	require.Equal(t, got, again)
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"1.234,5", "1'234.50", "12,34,567", "-5", "20k", "٢٠", "1e5", "2️⃣", ".5"} {
		f.Add(s, "DE", "de-CH")
	}
	f.Fuzz(func(t *testing.T, s, country, language string) {
		fuzzed(t, s, func(s string) (float64, error) {
			return contacts.ParseNumber(s, contacts.Locale{Country: country, Language: language})
		})
	})
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2/5/2024", "2. März 2024", "2024年5月2日", "Thursday, 2 May 2024", "1714608000000", "on on on 2 May 2024"} {
		f.Add(s, "US", "en")
	}
	f.Fuzz(func(t *testing.T, s, country, language string) {
		fuzzed(t, s, func(s string) (string, error) {
			return contacts.ParseDate(s, contacts.Locale{Country: country, Language: language})
		})
	})
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"07700 900123", "+44 (0)7700 900123", "0044 7700 900123", "tel:+44", "5.5E+11", "＋４４"} {
		f.Add(s, "GB")
	}
	f.Fuzz(func(t *testing.T, s, country string) {
		fuzzed(t, s, func(s string) (string, error) { return contacts.ParsePhone(s, country) })
	})
}

func FuzzParseYesNo(f *testing.F) {
	for _, s := range []string{"yes, please", "👍🏽", "はい。", "no no", "!!!", "non merci"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { fuzzed(t, s, contacts.ParseYesNo) })
}

func FuzzParseEmail(f *testing.F) {
	for _, s := range []string{"ada@example.com", "Ada <ada@x.io>", "mailto:a@b.co", "ada@bücher.de", "a@b@c.d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { fuzzed(t, s, contacts.ParseEmail) })
}
