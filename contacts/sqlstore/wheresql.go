package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"usher/contacts"
	"usher/internal/database"
)

// expr is SQL with its arguments. Nothing that anybody typed is ever part of the
// SQL: values, and paths into the document, are arguments.
type expr struct {
	sql  string
	args []any
}

// then is e followed by more SQL and its arguments.
func (e expr) then(sql string, args ...any) expr {
	return expr{e.sql + sql, slices.Concat(e.args, args)}
}

func not(e expr) expr { return expr{"NOT (" + e.sql + ")", e.args} }

// join puts AND or OR between expressions.
func join(between string, all []expr) expr {
	var joined expr
	for i, e := range all {
		if i > 0 {
			joined.sql += " " + between + " "
		}
		joined = joined.then("("+e.sql+")", e.args...)
	}
	return joined
}

// of is the expression for a field of a contact; NULL if it is not known. The
// names in the SQL come from this list alone.
func (s *Store) of(f contacts.Field) expr {
	if f.BuiltIn {
		switch f.Name {
		case "created_at", "updated_at", "last_seen_at":
			return expr{sql: f.Name}
		case "id", "type", "assignee_id":
			if s.tx.Dialect == database.MySQL { // compares ASCII with ASCII only
				return expr{sql: "NULLIF(CONVERT(" + f.Name + " USING utf8mb4) COLLATE utf8mb4_bin,'')"}
			}
			return expr{sql: "NULLIF(" + f.Name + ",'')"}
		case "status", "name", "email", "phone", "customer_id", "channel", "flow":
			return expr{sql: "NULLIF(" + f.Name + ",'')"}
		case "via":
			return s.inDocument(f.Type, "$.source.via")
		}
	}
	return s.inDocument(f.Type, "$.values."+f.Name)
}

// document is the contact's document as JSON functions take it: MySQL takes
// none in bytes.
func (s *Store) document() string {
	if s.tx.Dialect == database.SQLite {
		return "CAST(doc AS TEXT)"
	}
	return "CONVERT(doc USING utf8mb4)"
}

func (s *Store) inDocument(t contacts.FieldType, path string) expr {
	extract := "JSON_EXTRACT(" + s.document() + ",?)"
	switch {
	case s.tx.Dialect == database.SQLite:
	case t == contacts.Number:
		extract = "(" + extract + "+0e0)"
	default: // MariaDB would compare it without regard to case
		extract = "(JSON_UNQUOTE(" + extract + ") COLLATE utf8mb4_bin)"
	}
	return expr{extract, []any{path}}
}

// clause is a condition in SQL.
func (s *Store) clause(c Clause) (expr, error) {
	if err := c.allowed(); err != nil {
		return expr{}, err
	}
	wanted := c.Op != Known && c.Op != Unknown
	if wanted && len(c.Values) == 0 {
		return expr{}, fmt.Errorf("%w: %s%s wants a value", ErrFilter, c.Field.Name, c.Op)
	}
	switch {
	case isInstant(c.Field):
		return whenSQL(expr{sql: c.Field.Name}, c)
	case isTags(c.Field):
		return s.tagSQL(c)
	}
	e := s.of(c.Field)
	switch c.Op {
	case Known:
		return e.then(" IS NOT NULL"), nil
	case Unknown:
		return e.then(" IS NULL"), nil
	case Equal:
		return s.in(e, c.Values), nil
	case Different:
		return join("OR", []expr{e.then(" IS NULL"), not(s.in(e, c.Values))}), nil
	case AtLeast, AtMost, Above, Below:
		return e.then(string(c.Op)+"?", c.Values[0]), nil
	case Contains:
		return s.containsSQL(e, c), nil
	default:
		return expr{}, fmt.Errorf("%w: no operator %q", ErrFilter, c.Op)
	}
}

func (s *Store) in(e expr, values []any) expr {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
		if b, ok := v.(bool); ok && s.tx.Dialect == database.SQLite {
			args[i] = flag(b)
		} else if ok {
			args[i] = strconv.FormatBool(b)
		}
	}
	return e.then(" IN "+database.Placeholders(1, len(args)), args...)
}

// whenSQL compares a column in microseconds with spans of time.
func whenSQL(e expr, c Clause) (expr, error) {
	if c.Op == Known {
		return e.then(">0"), nil
	}
	if c.Op == Unknown {
		return e.then("=0"), nil
	}
	within := make([]expr, len(c.Values))
	for i, v := range c.Values {
		span, ok := v.(Span)
		if !ok {
			return expr{}, fmt.Errorf("%w: %s wants a time", ErrFilter, c.Field.Name)
		}
		within[i] = e.then(">=? AND "+e.sql+"<?", micros(span.From), micros(span.To))
	}
	from, to := within[0].args[0], within[0].args[1]
	switch c.Op {
	case Equal:
		return join("OR", within), nil
	case Different:
		return not(join("OR", within)), nil
	case AtLeast:
		return e.then(">=?", from), nil
	case Above:
		return e.then(">=?", to), nil
	case AtMost:
		return e.then(">0 AND "+e.sql+"<?", to), nil
	case Below:
		return e.then(">0 AND "+e.sql+"<?", from), nil
	default:
		return expr{}, fmt.Errorf("%w: %s does not work for %s", ErrFilter, c.Op, c.Field.Name)
	}
}

// tagSQL asks which tags are there.
func (s *Store) tagSQL(c Clause) (expr, error) {
	some := expr{sql: "COALESCE(JSON_LENGTH(" + s.document() + ",'$.tags'),0)>0"}
	if s.tx.Dialect == database.SQLite {
		some.sql = "EXISTS (SELECT 1 FROM json_each(" + s.document() + ",'$.tags'))"
	}
	each := make([]expr, len(c.Values))
	for i, v := range c.Values {
		each[i] = s.tagged(fmt.Sprint(v))
	}
	switch c.Op {
	case Known:
		return some, nil
	case Unknown:
		return not(some), nil
	case Equal:
		return join("OR", each), nil
	case Different:
		return not(join("OR", each)), nil
	default:
		return expr{}, fmt.Errorf("%w: %s does not work for tags", ErrFilter, c.Op)
	}
}

func (s *Store) tagged(tag string) expr {
	if s.tx.Dialect == database.SQLite {
		return expr{"EXISTS (SELECT 1 FROM json_each(" + s.document() + ",'$.tags') WHERE value=?)", []any{tag}}
	}
	return expr{"COALESCE(JSON_CONTAINS(" + s.document() + ",JSON_QUOTE(?),'$.tags'),0)=1", []any{tag}}
}

// containsSQL looks for parts of a text whatever their case. For the name
// accents do not matter either.
func (s *Store) containsSQL(e expr, c Clause) expr {
	named := c.Field.BuiltIn && c.Field.Name == "name"
	if named {
		e = expr{sql: "name_key"}
	}
	var found []expr
	for _, v := range c.Values {
		part := fmt.Sprint(v)
		patterns := []string{strings.ToLower(part)}
		switch {
		case named:
			patterns = []string{fold(part)}
		case s.tx.Dialect == database.SQLite && !isASCII(part):
			patterns = spellings(part)
		}
		for _, p := range patterns {
			found = append(found, expr{"LOWER(" + e.sql + ")", e.args}.then(" LIKE ? ESCAPE '!'", "%"+escapeLike(p)+"%"))
		}
	}
	return join("OR", found)
}

// spellings of a text for SQLite, whose LOWER and LIKE fold ASCII only: as it
// was typed, small and in capitals.
func spellings(s string) []string {
	return []string{s, strings.ToLower(s), strings.ToUpper(s)}
}

// valid makes texts of arguments UTF-8: MySQL refuses what is none, and nothing
// stored is like it anyway.
func valid(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = strings.ToValidUTF8(s, "\uFFFD")
		}
	}
	return args
}

// escapeLike makes a text stand for itself in LIKE … ESCAPE '!'. SQLite ends a
// pattern at a NUL, and no value has one.
func escapeLike(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_", "\x00", "\uFFFD").Replace(s)
}
