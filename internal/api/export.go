package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

type exportContactsInput struct {
	Columns string `query:"columns" doc:"Fields in the order wanted, separated by commas; left out: all" example:"name,email,company_size"`
	Sort    string `query:"sort" doc:"A field, - before it turns the order round" example:"-created_at"`
	ContactFilters
}

// exportContacts answers with all contacts that a list with the same filters
// would have, as a file. It is written while it is read: whatever its size, it
// takes the memory of one page.
func (s *Server) exportContacts(format contacts.ExportFormat, media string) func(context.Context, *exportContactsInput) (*huma.StreamResponse, error) {
	return func(ctx context.Context, in *exportContactsInput) (*huma.StreamResponse, error) {
		begun, err := s.exportFile(ctx, format, in)
		if err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			ctx.SetHeader("Content-Type", media)
			ctx.SetHeader("Content-Disposition", `attachment; filename="contacts.`+string(format)+`"`)
			unwrap(ctx).Context().SetBodyStream(begun, -1)
		}}, nil
	}
}

// file is read by the server and closed when the reader has it all or is gone.
type file struct {
	*bufio.Reader
	io.Closer
}

// exportFile begins an export and returns it when its first page is there, or
// why there is none. One that fails later ends without the end that HTTP wants,
// so that nobody takes half of it for all.
func (s *Server) exportFile(ctx context.Context, format contacts.ExportFormat, in *exportContactsInput) (*file, error) {
	b, who := businessOf(ctx), callerOf(ctx)
	filter, err := in.filter(b, who)
	if err != nil {
		return nil, err
	}
	order, err := sqlstore.ParseSort(in.Sort, b.Fields)
	if err != nil {
		return nil, invalid(fault{Field: "sort", Code: "invalid", Detail: err.Error()})
	}
	columns, err := contacts.ParseColumns(in.Columns, b.Fields)
	if err != nil {
		return nil, invalid(fault{Field: "columns", Code: codeUnknown, Detail: err.Error()})
	}
	leave, ok := s.streams.take("export "+who.ID, "export "+b.ID)
	if !ok {
		return nil, newProblem(http.StatusTooManyRequests, "too many exports at once").with("Retry-After", "30")
	}
	read, write := io.Pipe()
	go func() {
		defer leave()
		ctx, cancel := context.WithTimeout(s.streams.ctx, streamAge)
		defer cancel()
		err := s.export(ctx, write, format, columns, b.ID, filter, order)
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			s.log.Warn("export ended", "business", b.ID, "error", err)
		}
		_ = write.CloseWithError(err) // never fails
	}()
	begun := &file{bufio.NewReader(read), read}
	if _, err := begun.Peek(1); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("export contacts: %w", err), begun.Close())
	}
	return begun, nil
}

func (s *Server) export(ctx context.Context, w io.Writer, format contacts.ExportFormat, columns []contacts.Field,
	business string, filter sqlstore.Filter, order sqlstore.Sort) error {
	out, err := contacts.NewExport(w, format, columns)
	if err != nil {
		return err
	}
	if err := s.store(ctx).EachContact(business, filter, order, out.Write); err != nil {
		return err
	}
	return out.Close()
}
