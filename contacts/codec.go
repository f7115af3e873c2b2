package contacts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// errCut: a record ends before it should.
var errCut = errors.New("record is cut off or damaged")

// writer appends the parts of a record. Whole numbers take as few bytes as they
// need; texts and lists are preceded by their length.
type writer []byte

func (w *writer) byte(b byte)       { *w = append(*w, b) }
func (w *writer) uint(n uint64)     { *w = binary.AppendUvarint(*w, n) }
func (w *writer) int(n int64)       { *w = binary.AppendVarint(*w, n) }
func (w *writer) float(f float64)   { *w = binary.LittleEndian.AppendUint64(*w, math.Float64bits(f)) }
func (w *writer) bytes(b []byte)    { w.uint(uint64(len(b))); *w = append(*w, b...) }
func (w *writer) list(all []string) { w.uint(uint64(len(all))); each(all, w.string) }

// time is kept to the millisecond, as the distance to one that is known.
func (w *writer) time(t, since time.Time) {
	if t.IsZero() {
		w.uint(0)
		return
	}
	delta := t.UnixMilli() - millisOf(since)
	w.uint(uint64(delta<<1^delta>>63) + 1)
}

// reader takes a record apart. After the first fault it returns zeroes; err
// says so once.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail() {
	r.data = nil
	if r.err == nil {
		r.err = errCut
	}
}

func (r *reader) byte() byte {
	if len(r.data) == 0 {
		r.fail()
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *reader) uint() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) int() int64 {
	n, size := binary.Varint(r.data)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.data = r.data[size:]
	return n
}

func (r *reader) float() float64 {
	if len(r.data) < 8 {
		r.fail()
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64(r.data))
	r.data = r.data[8:]
	return f
}

// take is the next n bytes of the record, not copied.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.fail()
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) bytes() []byte { return append([]byte(nil), r.take(r.uint())...) }

// count is how many items follow; each takes a byte at least, so that a damaged
// count never costs more memory than the record itself.
func (r *reader) count() int {
	n := r.uint()
	if n > uint64(len(r.data)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) list() []string {
	var all []string
	for range r.count() {
		all = append(all, r.string())
	}
	return all
}

func (r *reader) time(since time.Time) time.Time {
	n := r.uint()
	if n == 0 {
		return time.Time{}
	}
	n--
	delta := int64(n>>1) ^ -int64(n&1)
	return time.UnixMilli(millisOf(since) + delta).UTC()
}

// end reports what went wrong, and bytes that nobody asked for.
func (r *reader) end(what string) error {
	if r.err == nil && len(r.data) > 0 {
		r.err = errors.New("record has bytes left over")
	}
	if r.err != nil {
		return fmt.Errorf("%s: %w", what, r.err)
	}
	return nil
}

func millisOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func each[T any](all []T, do func(T)) {
	for _, one := range all {
		do(one)
	}
}
