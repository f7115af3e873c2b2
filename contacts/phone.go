package contacts

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// What spreadsheets make of phone numbers: 5.5E+11, 447700900123.0, #####.
var mangledPhone = regexp.MustCompile(`^[+-]?\d+([.,]\d*)?[eE][+-]?\d+$|^\d{6,}[.,]0+$|^#{2,}$`)

// ParsePhone reads a phone number as people write it and returns it as E.164:
// + and digits. A number without + or 00 is one of country (ISO 3166-1
// alpha-2); without a country it is refused. Its length must be possible there;
// whether somebody answers is not asked, so numbers reserved for films and
// examples pass.
func ParsePhone(s, country string) (string, error) {
	s = clean(plain(s))
	if s == "" {
		return "", ErrBlank
	}
	if len(s) > inputLimit {
		return "", &Invalid{CodeTooLong, "far too long"}
	}
	if mangledPhone.MatchString(s) {
		return "", &Invalid{CodeMangled, "a spreadsheet has destroyed this phone number; format the column as text"}
	}
	wrong := &Invalid{CodeInvalid, "want a phone number like +44 7700 900123"}
	digits, ok := dialled(withoutLeadIn(s))
	if !ok {
		return "", wrong
	}
	country = strings.ToUpper(country)
	if digits[0] != '+' && phonenumbers.GetCountryCodeForRegion(country) == 0 {
		return "", &Invalid{CodeInvalid, "want a phone number with its country code, like +44 7700 900123"}
	}
	number, err := phonenumbers.Parse(digits, country)
	if err != nil {
		return "", wrong
	}
	if phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return "", &Invalid{CodeInvalid, "no phone number there has this length"}
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// dialled leaves the digits of a number, with a + in front if it names its
// country. Anything that is no decoration of a phone number makes it none.
func dialled(s string) (string, bool) {
	var digits strings.Builder
	for _, r := range strings.TrimRight(s, ".,;! ") {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case r == '+' && digits.Len() == 0:
			digits.WriteRune(r)
		case strings.ContainsRune(" ()[].-/\u2010\u2011\u2012\u2013\u2014\u2212", r):
		default:
			return "", false
		}
	}
	number := digits.String()
	if rest := strings.TrimPrefix(number, "+"); rest != number || strings.HasPrefix(number, "00") {
		number = "+" + strings.TrimLeft(rest, "0")
	}
	return number, len(number) > 2
}

// CountryOfPhone is the country (ISO 3166-1 alpha-2) of an E.164 number: that
// of the subscriber where the number tells, else the main one of its country
// code. It is empty for numbers of no country, such as freephone ones.
func CountryOfPhone(e164 string) string {
	number, err := phonenumbers.Parse(e164, "")
	if err != nil {
		return ""
	}
	country := phonenumbers.GetRegionCodeForNumber(number)
	if country == "" || country == "ZZ" {
		country = phonenumbers.GetRegionCodeForCountryCode(int(number.GetCountryCode()))
	}
	if len(country) != 2 || country == "ZZ" {
		return ""
	}
	return country
}
