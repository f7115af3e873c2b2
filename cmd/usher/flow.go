package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/gateway"
)

// flowCommand is what a flow's author works with.
func flowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "flow", Short: "Check flows, talk to them and test them"}
	cmd.AddCommand(flowCheckCommand(), flowTryCommand(), flowTestCommand(), flowSchemaCommand())
	return cmd
}

func flowCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE...",
		Short: "Say what is wrong with flow documents",
		Long: "Prints one fault a line, FILE:LINE:COLUMN: message, and exits with 1 if there are any.\n" +
			"Warnings alone are no failure. The configuration gives the custom contact fields.",
		Example: "  usher flow check flows/*.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			shelf, err := newFlowShelf(cmd)
			if err != nil {
				return err
			}
			problems, err := shelf.check(cmd.Context(), files)
			if err != nil {
				return err
			}
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if flows.Faulty(problems) {
				return errReported
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d checked, no faults\n", len(files))
			return nil
		},
	}
}

// flowShelf is what the configuration says about flows.
type flowShelf struct {
	cfg    *config.Config
	path   string // of the configuration; empty: there is none
	fields *contacts.Fields
	zone   *time.Location
}

// newFlowShelf reads the configuration. Without one there are the built-in
// fields only.
func newFlowShelf(cmd *cobra.Command) (*flowShelf, error) {
	path := configPath(cmd)
	cfg, err := config.LoadForFlows(path, environOf(cmd.Context()))
	if err != nil {
		return nil, err
	}
	s := &flowShelf{cfg: cfg, path: path}
	if s.fields, err = s.fieldsOf(cfg.Business.ID); err != nil {
		return nil, err
	}
	s.zone, err = time.LoadLocation(cfg.Business.Timezone)
	return s, err
}

// fieldsOf are a business's contact fields.
func (s *flowShelf) fieldsOf(business string) (*contacts.Fields, error) {
	var custom []contacts.Field
	for _, f := range s.cfg.Fields {
		if s.path != "" && f.Business == business {
			custom = append(custom, contacts.Field{Name: f.Name, Title: f.Title, Type: contacts.FieldType(f.Type)})
		}
	}
	return contacts.NewFields(custom)
}

// check reads files and says everything that is wrong with them, in their order:
// for the main business, then what only another business minds.
func (s *flowShelf) check(ctx context.Context, files []string) ([]flows.Problem, error) {
	var documents []flows.Document
	var problems []flows.Problem
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if config.IsFlowTest(file) {
			_, faults := flows.ParseScript(file, text, s.fields)
			problems = append(problems, faults...)
			continue
		}
		documents = append(documents, flows.Document{File: file, Text: text})
	}
	documents = append(documents, s.otherDocuments(files)...)
	teams := s.teams(ctx, documents)
	_, own, between := judgeFlows(s.cfg, s.cfg.Business.ID, documents, s.fields, teams[s.cfg.Business.ID])
	problems = append(append(problems, own...), between...)
	for _, b := range s.cfg.Businesses {
		fields, err := s.fieldsOf(b.ID)
		if err != nil {
			return nil, fmt.Errorf("business %s: %w", b.ID, err)
		}
		_, own, between := judgeFlows(s.cfg, b.ID, documents, fields, teams[b.ID])
		for _, p := range append(own, between...) {
			if slices.Contains(problems, p) {
				continue
			}
			p.Message += " (business " + b.ID + ")"
			problems = append(problems, p)
		}
	}
	return slices.DeleteFunc(problems, func(p flows.Problem) bool { return !slices.Contains(files, p.File) }), nil
}

// others are the configuration's flows besides the given files. Their own faults
// are not asked for here.
func (s *flowShelf) others(besides []string) []*flows.Flow {
	var others []*flows.Flow
	for _, d := range s.otherDocuments(besides) {
		if flow, _ := flows.Parse(d.File, d.Text, s.fields); flow != nil {
			others = append(others, flow)
		}
	}
	return others
}

// teams are each business's teams that have agents, which only the database
// knows; nil where it does not say. Flows that ask for nobody need none.
func (s *flowShelf) teams(ctx context.Context, documents []flows.Document) map[string][]string {
	asks := func(d flows.Document) bool { return bytes.Contains(d.Text, []byte("handover")) }
	if s.path == "" || !slices.ContainsFunc(documents, asks) {
		return nil
	}
	if isThere(s.cfg) != nil { // nobody can have made any yet
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, teamsPatience)
	defer cancel()
	db, err := openDatabase(ctx, s.cfg)
	if err != nil {
		return nil
	}
	defer db.Close()
	known := map[string][]string{}
	for _, b := range append([]config.Business{s.cfg.Business}, s.cfg.Businesses...) {
		teams, err := sqlstore.New(db.Read(ctx)).Teams(b.ID)
		if err != nil {
			return nil
		}
		known[b.ID] = gateway.Staffed(teams)
	}
	return known
}

// teamsPatience is how long a check waits for a database that is away.
const teamsPatience = 3 * time.Second

// otherDocuments are the configuration's flow files besides the given ones, as
// far as they can be read: serve and doctor say so if one cannot.
func (s *flowShelf) otherDocuments(besides []string) []flows.Document {
	if s.path == "" {
		return nil
	}
	var known []string
	for _, file := range besides {
		known = append(known, absolute(file))
	}
	var others []flows.Document
	for _, file := range s.cfg.Flows {
		if slices.Contains(known, absolute(file)) {
			continue
		}
		if text, err := os.ReadFile(file); err == nil {
			others = append(others, flows.Document{File: file, Text: text})
		}
	}
	return others
}

func absolute(file string) string {
	if abs, err := filepath.Abs(file); err == nil {
		return abs
	}
	return file
}

// trial prepares a conversation with the flow of a file on a channel, by type or
// id. What is wrong with the flow is an error, one line a fault.
func (s *flowShelf) trial(file, channel string) (*flows.Trial, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	flow, problems := flows.Parse(file, doc, s.fields)
	if flow == nil {
		return nil, faults(problems)
	}
	kind, _, named := strings.Cut(channel, "/")
	if !named {
		channel += "/try"
	}
	return flows.NewTrial(flow, s.finder(file), s.fields, flows.Turn{
		Channel:   connectors.CapabilitiesOf(kind),
		ChannelID: channel,
		Country:   s.cfg.Business.Country,
		Timezone:  s.zone,
		Now:       time.Now(),
	})
}

// finder finds further flows by their id: the configuration's, and those in the
// folder of the flow that is tried. Each trial gets its own.
func (s *flowShelf) finder(file string) func(id string) *flows.Flow {
	var read []*flows.Flow
	looked := false
	return func(id string) *flows.Flow {
		if !looked {
			looked = true
			for _, d := range append(s.otherDocuments([]string{file}), neighbours(file)...) {
				if flow, _ := flows.Parse(d.File, d.Text, s.fields); flow != nil {
					read = append(read, flow)
				}
			}
		}
		if i := slices.IndexFunc(read, func(f *flows.Flow) bool { return f.ID == id }); i >= 0 {
			return read[i]
		}
		return nil
	}
}

// neighbours are the flow documents beside one.
func neighbours(file string) (documents []flows.Document) {
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		beside, _ := filepath.Glob(filepath.Join(filepath.Dir(file), pattern))
		for _, other := range beside {
			if config.IsFlowTest(other) || absolute(other) == absolute(file) {
				continue
			}
			if text, err := os.ReadFile(other); err == nil {
				documents = append(documents, flows.Document{File: other, Text: text})
			}
		}
	}
	return documents
}

// faults are problems that keep a flow from running, one a line.
type faults []flows.Problem

func (f faults) Error() string {
	var lines []string
	for _, p := range f {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

func flowSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of flow documents, for editors",
		Long: "Prints the JSON Schema of flow documents, with the configuration's contact fields. Editors that\n" +
			"know it complete keys and say what they mean; in YAML by the first line\n" +
			"# yaml-language-server: $schema=flow.schema.json",
		Example: "  usher flow schema > flows/flow.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			shelf, err := newFlowShelf(cmd)
			if err != nil {
				return err
			}
			schema, err := flows.Schema(shelf.fields)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
