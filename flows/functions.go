package flows

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/vm/runtime"
)

// function is one that conditions may call. Its first argument may be unknown
// at run time; then, but for known, so is the result.
type function struct {
	name string
	call func(args ...any) (any, error)
	typ  any // a func type, for the check
}

// calls lists the functions of conditions.
func calls() []function {
	return []function{
		{"known", func(args ...any) (any, error) { return isKnown(args[0]), nil }, new(func(any) bool)},
		{"lower", onText(strings.ToLower), new(func(string) string)},
		{"upper", onText(strings.ToUpper), new(func(string) string)},
		{"trim", onText(strings.TrimSpace), new(func(string) string)},
		{"len", length, new(func(any) int)},
		{"abs", onNumber(math.Abs), new(func(float64) float64)},
		{"round", onNumber(math.Round), new(func(float64) float64)},
		{"floor", onNumber(math.Floor), new(func(float64) float64)},
		{"ceil", onNumber(math.Ceil), new(func(float64) float64)},
		{"date", parseDay, new(func(string) time.Time)},
		{"duration", parseDuration, new(func(string) time.Duration)},
	}
}

// What operators become, under names that nobody can write: they must not break
// on an unknown value.
const (
	lessName, moreName, atMostName, atLeastName = "a<b", "a>b", "a<=b", "a>=b"
	addName, subtractName, timesName, overName  = "a+b", "a-b", "a*b", "a/b"
	moduloName, powerName, minusName            = "a%b", "a^b", "-a"
)

func operators() []function {
	return []function{
		{lessName, comparing(runtime.Less), nil}, {moreName, comparing(runtime.More), nil},
		{atMostName, comparing(runtime.LessOrEqual), nil}, {atLeastName, comparing(runtime.MoreOrEqual), nil},
		{addName, computing(runtime.Add), nil}, {subtractName, computing(runtime.Subtract), nil},
		{timesName, computing(runtime.Multiply), nil},
		{overName, computing(func(a, b any) any { return runtime.Divide(a, b) }), nil},
		{moduloName, computing(func(a, b any) any { return runtime.Modulo(a, b) }), nil},
		{powerName, computing(func(a, b any) any { return runtime.Exponent(a, b) }), nil},
		{minusName, func(args ...any) (any, error) {
			if args[0] == nil {
				return nil, nil
			}
			return runtime.Negate(args[0]), nil
		}, nil},
	}
}

// typed and untyped are configurations with our functions in place of the
// library's own, of which only the loops stay. typed is for the check; a program
// must not trust the types, for every result may be unknown.
var (
	typed   = sync.OnceValue(func() conf.Config { return configured(true) })
	untyped = sync.OnceValue(func() conf.Config { return configured(false) })
)

func configured(typed bool) conf.Config {
	c := conf.CreateNew()
	for name := range c.Builtins {
		if !isLoop(name) {
			delete(c.Builtins, name)
		}
	}
	for _, f := range append(calls(), operators()...) {
		if typed && f.typ != nil {
			expr.Function(f.name, f.call, f.typ)(c)
		} else {
			expr.Function(f.name, f.call)(c)
		}
	}
	return *c
}

func isLoop(name string) bool {
	return slices.Contains([]string{"any", "all", "none", "one", "count"}, name)
}

func isFunction(name string) bool {
	return slices.ContainsFunc(calls(), func(f function) bool { return f.name == name })
}

// forgiving rewrites operators so that unknown values do not break them.
type forgiving struct{}

func (forgiving) Visit(node *ast.Node) {
	(*node).SetNature(nature.Nature{}) // or the checker would go on trusting it
	switch n := (*node).(type) {
	case *ast.BinaryNode:
		if name, ok := operatorName(n.Operator); ok {
			ast.Patch(node, call(name, n.Left, n.Right))
			return
		}
		switch n.Operator {
		case "and", "&&", "or", "||":
			n.Left, n.Right = asBool(n.Left), asBool(n.Right)
		}
	case *ast.UnaryNode:
		switch n.Operator {
		case "-":
			ast.Patch(node, call(minusName, n.Node))
		case "not", "!":
			n.Node = asBool(n.Node)
		}
	case *ast.ConditionalNode:
		n.Cond = asBool(n.Cond)
	case *ast.PredicateNode:
		n.Node = asBool(n.Node)
	}
}

func operatorName(operator string) (string, bool) {
	switch operator {
	case "<":
		return lessName, true
	case ">":
		return moreName, true
	case "<=":
		return atMostName, true
	case ">=":
		return atLeastName, true
	case "+":
		return addName, true
	case "-":
		return subtractName, true
	case "*":
		return timesName, true
	case "/":
		return overName, true
	case "%":
		return moduloName, true
	case "**", "^":
		return powerName, true
	default:
		return "", false
	}
}

func call(name string, args ...ast.Node) *ast.CallNode {
	return &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: args}
}

// asBool makes an unknown yes or no a no, where the node may be unknown.
func asBool(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.BoolNode:
		return node
	case *ast.BinaryNode:
		if n.Operator != "??" {
			return node // what is left of them yields a truth value
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return node
		}
	case *ast.CallNode:
		switch callee, _ := n.Callee.(*ast.IdentifierNode); callee.Value {
		case "known", lessName, moreName, atMostName, atLeastName:
			return node
		}
	}
	return &ast.BinaryNode{Operator: "==", Left: node, Right: &ast.BoolNode{Value: true}}
}

func comparing(compare func(a, b any) bool) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		a, b := args[0], args[1]
		if sort := sortOf(a); sort == "" || sort != sortOf(b) {
			return false, nil
		}
		return compare(a, b), nil
	}
}

func computing(compute func(a, b any) any) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		if args[0] == nil || args[1] == nil {
			return nil, nil
		}
		return compute(args[0], args[1]), nil
	}
}

// sortOf says what a value can be compared with; empty: with nothing.
func sortOf(v any) string {
	switch v.(type) {
	case int, float64, int64:
		return "number"
	case string:
		return "text"
	case time.Time:
		return "time"
	case time.Duration:
		return "duration"
	default:
		return ""
	}
}

// isKnown: everything but nothing and the empty text is a value; so are 0 and no.
func isKnown(v any) bool {
	s, isText := v.(string)
	return v != nil && (!isText || strings.TrimSpace(s) != "")
}

func onText(f func(string) string) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, nil
		}
		return f(s), nil
	}
}

func onNumber(f func(float64) float64) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		switch n := args[0].(type) {
		case float64:
			return f(n), nil
		case int:
			return f(float64(n)), nil
		default:
			return nil, nil
		}
	}
}

func length(args ...any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return len([]rune(v)), nil
	case []string:
		return len(v), nil
	case []any:
		return len(v), nil
	default:
		return nil, nil
	}
}

// parseDay reads a date field or a moment, in UTC where it names no zone.
func parseDay(args ...any) (any, error) {
	s, _ := args[0].(string)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return nil, nil
}

func parseDuration(args ...any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, errors.New("want a duration such as 36h or 90m")
	}
	return d, nil
}
