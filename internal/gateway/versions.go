package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/database"
)

// versions finds flows in the version that a run started with. Current ones are
// the business's; older ones come from the database, once.
type versions struct {
	mu  sync.Mutex
	old map[versionKey]*flows.Flow
}

type versionKey struct {
	business, flow string
	version        int
}

// find returns a flow; version 0 is the current one. nil: there is none.
func (v *versions) find(ctx context.Context, db *database.DB, b *Business, id string, version int) (*flows.Flow, error) {
	current := b.Flows.Get(id)
	if version == 0 || current != nil && current.Version == version {
		return current, nil
	}
	key := versionKey{b.ID, id, version}
	v.mu.Lock()
	defer v.mu.Unlock()
	if flow, ok := v.old[key]; ok {
		return flow, nil
	}
	doc, err := sqlstore.New(db.Read(ctx)).FlowVersion(b.ID, id, version)
	if err != nil && !errors.Is(err, contacts.ErrNotFound) {
		return nil, fmt.Errorf("read flow %s version %d: %w", id, version, err)
	}
	var flow *flows.Flow
	if err == nil {
		flow, _ = flows.Parse(id, doc, b.Fields) // it was checked when it was stored
	}
	if flow != nil {
		flow.Version = version
	}
	if v.old == nil {
		v.old = map[versionKey]*flows.Flow{}
	}
	v.old[key] = flow
	return flow, nil
}
