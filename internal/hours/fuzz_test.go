package hours_test

import (
	"testing"
	"time"

	"usher/internal/hours"
)

// FuzzWeek: hours come from people; whatever they write is refused or means
// something.
func FuzzWeek(f *testing.F) {
	f.Add("mon-fri", "09:00-12:00, 13:00-17:30", int64(1_770_000_000))
	f.Add("sat,sun", "closed", int64(0))
	f.Add("sun-sat", "00:00-24:00", int64(-1))
	f.Fuzz(func(t *testing.T, days, times string, at int64) {
		week := hours.Week{days: times}
		open := week.Open(time.Unix(at, 0).UTC())
		if open && len(week.Faults()) > 0 {
			t.Fatalf("%q is wrong and open", week)
		}
	})
}
