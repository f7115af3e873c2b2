// Package hours is when a business, or one of its teams, is open.
package hours

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Week is opening hours by the clock on the wall: days (mon, mon-fri, "sat,sun")
// to times ("09:00-17:30", several with commas, or closed). None given: always
// open.
type Week map[string]string

// Open says whether now, in the zone of the business, lies within the hours. The
// zone's clock counts: an hour that it repeats is open twice, one that it skips
// is not.
func (h Week) Open(now time.Time) bool {
	if len(h) == 0 {
		return true
	}
	week, _ := h.days()
	minute := now.Hour()*60 + now.Minute()
	for _, s := range week[now.Weekday()] {
		if s.from <= minute && minute < s.to {
			return true
		}
	}
	return false
}

// span is a part of a day, in minutes since midnight; to is not in it.
type span struct{ from, to int }

// Faults are what is wrong, by the entry's days; empty: nothing.
func (h Week) Faults() map[string]error {
	_, faults := h.days()
	return faults
}

// days is the hours by day, and what is wrong with each entry.
func (h Week) days() (week [7][]span, faults map[string]error) {
	faults = map[string]error{}
	var given [7]bool
	for _, days := range slices.Sorted(maps.Keys(h)) {
		on, err := parseDays(days)
		spans, err2 := parseTimes(h[days])
		if err = cmp.Or(err, err2); err != nil {
			faults[days] = err
			continue
		}
		for _, day := range on {
			if given[day] {
				faults[days] = fmt.Errorf("%s is given twice", strings.ToLower(day.String()[:3]))
			}
			given[day], week[day] = true, spans
		}
	}
	return week, faults
}

func parseDays(s string) ([]time.Weekday, error) {
	var days []time.Weekday
	for part := range strings.SplitSeq(strings.ToLower(s), ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		from, ok := weekday(first)
		to, ok2 := weekday(last)
		if !ok || !ok2 {
			return nil, errors.New("want days as mon, mon-fri or sat,sun")
		}
		days = append(days, from)
		for from != to {
			from = (from + 1) % 7
			days = append(days, from)
		}
	}
	return days, nil
}

func weekday(s string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.ToLower(d.String()[:3]) == strings.TrimSpace(s) {
			return d, true
		}
	}
	return 0, false
}

func parseTimes(s string) ([]span, error) {
	if strings.TrimSpace(s) == "closed" {
		return nil, nil
	}
	var spans []span
	for part := range strings.SplitSeq(s, ",") {
		first, last, _ := strings.Cut(part, "-")
		from, err := minuteOf(first)
		to, err2 := minuteOf(last)
		if err != nil || err2 != nil || from >= to {
			return nil, errors.New(`want times as "09:00-17:30", or closed`)
		}
		spans = append(spans, span{from, to})
	}
	return spans, nil
}

func minuteOf(s string) (int, error) {
	if s = strings.TrimSpace(s); s == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err
}
