package crm

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"usher/config"
)

// Retry is what a destination's settings.retry says about failed pushes. The
// wait starts at First, doubles up to Max, and each is varied by half; a
// receiver's Retry-After replaces it.
type Retry struct {
	First    time.Duration
	Max      time.Duration
	Attempts int // zero: as many as fit into RetryFor
}

// RetryFor is how long a push is retried when Attempts is not set: a long
// weekend.
const RetryFor = 72 * time.Hour

// The waits where settings.retry says nothing.
const (
	firstWait = time.Second
	maxWait   = time.Hour
)

// SplitRetry reads settings.retry, which every destination may have whatever
// its type, and returns the settings without it: what the connector owns.
func SplitRetry(s config.Settings) (Retry, config.Settings, error) {
	retry := Retry{First: firstWait, Max: maxWait}
	raw, ok := s["retry"]
	if !ok {
		return retry, s, nil
	}
	own := maps.Clone(s)
	delete(own, "retry")
	block, ok := raw.(map[string]any)
	if !ok {
		return retry, own, errors.New("retry: want {first, max, attempts}")
	}
	var set struct {
		First    *config.Duration `json:"first"`
		Max      *config.Duration `json:"max"`
		Attempts *int             `json:"attempts"`
	}
	if err := config.Settings(block).Decode(&set); err != nil {
		return retry, own, fmt.Errorf("retry: %w", err)
	}
	if set.First != nil {
		retry.First = time.Duration(*set.First)
	}
	if set.Max != nil {
		retry.Max = time.Duration(*set.Max)
	} else {
		retry.Max = max(retry.Max, retry.First)
	}
	if set.Attempts != nil {
		if *set.Attempts < 1 {
			return retry, own, errors.New("retry.attempts: want 1 or more")
		}
		retry.Attempts = *set.Attempts
	}
	if retry.First <= 0 || retry.Max < retry.First {
		return retry, own, errors.New("retry: want 0 < first ≤ max")
	}
	return retry, own, nil
}
