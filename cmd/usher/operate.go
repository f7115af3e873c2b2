package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
	"usher/internal/database"
)

// pageRows is how many rows a command reads or changes at once, so that a node
// that serves the same database never waits long for it.
const pageRows = 200

// workbench is what commands that look into an installation work on, beside a
// node that serves it.
type workbench struct {
	cfg      *config.Config
	db       *database.DB
	business string // that --business names, else the main one
}

// withDatabase gives a command the flag --business and an open database of
// whose schema it can be sure.
func withDatabase(cmd *cobra.Command, do func(ctx context.Context, cmd *cobra.Command, w *workbench, args []string) error) *cobra.Command {
	business := cmd.Flags().String("business", "", "whose (default: the main business)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, _, err := loadConfig(cmd)
		if err != nil {
			return err
		}
		w := &workbench{cfg: cfg, business: cfg.Business.ID}
		if *business != "" {
			if w.business, err = knownBusiness(cfg, *business); err != nil {
				return err
			}
		}
		if err := isThere(cfg); err != nil {
			return err
		}
		if w.db, err = openDatabase(cmd.Context(), cfg); err != nil {
			return err
		}
		defer w.db.Close()
		pending, err := w.db.Pending(cmd.Context())
		if err != nil {
			return fmt.Errorf("schema: %w", err)
		}
		if pending {
			return errors.New("the database's schema is out of date: usher serve or usher migrate brings it up to date")
		}
		return do(cmd.Context(), cmd, w, args)
	}
	return cmd
}

func knownBusiness(cfg *config.Config, id string) (string, error) {
	ids := []string{cfg.Business.ID}
	for _, b := range cfg.Businesses {
		ids = append(ids, b.ID)
	}
	if slices.Contains(ids, id) {
		return id, nil
	}
	return "", fmt.Errorf("no business %q; there are %s", id, strings.Join(ids, ", "))
}

// isThere refuses an embedded database that nobody has made yet: opening it
// would make an empty one wherever the command was called by mistake.
func isThere(cfg *config.Config) error {
	if cfg.Database.IsMySQL() {
		return nil
	}
	path := sqliteFile(cfg)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s yet: usher serve makes it", path)
	} else if err != nil {
		return err
	}
	return nil
}

func sqliteFile(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "usher.db") }

// table prints rows under headings, in columns.
func table(out io.Writer, headings []string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{headings}, rows...) {
		fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return w.Flush()
}

// jsonLines prints one document a line.
func jsonLines[T any](out io.Writer, rows []T) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, row := range rows {
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// moment is a time as tables show it; nothing for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// oneLine is text that fits a table.
func oneLine(text string) string {
	const most = 100
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-3], "") + "..."
	}
	return text
}

// orNull is how an absent text is written in JSON.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func whenKnown(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// tally counts what a command did one by one, says it, and remembers whether
// anything was refused.
type tally struct {
	out, trouble  io.Writer
	done, refused int
}

func (t *tally) did(format string, args ...any) {
	t.done++
	fmt.Fprintf(t.out, format+"\n", args...)
}

func (t *tally) refuse(format string, args ...any) {
	t.refused++
	fmt.Fprintf(t.trouble, format+"\n", args...)
}

// end says the sum. Its error is for exit code 1.
func (t *tally) end(what string) error {
	fmt.Fprintf(t.out, "%d %s", t.done, what)
	if t.refused > 0 {
		fmt.Fprintf(t.out, ", %d refused", t.refused)
	}
	fmt.Fprintln(t.out)
	if t.refused > 0 {
		return errReported
	}
	return nil
}

// oneOf says that a flag's value is none of those allowed; empty is allowed.
func oneOf(flag, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("--%s %q is none of %s", flag, value, strings.Join(allowed, ", "))
}
