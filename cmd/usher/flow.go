package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
	"usher/contacts"
	"usher/flows"
)

// flowCommand is what a flow's author works with: check and try.
func flowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "flow", Short: "Check flows and talk to them"}
	cmd.AddCommand(flowCheckCommand(), flowTryCommand())
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
			problems, err := shelf.check(files)
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

func flowTryCommand() *cobra.Command {
	var answers string
	cmd := &cobra.Command{
		Use:   "try FILE",
		Short: "Chat with a flow in the terminal",
		Long: "Chats with a flow; nothing is kept or sent. With --answers it plays a script, one visitor\n" +
			"message a line of which the first opens the conversation, prints the transcript and exits\n" +
			"with 1 if answers are left over or the flow still waits for one.",
		Example: "  usher flow try flows/welcome.yaml\n  usher flow try --answers welcome.answers.txt flows/welcome.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			shelf, err := newFlowShelf(cmd)
			if err != nil {
				return err
			}
			trial, err := shelf.trial(args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if answers == "" {
				return chat(trial, cmd.InOrStdin(), cmd.OutOrStdout())
			}
			script, err := os.ReadFile(answers)
			if err != nil {
				return err
			}
			return play(trial, string(script), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&answers, "answers", "", "file with the visitor's messages, one a line")
	return cmd
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
	cfg, path, err := loadConfig(cmd)
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
func (s *flowShelf) check(files []string) ([]flows.Problem, error) {
	var documents []flowDocument
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		documents = append(documents, flowDocument{file, text})
	}
	documents = append(documents, s.otherDocuments(files)...)
	parsed, problems, between := judgeFlows(s.cfg, s.cfg.Business.ID, documents, s.fields)
	for _, p := range between {
		// Without a configuration nobody knows which other flows there are.
		p.Warning = p.Warning || s.path == "" && len(parsed) == len(files)
		problems = append(problems, p)
	}
	for _, b := range s.cfg.Businesses {
		fields, err := s.fieldsOf(b.ID)
		if err != nil {
			return nil, fmt.Errorf("business %s: %w", b.ID, err)
		}
		_, own, between := judgeFlows(s.cfg, b.ID, documents, fields)
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
		if flow, _ := flows.Parse(d.file, d.text, s.fields); flow != nil {
			others = append(others, flow)
		}
	}
	return others
}

// otherDocuments are the configuration's flow files besides the given ones, as
// far as they can be read: serve and doctor say so if one cannot.
func (s *flowShelf) otherDocuments(besides []string) []flowDocument {
	if s.path == "" {
		return nil
	}
	var known []string
	for _, file := range besides {
		known = append(known, absolute(file))
	}
	var others []flowDocument
	for _, file := range s.cfg.Flows {
		if slices.Contains(known, absolute(file)) {
			continue
		}
		if text, err := os.ReadFile(file); err == nil {
			others = append(others, flowDocument{file, text})
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

// trial prepares a conversation with the flow of a file; its problems go to
// stderr.
func (s *flowShelf) trial(file string, stderr io.Writer) (*flows.Trial, error) {
	doc, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	flow, problems := flows.Parse(file, doc, s.fields)
	for _, p := range problems {
		fmt.Fprintln(stderr, p)
	}
	if flow == nil {
		return nil, errReported
	}
	return flows.NewTrial(flow, s.others([]string{file}), flows.Turn{
		ChannelID: "terminal/try",
		Country:   s.cfg.Business.Country,
		Timezone:  s.zone,
		Now:       time.Now(),
	}), nil
}

// chat talks to a flow until it has ended or the input has.
func chat(trial *flows.Trial, in io.Reader, out io.Writer) error {
	fmt.Fprintln(out, "Write to the flow; your first message opens the conversation. Ctrl-D leaves.")
	lines := bufio.NewScanner(in)
	for !trial.Ended() {
		fmt.Fprint(out, "> ")
		if !lines.Scan() {
			fmt.Fprintln(out)
			break
		}
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		result, ok := trial.Say(lines.Text())
		if !ok {
			fmt.Fprintln(out, "(the flow's start does not hold, so it says nothing)")
			continue
		}
		printReplies(out, result)
	}
	printOutcome(out, trial)
	return lines.Err()
}

// play has a script talk to a flow. Its error says what did not come out even.
func play(trial *flows.Trial, script string, out io.Writer) error {
	answers := slices.DeleteFunc(strings.Split(script, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	if len(answers) == 0 {
		return fmt.Errorf("no answers: the first line opens the conversation")
	}
	for i, answer := range answers {
		if trial.Ended() {
			printOutcome(out, trial)
			return fmt.Errorf("%d of %d answers left over: the flow had ended", len(answers)-i, len(answers))
		}
		answer = strings.TrimSpace(answer)
		fmt.Fprintf(out, "> %s\n", answer)
		result, ok := trial.Say(answer)
		if !ok {
			return fmt.Errorf("the flow does not start with %q", answer)
		}
		printReplies(out, result)
	}
	printOutcome(out, trial)
	if trial.Waits() {
		return fmt.Errorf("the flow still waits for %s", trial.Last.WaitingFor)
	}
	return nil
}

func printReplies(out io.Writer, result flows.Result) {
	for _, m := range result.Messages {
		fmt.Fprintln(out, m.Text)
	}
	for _, e := range result.Effects {
		if e.Kind == flows.Push {
			to := "all destinations"
			if len(e.Destinations) > 0 {
				to = strings.Join(e.Destinations, ", ")
			}
			fmt.Fprintf(out, "(pushed to %s)\n", to)
		}
		if e.Kind == flows.Note {
			fmt.Fprintf(out, "(note: %s)\n", e.Text)
		}
	}
}

// printOutcome shows what the conversation led to.
func printOutcome(out io.Writer, trial *flows.Trial) {
	values, status, tags := trial.Person()
	var known []string
	for field, value := range values {
		known = append(known, fmt.Sprintf("%s: %v", field, value))
	}
	slices.Sort(known)
	if status != "" {
		known = append(known, "status: "+status)
	}
	if len(tags) > 0 {
		known = append(known, "tags: "+strings.Join(tags, ", "))
	}
	if len(known) == 0 {
		return
	}
	fmt.Fprintf(out, "\nKnown now:\n  %s\n", strings.Join(known, "\n  "))
}
