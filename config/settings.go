package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// Settings is the raw settings block of one channel or destination. Its owner
// decodes it into a struct of its own.
type Settings map[string]any

// Decode fills into, a pointer to a struct with json tags. An unknown key or a
// value of the wrong type is an error that names the key, never the value.
func (s Settings) Decode(into any) error {
	raw, err := json.Marshal(map[string]any(s))
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
		return fmt.Errorf("want a text or a list of two texts")
	}
	if len(many) > 2 {
		return fmt.Errorf("%d secrets given, two are the most", len(many))
	}
	*s = many
	return nil
}

func settingsError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s: want %s, not %s", wrong.Field, wrong.Type, wrong.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}
