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

// versionsMost are remembered; beyond, those still needed are read again.
const versionsMost = 1000

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
	stored, err := sqlstore.New(db.Read(ctx)).FlowVersion(b.ID, id, version)
	if errors.Is(err, contacts.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read flow %s version %d: %w", id, version, err)
	}
	flow, _ := flows.Parse(id, stored.Document, b.Fields) // it was checked when it was stored
	if flow == nil {
		return nil, nil // it may need a field that this node learns of soon
	}
	flow.Version = version
	if v.old == nil || len(v.old) >= versionsMost {
		v.old = map[versionKey]*flows.Flow{}
	}
	v.old[key] = flow
	return flow, nil
}
