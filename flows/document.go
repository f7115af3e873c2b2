package flows

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDocument is far beyond what anybody writes and quickly read.
const maxDocument = 1 << 20

// place is where something is written, from 1.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{n.Line, n.Column} }

var yamlError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// countsFromZero: the library gives lines from 1 for what it cannot cut into
// tokens and from 0 for tokens in the wrong order.
func countsFromZero(message string) bool {
	for _, wrongOrder := range []string{
		"did not find expected <document start>", "did not find expected node content", "did not find expected '-' indicator",
		"did not find expected key", "did not find expected ',' or ']'", "did not find expected ',' or '}'", "found undefined tag handle",
	} {
		if message == wrongOrder {
			return true
		}
	}
	return false
}

// parseDocument reads a YAML or JSON document into nodes that know their place.
func parseDocument(doc []byte) (*yaml.Node, place, error) {
	start := place{1, 1}
	if len(doc) > maxDocument {
		return nil, start, errors.New("the document is larger than 1 MiB")
	}
	if trimmed := bytes.TrimSpace(doc); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(doc) {
		root, err := parseJSON(doc)
		return root, start, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(doc))
	var root, second yaml.Node
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) {
		return nil, start, errors.New("the document is empty")
	}
	if err == nil {
		switch err = decoder.Decode(&second); {
		case err == nil:
			return nil, placeOf(&second), errors.New("a second document; one file is one flow")
		case errors.Is(err, io.EOF):
			err = nil
		}
	}
	if err != nil {
		message := err.Error()
		found := yamlError.FindStringSubmatch(message)
		at := start
		message = message[len(found[0]):]
		if line, err := strconv.Atoi(found[1]); err == nil {
			at.line = max(line, 1)
			if countsFromZero(message) {
				at.line++
			}
		}
		if strings.Contains(message, "',' or '") {
			message += "; inside of { } and [ ] a text with ? : , or # needs quotes"
		}
		return nil, at, errors.New("not readable: " + message)
	}
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		return root.Content[0], start, nil
	}
	return nil, start, errors.New("the document is empty")
}

// maxJSONDepth is more than the deepest flow needs.
const maxJSONDepth = 64

// parseJSON reads JSON by its own rules (tabs, surrogate pairs) instead of
// YAML's. doc is valid JSON.
func parseJSON(doc []byte) (*yaml.Node, error) {
	p := jsonParser{doc: doc, dec: json.NewDecoder(bytes.NewReader(doc)), line: 1}
	p.dec.UseNumber()
	return p.value(0)
}

type jsonParser struct {
	doc             []byte
	dec             *json.Decoder
	at, line, begin int // offset looked at so far, its line, where that line begins
}

// token is the next token and where it starts.
func (p *jsonParser) token() (json.Token, place, error) {
	from := int(p.dec.InputOffset())
	for from < len(p.doc) && strings.IndexByte(" \t\r\n,:", p.doc[from]) >= 0 {
		from++
	}
	for ; p.at < from; p.at++ {
		if p.doc[p.at] == '\n' {
			p.line, p.begin = p.line+1, p.at+1
		}
	}
	token, err := p.dec.Token()
	return token, place{p.line, from - p.begin + 1}, err
}

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	token, at, err := p.token()
	if err != nil {
		return nil, err
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: at.line, Column: at.column}
	switch token := token.(type) {
	case json.Delim:
		if depth == maxJSONDepth {
			return nil, errors.New("nested too deeply")
		}
		node.Kind, node.Tag = yaml.SequenceNode, "!!seq"
		if token == '{' {
			node.Kind, node.Tag = yaml.MappingNode, "!!map"
		}
		for p.dec.More() {
			child, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		_, _, err := p.token()
		return node, err
	case string:
		node.Tag, node.Value, node.Style = "!!str", token, yaml.DoubleQuotedStyle
	case json.Number:
		node.Tag, node.Value = "!!float", token.String()
	case bool:
		node.Tag, node.Value = "!!bool", strconv.FormatBool(token)
	default:
		node.Tag, node.Value = "!!null", "null"
	}
	return node, nil
}
