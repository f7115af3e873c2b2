package flows

import "usher/contacts"

// Condition is an expression about a contact outside of a flow: which ones a
// destination wants. It is safe for concurrent use.
type Condition struct {
	compiled *condition
	flow     *Flow // an empty one: conditions run inside of a flow
}

// ParseCondition checks and compiles an expression over contact, event, channel
// and now. Its error is one line for the author.
func ParseCondition(source string, fields *contacts.Fields) (*Condition, error) {
	compiled, err := (&scope{fields: fields}).compile(source)
	if err != nil {
		return nil, err
	}
	return &Condition{compiled, &Flow{}}, nil
}

// Holds says whether the expression is true of the turn's person. One that
// cannot be computed does not hold.
func (c *Condition) Holds(t Turn) bool {
	m := c.flow.machine(t)
	defer m.free()
	return c.compiled.holds(m)
}
