package flows

// circles finds flows that lead to each other, or run each other, and ask nothing
// on the way. What one flow does alone is found when it is read.
func (c *inspection) circles(all []*Flow) {
	ways := map[string]*passage{}
	for _, f := range all {
		if c.byID[f.ID] == f {
			ways[f.ID] = &passage{flow: f}
		}
	}
	for changed := true; changed; { // until nothing new is found out
		changed = false
		for _, p := range ways {
			changed = p.explore(ways) || changed
		}
	}
	// Flows from whose beginning nothing but another such flow can be come to.
	index := map[string]int{}
	var stuck []*passage
	for _, f := range all {
		if p := ways[f.ID]; p != nil && p.flow == f && !p.asks && !p.ends {
			index[f.ID] = len(stuck)
			stuck = append(stuck, p)
		}
	}
	to := make([][]int, len(stuck))
	for i, p := range stuck {
		for _, t := range p.leaves {
			if next, ok := index[t.flow]; ok {
				to[i] = append(to[i], next)
			}
		}
	}
	for _, i := range loops(to, func(int) bool { return true }, make([]bool, len(stuck))) {
		for _, t := range stuck[i].leaves {
			if _, ok := index[t.flow]; ok {
				c.fault(stuck[i].flow, t.at, "endless loop: this leads to flow %q and from there back here, and nothing is asked on the way", t.flow)
				break
			}
		}
	}
}

// passage is what is known of going through a flow from its beginning without
// being asked anything.
type passage struct {
	flow   *Flow
	asks   bool     // a step that asks, or an unknown flow, can be come to
	ends   bool     // its end can be come to
	leaves []target // other flows that can be come to, to stay or to run
}

// explore looks where the flow leads, with what is known of the others; false:
// nothing new.
func (p *passage) explore(ways map[string]*passage) bool {
	asked, ended, left := p.asks, p.ends, len(p.leaves)
	p.leaves = nil
	seen := make([]bool, len(p.flow.steps))
	stack := []int{0}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		s := &p.flow.steps[at]
		if s.asks() || s.known() {
			p.asks = true
			continue
		}
		if b, ok := s.body.(*visitFlow); ok {
			p.leaves = append(p.leaves, b.to)
			visited := ways[b.to.flow]
			p.asks = p.asks || visited == nil || visited.asks
			if s.when == nil && visited != nil && !visited.ends {
				continue // so far, nothing comes back from there
			}
		}
		for _, t := range p.flow.ways(at) {
			switch {
			case t.kind == toStep:
				stack = append(stack, t.step)
			case t.kind == toFlow:
				p.leaves = append(p.leaves, t)
				next := ways[t.flow]
				p.asks = p.asks || next == nil || next.asks
				p.ends = p.ends || next != nil && next.ends
			default:
				p.ends = true
			}
		}
	}
	return p.asks != asked || p.ends != ended || len(p.leaves) != left
}
