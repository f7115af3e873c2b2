package connectortest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"usher/connectors"
)

// Differences compares the events of a request with the expected ones: number
// and order are exact, each expected event is a subset of the produced one.
// Empty: they agree.
func Differences(want []map[string]any, got []connectors.Item) []string {
	var all []string
	if len(want) != len(got) {
		all = append(all, fmt.Sprintf("%d events, want %d", len(got), len(want)))
	}
	for i := range min(len(want), len(got)) {
		at := fmt.Sprintf("events[%d]", i)
		if got[i].Problem != "" {
			all = append(all, at+": problem: "+got[i].Problem)
		}
		produced, err := generic(got[i].Event)
		if err != nil {
			all = append(all, at+": "+err.Error())
			continue
		}
		for key, value := range want[i] {
			if key == "absent" {
				all = append(all, present(at, value, produced)...)
				continue
			}
			all = append(all, differ(at+"."+key, key, value, produced[key])...)
		}
	}
	return all
}

// generic is an event as its readers see it.
func generic(e connectors.Event) (map[string]any, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("event cannot be written: %w", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// present reports the dotted keys that should be missing or empty.
func present(at string, keys any, in map[string]any) (all []string) {
	list, _ := keys.([]any)
	for _, key := range list {
		var v any = in
		for name := range strings.SplitSeq(fmt.Sprint(key), ".") {
			object, _ := v.(map[string]any)
			v = object[name]
		}
		if !empty(v) {
			all = append(all, fmt.Sprintf("%s.%v: %v, want it absent", at, key, v))
		}
	}
	return all
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

func differ(at, key string, want, got any) []string {
	wrong := []string{fmt.Sprintf("%s: %v, want %v", at, got, want)}
	if empty(want) && empty(got) {
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return wrong
		}
		var all []string
		for name, value := range want {
			all = append(all, differ(at+"."+name, name, value, object[name])...)
		}
		return all
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return wrong
		}
		var all []string
		for i := range want {
			all = append(all, differ(fmt.Sprintf("%s[%d]", at, i), key, want[i], list[i])...)
		}
		return all
	case json.Number:
		if n, ok := got.(json.Number); ok && sameNumber(want, n) {
			return nil
		}
	case string:
		if want == got || sameInstant(key, want, got) {
			return nil
		}
	default:
		if want == got {
			return nil
		}
	}
	return wrong
}

func sameNumber(a, b json.Number) bool {
	x, ok := new(big.Rat).SetString(a.String())
	y, too := new(big.Rat).SetString(b.String())
	return ok && too && x.Cmp(y) == 0
}

// sameInstant compares times without what is below a millisecond.
func sameInstant(key, want string, got any) bool {
	if key != "timestamp" && key != "watermark" {
		return false
	}
	text, _ := got.(string)
	a, err := time.Parse(time.RFC3339Nano, want)
	b, err2 := time.Parse(time.RFC3339Nano, text)
	return err == nil && err2 == nil && a.Truncate(time.Millisecond).Equal(b.Truncate(time.Millisecond))
}
