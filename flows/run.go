package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"usher/connectors"
)

// Run is the state of one run of a flow, pinned to the version it started with.
// It is a value: a turn returns a new one and leaves the one it got as it was.
type Run struct {
	Flow    string
	Version int
	thread

	step  int // the step that waits
	tries int // wrong answers so far
	// field is the place, from 1, of the form field that is being asked; 0: the
	// channel shows the whole form, or the step is no form.
	field int
	done  uint64 // bit i: field i of the form is answered or left out
	// vars are the flow's variables by slot; only those that the flow reads.
	vars []any
	// offered are the buttons that a bot showed last.
	offered []connectors.Button
	// parent is the run to go on with when this one has ended.
	parent *Run
}

// thread is what a run shares with those that it starts, returns to or leaves
// for: together they are one course of the conversation.
type thread struct {
	// ID is the event that began the first of them.
	ID int64
	// Visit counts what they waited for outside of the conversation.
	Visit int
	heard int64 // the event with the person's latest message; 0: none yet
	alone int   // visits since then
}

// leave forgets what only the step that waited needs.
func (r *Run) leave() { r.tries, r.field, r.done, r.offered = 0, 0, 0, nil }

// Bounds of an encoded run; anything beyond was not written by this package.
const (
	maxParents = 5
	maxVars    = 1000
)

// ErrUnreadableRun: the bytes are no run of this or an earlier usher.
var ErrUnreadableRun = errors.New("unreadable run")

const runFormat = 2

// Tags of an encoded variable.
const (
	varText byte = iota + 1
	varNumber
	varWhole // a number that is whole, as a varint
	varTrue
	varFalse
)

// MarshalBinary writes the run in a few dozen bytes: it lives in a guest's Redis
// value.
func (r *Run) MarshalBinary() ([]byte, error) { return r.AppendBinary(make([]byte, 0, 64)) }

// AppendBinary appends what MarshalBinary returns.
func (r *Run) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, runFormat)
	b = r.thread.append(b)
	for depth := 0; ; depth++ {
		if depth > maxParents {
			return nil, fmt.Errorf("run of %s: more than %d flows deep", r.Flow, maxParents)
		}
		b = r.appendOne(b)
		if r.parent == nil {
			return append(b, 0), nil
		}
		b = append(b, 1)
		r = r.parent
	}
}

func (t thread) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(t.ID))
	if t.heard == 0 {
		b = binary.AppendUvarint(b, uint64(t.Visit)<<1)
		return binary.AppendUvarint(b, uint64(t.alone))
	}
	b = binary.AppendUvarint(b, uint64(t.Visit)<<1|1)
	b = binary.AppendUvarint(b, uint64(t.alone))
	return binary.AppendVarint(b, t.heard-t.ID) // ids of one day share most of their bits
}

func (r *Run) appendOne(b []byte) []byte {
	b = appendText(b, r.Flow)
	for _, n := range [...]uint64{uint64(r.Version), uint64(r.step), uint64(r.tries), uint64(r.field), r.done} {
		b = binary.AppendUvarint(b, n)
	}
	known := 0
	for _, v := range r.vars {
		if v != nil {
			known++
		}
	}
	b = binary.AppendUvarint(b, uint64(len(r.offered)))
	for _, button := range r.offered {
		b = appendText(appendText(b, button.Title), button.Value)
	}
	b = binary.AppendUvarint(b, uint64(known))
	for slot, v := range r.vars {
		if v != nil {
			b = appendVar(binary.AppendUvarint(b, uint64(slot)), v)
		}
	}
	return b
}

func appendVar(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, varTrue)
		}
		return append(b, varFalse)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return binary.AppendVarint(append(b, varWhole), int64(v))
		}
		return binary.BigEndian.AppendUint64(append(b, varNumber), math.Float64bits(v))
	default:
		return appendText(append(b, varText), text(v))
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// UnmarshalBinary reads what MarshalBinary wrote. Its error is ErrUnreadableRun.
func (r *Run) UnmarshalBinary(b []byte) error {
	d := decoder{rest: b}
	if d.byte() != runFormat {
		return ErrUnreadableRun
	}
	shared := thread{ID: int64(d.uvarint())}
	visit := d.int()
	shared.alone = d.int()
	if shared.Visit = visit >> 1; visit&1 == 1 {
		shared.heard = shared.ID + d.varint()
	}
	for at, depth := r, 0; ; depth++ {
		d.run(at)
		more := d.byte()
		if d.bad || more > 1 || depth > maxParents {
			return ErrUnreadableRun
		}
		if more == 0 {
			break
		}
		at.parent = new(Run)
		at = at.parent
	}
	if len(d.rest) != 0 {
		return ErrUnreadableRun
	}
	r.thread = shared
	return nil
}

// decoder reads a run; once bad, it yields zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) run(r *Run) {
	*r = Run{Flow: d.text(), Version: d.int(), step: d.int(), tries: d.int(), field: d.int(), done: d.uvarint()}
	for range d.int() {
		if d.bad || len(r.offered) == maxOffered {
			d.bad = true
			return
		}
		r.offered = append(r.offered, connectors.Button{Title: d.text(), Value: d.text()})
	}
	known := d.int()
	if known > maxVars {
		d.bad = true
	}
	for range known {
		slot := d.int()
		if d.bad || slot >= maxVars || slot < len(r.vars) {
			d.bad = true
			return
		}
		if r.vars == nil {
			r.vars = make([]any, 0, known+slot)
		}
		for len(r.vars) < slot {
			r.vars = append(r.vars, nil)
		}
		r.vars = append(r.vars, d.value())
	}
}

func (d *decoder) value() any {
	switch d.byte() {
	case varText:
		return d.text()
	case varTrue:
		return true
	case varFalse:
		return false
	case varWhole:
		return float64(d.varint())
	case varNumber:
		if len(d.rest) < 8 {
			d.bad = true
			return nil
		}
		bits := binary.BigEndian.Uint64(d.rest)
		d.rest = d.rest[8:]
		return math.Float64frombits(bits)
	default:
		d.bad = true
		return nil
	}
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.rest)
	if !d.skip(size) {
		return 0
	}
	return n
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.rest)
	if !d.skip(size) {
		return 0
	}
	return n
}

func (d *decoder) skip(size int) bool {
	if size <= 0 {
		d.bad, d.rest = true, nil
		return false
	}
	d.rest = d.rest[size:]
	return true
}

func (d *decoder) int() int {
	n := d.uvarint()
	if n > math.MaxInt32 {
		d.bad = true
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.int()
	if n > len(d.rest) {
		d.bad = true
		return ""
	}
	s := string(d.rest[:n])
	d.rest = d.rest[n:]
	return s
}
