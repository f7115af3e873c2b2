package main

import (
	"syscall"
	"time"
)

// nap sleeps more exactly than time.Sleep, which wakes on whole milliseconds
// when nothing else runs.
func nap(d time.Duration) {
	left := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&left, nil) // interrupted: the caller looks at the clock
}
