package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// text is a scalar's text with ${NAME} and ${NAME:-default} expanded. $${
// stands for ${ itself. Each variable that is not set is a problem.
func (l *loader) text(path string, v value) (string, bool) {
	if v.literal {
		return v.node.Value, true
	}
	text, faults := expand(v.node.Value, l.env)
	if len(faults) > 0 {
		l.where[path] = l.at(v.node)
		l.add(path, "%s", strings.Join(faults, "; "))
	}
	return text, len(faults) == 0
}

func expand(s string, env map[string]string) (text string, faults []string) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			b.WriteString(s)
			return b.String(), faults
		}
		if escaped, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(escaped + "${")
			s = rest
			continue
		}
		b.WriteString(before)
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return b.String(), append(faults, "${ without }; write $${ for the characters themselves")
		}
		name, fallback, hasFallback := strings.Cut(inner, ":-")
		set, isSet := env[name]
		switch {
		case strings.Contains(fallback, "${"):
			faults = append(faults, "the default of a variable cannot hold another one")
		case !isVariable(name):
			faults = append(faults, "${…} wants the name of a variable; write $${ for the characters themselves")
		case isSet && (set != "" || !hasFallback):
			b.WriteString(set)
		case hasFallback:
			b.WriteString(fallback)
		default:
			faults = append(faults, fmt.Sprintf("environment variable %s is not set", name))
		}
		s = after
	}
}

func isVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// override sets the scalars below v that the environment names: business.country
// from USHER_BUSINESS_COUNTRY, or from the file that USHER_BUSINESS_COUNTRY_FILE
// names. A list of scalars is separated by commas. A variable that is set to
// nothing overrides nothing.
func (l *loader) override(path string, v reflect.Value) {
	for i := range v.NumField() {
		key, field := keyOf(v.Type().Field(i)), v.Field(i)
		if key == "" {
			continue
		}
		at := join(path, key)
		if field.Kind() == reflect.Struct && !isScalar(field.Type()) {
			l.override(at, field)
			continue
		}
		isList := field.Kind() == reflect.Slice && isScalar(field.Type().Elem())
		if !isScalar(field.Type()) && !isList {
			continue
		}
		if text, ok := l.variable(at); ok {
			l.set(at, field, text, isList)
		}
	}
}

func (l *loader) set(path string, field reflect.Value, text string, isList bool) {
	if !isList {
		if err := setText(field, text); err != nil {
			l.add(path, "%v", err)
		}
		return
	}
	parts := strings.Split(text, ",")
	list := reflect.MakeSlice(field.Type(), len(parts), len(parts))
	for i, part := range parts {
		if err := setText(list.Index(i), strings.TrimSpace(part)); err != nil {
			l.add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
	}
	field.Set(list)
}

// variable is what the environment says about the setting at path.
func (l *loader) variable(path string) (string, bool) {
	name := "USHER_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
	text, file := l.env[name], l.env[name+"_FILE"]
	if text == "" && file == "" {
		return "", false
	}
	// Whatever the file says counts no more, be it wrong.
	l.problems = slices.DeleteFunc(l.problems, func(p Problem) bool { return p.Path == path })
	l.broken[path] = false
	l.where[path] = place{source: name}
	switch {
	case text != "" && file != "":
		l.add(path, "both %s and %s_FILE are set", name, name)
	case file != "":
		l.where[path] = place{source: name + "_FILE"}
		here := loader{dir: ".", where: l.where, broken: l.broken}
		content, ok := here.readValue(path, file)
		l.problems = append(l.problems, here.problems...)
		return content, ok
	}
	return text, true
}
