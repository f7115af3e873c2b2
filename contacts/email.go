package contacts

import (
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// Bounds of an address (RFC 5321, 4.5.3.1): what is longer cannot be delivered.
const (
	maxEmail     = 254
	maxEmailUser = 64
)

// PseudonymDomain is where the made-up addresses of guests live. No mail is
// ever delivered there (RFC 2606), and no such address is anybody's e-mail.
const PseudonymDomain = "guest.invalid"

// ParseEmail reads one e-mail address, alone, as Name <address> or after the
// words that lead to it, and returns it in small letters with an ASCII domain:
// the form in which two addresses are the same.
func ParseEmail(s string) (string, error) {
	s = clean(s)
	if s == "" {
		return "", ErrBlank
	}
	if len(s) > inputLimit {
		return "", &Invalid{CodeTooLong, "far too long"}
	}
	wrong := &Invalid{CodeInvalid, "want an e-mail address like ada@example.com"}
	if strings.Count(s, "@") != 1 {
		return "", wrong
	}
	s = withoutLeadIn(s)
	if _, inside, ok := strings.Cut(s, "<"); ok && strings.HasSuffix(s, ">") {
		s = strings.TrimSuffix(inside, ">")
	}
	s = strings.TrimRight(s, ".,;!")
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "", wrong // also quoted and commented forms: nobody means them
	}
	user, domain, _ := strings.Cut(strings.ToLower(s), "@")
	domain, err = idna.Lookup.ToASCII(plain(domain))
	top := domain[strings.LastIndex(domain, ".")+1:]
	if err != nil || top == domain || len(top) < 2 || strings.Trim(top, "0123456789") == "" || domain == PseudonymDomain {
		return "", wrong
	}
	if len(user) > maxEmailUser || len(user)+1+len(domain) > maxEmail {
		return "", &Invalid{CodeTooLong, "an e-mail address has at most 254 characters"}
	}
	return user + "@" + domain, nil
}

// AddressKey is the form of an address in which uniqueness sees through
// spellings. Kinds are those of identities: phone, email, customer_id, channel.
// A value that its kind cannot read is only trimmed.
func AddressKey(kind, value string) string {
	value = strings.TrimSpace(value)
	switch kind {
	case "email":
		if email, err := ParseEmail(value); err == nil {
			return email
		}
		return strings.ToLower(value)
	case "phone":
		if isE164(value) {
			return value // as all numbers are kept; reading them anew is dear
		}
		if phone, err := ParsePhone(value, ""); err == nil {
			return phone
		}
	}
	return value
}

// isE164 says whether a value has the form of a number as it is kept: + and 7
// to 15 digits, the first not 0.
func isE164(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
