package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// fileLimit bounds the configuration and every file that it names: a
	// mistaken path must not fill memory.
	fileLimit = 1 << 20
	// nodeLimit bounds what aliases may blow the file up to.
	nodeLimit = 20_000
	// pathLimit bounds depth: an alias may hold itself.
	pathLimit = 500
)

// Load reads the configuration at path, expands ${NAME} from environ
// ("NAME=value" as of os.Environ), lets USHER_… variables override it and
// checks the whole. Path "" means Default instead of a file.
//
// Relative paths in the file start at the file's folder, those in variables at
// the working directory. The error is Problems, all of them at once, unless the
// file cannot be read.
func Load(path string, environ []string) (*Config, error) {
	c, problems, err := load(path, environ)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return c, nil
}

// LoadForFlows reads what the author of flows needs: the businesses and their
// fields, and which flows, channels and destinations there are. Nothing else is
// judged, so that it can be read where its secrets are not set.
func LoadForFlows(path string, environ []string) (*Config, error) {
	c, problems, err := load(path, environ)
	if err != nil {
		return nil, err
	}
	problems = slices.DeleteFunc(problems, func(p Problem) bool { return !forFlows.MatchString(p.Path) })
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return c, nil
}

var forFlows = regexp.MustCompile(`^$|^(business|businesses|fields|flows)\b|^(channels|destinations)(\[\d+\]\.(id|flow|flows|business)\b.*)?$`)

func load(path string, environ []string) (*Config, Problems, error) {
	l := &loader{
		file: path, dir: filepath.Dir(path),
		env:   environment(environ),
		where: map[string]place{}, broken: map[string]bool{},
	}
	c := Default()
	if path != "" {
		raw, err := readFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("read configuration: %w", err)
		}
		c = base()
		l.decode(raw, c)
	}
	l.override("", reflect.ValueOf(c).Elem())
	l.complete(c)
	l.check(c)
	l.resolveFlows(c)
	return c, l.problems, nil
}

// loader gathers what one Load finds.
type loader struct {
	file, dir string
	env       map[string]string
	problems  Problems
	where     map[string]place
	broken    map[string]bool
	nodes     int
}

// place is where a setting was given: a line of the file or a variable.
type place struct {
	source string
	line   int
}

func environment(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

func (l *loader) decode(raw []byte, into *Config) {
	root, err := parse(raw)
	if err != nil {
		text, line := syntaxFault(err, raw)
		l.where[""] = l.at(&yaml.Node{Line: line})
		l.add("", "%s", text)
		return
	}
	if root != nil {
		l.fill("", value{node: root}, reflect.ValueOf(into).Elem())
	}
}

// parse returns the root of the only document; nil for an empty one.
func parse(raw []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, err
		}
		return nil, errors.New("more than one YAML document")
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// syntaxFault takes the parser's message apart: "yaml: line 3: what". It holds
// nothing of the file but the names of anchors. The line is 0 if not said.
func syntaxFault(err error, raw []byte) (text string, line int) {
	text = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, what, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			text, line = what, n
		}
	}
	if strings.HasPrefix(text, "did not find expected ") {
		line++ // these the parser counts from 0
		if strings.ContainsAny(text, "}]") && bytes.Contains(raw, []byte("${")) {
			text += ` (within braces and brackets write "${NAME}" with quotes)`
		}
	}
	return text, line
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > fileLimit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, fileLimit)
	}
	return raw, nil
}

// readValue reads the file that a setting x_file names. It must be a regular
// one, so that nothing waits for a pipe.
func (l *loader) readValue(path, name string) (string, bool) {
	if !filepath.IsAbs(name) {
		name = filepath.Join(l.dir, name)
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	var raw []byte
	if err == nil {
		raw, err = readFile(name)
	}
	if err != nil {
		l.add(path, "%v", err)
		return "", false
	}
	return strings.TrimRight(string(raw), "\r\n"), true
}
