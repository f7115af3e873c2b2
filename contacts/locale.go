package contacts

import (
	"strings"
	"time"
)

// Locale is how the person writes numbers, dates and phones. The zero Locale
// reads 1,234.5 and day-first dates in UTC.
type Locale struct {
	Country string // ISO 3166-1 alpha-2; empty: not known
	// Language is a BCP 47 tag. It says how numbers and dates are written before
	// Country does; phones are Country's alone. Empty: not known.
	Language string
	Timezone *time.Location // nil: UTC
}

// tongue is the language and the country whose habits count: those of the tag
// (de-AT, zh_Hant_TW), the country else of the Locale.
func (l Locale) tongue() (language, country string) {
	country = strings.ToUpper(l.Country)
	tag, _, _ := strings.Cut(l.Language, ",") // a browser may list several
	for i, part := range strings.FieldsFunc(tag, func(r rune) bool { return r == '-' || r == '_' || r == ';' }) {
		switch {
		case i == 0:
			language = strings.ToLower(strings.TrimSpace(part))
		case len(part) == 2:
			return language, strings.ToUpper(part)
		}
	}
	return language, country
}

// decimalComma says that 1,5 is one and a half.
func (l Locale) decimalComma() bool {
	language, country := l.tongue()
	switch language {
	case "az", "be", "bg", "bs", "ca", "cs", "da", "de", "el", "es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "hy", "id", "is",
		"it", "ka", "kk", "lt", "lv", "mk", "nb", "nl", "nn", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "tr",
		"uk", "uz", "vi":
		return !pointWhereCommaIsSpoken(country)
	case "en", "zh", "ja", "ko", "th", "he", "hi", "ms", "fil", "tl", "ga", "cy", "bn", "ta", "te", "ur":
		return false
	}
	switch country {
	case "AL", "AM", "AO", "AR", "AT", "AZ", "BA", "BE", "BG", "BO", "BR", "BY", "CL", "CM", "CO", "CR", "CU", "CZ", "DE", "DK",
		"DZ", "EC", "EE", "ES", "FI", "FO", "FR", "GE", "GL", "GR", "HR", "HU", "ID", "IS", "IT", "KG", "KZ", "LT", "LU", "LV",
		"MA", "MD", "ME", "MK", "MZ", "NL", "NO", "PL", "PT", "PY", "RO", "RS", "RU", "SE", "SI", "SK", "SN", "TN", "TR", "UA",
		"UY", "UZ", "VE", "VN", "XK":
		return true
	default:
		return false
	}
}

// pointWhereCommaIsSpoken: Switzerland and much of Latin America write a point
// in a language that elsewhere takes the comma.
func pointWhereCommaIsSpoken(country string) bool {
	switch country {
	case "CH", "LI", "MX", "GT", "HN", "NI", "PA", "PE", "PR", "DO", "SV", "US":
		return true
	default:
		return false
	}
}

// monthFirst says that 5/2/2024 is in May.
func (l Locale) monthFirst() bool {
	language, country := l.tongue()
	switch language {
	case "", "en", "fil", "tl":
	default:
		return false
	}
	switch country {
	case "US", "PR", "GU", "VI", "AS", "MP", "UM", "PW", "FM", "MH", "PH":
		return true
	default:
		return false
	}
}
