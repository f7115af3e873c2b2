package flows

import "usher/contacts"

// locale is how the person writes. Its country is the person's own: as it is
// known, that of its phone, or where it writes from; else the business's. Where none of its own is known, the language says how it writes
// numbers and dates.
func (m *machine) locale() contacts.Locale {
	l := contacts.Locale{Country: m.ownCountry(), Timezone: m.zone()}
	if l.Country == "" {
		l.Country, l.Language = m.turn.Country, m.language()
	}
	return l
}

func (m *machine) ownCountry() string {
	if country := m.person.Values.Text("country"); len(country) == 2 {
		return country
	}
	if m.turn.Event.Phone != "" {
		if country := contacts.CountryOfPhone(m.turn.Event.Phone); country != "" {
			return country
		}
	}
	return m.turn.Visit.Country
}

// language is a BCP 47 tag, or whatever the platform calls it; empty if nobody
// said.
func (m *machine) language() string {
	if language := m.person.Values.Text("language"); language != "" {
		return language
	}
	return m.turn.Event.Language
}

// parse reads a value as the person writes it; what makes no sense so is read
// as in the business's country.
func (m *machine) parse(read func(contacts.Locale) (any, error)) (any, error) {
	l := m.locale()
	v, err := read(l)
	if err != nil && l.Country != m.turn.Country && !isBroken(err) {
		l.Country = m.turn.Country
		if again, err := read(l); err == nil {
			return again, nil
		}
	}
	return v, err
}
