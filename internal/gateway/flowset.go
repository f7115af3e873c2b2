package gateway

import (
	"maps"
	"slices"
	"sync/atomic"

	"usher/flows"
)

// FlowSet is a business's flows in the versions that new runs get: those that the
// configuration declares and, of other ids, those that were published through
// the API. It may be changed while conversations run.
type FlowSet struct {
	files, others atomic.Pointer[map[string]*flows.Flow]
}

// Get returns a flow by its id, nil if there is none.
func (s *FlowSet) Get(id string) *flows.Flow {
	for _, set := range []*atomic.Pointer[map[string]*flows.Flow]{&s.files, &s.others} {
		if all := set.Load(); all != nil && (*all)[id] != nil {
			return (*all)[id]
		}
	}
	return nil
}

// All flows.
func (s *FlowSet) All() []*flows.Flow {
	all := maps.Clone(s.published())
	if files := s.files.Load(); files != nil {
		maps.Copy(all, *files)
	}
	return slices.Collect(maps.Values(all))
}

// Set replaces those of the configuration.
func (s *FlowSet) Set(all []*flows.Flow) {
	byID := make(map[string]*flows.Flow, len(all))
	for _, f := range all {
		byID[f.ID] = f
	}
	s.files.Store(&byID)
}

// declared says whether the configuration has a flow.
func (s *FlowSet) declared(id string) bool {
	files := s.files.Load()
	return files != nil && (*files)[id] != nil
}

func (s *FlowSet) published() map[string]*flows.Flow {
	if all := s.others.Load(); all != nil {
		return *all
	}
	return map[string]*flows.Flow{}
}

func (s *FlowSet) publish(all map[string]*flows.Flow) { s.others.Store(&all) }
