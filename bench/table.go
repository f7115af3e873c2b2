package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// table collects what is measured, in the order in which it first was.
type table struct {
	rows  []*row
	notes []string
}

// row is one figure, over the rounds.
type row struct {
	part, kind, what, unit string
	values, ratios         []float64
}

// goal is what a figure should be; ratios are to the limit.
type goal struct {
	part, kind, what string // what: how it begins
	ratio            bool
	least            float64 // at least; 0: see most
	most             float64 // less than
}

func goals() []goal {
	return []goal{
		{part: "accept", kind: embedded, what: "accepted", ratio: true, least: 0.40},
		{part: "accept", kind: serverful, what: "accepted", ratio: true, least: 0.35},
		{part: "accept", what: "p99 at", most: 10},
		{part: "accept", what: "memory, idle", most: 60},
		{part: "sustained", kind: embedded, what: "sustained", ratio: true, least: 0.12},
		{part: "sustained", kind: serverful, what: "sustained", ratio: true, least: 0.10},
		{part: "leads", kind: embedded, what: "each", ratio: true, least: 0.05},
		{part: "leads", kind: serverful, what: "each", ratio: true, least: 0.025},
		{part: "leads", what: "lead p99", most: 50},
		{what: "memory at", most: 150},
		{part: "known", what: "/v1/known p99", most: 5},
		{part: "guests", what: "a guest", most: 300},
	}
}

// add notes a value of this round; limit 0: it has no ratio.
func (t *table) add(part, kind, what, unit string, value, limit float64) {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.part == part && r.kind == kind && r.what == what })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{part: part, kind: kind, what: what, unit: unit})
	}
	r := t.rows[i]
	r.values = append(r.values, value)
	if limit > 0 {
		r.ratios = append(r.ratios, value/limit)
	}
}

// note keeps how many cores each process used.
func (t *table) note(what, cores string) { t.notes = append(t.notes, what+": "+cores) }

// write prints Markdown.
func (t *table) write(w io.Writer) {
	fmt.Fprintln(w, "| | back end | median (min–max) | ÷ limit | goal | |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	for _, r := range t.rows {
		ratio := ""
		if len(r.ratios) > 0 {
			ratio = spread(r.ratios, "%.3f")
		}
		want, met := r.goal()
		fmt.Fprintf(w, "| %s | %s | %s %s | %s | %s | %s |\n", r.what, r.kind, spread(r.values, format(r.values)), r.unit, ratio, want, met)
	}
	if len(t.notes) > 0 {
		fmt.Fprintf(w, "\nCores used at the sustained rates:\n\n- %s\n", strings.Join(t.notes, "\n- "))
	}
}

// goal says what the figure should be and whether its median is.
func (r *row) goal() (want, met string) {
	for _, g := range goals() {
		if g.part != "" && g.part != r.part || g.kind != "" && g.kind != r.kind || !strings.HasPrefix(r.what, g.what) {
			continue
		}
		got := median(r.values)
		if g.ratio {
			got = median(r.ratios)
		}
		ok := got < g.most
		want = fmt.Sprintf("< %g %s", g.most, r.unit)
		if g.most == 0 {
			ok, want = got >= g.least, fmt.Sprintf("≥ %g", g.least)
		}
		if ok {
			return want, "met"
		}
		return want, "missed"
	}
	return "", ""
}

func format(values []float64) string {
	if median(values) < 100 {
		return "%.2f"
	}
	return "%.0f"
}

func spread(values []float64, format string) string {
	text := fmt.Sprintf(format, median(values))
	if len(values) > 1 {
		text += fmt.Sprintf(" ("+format+"–"+format+")", slices.Min(values), slices.Max(values))
	}
	return text
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
