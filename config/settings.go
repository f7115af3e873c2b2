package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Settings is the raw settings block of one channel or destination. Its owner
// decodes it into a struct of its own.
type Settings map[string]any

// Decode fills into, a pointer to a struct with json tags. Unknown keys and
// values of the wrong type are errors, told together, that name the key and
// never the value.
func (s Settings) Decode(into any) error {
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		// Each key alone first: a decoder stops at its first fault.
		probe := reflect.New(reflect.TypeOf(into).Elem()).Interface()
		if err := decode(map[string]any{key: s[key]}, probe); err != nil {
			faults = append(faults, err.Error())
		}
	}
	if len(faults) > 0 {
		return errors.New(strings.Join(faults, "; "))
	}
	return decode(map[string]any(s), into)
}

func decode(from map[string]any, into any) error {
	raw, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return settingsError(err)
	}
	return nil
}

// String names the keys only: some of the values are secrets.
func (s Settings) String() string {
	return "settings(" + strings.Join(slices.Sorted(maps.Keys(s)), ", ") + ")"
}

// GoString is String.
func (s Settings) GoString() string { return s.String() }

// LogValue is String.
func (s Settings) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Secret is a string that prints as *** wherever it lands by accident.
type Secret string

func (Secret) String() string                  { return "***" }
func (Secret) GoString() string                { return "***" }
func (Secret) LogValue() slog.Value            { return slog.StringValue("***") }
func (Secret) MarshalJSON() ([]byte, error)    { return []byte(`"***"`), nil }
func (s *Secret) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, (*string)(s)) }

// Secrets is one secret, or two while it is rotated; in YAML and JSON a string
// or a list of strings.
type Secrets []Secret

// UnmarshalJSON reads a string or a list of at most two.
func (s *Secrets) UnmarshalJSON(b []byte) error {
	var one Secret
	if err := json.Unmarshal(b, &one); err == nil {
		if one != "" {
			*s = Secrets{one}
		}
		return nil
	}
	var many []Secret
	if err := json.Unmarshal(b, &many); err != nil {
		return &json.UnmarshalTypeError{Value: "something", Type: reflect.TypeFor[Secrets]()}
	}
	if len(many) > 2 {
		return fmt.Errorf("%d secrets given, two are the most", len(many))
	}
	*s = many
	return nil
}

// Duration is a time.Duration in settings: a text as "5m" or "90d", or the number 0.
type Duration time.Duration

// UnmarshalJSON reads what ParseDuration does; a number must be 0.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if string(b) == "0" {
		text = "0"
	} else if err := json.Unmarshal(b, &text); err != nil {
		return &json.UnmarshalTypeError{Value: "number", Type: reflect.TypeFor[Duration]()}
	}
	parsed, err := ParseDuration(text)
	if err != nil {
		return &json.UnmarshalTypeError{Value: "that", Type: reflect.TypeFor[Duration]()}
	}
	*d = Duration(parsed)
	return nil
}

func settingsError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		kind, _, _ := strings.Cut(wrong.Value, " ") // what follows is the value
		return fmt.Errorf("%s: want %s, not %s", wrong.Field, jsonName(wrong.Type), kind)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	return errors.New(strings.Replace(text, "unknown field", "no such setting:", 1))
}

func jsonName(t reflect.Type) string {
	if t == reflect.TypeFor[Duration]() {
		return "a duration, as 5m, 90d or 0"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Map, reflect.Struct:
		return "a map"
	case reflect.Slice:
		if t == reflect.TypeFor[Secrets]() {
			return "a text or a list of two texts"
		}
		return "a list"
	}
	return "a whole number"
}
