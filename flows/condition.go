package flows

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Bounds of one condition. Together with what rewriter refuses (ranges, nested
// loops, patterns made at run time) they bound its time: no condition can take
// noticeably longer than the longest text it looks at.
const (
	maxCondition   = 2000 // characters
	maxNodes       = 400  // parts
	conditionSpace = 10_000
)

// condition is a checked and compiled expression that is true or false.
type condition struct {
	program *vm.Program
	names   []name
}

// evaluator is what running a condition needs.
type evaluator struct {
	vm  vm.VM
	env map[string]any
}

func newEvaluator() *evaluator {
	return &evaluator{vm: vm.VM{MemoryBudget: conditionSpace}, env: make(map[string]any, 8)}
}

// holds says whether the condition is true. One that cannot be computed, say a
// sum with an unknown number, is not.
func (c *condition) holds(m *machine) bool {
	e := m.evaluator
	clear(e.env)
	for i := range c.names {
		e.env[c.names[i].path] = c.names[i].get(m)
	}
	v, err := e.vm.Run(c.program, e.env)
	if err != nil {
		m.trace("when", "cannot be computed, so it does not hold")
		return false
	}
	yes, _ := v.(bool)
	return yes
}

// compile checks and compiles an expression. Types are checked strictly; at run
// time any value may be unknown, so the program itself trusts no type.
func (s *scope) compile(source string) (*condition, error) {
	if len(source) > maxCondition {
		return nil, fmt.Errorf("longer than %d characters", maxCondition)
	}
	strict, loose := typed(), untyped()
	strict.MaxNodes = maxNodes
	tree, err := parser.ParseWithConfig(source, &strict)
	if err != nil {
		return nil, plainError(err)
	}
	names := &namer{scope: s}
	names.walk(&tree.Node, 0)
	if names.err != nil {
		return nil, names.err
	}
	env := types.Map{}
	for _, n := range names.found {
		env[n.path] = n.typ
	}
	strict.WithEnv(env)
	expr.AsBool()(&strict)
	if _, err := checker.Check(tree, &strict); err != nil {
		return nil, plainError(err)
	}
	loose.WithEnv(map[string]any{})
	loose.Strict = false
	loose.Expect, loose.ExpectAny = reflect.Invalid, true
	ast.Walk(&tree.Node, forgiving{})
	tree.Node = asBool(tree.Node)
	if _, err := checker.Check(tree, &loose); err != nil {
		return nil, plainError(err)
	}
	if err := optimizer.Optimize(&tree.Node, &loose); err != nil {
		return nil, plainError(err)
	}
	program, err := compiler.Compile(tree, &loose)
	if err != nil {
		return nil, errors.New("too complicated")
	}
	return &condition{program, names.found}, nil
}

// plainError is the library's error in this project's words, on one line.
func plainError(err error) error {
	message := err.Error()
	var located *file.Error
	if errors.As(err, &located) {
		message = located.Message
	}
	message = strings.NewReplacer(
		"float64", "number", "int and", "number and", "and int", "and number", "type int", "type number",
		"string", "text", "[]text", "list", "[]string", "list", "time.Time", "time", "mismatched types", "different types:",
		"expected bool, but got", "want true or false, not", "unknown name", "unknown function or name",
		"interface {}", "any value", "bool", "yes/no",
	).Replace(message)
	message, _, _ = strings.Cut(message, "\n")
	return errors.New(message)
}

// namer turns contact.email and the like into one name each, and refuses what
// has no bound or no meaning here.
type namer struct {
	scope *scope
	found []name
	err   error
}

func (n *namer) fail(format string, args ...any) {
	if n.err == nil {
		n.err = fmt.Errorf(format, args...)
	}
}

// walk visits a node; loops is how many any(), all() … it is inside of.
func (n *namer) walk(node *ast.Node, loops int) {
	if *node == nil || n.err != nil {
		return
	}
	switch v := (*node).(type) {
	case *ast.IdentifierNode:
		n.replace(node, []string{v.Value})
	case *ast.ChainNode: // contact?.email is contact.email: nothing breaks anyway
		*node = v.Node
		n.walk(node, loops)
	case *ast.MemberNode:
		if path, ok := pathOf(v); ok {
			n.replace(node, path)
			return
		}
		n.fail("a name is followed by plain names only, as in contact.email")
	case *ast.CallNode:
		callee, ok := v.Callee.(*ast.IdentifierNode)
		if !ok || !isFunction(callee.Value) {
			n.fail("unknown function %s", v.Callee)
			return
		}
		for i := range v.Arguments {
			n.walk(&v.Arguments[i], loops)
		}
	case *ast.BuiltinNode:
		if !isLoop(v.Name) {
			n.fail("unknown function %s", v.Name)
		} else if loops > 0 {
			n.fail("%s cannot stand inside another any, all, none, one or count", v.Name)
		}
		for i := range v.Arguments {
			n.walk(&v.Arguments[i], loops+1)
		}
	case *ast.PredicateNode:
		n.walk(&v.Node, loops)
	case *ast.PointerNode:
		if v.Name != "" {
			n.fail("unknown name #%s", v.Name)
		}
	case *ast.BinaryNode:
		if v.Operator == ".." {
			n.fail("ranges are not supported")
		}
		if _, plain := v.Right.(*ast.StringNode); v.Operator == "matches" && !plain {
			n.fail("the pattern after matches must be a plain text")
		}
		n.walk(&v.Left, loops)
		n.walk(&v.Right, loops)
	case *ast.UnaryNode:
		n.walk(&v.Node, loops)
	case *ast.ConditionalNode:
		n.walk(&v.Cond, loops)
		n.walk(&v.Exp1, loops)
		n.walk(&v.Exp2, loops)
	case *ast.ArrayNode:
		for i := range v.Nodes {
			n.walk(&v.Nodes[i], loops)
		}
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode:
	default:
		n.fail("%s is not supported", *node)
	}
}

func (n *namer) replace(node *ast.Node, path []string) {
	found, err := n.scope.resolve(path)
	if err != nil {
		n.fail("%w", err)
		return
	}
	ast.Patch(node, &ast.IdentifierNode{Value: found.path})
	for _, known := range n.found {
		if known.path == found.path {
			return
		}
	}
	n.found = append(n.found, found)
}

// pathOf is contact.email as its parts.
func pathOf(member *ast.MemberNode) ([]string, bool) {
	property, ok := member.Property.(*ast.StringNode)
	if !ok {
		return nil, false
	}
	base := member.Node
	if chain, ok := base.(*ast.ChainNode); ok {
		base = chain.Node
	}
	switch base := base.(type) {
	case *ast.IdentifierNode:
		return []string{base.Value, property.Value}, true
	case *ast.MemberNode:
		path, ok := pathOf(base)
		return append(path, property.Value), ok
	default:
		return nil, false
	}
}
