package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
)

type exampleSettings struct {
	Token     config.Secret    `json:"token"`
	Secrets   config.Secrets   `json:"secrets"`
	Tolerance *config.Duration `json:"tolerance"`
	Limit     int              `json:"limit"`
	On        bool             `json:"on"`
	Retry     struct {
		First config.Duration `json:"first"`
	} `json:"retry"`
	Origins []string `json:"origins"`
}

func TestSettingsDecode(t *testing.T) {
	t.Parallel()
	var s exampleSettings
	require.NoError(t, config.Settings{
		"token": "a", "secrets": []any{"b", "c"}, "tolerance": 0, "limit": 3, "on": true,
		"retry": map[string]any{"first": "1d"}, "origins": []any{"x"},
	}.Decode(&s))
	require.Equal(t, config.Secret("a"), s.Token)
	require.Equal(t, config.Secrets{"b", "c"}, s.Secrets)
	require.Equal(t, config.Duration(0), *s.Tolerance)
	require.Equal(t, config.Duration(24*time.Hour), s.Retry.First)

	require.NoError(t, config.Settings{"secrets": "b"}.Decode(&s))
	require.Equal(t, config.Secrets{"b"}, s.Secrets)
	require.NoError(t, config.Settings(nil).Decode(&exampleSettings{}))
}

func TestSettingsFaultsComeTogetherWithoutValues(t *testing.T) {
	t.Parallel()
	err := config.Settings{
		"token": 12345, "secrets": map[string]any{"a": "hush"}, "tolerance": "hush", "limit": 1.5, "on": "hush",
		"retry": map[string]any{"first": 7, "last": "x"}, "origins": "hush", "tokn": "hush",
	}.Decode(&exampleSettings{})
	require.EqualError(t, err, `limit: want a whole number, not number; on: want true or false, not string; `+
		`origins: want a list, not string; retry.first: want a duration, as 5m, 90d or 0, not number; `+
		`secrets: want a text or a list of two texts, not something; token: want a text, not number; `+
		`no such setting: "tokn"; tolerance: want a duration, as 5m, 90d or 0, not that`)
	require.EqualError(t, config.Settings{"secrets": []any{"a", "b", "c"}}.Decode(&exampleSettings{}), "3 secrets given, two are the most")
}

func TestSettingsDoNotPrint(t *testing.T) {
	t.Parallel()
	s := config.Settings{"token": "hush", "a": 1}
	require.Equal(t, "settings(a, token) settings(a, token)", fmt.Sprintf("%v %#v", s, s))
	require.Equal(t, "settings(a, token)", s.LogValue().String())
}
