package contacts

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// How a value is kept. The low bits of its key; the rest of the key is the
// field's place in knownNames plus one, or nought for a name that follows.
const (
	asText = iota
	asWhole
	asFloat
	asTrue
	asFalse

	kindBits = 3
)

// knownNames are fields that need no name in a record. Only ever append.
func knownNames() [15]string {
	return [...]string{"name", "first_name", "middle_name", "last_name", "email", "phone", "customer_id", "company", "country",
		"city", "zip", "language", "timezone", "contact_address", "billing_address"}
}

var errValue = errors.New("a value is no text, number or yes/no")

func (w *writer) values(v Values, composed bool) error {
	names := knownNames()
	count := len(v)
	if composed {
		count--
	}
	w.uint(uint64(count))
	for _, field := range slices.Sorted(maps.Keys(v)) {
		if field == "name" && composed {
			continue
		}
		place := uint64(slices.Index(names[:], field) + 1)
		key := func(kind uint64) {
			w.uint(place<<kindBits | kind)
			if place == 0 {
				w.string(field)
			}
		}
		switch value := v[field].(type) {
		case string:
			key(asText)
			w.string(value)
		case bool:
			if value {
				key(asTrue)
			} else {
				key(asFalse)
			}
		case float64:
			if value == math.Trunc(value) && math.Abs(value) <= maxNumber && !math.Signbit(value) {
				key(asWhole)
				w.uint(uint64(value))
			} else {
				key(asFloat)
				w.float(value)
			}
		default:
			return fmt.Errorf("%s: %w", field, errValue)
		}
	}
	return nil
}

func (r *reader) values(composed bool) Values {
	names := knownNames()
	v := Values{}
	for range r.count() {
		key := r.uint()
		place := key >> kindBits
		var field string
		switch {
		case place == 0:
			field = r.string()
		case place <= uint64(len(names)):
			field = names[place-1]
		default:
			r.fail()
		}
		switch key & (1<<kindBits - 1) {
		case asText:
			v[field] = r.string()
		case asWhole:
			v[field] = float64(r.uint())
		case asFloat:
			v[field] = r.float()
		case asTrue:
			v[field] = true
		case asFalse:
			v[field] = false
		default:
			r.fail()
		}
		if r.err != nil {
			return nil
		}
	}
	if composed {
		v.put("name", nameOf(v))
	}
	return v
}
