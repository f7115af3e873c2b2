package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzLoad feeds files and a variable to everything that Load does but search
// for flow files. Whatever comes in, it ends, and no secret is in a problem.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range append(files, "../examples/usher.yaml") {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(raw), "x")
	}
	f.Add("a: &a [*a]\nchannels: [{settings: {x: *a}}]", "")
	f.Add("channels: [{settings: &s {<<: *s}}]", "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text, variable string) {
		const secret = "TOPSECRETTOPSECRET"
		l := &loader{
			file: "usher.yaml", dir: dir,
			env:   environment([]string{"X=" + variable, "SECRET=" + secret, "USHER_LISTEN=" + variable}),
			where: map[string]place{}, broken: map[string]bool{},
		}
		c := base()
		l.decode([]byte(text), c)
		l.override("", reflect.ValueOf(c).Elem())
		l.complete(c)
		l.check(c)
		if len(l.problems) == 0 {
			if _, err := c.Database.MySQL(); c.Database != "sqlite" && err != nil {
				t.Fatalf("accepted a database that nobody can open: %v", err)
			}
		}
		if said := l.problems.sorted().Error(); strings.Contains(said, secret) && !strings.Contains(text, secret) &&
			!usesAsName(text) {
			t.Fatalf("a secret is told: %s", said)
		}
	})
}

// usesAsName says whether the file uses the secret where a name belongs: names
// are told in problems.
func usesAsName(text string) bool {
	for _, key := range []string{"_file", "scopes", "type", "id", "send", "business", "name", "format"} {
		if strings.Contains(text, key) {
			return true
		}
	}
	return false
}
