package usher_test

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"usher/config"
	"usher/connectors"
)

// Every path that a document names in backticks is there; <name> and the like
// stand for what a reader fills in.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("[`(]([.A-Za-z0-9_-]+(?:/[.A-Za-z0-9_-]+)*/?)[`)]") // `path` and [text](path)
	for _, doc := range []string{"README.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			if isPath(m[1]) {
				_, err := os.Stat(m[1])
				require.NoError(t, err, doc)
			}
		}
	}
}

// isPath tells paths of the repository from commands, settings and addresses.
func isPath(s string) bool {
	for _, dir := range []string{"cmd/", "config/", "connectors/", "contacts/", "crm/", "examples/", "flows/", "docs/", "e2e/", "internal/", "bench/", ".ci/"} {
		if strings.HasPrefix(s, dir) {
			return true
		}
	}
	return !strings.Contains(s, "/") && (strings.HasSuffix(s, ".md") || strings.HasSuffix(s, ".go"))
}

// The README's table of settings has every one: a row each, in which the
// settings below it are named.
func TestTheReadmeListsEverySetting(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|.*$").FindAllStringSubmatch(string(text), -1) {
		if _, there := rows[m[1]]; !there {
			rows[m[1]] = m[0]
		}
	}
	for _, setting := range settingsOf(reflect.TypeFor[config.Config]()) {
		key, below, _ := strings.Cut(setting, ".")
		require.Contains(t, rows, key)
		require.Contains(t, rows[key], "`"+below, key)
	}
}

// settingsOf lists the keys of a struct and of the structs in it: key.below.
func settingsOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("yaml")
		if key == "-" || key == "" {
			continue
		}
		keys = append(keys, key)
		of := t.Field(i).Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct {
			for _, below := range settingsOf(of) {
				keys = append(keys, key+"."+below)
			}
		}
	}
	return keys
}

// What the compose file must not lose: usher promises durability on it.
func TestComposeKeepsWhatIsAnswered(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("docker-compose.yml")
	require.NoError(t, err)
	var file struct {
		Services map[string]struct {
			Command     any
			Environment map[string]string
			Healthcheck map[string]any
			Volumes     []string
		}
		Volumes map[string]any
	}
	require.NoError(t, yaml.Unmarshal(raw, &file))
	require.Len(t, file.Services, 3)
	for name, service := range file.Services {
		require.NotEmpty(t, service.Healthcheck, name)
		volume, _, _ := strings.Cut(service.Volumes[0], ":")
		require.Contains(t, file.Volumes, volume)
	}
	require.Contains(t, file.Services["redis"].Command, "--appendonly yes --appendfsync always")
	require.Contains(t, file.Services["redis"].Command, "--maxmemory-policy noeviction")
	require.Contains(t, file.Services["usher"].Environment, "USHER_DATABASE")
}

// The table of what channels show, as authors of flows read it, has the limits
// that hold.
func TestTheTableOfChannelsHolds(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("docs/flows.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(raw), "## On each channel")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, channel := range connectors.ChannelTypes() {
		shows := connectors.CapabilitiesOf(channel)
		row := regexp.MustCompile("(?m)^\\| .*`" + channel + "`.*$").FindString(table)
		if shows.Limits.Text == 0 && !shows.Buttons {
			require.Empty(t, row, "one of the others")
			continue
		}
		for _, n := range []int{shows.Limits.Text, shows.Limits.Body, shows.Limits.Row.Count, shows.Limits.Row.Title, shows.Limits.List.Count, shows.Limits.List.Title} {
			if n > 0 {
				require.Regexp(t, `\b`+strconv.Itoa(n)+`\b`, row, channel)
			}
		}
		require.Equal(t, shows.Forms, strings.HasSuffix(row, "| yes |"), channel)
	}
}
