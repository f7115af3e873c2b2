// Package ids makes the ids of events and of what they cause: 63 bits that rise
// with time, written as a prefix and 13 letters and digits.
package ids

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// ErrMalformed: the text is no id of the wanted kind.
var ErrMalformed = errors.New("malformed id")

// epoch makes 41 bits of milliseconds last until 2094.
const (
	epoch    = 1735689600000 // 2025-01-01
	randBits = 22
)

// Source makes ids. Within a millisecond it counts up from a random place, so
// two nodes rarely meet; whoever stores an id must still notice when they do.
type Source struct {
	mu   sync.Mutex
	last int64
}

// Next id. Each is larger than the one before.
func (s *Source) Next() int64 {
	// Half of the random range stays free for counting up.
	fresh := After(time.Now()) | rand.Int64N(1<<(randBits-1))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last+1, fresh)
	return s.last
}

// After is the smallest id made at t or later.
func After(t time.Time) int64 { return max(t.UnixMilli()-epoch, 0) << randBits }

// Crockford's alphabet, lower case: no letters that look like digits; it sorts
// as the numbers do.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Format writes an id: Format("evt", id) is evt_ and 13 characters.
func Format(prefix string, id int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return prefix + "_" + alphabet.EncodeToString(b[:])
}

// Parse reads what Format wrote; ErrMalformed for anything else.
func Parse(prefix, text string) (int64, error) {
	rest, ok := strings.CutPrefix(text, prefix+"_")
	if !ok || len(rest) != 13 {
		return 0, ErrMalformed
	}
	b, err := alphabet.DecodeString(rest)
	if err != nil || len(b) != 8 || b[0] > 127 {
		return 0, ErrMalformed
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

// Of derives the text id of something that id caused: the n-th of its kind.
// The same cause gives the same id.
func Of(prefix string, id int64, n int) string {
	text := Format(prefix, id)
	if n == 0 {
		return text
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return text + strings.TrimLeft(alphabet.EncodeToString(b[:]), "0")
}
