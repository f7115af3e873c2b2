// Package usher_test holds what is true of the repository as a whole.
package usher_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule says which packages of ours the packages at a path may import. Paths are
// below the module; * stands for one part of a path. The first rule that fits
// counts; a package that none fits is a mistake: decide where it belongs.
type rule struct {
	packages string
	may      []string
}

func importRules() []rule {
	return []rule{
		// Contracts and what they are made of.
		{"config", []string{"internal/hours"}},
		{"contacts", nil},
		{"connectors", []string{"config"}},
		{"crm", []string{"config"}},
		{"flows", []string{"contacts", "connectors"}},
		{"examples", nil},

		// Test suites and stand-ins: for tests only, see isTestSupport.
		{"connectors/connectortest", []string{"config", "connectors", "contacts", "internal/outbound"}},
		{"crm/crmtest", []string{"config", "crm", "internal/outbound"}},
		{"contacts/storetest", []string{"contacts", "contacts/sqlstore", "internal/database", "internal/ids"}},
		{"internal/database/databasetest", []string{"internal/database"}},
		{"crm/*/*", nil},

		// Plugins know their contract and no other plugin.
		{"connectors/*", []string{"config", "connectors", "contacts", "internal/meta", "internal/outbound"}},
		{"crm/*", []string{"config", "crm", "internal/outbound"}},

		// Stores.
		{"contacts/redisstore", []string{"contacts"}},
		{"contacts/sqlstore", []string{"contacts", "internal/database", "internal/ids"}},
		{"internal/inbox", []string{"contacts", "connectors", "internal/database", "internal/ids"}},
		{"internal/outbox", []string{"contacts", "connectors", "crm", "internal/database", "internal/ids"}},
		{"internal/timers", []string{"internal/database"}},
		{"internal/database", nil},
		{"internal/hours", nil},
		{"internal/ids", nil},
		{"internal/nudge", nil},
		{"internal/outbound", nil},
		{"internal/meta", []string{"config", "connectors", "internal/outbound"}}, // what three channels share

		// The story, the door to it, and the only place that joins everything.
		{"internal/gateway", []string{
			"connectors", "contacts", "contacts/sqlstore", "crm", "flows", "internal/database", "internal/hours", "internal/ids",
			"internal/inbox", "internal/nudge", "internal/outbound", "internal/outbox", "internal/timers",
		}},
		{"internal/api", []string{
			"connectors", "contacts", "contacts/sqlstore", "crm", "flows", "internal/api/*", "internal/database", "internal/gateway",
			"internal/hours", "internal/ids", "internal/inbox", "internal/nudge", "internal/outbound", "internal/outbox",
		}},
		{"internal/api/*", nil},
		{"cmd/usher", []string{"*", "*/*"}},
		{"bench", []string{"*", "*/*", "*/*/*"}},
		{"bench/*", []string{"*", "*/*", "*/*/*"}},
	}
}

// confined says where a library, by the start of its path, may be imported.
func confined() []rule {
	return []rule{
		{"github.com/gofiber/", []string{"internal/api", "bench", "bench/*"}},
		{"github.com/valyala/fasthttp", []string{"internal/api", "bench", "bench/*"}},
		{"gorm.io/", []string{"contacts/sqlstore", "internal/inbox", "internal/outbox", "internal/database", "cmd/usher"}},
		{"github.com/redis/", []string{"contacts/redisstore", "contacts/storetest", "internal/nudge", "cmd/usher", "bench", "bench/*"}},
		{"github.com/hashicorp/go-retryablehttp", []string{"internal/outbound"}},
	}
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, pkg := range list(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(pkg.ImportPath, "usher"), "/")
		if len(pkg.Imports) == 0 {
			continue
		}
		i := slices.IndexFunc(importRules(), func(r rule) bool { return match(r.packages, name) })
		if i < 0 {
			t.Errorf("no rule says what %s may import", name)
			continue
		}
		for _, imported := range pkg.Imports {
			other, ours := strings.CutPrefix(imported, "usher/")
			switch {
			case ours && !anyMatch(importRules()[i].may, other):
				t.Errorf("%s must not import %s", name, other)
			case ours && isTestSupport(other) && !isTestSupport(name):
				t.Errorf("%s imports %s outside of a test", name, other)
			case !ours:
				for _, c := range confined() {
					if strings.HasPrefix(imported, c.packages) && !anyMatch(c.may, name) {
						t.Errorf("%s must not import %s: only %s", name, imported, strings.Join(c.may, ", "))
					}
				}
			}
		}
	}
}

// Tests may join what they like, but a plugin's test too leaves other plugins
// alone.
func TestPluginsKnowNoOther(t *testing.T) {
	t.Parallel()
	for _, pkg := range list(t, "-test") {
		name, _, _ := strings.Cut(strings.TrimPrefix(pkg.ImportPath, "usher/"), " ")
		name = strings.TrimSuffix(name, "_test")
		for _, kind := range []string{"connectors/*", "crm/*"} {
			for _, imported := range pkg.Imports {
				other, _, _ := strings.Cut(strings.TrimPrefix(imported, "usher/"), " ")
				if match(kind, name) && match(kind, other) && other != name && !isTestSupport(other) &&
					!strings.HasSuffix(name, ".test") {
					t.Errorf("%s must not import %s", name, other)
				}
			}
		}
	}
}

func list(t *testing.T, flags ...string) []listed {
	t.Helper()
	args := append(append([]string{"list", "-e"}, flags...), "-json=ImportPath,Imports", "./...")
	cmd := exec.CommandContext(t.Context(), "go", args...) // -e: what does not build is another test's failure
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", exit.Stderr)
	}
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listed
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		all = append(all, pkg)
	}
	require.NotEmpty(t, all)
	return all
}

func isTestSupport(name string) bool { return strings.HasSuffix(name, "test") }

func anyMatch(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}

func match(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
