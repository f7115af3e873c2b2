package flows

import (
	"cmp"
	"fmt"
	"slices"
)

// Problem is one thing that is wrong, or looks wrong, with a flow document.
type Problem struct {
	File         string
	Line, Column int // from 1, of the key at fault or of the step's dash
	Message      string
	// Warning: the flow can run, but hardly does what its author meant.
	Warning bool
}

// String is the problem as editors and people read it: FILE:LINE:COLUMN: message.
func (p Problem) String() string {
	kind := ""
	if p.Warning {
		kind = "warning: "
	}
	return fmt.Sprintf("%s:%d:%d: %s%s", p.File, p.Line, p.Column, kind, p.Message)
}

// Faulty says whether one of the problems is more than a warning.
func Faulty(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
}

// sorted puts problems in reading order.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

// closest finds the known name that somebody who wrote the unknown one most
// likely meant, as a half sentence; empty if none is near.
func closest(unknown string, known []string) string {
	best, distance := "", 3 // two slips of the keyboard, not another word
	for _, name := range known {
		if d := edits(unknown, name); d < distance && 2*d <= len(unknown) {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// edits is the Levenshtein distance of two short names.
func edits(a, b string) int {
	const longest = 80 // names are short; the table stays small
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
