package flows

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"usher/connectors"
	"usher/contacts"
)

// Failure is an expectation of a script that did not come true.
type Failure struct {
	Problem
	// Diff has a line for each thing expected and seen: "- " is missing, "+ " is
	// too much, "  " is both.
	Diff []string
}

// String is the place, what was expected, and the difference.
func (f Failure) String() string {
	return strings.Join(append([]string{f.Problem.String()}, f.Diff...), "\n    ")
}

// Tests is how many conversations the script has.
func (s *Script) Tests() int { return len(s.tests) }

// Play has every test of the script talk to a flow of its own, which make gives
// it for the channel of the test. A test ends at the first turn that fails.
func (s *Script) Play(make func(channel string) (*Trial, error)) ([]Failure, error) {
	var failures []Failure
	for i := range s.tests {
		trial, err := make(s.tests[i].channel)
		if err != nil {
			return nil, err
		}
		failures = append(failures, s.tests[i].play(s.File, trial)...)
	}
	return failures, nil
}

func (t *scriptTest) play(file string, trial *Trial) []Failure {
	if !t.now.IsZero() {
		trial.Turn.Now = t.now
	}
	trial.Turn.Visit.Number, trial.Turn.Visit.Landing, trial.Turn.Visit.Country = t.visit.Number, t.visit.Landing, t.visit.Country
	c := &comparison{file: file, test: t.name, trial: trial}
	for _, g := range t.known {
		if err := trial.Know(g.name, g.value); err != nil {
			c.fail(g.at, "known: "+err.Error(), nil)
			return c.failures
		}
	}
	for i := range t.turns {
		turn := &t.turns[i]
		c.turn, c.at = turn.call(i), turn.at
		result, err := turn.Play(trial)
		starts := !errors.Is(err, ErrNotStarted)
		if err != nil && starts {
			c.fail(turn.at, err.Error(), nil)
			return c.failures
		}
		if turn.want.starts != nil && *turn.want.starts != starts {
			c.differ("starts", []string{fmt.Sprint(*turn.want.starts)}, []string{fmt.Sprint(starts)})
		}
		c.compare(&turn.want, result)
		if len(c.failures) > 0 {
			break
		}
	}
	return c.failures
}

// comparison collects what is wrong with one test.
type comparison struct {
	file, test, turn string
	at               place
	trial            *Trial
	failures         []Failure
}

func (c *comparison) fail(at place, what string, diff []string) {
	var parts []string
	for _, part := range []string{c.test, c.turn, what} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	c.failures = append(c.failures, Failure{Problem{File: c.file, Line: at.line, Column: at.column, Message: strings.Join(parts, ": ")}, diff})
}

func (c *comparison) differ(what string, want, got []string) {
	if !slices.Equal(want, got) {
		c.fail(c.at, what, difference(want, got))
	}
}

func (c *comparison) compare(w *wants, r Result) {
	if !w.anyReplies {
		c.replies(w.replies, r.Messages)
	}
	c.values("contact.", w.contact)
	c.values("vars.", w.vars)
	var notes, pushes []string
	for _, e := range r.Effects {
		switch e.Kind {
		case Note:
			notes = append(notes, e.Text)
		case Push:
			to := e.Destinations
			if len(to) == 0 {
				to = []string{"all"}
			}
			pushes = append(pushes, to...)
		}
	}
	if !w.anyNotes {
		c.differ("notes", w.notes, notes)
	}
	if !w.anyPushes {
		c.differ("pushes", w.pushes, pushes)
	}
	c.traces(w.trace, r.Trace)
	if w.waiting != nil {
		c.differ("waiting_for", []string{*w.waiting}, []string{r.WaitingFor})
	}
	if w.request != nil {
		sent := "nothing"
		if request, err := c.trial.Request(); err == nil {
			sent = request.Method + " " + request.URL
		}
		c.differ("request", []string{*w.request}, []string{sent})
	}
	if w.ended != nil {
		c.differ("ended", []string{fmt.Sprint(*w.ended)}, []string{fmt.Sprint(r.Run == nil)})
	}
}

// replies compares what is expected of each message with as much of it.
func (c *comparison) replies(want []wantedReply, got []connectors.Message) {
	wanted, said := make([]string, len(want)), make([]string, len(got))
	for i, m := range got {
		full := replyOf(m)
		if i < len(want) {
			full = full.like(want[i])
		}
		said[i] = full.String()
	}
	for i, reply := range want {
		wanted[i] = reply.String()
	}
	c.differ("replies", wanted, said)
}

func replyOf(m connectors.Message) wantedReply {
	reply := wantedReply{text: strings.TrimSpace(m.Text)}
	for _, b := range m.Buttons {
		reply.buttons = append(reply.buttons, b.Title)
	}
	if m.Form != nil {
		if reply.text == "" {
			reply.text = strings.TrimSpace(m.Form.Title)
		}
		for _, f := range m.Form.Fields {
			reply.form = append(reply.form, f.Name)
		}
	}
	for _, media := range m.Media {
		reply.media = append(reply.media, media.URL)
	}
	return reply
}

// like leaves out what the other one says nothing of.
func (w wantedReply) like(other wantedReply) wantedReply {
	if other.buttons == nil {
		w.buttons = nil
	}
	if other.form == nil {
		w.form = nil
	}
	if other.media == nil {
		w.media = nil
	}
	return w
}

// String shows a reply on one line.
func (w wantedReply) String() string {
	parts := []string{strings.ReplaceAll(w.text, "\n", "⏎")}
	if w.text == "" {
		parts = nil
	}
	for _, b := range w.buttons {
		parts = append(parts, "["+b+"]")
	}
	if w.form != nil {
		parts = append(parts, "(form: "+strings.Join(w.form, ", ")+")")
	}
	for _, url := range w.media {
		parts = append(parts, "<"+url+">")
	}
	return strings.Join(parts, " ")
}

// values compares names with what they are after the turn.
func (c *comparison) values(root string, want []given) {
	var wanted, got []string
	for _, g := range want {
		var have any
		want := g.value
		if root == "vars." {
			have = c.trial.Variables()[g.name]
			if n, ok := have.(float64); ok && text(want) == text(n) {
				want = n
			}
		} else {
			var err error
			if have, want, err = c.contact(g); err != nil {
				c.fail(g.at, err.Error(), nil)
				return
			}
		}
		if reflect.DeepEqual(want, have) {
			continue
		}
		wanted = append(wanted, root+g.name+": "+shownValue(want))
		got = append(got, root+g.name+": "+shownValue(have))
	}
	if wanted != nil {
		c.differ("values", wanted, got)
	}
}

// contact is what a contact field holds and what it should, both in the field's
// own form.
func (c *comparison) contact(g given) (have, want any, err error) {
	n, err := (&scope{fields: c.trial.fields}).contact(g.name)
	if err != nil {
		return nil, nil, err
	}
	m := c.trial.flow.machine(c.trial.Turn)
	have, want = n.get(m), g.value
	if g.name == "tags" {
		tags, wanted := slices.Sorted(slices.Values(m.person.Tags)), tagsOf(want)
		slices.Sort(wanted)
		return strings.Join(tags, ", "), strings.Join(wanted, ", "), nil
	}
	field, _ := c.trial.fields.Lookup(g.name)
	if want == nil || !field.IsValue() {
		return have, want, nil
	}
	want, err = field.Parse(want, contacts.Locale{Country: c.trial.Turn.Country, Timezone: c.trial.Turn.Timezone})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s", g.name, reason(err))
	}
	return have, want, nil
}

func shownValue(v any) string {
	if v == nil {
		return "unknown"
	}
	return text(v)
}

// traces wants a line for each text, in their order.
func (c *comparison) traces(want []string, trace []TraceLine) {
	rest := trace
	for _, words := range want {
		i := slices.IndexFunc(rest, func(l TraceLine) bool { return strings.Contains(l.String(), words) })
		if i < 0 {
			var diff []string
			for _, l := range trace {
				diff = append(diff, "  "+l.String())
			}
			c.fail(c.at, "trace", append([]string{"- " + words}, diff...))
			return
		}
		rest = rest[i+1:]
	}
}

// difference shows two lists as one: what is in both, only wanted, only there.
func difference(want, got []string) []string {
	common := make([][]int, len(want)+1) // longest common part of the rests
	for i := range common {
		common[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			if want[i] == got[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case i < len(want) && j < len(got) && want[i] == got[j]:
			lines = append(lines, "  "+want[i])
			i, j = i+1, j+1
		case j == len(got) || i < len(want) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+want[i])
			i++
		default:
			lines = append(lines, "+ "+got[j])
			j++
		}
	}
	return lines
}
