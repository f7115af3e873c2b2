package flows

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// payload is a JSON document with values to put in. A text that is one value and
// nothing else keeps its type: a number is sent as a number, an unknown as null.
type payload struct {
	fixed  any
	text   *template
	list   []*payload
	keys   []string
	values []*payload
}

// Bounds of a payload; aliases could make it endless.
const (
	maxPayloadDepth = 16
	maxPayloadNodes = 1000
)

func (r *reader) payload(n *yaml.Node, at place) *payload {
	nodes := 0
	var read func(n *yaml.Node, depth int) *payload
	read = func(n *yaml.Node, depth int) *payload {
		n, p := follow(n), &payload{}
		if nodes++; nodes > maxPayloadNodes || depth > maxPayloadDepth {
			if nodes <= maxPayloadNodes || nodes == maxPayloadNodes+1 {
				r.fault(at, "body: want at most %d values, nested at most %d deep", maxPayloadNodes, maxPayloadDepth)
			}
			nodes = maxPayloadNodes + 1
			return p
		}
		switch n.Kind {
		case yaml.MappingNode:
			o, ok := r.object(n, at, "body")
			if !ok {
				return p
			}
			p.keys = make([]string, 0, len(o.entries))
			for _, e := range o.entries {
				p.keys = append(p.keys, e.key.Value)
				p.values = append(p.values, read(e.value, depth+1))
			}
		case yaml.SequenceNode:
			p.list = make([]*payload, 0, len(n.Content))
			for _, item := range n.Content {
				p.list = append(p.list, read(item, depth+1))
			}
		default:
			r.scalarPayload(n, at, p)
		}
		return p
	}
	return read(n, 0)
}

func (r *reader) scalarPayload(n *yaml.Node, at place, p *payload) {
	switch n.ShortTag() {
	case "!!null":
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			r.fault(at, "body: %s", err)
		}
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			r.fault(at, "body: %s is no number of JSON", n.Value)
		}
		p.fixed = v
	default:
		r.compileSecret(n.Value, at, "body", &p.text)
	}
}

func (p *payload) value(m *machine) any {
	switch {
	case p.text != nil:
		if len(p.text.parts) == 1 {
			return p.text.parts[0].get(m)
		}
		return p.text.render(m)
	case p.keys != nil:
		object := make(map[string]any, len(p.keys))
		for i, key := range p.keys {
			object[key] = p.values[i].value(m)
		}
		return object
	case p.list != nil:
		list := make([]any, len(p.list))
		for i, item := range p.list {
			list[i] = item.value(m)
		}
		return list
	default:
		return p.fixed
	}
}
