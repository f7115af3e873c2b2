package flows

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// diffContext is how many lines stand around what differs.
	diffContext = 3
	// diffMost bounds the work of comparing what differs, line by line; beyond,
	// all of it counts as rewritten.
	diffMost = 4_000_000
)

// Diff tells how one document became another, as patch and git do; empty if they
// are the same.
func Diff(fromName, toName string, from, to []byte) string {
	edits := compare(lines(from), lines(to))
	var b strings.Builder
	for at := 0; at < len(edits); {
		if edits[at].mark == ' ' {
			at++
			continue
		}
		begin, end := at, at
		for i := at; i < len(edits) && i-end <= 2*diffContext; i++ {
			if edits[i].mark != ' ' {
				end = i
			}
		}
		begin, end = max(begin-diffContext, 0), min(end+diffContext+1, len(edits))
		if b.Len() == 0 {
			fmt.Fprintf(&b, "--- %s\n+++ %s\n", fromName, toName)
		}
		hunk(&b, edits, begin, end)
		at = end
	}
	return b.String()
}

// edit is a line that stays (' '), goes ('-') or comes ('+').
type edit struct {
	mark byte
	text string
}

// hunk writes edits from begin to end under their places in both documents.
func hunk(b *strings.Builder, edits []edit, begin, end int) {
	count := func(part []edit, other byte) (n int) {
		for _, e := range part {
			if e.mark != other {
				n++
			}
		}
		return n
	}
	side := func(other byte) string {
		before, here := count(edits[:begin], other), count(edits[begin:end], other)
		if here > 0 {
			before++
		}
		return fmt.Sprintf("%d,%d", before, here)
	}
	fmt.Fprintf(b, "@@ -%s +%s @@\n", side('+'), side('-'))
	for _, e := range edits[begin:end] {
		b.WriteByte(e.mark)
		b.WriteString(e.text)
		b.WriteByte('\n')
	}
}

func lines(doc []byte) []string {
	text := strings.TrimSuffix(strings.ReplaceAll(string(doc), "\r\n", "\n"), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// compare finds the fewest lines that go and come.
func compare(from, to []string) []edit {
	var head, tail []edit
	for len(from) > 0 && len(to) > 0 && from[0] == to[0] {
		head = append(head, edit{' ', from[0]})
		from, to = from[1:], to[1:]
	}
	for len(from) > 0 && len(to) > 0 && from[len(from)-1] == to[len(to)-1] {
		tail = append(tail, edit{' ', from[len(from)-1]})
		from, to = from[:len(from)-1], to[:len(to)-1]
	}
	slices.Reverse(tail)
	return append(append(head, middle(from, to)...), tail...)
}

func middle(from, to []string) []edit {
	var edits []edit
	if len(from)*len(to) <= diffMost {
		// common[i][j] is the length of the longest text that from[i:] and to[j:]
		// share.
		common := make([][]int32, len(from)+1)
		for i := range common {
			common[i] = make([]int32, len(to)+1)
		}
		for i := len(from) - 1; i >= 0; i-- {
			for j := len(to) - 1; j >= 0; j-- {
				if common[i][j] = max(common[i+1][j], common[i][j+1]); from[i] == to[j] {
					common[i][j] = common[i+1][j+1] + 1
				}
			}
		}
		i, j := 0, 0
		for i < len(from) && j < len(to) {
			switch {
			case from[i] == to[j]:
				edits = append(edits, edit{' ', from[i]})
				i, j = i+1, j+1
			case common[i+1][j] >= common[i][j+1]:
				edits = append(edits, edit{'-', from[i]})
				i++
			default:
				edits = append(edits, edit{'+', to[j]})
				j++
			}
		}
		from, to = from[i:], to[j:]
	}
	for _, line := range from {
		edits = append(edits, edit{'-', line})
	}
	for _, line := range to {
		edits = append(edits, edit{'+', line})
	}
	return edits
}
