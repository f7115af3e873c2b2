package sqlstore

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/contacts"
	"usher/internal/database"
)

func fuzzFields(t testing.TB) *contacts.Fields {
	t.Helper()
	fields, err := contacts.NewFields([]contacts.Field{
		{Name: "company_size", Type: contacts.Number}, {Name: "plan", Type: contacts.Text},
		{Name: "renewal", Type: contacts.Date}, {Name: "newsletter", Type: contacts.YesNo},
	})
	require.NoError(t, err)
	return fields
}

// FuzzParseClause: whatever is asked for, it is refused as a filter, or it is
// SQL in which every value is an argument.
func FuzzParseClause(f *testing.F) {
	for _, seed := range []string{"plan=gold,silver", `plan!="a,b"`, "company_size>=5", "phone:known", "name~é'", "tags=x", "created_at<2024-05-02",
		"renewal>1 May 2024", "newsletter=yes", "plan='; DROP TABLE contacts; --", "via~%"} {
		f.Add(seed)
	}
	fields := fuzzFields(f)
	f.Fuzz(func(t *testing.T, s string) {
		clause, err := ParseClause(s, fields, contacts.Locale{})
		if err != nil {
			require.ErrorIs(t, err, ErrFilter)
			return
		}
		for _, dialect := range []database.Dialect{database.SQLite, database.MySQL} {
			e, err := New(&database.Tx{Dialect: dialect}).clause(clause)
			if err != nil {
				require.ErrorIs(t, err, ErrFilter)
				continue
			}
			require.Equal(t, strings.Count(e.sql, "?"), len(e.args), e.sql)
			require.NotContains(t, e.sql, `"`)
			require.NotContains(t, e.sql, ";")
			require.NotContains(t, e.sql, "--")
		}
	})
}

// FuzzParseCursor: a cursor is read back as it was given out, or refused.
func FuzzParseCursor(f *testing.F) {
	fields := fuzzFields(f)
	for _, order := range []string{"-created_at", "name", "company_size", "newsletter"} {
		sort, err := ParseSort(order, fields)
		require.NoError(f, err)
		key := sort.raw(sql.NullString{String: "17", Valid: true})
		f.Add(cursor{sort.String(), key, "con_1"}.String(), order)
		f.Add(cursor{sort.String(), sort.raw(sql.NullString{}), "con_1"}.String(), order)
	}
	f.Add("e30", "name")
	f.Fuzz(func(t *testing.T, s, order string) {
		sort, err := ParseSort(order, fields)
		if err != nil || sort.Field.Name == "" {
			return
		}
		c, key, err := parseCursor(s, sort)
		if err != nil {
			require.True(t, errors.Is(err, ErrFilter))
			return
		}
		require.True(t, isID(c.ID))
		switch key.(type) {
		case nil, string, int64, float64:
		default:
			t.Fatalf("key is %T", key)
		}
	})
}
