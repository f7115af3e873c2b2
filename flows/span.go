package flows

import (
	"errors"
	"regexp"
	"strconv"
	"time"
)

// maxSpan: nobody is still there after a year.
const maxSpan = 365 * 24 * time.Hour

var days = regexp.MustCompile(`^(\d{1,4})d(.*)$`)

// parseSpan reads 90s, 36h, 2d or 1d12h.
func parseSpan(s string) (time.Duration, error) {
	var whole time.Duration
	if found := days.FindStringSubmatch(s); found != nil {
		n, _ := strconv.Atoi(found[1])
		if whole, s = time.Duration(n)*24*time.Hour, found[2]; s == "" {
			return whole, nil
		}
	}
	rest, err := time.ParseDuration(s)
	if err != nil || rest < 0 {
		return 0, errors.New("want a duration such as 90s, 36h or 2d")
	}
	return whole + rest, nil
}

// span takes a key whose value is a duration; usual if it is not there.
func (o *object) span(key string, usual time.Duration) time.Duration {
	return o.spanOf(key, usual, maxSpan)
}

// spanOf takes a duration of at most so much.
func (o *object) spanOf(key string, usual, most time.Duration) time.Duration {
	source, e, ok := o.text(key)
	if !ok {
		return usual
	}
	d, err := parseSpan(source)
	switch {
	case err != nil:
		o.r.fault(e.at(), "%s: %s", key, err)
	case d <= 0 || d > most:
		o.r.fault(e.at(), "%s: want more than nothing and at most %s", key, most)
	default:
		return d
	}
	return usual
}
