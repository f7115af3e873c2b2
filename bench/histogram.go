package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in steps of one microsecond at first and of at
// most 1/64 of the value later.
type histogram struct {
	counts [64 * 40]int64
	total  int64
}

const fine = 7 // bits that are told apart

func slot(us uint64) int {
	shift := max(bits.Len64(us)-fine, 0)
	return shift<<(fine-1) + int(us>>shift)
}

// value is the lower end of a slot.
func value(slot int) uint64 {
	if slot < 1<<fine {
		return uint64(slot)
	}
	shift := slot>>(fine-1) - 1
	return uint64(slot-shift<<(fine-1)) << shift
}

func (h *histogram) add(d time.Duration) {
	i := slot(uint64(max(d.Microseconds(), 0)))
	h.counts[min(i, len(h.counts)-1)]++
	h.total++
}

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
}

// at is the duration below which the share p of all lies.
func (h *histogram) at(p float64) time.Duration {
	rank := int64(p * float64(h.total))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return time.Duration(value(i)) * time.Microsecond
		}
	}
	return 0
}
