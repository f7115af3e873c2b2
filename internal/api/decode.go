package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"usher/connectors"
)

// Raw is a body that decode or members read.
type Raw struct {
	RawBody []byte `contentType:"application/json"`
}

// members reads a JSON object without looking at its values. What is no JSON,
// no UTF-8 or nests without end is a 400, another kind of value a 422.
func members(body []byte) (map[string]json.RawMessage, error) {
	if err := connectors.CheckJSON(body); err != nil {
		return nil, newProblem(http.StatusBadRequest, err.Error())
	}
	var all map[string]json.RawMessage
	err := json.Unmarshal(body, &all)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong), err == nil && all == nil:
		return nil, invalid(fault{Code: "type", Detail: "want a JSON object"})
	case err != nil:
		return nil, newProblem(http.StatusBadRequest, "the body is no JSON")
	}
	return all, nil
}

// decode fills the struct that into points to from a JSON object. Members that
// it has no field for and values of another type are told all at once. A member
// that is null counts as left out.
func decode(body []byte, into any) error {
	all, err := members(body)
	if err != nil {
		return err
	}
	v := reflect.ValueOf(into).Elem()
	targets := map[string]any{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		targets[name] = v.Field(i).Addr().Interface()
	}
	var faults []fault
	for _, name := range sortedNames(all) {
		target, ok := targets[name]
		switch {
		case !ok:
			faults = append(faults, unknownMember(name))
		case json.Unmarshal(all[name], target) != nil:
			faults = append(faults, fault{Field: name, Code: "type", Detail: fmt.Sprintf("want %s", kindOf(target))})
		}
	}
	if len(faults) > 0 {
		return invalid(faults...)
	}
	return nil
}

// patchOf reads a merge patch into pointers to pointers: what is left out stays
// nil, null is the empty value. Members of other names and values of another
// type are told all at once.
func patchOf(body []byte, targets map[string]any) error {
	all, err := members(body)
	if err != nil {
		return err
	}
	var faults []fault
	for _, name := range sortedNames(all) {
		target, known := targets[name]
		if !known {
			faults = append(faults, unknownMember(name))
			continue
		}
		ok := false
		switch into := target.(type) {
		case **string:
			ok = read(all[name], into)
		case **int:
			ok = read(all[name], into)
		case **bool:
			ok = read(all[name], into)
		case **[]string:
			ok = read(all[name], into)
		case **map[string]string:
			ok = read(all[name], into)
		}
		if !ok {
			faults = append(faults, fault{Field: name, Code: "type", Detail: "want " + kindOf(target)})
		}
	}
	if len(faults) > 0 {
		return invalid(faults...)
	}
	return nil
}

// read fills what into points to; null is the zero value.
func read[T any](raw json.RawMessage, into **T) bool {
	value := new(T)
	if json.Unmarshal(raw, value) != nil {
		return false
	}
	*into = value
	return true
}

func unknownMember(name string) fault {
	return fault{Field: shown(name), Code: codeUnknown, Detail: "nothing here has this name"}
}

// shown is a name of the sender's as an answer repeats it.
func shown(name string) string {
	const long = 64
	if len(name) > long {
		return strings.ToValidUTF8(name[:long], "") + "…"
	}
	return name
}

func kindOf(target any) string {
	t := reflect.TypeOf(target).Elem()
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Int:
		return "a whole number"
	case reflect.Slice:
		return "a list of texts"
	case reflect.Map:
		return "an object of texts"
	default:
		return "an object"
	}
}

// valueOf reads one value; numbers keep the digits that they were written with,
// so that a phone number without quotes stays one.
func valueOf(raw json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read value: %w", err)
	}
	return v, nil
}

func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
