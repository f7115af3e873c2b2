package config

import (
	"fmt"
	"math"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a node of the file. A literal one came from a file named by x_file
// and is taken as it is.
type value struct {
	node    *yaml.Node
	literal bool
}

// pair is one entry of a map: x, or x_file with what the file holds.
type pair struct {
	name string
	path string // of the key as written
	value
}

// fill decodes v into the struct, list, map or scalar at path. What is null
// keeps its default.
func (l *loader) fill(path string, v value, into reflect.Value) {
	v, ok := l.enter(path, v)
	if !ok || v.node.ShortTag() == "!!null" {
		return
	}
	switch {
	case into.Type() == reflect.TypeFor[Settings]():
		if v.node.Kind != yaml.MappingNode {
			l.add(path, "want a map, not %s", kindOf(v.node))
		} else if tree, ok := l.tree(path, v).(map[string]any); ok {
			into.Set(reflect.ValueOf(Settings(tree)))
		}
	case isScalar(into.Type()):
		if v.node.Kind != yaml.ScalarNode {
			l.add(path, "want %s, not %s", wanted(into.Type()), kindOf(v.node))
		} else if text, ok := l.text(path, v); ok {
			if err := setText(into, text); err != nil {
				l.add(path, "%v", err)
			}
		}
	case into.Kind() == reflect.Struct:
		l.fillStruct(path, v, into)
	case into.Kind() == reflect.Map:
		out := reflect.MakeMap(into.Type())
		for _, p := range l.pairs(path, v, nil) {
			item := reflect.New(into.Type().Elem()).Elem()
			l.fill(join(path, p.name), p.value, item)
			out.SetMapIndex(reflect.ValueOf(p.name), item)
		}
		into.Set(out)
	case into.Kind() == reflect.Slice:
		if v.node.Kind != yaml.SequenceNode {
			l.add(path, "want a list, not %s", kindOf(v.node))
			return
		}
		out := reflect.MakeSlice(into.Type(), len(v.node.Content), len(v.node.Content))
		for i, item := range v.node.Content {
			l.fill(fmt.Sprintf("%s[%d]", path, i), value{item, v.literal}, out.Index(i))
		}
		into.Set(out)
	}
}

func (l *loader) fillStruct(path string, v value, into reflect.Value) {
	known := map[string]reflect.Value{}
	for i := range into.NumField() {
		if name := keyOf(into.Type().Field(i)); name != "" {
			known[name] = into.Field(i)
		}
	}
	for _, p := range l.pairs(path, v, known) {
		if field, ok := known[p.name]; ok {
			l.fill(join(path, p.name), p.value, field)
			continue
		}
		l.where[p.path] = l.at(p.node)
		if near := nearest(p.name, known); near != "" {
			l.add(p.path, "no such setting; is it %s?", near)
		} else {
			l.add(p.path, "no such setting")
		}
	}
}

// enter follows an alias, notes where the setting was given and stops when
// aliases have blown up the file.
func (l *loader) enter(path string, v value) (value, bool) {
	l.nodes++
	if l.nodes > nodeLimit || len(path) > pathLimit {
		l.add("", "too many values or too deep: aliases within aliases?")
		return v, false
	}
	l.where[path] = l.at(v.node)
	v.node = deref(v.node)
	return v, true
}

func deref(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (l *loader) at(n *yaml.Node) place {
	if n.Line == 0 {
		return place{source: l.file}
	}
	return place{source: fmt.Sprintf("%s:%d", l.file, n.Line), line: n.Line}
}

// pairs returns a map's entries, merged ones (<<) included, with x_file
// replaced by x. In a struct, whose fields are known, a key that ends in _file
// may itself be a setting.
func (l *loader) pairs(path string, v value, known map[string]reflect.Value) []pair {
	if v.node.Kind != yaml.MappingNode {
		l.add(path, "want a map, not %s", kindOf(v.node))
		return nil
	}
	var own, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, val := v.node.Content[i], value{v.node.Content[i+1], v.literal}
		if key.ShortTag() == "!!merge" {
			merged = append(merged, l.merge(path, val, known)...)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			l.add(path, "line %d: a key must be a text", key.Line)
			continue
		}
		p := pair{name: key.Value, path: join(path, key.Value), value: val}
		l.where[p.path] = l.at(key)
		l.fromFile(&p, known)
		switch {
		case seen[p.name]:
			l.add(p.path, "given twice")
		case p.node == nil:
			l.broken[join(path, p.name)] = true // and not missing as well
		default:
			own = append(own, p)
		}
		seen[p.name] = true
	}
	for _, p := range merged {
		if !seen[p.name] {
			seen[p.name] = true
			own = append(own, p)
		}
	}
	return own
}

func (l *loader) merge(path string, v value, known map[string]reflect.Value) []pair {
	v, ok := l.enter(path, v)
	if !ok {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		return l.pairs(path, v, known)
	}
	var all []pair
	for _, item := range v.node.Content {
		all = append(all, l.merge(path, value{item, v.literal}, known)...)
	}
	return all
}

// fromFile turns x_file into x. A file of no use leaves the pair without a node.
func (l *loader) fromFile(p *pair, known map[string]reflect.Value) {
	name, isFile := strings.CutSuffix(p.name, "_file")
	field, listed := known[name]
	_, itself := known[p.name]
	if !isFile || name == "" || itself || p.literal || known != nil && !listed {
		return
	}
	node := deref(p.node)
	p.name, p.node = name, nil
	l.nodes++
	if node.Kind != yaml.ScalarNode {
		l.add(p.path, "want the path of a file, not %s", kindOf(node))
		return
	}
	file, ok := l.text(p.path, value{node: node})
	if !ok {
		return
	}
	content, ok := l.readValue(p.path, file)
	if !ok {
		return
	}
	p.literal = true
	if !listed || isScalar(field.Type()) {
		p.node = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: content, Line: node.Line}
		return
	}
	root, err := parse([]byte(content))
	if err != nil {
		l.add(p.path, "the file is no YAML: %v", err)
		return
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	placeAt(root, node.Line)
	p.node = root
}

// placeAt moves the nodes of another file to the line that named it.
func placeAt(n *yaml.Node, line int) {
	n.Line = line
	for _, child := range n.Content {
		placeAt(child, line)
	}
}

// tree turns a settings block into plain values. What came from a variable or a
// file is a text, even if it looks like a number: tokens do.
func (l *loader) tree(path string, v value) any {
	v, ok := l.enter(path, v)
	if !ok {
		return nil
	}
	switch v.node.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for _, p := range l.pairs(path, v, nil) {
			out[p.name] = l.tree(join(path, p.name), p.value)
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(v.node.Content))
		for i, item := range v.node.Content {
			out[i] = l.tree(fmt.Sprintf("%s[%d]", path, i), value{item, v.literal})
		}
		return out
	}
	text, _ := l.text(path, v)
	if v.literal || text != v.node.Value {
		return text
	}
	switch v.node.ShortTag() {
	case "!!null":
		return nil
	case "!!int", "!!float", "!!bool":
		var plain any
		if v.node.Decode(&plain) != nil {
			return text
		}
		if f, ok := plain.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return text // JSON has none
		}
		return plain
	}
	return text
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func keyOf(f reflect.StructField) string {
	if name := f.Tag.Get("yaml"); name != "-" {
		return name
	}
	return ""
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}
