package contacts_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"usher/contacts"
)

func exportFields(t require.TestingT) *contacts.Fields {
	fields, err := contacts.NewFields([]contacts.Field{{Name: "company_size", Type: contacts.Number}, {Name: "newsletter", Type: contacts.YesNo},
		{Name: "hint", Type: contacts.Text}})
	require.NoError(t, err)
	return fields
}

func exported(t require.TestingT, format contacts.ExportFormat, columns string, people ...*contacts.Contact) string {
	chosen, err := contacts.ParseColumns(columns, exportFields(t))
	require.NoError(t, err)
	var out bytes.Buffer
	e, err := contacts.NewExport(&out, format, chosen)
	require.NoError(t, err)
	for _, c := range people {
		require.NoError(t, e.Write(c))
	}
	require.NoError(t, e.Close())
	return out.String()
}

func exportedAda() *contacts.Contact {
	return &contacts.Contact{ID: "con_ada", Status: "qualified", Tags: []string{"vip", "a,b"}, Source: contacts.Source{Channel: "webchat/site", Flow: "welcome", Via: "form"},
		Values: contacts.Values{"name": "Lovelace, Ada", "email": "ada@example.com", "phone": "+447700900123", "company": `The "Engines"`,
			"company_size": -20.5, "newsletter": true, "hint": "=1+1"},
		CreatedAt: time.Date(2026, 5, 2, 9, 30, 0, 0, time.UTC)}
}

// 000-18: one head, commas, what has a comma is quoted.
func TestExportCSV(t *testing.T) {
	t.Parallel()
	require.Equal(t, "phone,name,company,company_size,newsletter,hint,tags,id,type,status,channel,flow,via,created_at,last_seen_at\n"+
		`+447700900123,"Lovelace, Ada","The ""Engines""",-20.5,true,'=1+1,"vip,""a,b""",con_ada,lead,qualified,webchat/site,welcome,form,2026-05-02T09:30:00Z,`+"\n"+
		",,,,,,,con_2,guest,,,,,,\n",
		exported(t, contacts.CSV, "phone,name,company,company_size,newsletter,hint,tags,id,type,status,channel,flow,via,created_at,last_seen_at",
			exportedAda(), &contacts.Contact{ID: "con_2"}))
	require.Equal(t, "name,email\n", exported(t, contacts.CSV, " name , email "), "a head without contacts")
	require.Equal(t, "company\n\"\"\n", exported(t, contacts.CSV, "company", &contacts.Contact{ID: "con_2"}), "a row, not a blank line")
	require.Equal(t, strings.Count(exported(t, contacts.CSV, ""), ","), len(exportFields(t).All())-1, "all columns")
}

func TestExportNDJSON(t *testing.T) {
	t.Parallel()
	require.Equal(t, `{"phone":"+447700900123","company_size":-20.5,"newsletter":true,"hint":"=1+1","tags":["vip","a,b"],"last_seen_at":null}`+"\n"+
		`{"phone":null,"company_size":null,"newsletter":null,"hint":null,"tags":[],"last_seen_at":null}`+"\n",
		exported(t, contacts.NDJSON, "phone,company_size,newsletter,hint,tags,last_seen_at", exportedAda(), &contacts.Contact{ID: "con_2"}))
}

func TestExportXLSX(t *testing.T) {
	t.Parallel()
	odd := &contacts.Contact{ID: "con_2", Values: contacts.Values{"name": " <Bob> & \n\x01 ", "hint": "@x"}}
	book, err := excelize.OpenReader(strings.NewReader(exported(t, contacts.XLSX, "id,phone,company_size,name,hint,newsletter,tags", exportedAda(), odd)))
	require.NoError(t, err)
	defer book.Close()
	require.Equal(t, []string{"Contacts"}, book.GetSheetList())
	rows, err := book.GetRows("Contacts")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"id", "phone", "company_size", "name", "hint", "newsletter", "tags"},
		{"con_ada", "+447700900123", "-20.5", "Lovelace, Ada", "'=1+1", "TRUE", `vip,"a,b"`},
		{"con_2", "", "", " <Bob> & \n\ufffd ", "'@x"}}, rows)
	for cell, want := range map[string]excelize.CellType{"B2": excelize.CellTypeInlineString, "C2": excelize.CellTypeUnset, "F2": excelize.CellTypeBool} {
		got, err := book.GetCellType("Contacts", cell)
		require.NoError(t, err)
		require.Equal(t, want, got, cell)
	}
}

func TestColumnsMustBeFields(t *testing.T) {
	t.Parallel()
	for columns, want := range map[string]string{"name,shoe_size": `"shoe_size" is no field`, "name,": `"" is no field`, "name,email,name": "name is given twice", "NAME": "is no field"} {
		_, err := contacts.ParseColumns(columns, exportFields(t))
		require.ErrorContains(t, err, want, columns)
	}
}

// No text runs as a formula, none is lost, and the lines of both formats can be
// read again.
func TestExportOfAnyText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.String(), func(s string) string { return "=" + s }),
			rapid.SampledFrom([]string{"=cmd", "+1", "-1", "@a", "\tx", "\rx", "'", "'=x", "a=b", "\"\n"})).Draw(t, "text")
		c := &contacts.Contact{ID: "con_1", Values: contacts.Values{}}
		c.Values.Set("hint", text)

		rows, err := csv.NewReader(strings.NewReader(exported(t, contacts.CSV, "hint,id", c))).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)
		got := rows[1][0]
		if got != "" {
			require.NotContains(t, "=+-@\t\r", got[:1])
		}
		if text != "" && strings.Contains("=+-@\t\r", text[:1]) {
			got = strings.TrimPrefix(got, "'")
		}
		// encoding/csv reads the end of a line inside of a cell as \n.
		require.Equal(t, strings.ReplaceAll(text, "\r\n", "\n"), got)

		line := exported(t, contacts.NDJSON, "hint", c)
		require.Equal(t, 1, strings.Count(line, "\n"))
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object))
		if text != "" {
			require.Equal(t, text, object["hint"])
		}
	})
}
