package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/connectors"
	"usher/flows"
)

// ink colours what is printed on a terminal; false leaves it plain.
type ink bool

// inkFor is colour where the command's output is a terminal that wants it.
func inkFor(cmd *cobra.Command) ink {
	for _, pair := range environOf(cmd.Context()) {
		if name, value, _ := strings.Cut(pair, "="); name == "NO_COLOR" && value != "" || pair == "TERM=dumb" {
			return false
		}
	}
	return ink(isTerminal(cmd.OutOrStdout()))
}

func (i ink) with(code, s string) string {
	if !i || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (i ink) faint(s string) string { return i.with("2", s) }
func (i ink) bold(s string) string  { return i.with("1", s) }
func (i ink) red(s string) string   { return i.with("31", s) }
func (i ink) green(s string) string { return i.with("32", s) }
func (i ink) cyan(s string) string  { return i.with("36", s) }

// transcript prints a conversation.
type transcript struct {
	out io.Writer
	ink ink
}

func (t transcript) prompt() { fmt.Fprint(t.out, t.ink.cyan("> ")) }

// said prints what the visitor wrote.
func (t transcript) said(line string) { fmt.Fprintln(t.out, t.ink.cyan("> "+line)) }

func (t transcript) hint(s string) { fmt.Fprintln(t.out, t.ink.faint(s)) }

// result prints what the flow said and did.
func (t transcript) result(result flows.Result) {
	for _, m := range result.Messages {
		t.message(m)
	}
	for _, e := range result.Effects {
		switch e.Kind {
		case flows.Push:
			to := "all destinations"
			if len(e.Destinations) > 0 {
				to = strings.Join(e.Destinations, ", ")
			}
			t.hint("(pushed to " + to + ")")
		case flows.Note:
			t.hint("(note: " + e.Text + ")")
		}
	}
}

// awaited says what the flow waits for outside of the conversation, and how to
// bring it about.
func (t transcript) awaited(trial *flows.Trial) {
	w, ok := trial.Awaits()
	if !ok {
		return
	}
	switch w.Cause {
	case connectors.CauseTimer:
		t.hint("(waits until " + w.At.In(trial.Turn.Timezone).Format(time.DateTime) + ": !after lets the time pass)")
	case connectors.CauseHandover:
		if trial.Last.Handling == "agent" {
			t.hint("(an agent has the conversation: !handover returned)")
		} else {
			t.hint("(asks for a person: !handover taken, nobody, …, or !after)")
		}
	default:
		sent := "nothing"
		if request, err := trial.Request(); err == nil {
			sent = request.Method + " " + request.URL
		} else {
			sent += ", " + err.Error()
		}
		t.hint("(sends " + sent + "; answer with !" + w.Cause + ", or !" + w.Cause + " failed)")
	}
}

func (t transcript) message(m connectors.Message) {
	for _, media := range m.Media {
		t.hint("(" + media.Type + ": " + media.URL + media.ID + ")")
	}
	if m.Text != "" {
		fmt.Fprintln(t.out, m.Text)
	}
	if len(m.Buttons) > 0 {
		var titles []string
		for _, b := range m.Buttons {
			titles = append(titles, t.ink.bold("["+b.Title+"]"))
		}
		fmt.Fprintln(t.out, strings.Join(titles, " "))
	}
	if m.Form == nil {
		return
	}
	if m.Form.Title != "" {
		fmt.Fprintln(t.out, m.Form.Title)
	}
	for _, f := range m.Form.Fields {
		required := ""
		if f.Required {
			required = " *"
		}
		fmt.Fprintf(t.out, "  %s%s %s\n", t.ink.bold(f.Label), required, t.ink.faint("("+f.Name+")"))
	}
	t.hint(`(answer with !fill {"` + m.Form.Fields[0].Name + `": …})`)
}

// outcome shows what the conversation led to.
func (t transcript) outcome(trial *flows.Trial) {
	person := trial.Person()
	var known []string
	for field, value := range person.Values {
		known = append(known, fmt.Sprintf("%s: %v", field, value))
	}
	slices.Sort(known)
	if person.Status != "" {
		known = append(known, "status: "+person.Status)
	}
	if len(person.Tags) > 0 {
		known = append(known, "tags: "+strings.Join(person.Tags, ", "))
	}
	if len(known) == 0 {
		return
	}
	fmt.Fprintf(t.out, "\n%s\n", t.ink.bold("Known now:"))
	for _, line := range known {
		fmt.Fprintln(t.out, "  "+t.ink.green(line))
	}
}
