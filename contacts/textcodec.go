package contacts

import (
	"strconv"
	"strings"
)

// How a text is kept: the low bits of its length say. Guests are kept by the
// million, and Redis hands out memory in steps of 32 bytes; packing saves one or
// two of them a guest.
const (
	textRaw    = iota
	textDigits // the number that it is written as: most ids of platforms
	textSix    // six bits a character of alphabet

	textBits = 2
)

// Packing pays from four characters on; more than 18 digits may not fit a
// number.
const (
	minPacked = 4
	maxDigits = 18
)

// alphabet has what names, words and ids are made of: 64 characters. It does not
// change: records are written in it.
const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIKLMNOPRSTUVWY -_/.:"

func (w *writer) string(s string) {
	if n, ok := asDigits(s); ok {
		w.uint(textDigits)
		w.uint(n)
		return
	}
	if len(s) < minPacked || !w.six(s) {
		w.uint(uint64(len(s))<<textBits | textRaw)
		*w = append(*w, s...)
	}
}

func asDigits(s string) (uint64, bool) {
	if len(s) < minPacked || len(s) > maxDigits || s[0] == '0' || s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// six appends s in six bits a character; it appends nothing and says so if there
// is another character in it.
func (w *writer) six(s string) bool {
	start := len(*w)
	w.uint(uint64(len(s))<<textBits | textSix)
	var bits, have uint
	for i := range len(s) {
		place := strings.IndexByte(alphabet, s[i])
		if place < 0 {
			*w = (*w)[:start]
			return false
		}
		bits, have = bits<<6|uint(place), have+6
		if have >= 8 {
			have -= 8
			w.byte(byte(bits >> have))
		}
	}
	if have > 0 {
		w.byte(byte(bits << (8 - have)))
	}
	return true
}

func (r *reader) string() string {
	header := r.uint()
	size := header >> textBits
	switch header & (1<<textBits - 1) {
	case textRaw:
		return string(r.take(size))
	case textDigits:
		return strconv.FormatUint(r.uint(), 10)
	case textSix:
		return r.six(size)
	default:
		r.fail()
		return ""
	}
}

func (r *reader) six(size uint64) string {
	if size > 2*uint64(len(r.data)) { // also keeps the product below from overflowing
		r.fail()
		return ""
	}
	packed := r.take((size*6 + 7) / 8)
	if r.err != nil {
		return ""
	}
	text := make([]byte, size)
	var bits, have uint
	for i := range text {
		if have < 6 {
			bits, have = bits<<8|uint(packed[0]), have+8
			packed = packed[1:]
		}
		have -= 6
		text[i] = alphabet[bits>>have&63]
	}
	return string(text)
}
