package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"usher/contacts"
	"usher/contacts/sqlstore"
)

// contactsCommand takes people out of an installation.
func contactsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "contacts", Short: "Export contacts"}
	cmd.AddCommand(contactsExportCommand())
	return cmd
}

// contactsExport is what an export is asked for.
type contactsExport struct {
	format, columns, sort, query, archived, file string
	where                                        []string
}

func contactsExportCommand() *cobra.Command {
	var asked contactsExport
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write contacts as CSV, XLSX or one JSON object a line",
		Long: "Writes the contacts that all conditions hold for. In a table a text that a spreadsheet would\n" +
			"run as a formula begins with an apostrophe.",
		Example: "  usher contacts export -o contacts.csv\n" +
			"  usher contacts export --columns name,email,company_size --where 'company_size>=50' --where tags=vip\n" +
			"  usher contacts export --format ndjson --where created_at>=2026-01-01",
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			if err := oneOf("format", asked.format, string(contacts.CSV), string(contacts.NDJSON), string(contacts.XLSX)); err != nil {
				return err
			}
			return oneOf("archived", asked.archived, "false", "true", "any")
		},
	}
	cmd.Flags().StringVar(&asked.format, "format", string(contacts.CSV), "csv, ndjson or xlsx")
	cmd.Flags().StringVar(&asked.columns, "columns", "", "fields in the order wanted, with commas (default: all)")
	cmd.Flags().StringArrayVar(&asked.where, "where", nil, "a condition, as company_size>=50, status=qualified or phone:known; repeatable")
	cmd.Flags().StringVar(&asked.query, "q", "", "words that begin words of name, e-mail or phone")
	cmd.Flags().StringVar(&asked.archived, "archived", "false", "true: only those; any: those too")
	cmd.Flags().StringVar(&asked.sort, "sort", "", "a field, - before it turns the order round (default: -created_at)")
	cmd.Flags().StringVarP(&asked.file, "output", "o", "", "file to write (default: stdout)")
	return withDatabase(cmd, func(ctx context.Context, cmd *cobra.Command, w *workbench, _ []string) error {
		if asked.file == "" {
			_, err := asked.write(ctx, w, cmd.OutOrStdout())
			return err
		}
		n, err := asked.save(ctx, w)
		if err == nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d contacts written to %s\n", n, asked.file)
		}
		return err
	})
}

// save writes the export to its file: whole, or not at all. Only its owner can
// read it.
func (e *contactsExport) save(ctx context.Context, w *workbench) (n int, err error) {
	out, err := os.CreateTemp(filepath.Dir(e.file), filepath.Base(e.file)+".*")
	if err != nil {
		return 0, err
	}
	n, err = e.write(ctx, w, out)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), e.file)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(out.Name()))
	}
	return n, nil
}

func (e *contactsExport) write(ctx context.Context, w *workbench, out io.Writer) (n int, err error) {
	people := sqlstore.New(w.db.Read(ctx))
	stored, err := people.Fields(w.business)
	if err != nil {
		return 0, err
	}
	custom := make([]contacts.Field, len(stored))
	for i, f := range stored {
		custom[i] = f.Field
	}
	fields, err := contacts.NewFields(custom)
	if err != nil {
		return 0, err
	}
	columns, err := contacts.ParseColumns(e.columns, fields)
	if err != nil {
		return 0, fmt.Errorf("--columns: %w", err)
	}
	order, err := sqlstore.ParseSort(e.sort, fields)
	if err != nil {
		return 0, fmt.Errorf("--sort: %w", err)
	}
	filter := sqlstore.Filter{Q: e.query}
	if e.archived != "false" {
		filter.Archived = sqlstore.Archived(e.archived)
	}
	for _, text := range e.where {
		clause, err := sqlstore.ParseClause(text, fields, w.locale())
		if err != nil {
			return 0, fmt.Errorf("--where: %w", err)
		}
		filter.Where = append(filter.Where, clause)
	}
	export, err := contacts.NewExport(out, contacts.ExportFormat(e.format), columns)
	if err != nil {
		return 0, err
	}
	err = people.EachContact(w.business, filter, order, func(c *contacts.Contact) error {
		n++
		return export.Write(c)
	})
	if err != nil {
		return n, err
	}
	return n, export.Close()
}

// locale is where the workbench's business is.
func (w *workbench) locale() contacts.Locale {
	b := w.cfg.Business
	for _, other := range w.cfg.Businesses {
		if other.ID == w.business {
			b = other
		}
	}
	return contacts.Locale{Country: b.Country, Timezone: b.Location()}
}
