package usher_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// Every path that a document names in backticks is there; <name> and the like
// stand for what a reader fills in.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`([.A-Za-z0-9_-]+(?:/[.A-Za-z0-9_-]+)*/?)`")
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
	for _, dir := range []string{"cmd/", "config/", "connectors/", "contacts/", "crm/", "examples/", "flows/", "internal/", "bench/", ".ci/"} {
		if strings.HasPrefix(s, dir) {
			return true
		}
	}
	return !strings.Contains(s, "/") && (strings.HasSuffix(s, ".md") || strings.HasSuffix(s, ".go"))
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
