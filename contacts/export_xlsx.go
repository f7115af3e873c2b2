package contacts

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
)

// sheetRows is how many rows a sheet can have, the head included.
const sheetRows = 1 << 20

const (
	xmlHead       = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	officeFormat  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageFormat = "http://schemas.openxmlformats.org/package/2006/"
	sheetFormat   = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	partType      = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// xlsxFrame is what stands around the one sheet of a file.
func xlsxFrame() [][2]string {
	return [][2]string{
		{"[Content_Types].xml", `<Types xmlns="` + packageFormat + `content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + partType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + partType + `worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="` + packageFormat + `relationships">` +
			`<Relationship Id="rId1" Type="` + officeFormat + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + sheetFormat + `" xmlns:r="` + officeFormat + `">` +
			`<sheets><sheet name="Contacts" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packageFormat + `relationships">` +
			`<Relationship Id="rId1" Type="` + officeFormat + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
	}
}

// xlsxExport writes the sheet straight into the file: libraries that can more
// keep all of it until its end.
type xlsxExport struct {
	file    *zip.Writer
	sheet   *bufio.Writer
	columns []Field
	rows    int
}

func newXLSXExport(w io.Writer, columns []Field) (*xlsxExport, error) {
	e := &xlsxExport{file: zip.NewWriter(w), columns: columns}
	for _, part := range xlsxFrame() {
		out, err := e.file.Create(part[0])
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(out, xmlHead+part[1]); err != nil {
			return nil, err
		}
	}
	out, err := e.file.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, err
	}
	e.sheet = bufio.NewWriter(out)
	if _, err := e.sheet.WriteString(xmlHead + `<worksheet xmlns="` + sheetFormat + `"><sheetData>`); err != nil {
		return nil, err
	}
	return e, e.row(func(f Field) any { return f.Name })
}

func (e *xlsxExport) Write(c *Contact) error { return e.row(c.column) }

func (e *xlsxExport) row(value func(Field) any) error {
	if e.rows++; e.rows > sheetRows {
		return fmt.Errorf("a sheet has no more than %d rows", sheetRows)
	}
	var row bytes.Buffer
	row.WriteString("<row>")
	for _, f := range e.columns {
		v := value(f)
		text := cell(f, v)
		switch {
		case v == true:
			row.WriteString(`<c t="b"><v>1</v></c>`)
		case v == false:
			row.WriteString(`<c t="b"><v>0</v></c>`)
		case text == "":
			row.WriteString("<c/>")
		case isNumber(v):
			row.WriteString("<c><v>" + text + "</v></c>")
		default:
			row.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
			if err := xml.EscapeText(&row, []byte(text)); err != nil {
				return err
			}
			row.WriteString("</t></is></c>")
		}
	}
	row.WriteString("</row>")
	_, err := e.sheet.Write(row.Bytes())
	return err
}

func isNumber(v any) bool {
	_, is := v.(float64)
	return is
}

func (e *xlsxExport) Close() error {
	if _, err := e.sheet.WriteString("</sheetData></worksheet>"); err != nil {
		return err
	}
	if err := e.sheet.Flush(); err != nil {
		return err
	}
	return e.file.Close()
}
