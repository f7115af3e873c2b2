package config_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"usher/config"
)

const exampleFile = "../examples/usher.yaml"

func exampleEnviron() []string {
	var environ []string
	for _, name := range []string{
		"USHER_API_KEY", "BETA_API_KEY", "BOT_TOKEN", "WHATSAPP_APP_SECRET", "WHATSAPP_VERIFY_TOKEN",
		"WHATSAPP_ACCESS_TOKEN", "HUBSPOT_TOKEN", "CRM_WEBHOOK_SECRET", "ACCOUNTS_TOKEN",
	} {
		environ = append(environ, name+"=of-"+strings.ToLower(name))
	}
	return environ
}

func TestTheExampleLoads(t *testing.T) {
	t.Parallel()
	c, err := config.Load(exampleFile, exampleEnviron())
	require.NoError(t, err)
	require.Equal(t, config.Secret("of-bot_token"), config.Secret(c.Channels[1].Settings["token"].(string)))
}

// The example is the reference of settings: every one is in it.
func TestTheExampleIsComplete(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(exampleFile)
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &tree))
	have := map[string]bool{}
	collect(have, "", tree)
	require.Empty(t, missing(have, "", reflect.TypeFor[config.Config]()))
}

// collect notes the path of every key; entries of a list share theirs.
func collect(have map[string]bool, path string, v any) {
	have[path] = true
	switch v := v.(type) {
	case map[string]any:
		for key, item := range v {
			collect(have, path+"."+key, item)
		}
	case []any:
		for _, item := range v {
			collect(have, path, item)
		}
	}
}

func missing(have map[string]bool, path string, t reflect.Type) []string {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("yaml")
		if key == "-" || key == "" {
			continue
		}
		if at := path + "." + key; !have[at] {
			out = append(out, at)
		} else {
			out = append(out, missing(have, at, t.Field(i).Type)...)
		}
	}
	return out
}
