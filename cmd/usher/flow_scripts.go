package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"usher/flows"
)

func flowTestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test FILE...",
		Short: "Play the tests of flows",
		Long: "Plays the conversations of *.test.yaml files with the flows beside them and says where one\n" +
			"goes another way than expected, as FILE:LINE:COLUMN and the difference. Exits with 1 if\n" +
			"one does. Nothing is kept or sent.",
		Example: "  usher flow test flows/*.test.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			shelf, err := newFlowShelf(cmd)
			if err != nil {
				return err
			}
			show := testReport{transcript{out: cmd.OutOrStdout(), ink: inkFor(cmd)}}
			failed := false
			for _, file := range files {
				script, failures, err := shelf.play(file)
				var flawed faults
				switch {
				case errors.As(err, &flawed):
					fmt.Fprintln(cmd.ErrOrStderr(), err)
				case err != nil:
					return err
				default:
					show.script(file, script, failures)
				}
				failed = failed || err != nil || len(failures) > 0
			}
			if failed {
				return errReported
			}
			return nil
		},
	}
}

// play plays one script. What is wrong with the script or its flow is an error,
// one line a fault.
func (s *flowShelf) play(file string) (*flows.Script, []flows.Failure, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	script, problems := flows.ParseScript(file, text, s.fields)
	if script == nil {
		return nil, nil, faults(problems)
	}
	flow := script.FlowFile()
	if script.Flow != "" && !filepath.IsAbs(flow) {
		flow = filepath.Join(filepath.Dir(file), flow)
	}
	if absolute(flow) == absolute(file) {
		return nil, nil, fmt.Errorf("%s: which flow is it for? Name the file x.test.yaml beside x.yaml, or give flow", file)
	}
	failures, err := script.Play(func(channel string) (*flows.Trial, error) { return s.trial(flow, channel) })
	return script, failures, err
}

// testReport prints what became of scripts.
type testReport struct{ transcript }

func (t testReport) script(file string, script *flows.Script, failures []flows.Failure) {
	if len(failures) == 0 {
		count := fmt.Sprintf("(%d tests)", script.Tests())
		if script.Tests() == 1 {
			count = "(1 test)"
		}
		fmt.Fprintf(t.out, "%s  %s %s\n", t.ink.green("ok"), file, t.ink.faint(count))
		return
	}
	for _, f := range failures {
		fmt.Fprintf(t.out, "%s %s\n", t.ink.red("FAIL"), t.ink.bold(f.Problem.String()))
		for _, line := range f.Diff {
			switch line[0] {
			case '-':
				line = t.ink.red(line)
			case '+':
				line = t.ink.green(line)
			}
			fmt.Fprintln(t.out, "    "+line)
		}
	}
}
