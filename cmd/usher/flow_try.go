package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"usher/connectors"
	"usher/flows"
)

func flowTryCommand() *cobra.Command {
	var answers, channel string
	var known []string
	var returning bool
	cmd := &cobra.Command{
		Use:   "try FILE",
		Short: "Chat with a flow in the terminal",
		Long: "Chats with a flow; nothing is kept or sent. With --answers it plays a script, one visitor\n" +
			"message a line of which the first opens the conversation, prints the transcript and exits\n" +
			"with 1 if answers are left over or the flow still waits for one. The visitor is on a page\n" +
			"that the flow starts on.\n\n" + directivesHelp,
		Example: "  usher flow try flows/welcome.yaml\n" +
			"  usher flow try --channel whatsapp --known email=ada@example.com flows/welcome.yaml\n" +
			"  usher flow try --answers welcome.answers.txt flows/welcome.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			shelf, err := newFlowShelf(cmd)
			if err != nil {
				return err
			}
			trial, err := shelf.trial(args[0], channel)
			if err != nil {
				return err
			}
			for _, pair := range known {
				name, value, _ := strings.Cut(pair, "=")
				if err := trial.Know(name, value); err != nil {
					return fmt.Errorf("--known %s: %w", pair, err)
				}
			}
			if returning {
				trial.Turn.Visit.Number = 2
			}
			trial.SupposePage()
			show := transcript{out: cmd.OutOrStdout(), ink: inkFor(cmd)}
			if answers == "" {
				return chat(trial, cmd.InOrStdin(), show)
			}
			script, err := os.ReadFile(answers)
			if err != nil {
				return err
			}
			return play(trial, string(script), show)
		},
	}
	cmd.Flags().StringVar(&answers, "answers", "", "file with the visitor's messages, one a line")
	cmd.Flags().StringArrayVar(&known, "known", nil, "what is known of the visitor, as email=ada@example.com; may be repeated")
	cmd.Flags().BoolVar(&returning, "returning", false, "the visitor has been here before")
	cmd.Flags().StringVar(&channel, "channel", "terminal", "show what this channel could: "+strings.Join(connectors.ChannelTypes(), ", "))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		kind, _, _ := strings.Cut(channel, "/")
		if kind != "terminal" && !slices.Contains(connectors.ChannelTypes(), kind) {
			return fmt.Errorf("--channel %s: want one of %s", channel, strings.Join(connectors.ChannelTypes(), ", "))
		}
		for _, pair := range known {
			if !strings.Contains(pair, "=") {
				return fmt.Errorf("--known %s: want FIELD=VALUE", pair)
			}
		}
		return nil
	}
	return cmd
}

// directivesHelp tells how to write what is not said by the visitor.
const directivesHelp = "Lines that begin with ! are what happens otherwise, as in the flow's tests:\n" +
	"  !choose Prices                        a button, by its title or value\n" +
	"  !fill {email: ada@example.com}        the form that is shown\n" +
	"  !call {status: 200, body: {tier: gold}}   what a called service answers; or !call failed\n" +
	"  !bot Good morning!                    what a bot says; or !bot ended, handed_over, failed\n" +
	"  !handover taken                       an agent; or queued, nobody, returned, closed, disabled\n" +
	"  !after 20h                            time passes; alone: until something is due\n" +
	"  !event {kind: conversation_started}   anything else that a channel can say\n" +
	"With --answers, a call that no line answers fails, and nobody takes a handover."

// playLine plays what the visitor says, or a line with !.
func playLine(t *flows.Trial, line string) (flows.Result, error) {
	word, rest, _ := strings.Cut(line, " ")
	key, marked := strings.CutPrefix(word, "!")
	if !marked || !slices.Contains(flows.Happenings(), key) {
		return t.Say(line)
	}
	if rest = strings.TrimSpace(rest); key == "after" && rest == "" {
		rest = "due"
	}
	happens, err := flows.ParseHappening([]byte(key + ": " + rest))
	if err != nil {
		return flows.Result{}, fmt.Errorf("%s: %w", word, err)
	}
	result, err := happens.Play(t)
	if err != nil && !errors.Is(err, flows.ErrNotStarted) {
		err = fmt.Errorf("%s: %w", word, err)
	}
	return result, err
}

// alone plays what nobody answers: what is called, and a handover. next is the
// line that follows, which may be the answer.
func alone(t *flows.Trial, next string, show transcript) {
	for {
		w, waits := t.Awaits()
		if !waits || strings.HasPrefix(next, "!"+w.Cause) {
			return
		}
		result, what, ok := t.Alone()
		if !ok {
			return
		}
		show.hint("(" + what + ")")
		show.result(result)
	}
}

// chat talks to a flow until it has ended or the input has.
func chat(trial *flows.Trial, in io.Reader, show transcript) error {
	show.hint("Write to the flow; your first message opens the conversation. Ctrl-D leaves.")
	lines := bufio.NewScanner(in)
	for !trial.Ended() {
		show.prompt()
		if !lines.Scan() {
			fmt.Fprintln(show.out)
			break
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		result, err := playLine(trial, line)
		switch {
		case errors.Is(err, flows.ErrNotStarted):
			show.hint("(nothing is said: " + whyNot(result) + ")")
		case err != nil:
			show.hint("(" + err.Error() + ")")
		default:
			show.result(result)
			show.awaited(trial)
		}
	}
	show.outcome(trial)
	return lines.Err()
}

// whyNot says why a flow did not start.
func whyNot(result flows.Result) string {
	for _, line := range result.Trace {
		return line.Did + ", " + line.Detail
	}
	return "that begins no conversation"
}

// play has a script talk to a flow. Its error says what did not come out even.
func play(trial *flows.Trial, script string, show transcript) error {
	answers := slices.DeleteFunc(strings.Split(script, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
	if len(answers) == 0 {
		return errors.New("no answers: the first line opens the conversation")
	}
	for i, answer := range answers {
		if trial.Ended() {
			show.outcome(trial)
			return fmt.Errorf("%d of %d answers left over: the flow had ended", len(answers)-i, len(answers))
		}
		answer = strings.TrimSpace(answer)
		show.said(answer)
		result, err := playLine(trial, answer)
		if errors.Is(err, flows.ErrNotStarted) {
			return fmt.Errorf("the flow does not start with %q: %s", answer, whyNot(result))
		}
		if err != nil {
			return err
		}
		show.result(result)
		next := ""
		if i+1 < len(answers) {
			next = strings.TrimSpace(answers[i+1])
		}
		alone(trial, next, show)
	}
	show.outcome(trial)
	if w, ok := trial.Awaits(); ok {
		return fmt.Errorf("the flow still waits for a %s", w.Cause)
	}
	if trial.Waits() {
		return fmt.Errorf("the flow still waits for %s", trial.Last.WaitingFor)
	}
	return nil
}
