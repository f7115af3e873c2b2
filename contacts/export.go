package contacts

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// ExportFormat is how an export writes contacts.
type ExportFormat string

// The formats of exports: their names are the endings of files.
const (
	// CSV is UTF-8 with commas and a head of the columns' names, which an import
	// maps by itself.
	CSV ExportFormat = "csv"
	// NDJSON is an object a line, unknown is null.
	NDJSON ExportFormat = "ndjson"
	// XLSX is one sheet with the cells of CSV; numbers and yes or no are such.
	XLSX ExportFormat = "xlsx"
)

// ParseColumns reads names of fields, separated by commas; their order is kept.
// None: every field. Its error names the first that is unknown or given twice.
func ParseColumns(names string, fields *Fields) ([]Field, error) {
	if strings.TrimSpace(names) == "" {
		return fields.All(), nil
	}
	var columns []Field
	for name := range strings.SplitSeq(names, ",") {
		name = strings.TrimSpace(name)
		field, ok := fields.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("%.64q is no field", name)
		}
		if slices.ContainsFunc(columns, func(f Field) bool { return f.Name == name }) {
			return nil, fmt.Errorf("%s is given twice", name)
		}
		columns = append(columns, field)
	}
	return columns, nil
}

// Export writes contacts one by one and keeps none.
type Export interface {
	Write(*Contact) error
	// Close writes the end. An export that failed needs none.
	Close() error
}

// NewExport begins an export; a table has its head even without contacts.
func NewExport(w io.Writer, format ExportFormat, columns []Field) (Export, error) {
	switch format {
	case CSV:
		return newCSVExport(w, columns)
	case NDJSON:
		return &ndjsonExport{bufio.NewWriter(w), columns}, nil
	case XLSX:
		return newXLSXExport(w, columns)
	default:
		return nil, fmt.Errorf("no export format %q", format)
	}
}

type csvExport struct {
	out     *bufio.Writer
	csv     *csv.Writer // before out
	columns []Field
}

func newCSVExport(w io.Writer, columns []Field) (*csvExport, error) {
	out := bufio.NewWriter(w)
	e := &csvExport{out, csv.NewWriter(out), columns}
	names := make([]string, len(columns))
	for i, f := range columns {
		names[i] = f.Name
	}
	return e, e.csv.Write(names)
}

func (e *csvExport) Write(c *Contact) error {
	row := make([]string, len(e.columns))
	for i, f := range e.columns {
		row[i] = cell(f, c.column(f))
	}
	if len(row) == 1 && row[0] == "" { // a blank line would be no row
		e.csv.Flush()
		_, err := e.out.WriteString("\"\"\n")
		return err
	}
	return e.csv.Write(row)
}

func (e *csvExport) Close() error {
	e.csv.Flush()
	if err := e.csv.Error(); err != nil {
		return err
	}
	return e.out.Flush()
}

type ndjsonExport struct {
	out     *bufio.Writer
	columns []Field
}

func (e *ndjsonExport) Write(c *Contact) error {
	var line bytes.Buffer
	line.WriteByte('{')
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	for i, f := range e.columns {
		if i > 0 {
			line.WriteByte(',')
		}
		line.WriteString(strconv.Quote(f.Name) + ":")
		if err := enc.Encode(c.column(f)); err != nil {
			return fmt.Errorf("export %s: %w", f.Name, err)
		}
		line.Truncate(line.Len() - 1) // the encoder ends what it writes with a new line
	}
	line.WriteString("}\n")
	_, err := e.out.Write(line.Bytes())
	return err
}

func (e *ndjsonExport) Close() error { return e.out.Flush() }

// column is the value of any field, nil if it is not known.
func (c *Contact) column(f Field) any {
	if !f.BuiltIn || f.IsValue() {
		return c.Values[f.Name]
	}
	switch f.Name {
	case "id":
		return c.ID
	case "type":
		return string(c.Type())
	case "status":
		return orNil(c.Status)
	case "tags":
		return append([]string{}, c.Tags...) // never null
	case "assignee_id":
		return orNil(c.AssigneeID)
	case "channel":
		return orNil(c.Source.Channel)
	case "flow":
		return orNil(c.Source.Flow)
	case "via":
		return orNil(c.Source.Via)
	case "created_at":
		return orNilTime(c.CreatedAt)
	case "updated_at":
		return orNilTime(c.UpdatedAt)
	case "last_seen_at":
		return orNilTime(c.LastSeenAt)
	default:
		return nil
	}
}

// cell is a value as a spreadsheet takes it.
func cell(f Field, value any) string {
	switch v := value.(type) {
	case string:
		if f.BuiltIn && f.Name == "phone" { // begins with + and is no formula: E.164
			return v
		}
		return harmless(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case []string:
		return harmless(joinTags(v))
	default:
		return ""
	}
}

// harmless keeps a spreadsheet from running a text as a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// joinTags writes tags with commas, as a row of CSV has them: one that has a
// comma or quotes itself stands in double quotes.
func joinTags(tags []string) string {
	parts := make([]string, len(tags))
	for i, tag := range tags {
		if strings.ContainsAny(tag, `,"`) {
			tag = `"` + strings.ReplaceAll(tag, `"`, `""`) + `"`
		}
		parts[i] = tag
	}
	return strings.Join(parts, ",")
}
