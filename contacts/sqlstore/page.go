package sqlstore

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"usher/contacts"
	"usher/internal/database"
)

// Bounds of a page.
const (
	PageDefault = 50
	PageMost    = 200
	// sortWidth is how much of a text an order looks at, so that a cursor, which
	// repeats it, fits an address.
	sortWidth   = "100"
	cursorBytes = 2048
)

// Page is one part of a list.
type Page struct {
	Limit  int    // 0: PageDefault; at most PageMost
	Cursor string // of the page before; empty: the first
	Sort   Sort
	Count  bool // how many there are in all
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return PageDefault
	}
	return min(p.Limit, PageMost)
}

// Sort is the order of a list; the zero value is the newest first. What is not
// known comes last either way.
type Sort struct {
	Field contacts.Field
	Desc  bool
}

// ParseSort reads an order as the API writes it: created_at, -last_seen_at.
func ParseSort(s string, fields *contacts.Fields) (Sort, error) {
	if s == "" {
		return Sort{}, nil
	}
	name, desc := strings.CutPrefix(s, "-")
	field, ok := fields.Lookup(name)
	if !ok || isTags(field) {
		return Sort{}, fmt.Errorf("%w: sorted by %q", ErrFilter, name)
	}
	return Sort{field, desc}, nil
}

// orNewest is the order by a time, newest first, unless another one is wanted.
func (o Sort) orNewest(by string) Sort {
	if o.Field.Name == "" {
		return Sort{contacts.Field{Name: by, Type: contacts.Date, BuiltIn: true}, true}
	}
	return o
}

func (o Sort) String() string {
	if o.Desc {
		return "-" + o.Field.Name
	}
	return o.Field.Name
}

// cursor says where a page ended.
type cursor struct {
	Sort string          `json:"s"`
	Key  json.RawMessage `json:"k"` // null: not known
	ID   string          `json:"i"`
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads a cursor and the key in it as the order has it: a number of
// microseconds, a number, a text or nil.
func parseCursor(s string, o Sort) (cursor, any, error) {
	var c cursor
	wrong := fmt.Errorf("%w: the cursor is not of this list", ErrFilter)
	if len(s) > cursorBytes {
		return c, nil, wrong
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || c.Sort != o.String() || !isID(c.ID) {
		return c, nil, wrong
	}
	key, err := o.key(c.Key)
	if err != nil {
		return c, nil, wrong
	}
	return c, key, nil
}

func (o Sort) key(raw json.RawMessage) (any, error) {
	if string(raw) == "null" && !isInstant(o.Field) {
		return nil, nil
	}
	switch {
	case isInstant(o.Field), o.Field.Type == contacts.YesNo:
		var n int64
		err := json.Unmarshal(raw, &n)
		return n, err
	case o.Field.Type == contacts.Number:
		var n float64
		err := json.Unmarshal(raw, &n)
		return n, err
	default:
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
}

// page reads one page of a table's rows. scan reads a row whose further column
// is its place in the order, and says its id.
func page[T any](s *Store, table, columns string, where expr, p Page, scan func(*sql.Rows, any) (T, string, error)) ([]T, string, error) {
	p.Limit = p.limit()
	key := s.sortKey(p.Sort.Field)
	if p.Cursor != "" {
		after, at, err := parseCursor(p.Cursor, p.Sort)
		if err != nil {
			return nil, "", err
		}
		where = join("AND", []expr{where, p.Sort.after(key, at, after.ID)})
	}
	var list []T
	var end, next cursor
	err := s.tx.Query(func(r *sql.Rows) error {
		if len(list) == p.Limit {
			next = end // there is one more
			return nil
		}
		var at sql.NullString
		one, id, err := scan(r, &at)
		if err != nil {
			return err
		}
		list, end = append(list, one), cursor{p.Sort.String(), p.Sort.raw(at), id}
		return nil
	}, "SELECT "+columns+","+key.sql+" FROM "+table+" WHERE "+where.sql+" ORDER BY "+p.Sort.sql(key)+" LIMIT ?",
		valid(slices.Concat(key.args, where.args, p.Sort.args(key), []any{p.Limit + 1}))...)
	if err != nil || next.ID == "" {
		return list, "", err
	}
	return list, next.String(), nil
}

// after is the condition for what comes after a row in the order.
func (o Sort) after(key expr, at any, id string) expr {
	than := ">"
	if o.Desc {
		than = "<"
	}
	beyond := expr{"id" + than + "?", []any{id}}
	switch {
	case isInstant(o.Field): // one range of the index
		return join("AND", []expr{key.then(than+"=?", at), join("OR", []expr{key.then(than+"?", at), beyond})})
	case at == nil:
		return join("AND", []expr{key.then(" IS NULL"), beyond})
	default:
		same := join("AND", []expr{key.then("=?", at), beyond})
		return join("OR", []expr{key.then(than+"?", at), key.then(" IS NULL"), same})
	}
}

func (o Sort) sql(key expr) string {
	direction := ""
	if o.Desc {
		direction = " DESC"
	}
	order := key.sql + direction + ", id" + direction
	if isInstant(o.Field) {
		return order
	}
	return key.sql + " IS NULL, " + order
}

func (o Sort) args(key expr) []any { return slices.Concat(key.args, key.args) }

// raw is a place in the order as a cursor keeps it.
func (o Sort) raw(at sql.NullString) json.RawMessage {
	if !at.Valid {
		return json.RawMessage("null")
	}
	if isInstant(o.Field) || o.Field.Type == contacts.Number || o.Field.Type == contacts.YesNo {
		return json.RawMessage(at.String)
	}
	b, err := json.Marshal(at.String)
	if err != nil {
		return json.RawMessage("null") // a string always marshals
	}
	return b
}

func (s *Store) count(table string, where expr) (int, error) {
	var n int
	err := s.tx.Query(func(r *sql.Rows) error { return r.Scan(&n) }, "SELECT COUNT(*) FROM "+table+" WHERE "+where.sql, valid(where.args)...)
	return n, err
}

// sortKey is what a list is sorted by; NULL if it is not known.
func (s *Store) sortKey(f contacts.Field) expr {
	switch {
	case isInstant(f):
		return expr{sql: f.Name}
	case f.BuiltIn && f.Name == "name":
		return expr{sql: "SUBSTR(NULLIF(name_key,''),1," + sortWidth + ")"}
	}
	e := s.of(f)
	switch f.Type {
	case contacts.YesNo:
		if s.tx.Dialect == database.MySQL {
			e = expr{"CASE " + e.sql + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", e.args}
		}
	case contacts.Text, contacts.Date:
		e = expr{"SUBSTR(" + e.sql + ",1," + sortWidth + ")", e.args}
	}
	return e
}
