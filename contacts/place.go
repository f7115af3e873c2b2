package contacts

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// maxPlace is longer than any name of a country, language, time zone or day.
const maxPlace = 80

// ParseCountry reads a country's code (GB, GBR) or its name in a language of
// namesIn, and returns the ISO 3166-1 alpha-2 code.
func ParseCountry(s string) (string, error) {
	wrong := &Invalid{CodeInvalid, "want a country like GB or Germany"}
	s, err := place(s)
	if err != nil {
		return "", err
	}
	if len(s) == 2 || len(s) == 3 && !strings.ContainsAny(s, "0123456789") {
		region, err := language.ParseRegion(s)
		if err == nil {
			region = region.Canonicalize() // UK is GB
		}
		if err != nil || !region.IsCountry() || len(region.String()) != 2 {
			return "", wrong
		}
		return region.String(), nil
	}
	for _, in := range namesIn() {
		names := display.Regions(in)
		for _, line := range strings.Fields(capitalZones) {
			region, err := language.ParseRegion(line[:2])
			if err == nil && strings.EqualFold(names.Name(region), s) {
				return region.String(), nil
			}
		}
	}
	switch strings.ToLower(strings.TrimPrefix(s, "the ")) {
	case "united states of america", "u.s.a.", "u.s.", "america":
		return "US", nil
	case "great britain", "england", "scotland", "wales", "northern ireland", "u.k.":
		return "GB", nil
	case "holland":
		return "NL", nil
	case "czech republic":
		return "CZ", nil
	case "turkey":
		return "TR", nil
	}
	return "", wrong
}

// ParseLanguage reads a BCP 47 tag (en, pt-BR, en_GB) or a language's name, and
// returns the tag.
func ParseLanguage(s string) (string, error) {
	s, err := place(s)
	if err != nil {
		return "", err
	}
	if tag, err := language.Parse(s); err == nil && tag != language.Und {
		return tag.String(), nil
	}
	namers := []display.Namer{display.Self}
	for _, in := range namesIn() {
		namers = append(namers, display.Languages(in))
	}
	for _, names := range namers {
		for _, tag := range display.Supported.Tags() {
			if strings.EqualFold(names.Name(tag), s) {
				return tag.String(), nil
			}
		}
	}
	return "", &Invalid{CodeInvalid, "want a language like en or English"}
}

// ParseTimezone reads an IANA name (Europe/London) in any case.
func ParseTimezone(s string) (string, error) {
	s, err := place(s)
	if err != nil {
		return "", err
	}
	if strings.EqualFold(s, "utc") || strings.EqualFold(s, "gmt") {
		return "UTC", nil
	}
	s = strings.ReplaceAll(s, " ", "_")
	if strings.Contains(s, "/") && !strings.HasPrefix(s, "/") {
		for _, name := range []string{s, titled(s)} {
			if _, err := time.LoadLocation(name); err == nil {
				return name, nil
			}
		}
	}
	return "", &Invalid{CodeInvalid, "want a time zone like Europe/London"}
}

// titled writes america/port_of_spain as America/Port_of_Spain.
func titled(s string) string {
	first := true
	s = strings.Map(func(r rune) rune {
		was := first
		first = r == '/' || r == '_' || r == '-'
		if was {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
	return strings.NewReplacer("_Of_", "_of_", "_Es_", "_es_").Replace(s)
}

func place(s string) (string, error) {
	s = strings.Join(strings.Fields(clean(plain(s))), " ")
	if s == "" {
		return "", ErrBlank
	}
	return s, within(s, maxPlace)
}

// namesIn are the languages in which names of countries and languages are
// understood.
func namesIn() []language.Tag {
	return []language.Tag{language.English, language.German, language.French, language.Spanish, language.Italian,
		language.Portuguese, language.Dutch}
}
