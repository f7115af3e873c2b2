package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/contacts"
)

// Archived says which contacts a list has.
type Archived string

// The zero value lists those that are not archived.
const (
	NotArchived  Archived = ""
	OnlyArchived Archived = "true"
	AnyArchived  Archived = "any"
)

// Filter selects contacts; everything that is given must hold. Texts are exact
// and in canonical form; times are from From on and before To.
type Filter struct {
	Email, Phone, CustomerID string
	Type                     contacts.Type
	Status                   string
	Tag                      string
	Channel, Flow            string
	AssigneeID               string
	Archived                 Archived
	// Q is words that each begin a word of the name, e-mail or phone; case and
	// accents do not matter. A part of a phone number is found as it is dialled.
	Q                      string
	CreatedFrom, CreatedTo time.Time
	SeenFrom, SeenTo       time.Time
	Where                  []Clause
}

// queryWords bounds the words of Q: people type two or three.
const queryWords = 10

// ListContacts returns a page of a business's contacts and the cursor of the
// next one, empty at the end. total is counted only if the page asks for it,
// else -1. The error is an ErrFilter if the filter, order or cursor is at fault.
func (s *Store) ListContacts(business string, f Filter, p Page) (list []*contacts.Contact, next string, total int, err error) {
	where, err := s.filter(business, f)
	if err != nil {
		return nil, "", 0, err
	}
	p.Sort = p.Sort.orNewest("created_at")
	list, next, err = page(s, "contacts", contactColumns, where, p, func(r *sql.Rows, at any) (*contacts.Contact, string, error) {
		c, err := scanContact(r, at)
		if err != nil {
			return nil, "", err
		}
		return c, c.ID, nil
	})
	total = -1
	if err == nil && p.Count {
		total, err = s.count("contacts", where)
	}
	if err != nil {
		return nil, "", 0, fmt.Errorf("list contacts: %w", err)
	}
	return list, next, total, nil
}

// Count is how many contacts have the same values; "" is none.
type Count struct {
	Values []string // in the order of what was counted by
	Count  int
}

// CountContacts counts a business's contacts by each combination of type, status,
// flow or channel that there is, in their order.
func (s *Store) CountContacts(business string, f Filter, by ...string) ([]Count, error) {
	for i, column := range by {
		if !slices.Contains([]string{"type", "status", "flow", "channel"}, column) || slices.Contains(by[:i], column) {
			return nil, fmt.Errorf("%w: contacts are not counted by %q", ErrFilter, column)
		}
	}
	if len(by) == 0 {
		return nil, fmt.Errorf("%w: counted by nothing", ErrFilter)
	}
	where, err := s.filter(business, f)
	if err != nil {
		return nil, err
	}
	var counts []Count
	columns := strings.Join(by, ", ")
	err = s.tx.Query(func(r *sql.Rows) error {
		c := Count{Values: make([]string, len(by))}
		into := make([]any, 0, len(by)+1)
		for i := range c.Values {
			into = append(into, &c.Values[i])
		}
		err := r.Scan(append(into, &c.Count)...)
		counts = append(counts, c)
		return err
	}, "SELECT "+columns+", COUNT(*) FROM contacts WHERE "+where.sql+" GROUP BY "+columns+" ORDER BY "+columns, valid(where.args)...)
	if err != nil {
		return nil, fmt.Errorf("count contacts: %w", err)
	}
	return counts, nil
}

func (s *Store) filter(business string, f Filter) (expr, error) {
	all := []expr{{"business_id=?", []any{business}}}
	and := func(sql string, args ...any) { all = append(all, expr{sql, args}) }
	for _, exact := range [][2]string{
		{"type", f.typeOrNone()}, {"status", f.Status}, {"channel", f.Channel}, {"flow", f.Flow},
	} {
		if exact[1] != "" {
			and(exact[0]+"=?", exact[1])
		}
	}
	if f.AssigneeID != "" {
		and("assignee_id=?", idOrNone(f.AssigneeID))
	}
	for _, a := range []Address{{"email", f.Email}, {"phone", f.Phone}, {"customer_id", f.CustomerID}} {
		if a.Value != "" { // addresses have the index
			and("id IN (SELECT holder_id FROM addresses WHERE business_id=? AND kind=? AND value=?)", business, a.Kind, a.Value)
		}
	}
	switch f.Archived {
	case NotArchived:
		and("archived=0")
	case OnlyArchived:
		and("archived=1")
	case AnyArchived:
	default:
		return expr{}, fmt.Errorf("%w: archived is true or any", ErrFilter)
	}
	if f.Tag != "" {
		all = append(all, s.tagged(f.Tag))
	}
	all = append(all, searchSQL(f.Q)...)
	for _, t := range []struct {
		sql string
		at  time.Time
	}{
		{"created_at>=?", f.CreatedFrom}, {"created_at<?", f.CreatedTo},
		{"last_seen_at>=?", f.SeenFrom}, {"last_seen_at<?", f.SeenTo},
	} {
		if !t.at.IsZero() {
			and(t.sql, micros(t.at))
		}
	}
	if len(f.Where) > clausesMost {
		return expr{}, fmt.Errorf("%w: more than %d conditions", ErrFilter, clausesMost)
	}
	for _, c := range f.Where {
		e, err := s.clause(c)
		if err != nil {
			return expr{}, err
		}
		all = append(all, e)
	}
	return join("AND", all), nil
}

func (f Filter) typeOrNone() string {
	if f.Type == "" {
		return ""
	}
	return idOrNone(string(f.Type))
}

// searchSQL finds words by their beginnings, see searchable.
func searchSQL(q string) []expr {
	like := func(pattern string) expr { return expr{"search LIKE ? ESCAPE '!'", []any{pattern}} }
	if digits, ok := dialled(q); ok {
		return []expr{like("%" + digits + "%")}
	}
	var all []expr
	for _, word := range strings.Fields(fold(q)) {
		if len(all) == queryWords {
			break
		}
		all = append(all, like("% "+escapeLike(word)+"%"))
	}
	return all
}

// dialled is the digits of what looks like a phone number or the end of one,
// without what is dialled only inside a country or to leave it.
func dialled(q string) (digits string, ok bool) {
	const phoneDigits = 4 // fewer are part of a name or an e-mail
	rest := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			digits += string(r)
			return -1
		case strings.ContainsRune(" +-()./", r):
			return -1
		}
		return r
	}, q)
	digits = strings.TrimLeft(digits, "0")
	return digits, rest == "" && len(digits) >= phoneDigits
}
