package hours_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"

	"usher/internal/hours"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	week := hours.Week{"mon-fri": "09:00-12:00, 13:00-17:30", "sat,sun": "closed"}
	for at, want := range map[string]bool{
		"2026-01-05T09:00": true, "2026-01-05T08:59": false, "2026-01-05T12:00": false, "2026-01-05T12:30": false,
		"2026-01-05T13:00": true, "2026-01-09T17:29": true, "2026-01-09T17:30": false,
		"2026-01-10T10:00": false, "2026-01-11T10:00": false,
	} {
		now, err := time.Parse("2006-01-02T15:04", at)
		require.NoError(t, err)
		require.Equal(t, want, week.Open(now), at)
		require.True(t, hours.Week(nil).Open(now))
	}
	require.True(t, hours.Week{"sat-mon": "00:00-24:00"}.Open(time.Date(2026, 1, 11, 23, 59, 0, 0, time.UTC)))
}

// The clock on the wall opens and closes, also on the days on which it jumps.
func TestOpenWhereTheClockJumps(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	week := hours.Week{"mon-sun": "09:00-17:00"}
	for _, day := range []time.Time{
		time.Date(2026, 3, 28, 0, 0, 0, 0, london), time.Date(2026, 3, 29, 0, 0, 0, 0, london), // an hour is skipped
		time.Date(2026, 10, 24, 0, 0, 0, 0, london), time.Date(2026, 10, 25, 0, 0, 0, 0, london), // an hour comes twice
	} {
		open := 0
		for at := day; at.Day() == day.Day(); at = at.Add(time.Minute) {
			if week.Open(at) {
				open++
				require.True(t, at.Hour() >= 9 && at.Hour() < 17)
			}
		}
		require.Equal(t, 8*60, open, day)
	}
	night := hours.Week{"sun": "01:00-02:00"}
	require.False(t, night.Open(time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC).In(london)), "02:00: the hour is not there")
	for _, at := range []int{0, 1} {
		require.True(t, night.Open(time.Date(2026, 10, 25, at, 30, 0, 0, time.UTC).In(london)), "the hour comes twice")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	require.Empty(t, hours.Week{"mon-fri": "09:00-17:30", "sat": "closed", "Sun": " 10:00 - 24:00 "}.Faults())
	faults := hours.Week{"mon": "9-5", "mon-tue": "09:00-10:00", "someday": "09:00-10:00", "fri": "10:00-09:00", "sat": ""}.Faults()
	require.Len(t, faults, 4)
	for _, days := range []string{"mon", "someday", "fri", "sat"} {
		require.Contains(t, faults, days)
	}
	require.Contains(t, hours.Week{"mon": "09:00-10:00", "sun-mon": "closed"}.Faults(), "sun-mon", "mon is given twice")
}
