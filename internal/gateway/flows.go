package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/flows"
	"usher/internal/database"
)

const (
	// topicFlows tells the other nodes that a version was published.
	topicFlows = "flows"
	// flowsEvery is how long a node may miss that if the nudge was lost.
	flowsEvery = time.Second
)

// ErrManagedByFile: the configuration declares it, so it is changed only there.
var ErrManagedByFile = errors.New("managed by the configuration")

// FlowFaults is a flow document that cannot run.
type FlowFaults struct{ Problems []flows.Problem }

func (e *FlowFaults) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// CreateFlow makes a flow of a document, as its first draft: nothing runs it yet.
// Problems are warnings. Errors: *FlowFaults, ErrManagedByFile, sqlstore.ErrTaken.
func (g *Gateway) CreateFlow(ctx context.Context, b *Business, doc []byte, author string) (sqlstore.Flow, []flows.Problem, error) {
	parsed, problems, err := g.readDocument(ctx, b, "", doc)
	if err != nil {
		return sqlstore.Flow{}, nil, err
	}
	flow, err := g.saveDraft(ctx, b, parsed, author, func(_ sqlstore.Flow, err error) error {
		switch {
		case errors.Is(err, contacts.ErrNotFound):
			return nil
		case err == nil:
			return fmt.Errorf("flow %s: %w", parsed.ID, sqlstore.ErrTaken)
		}
		return err
	})
	return flow, problems, err
}

// DraftFlow saves a document as the draft of a flow that is there. New runs get
// it once it is published. Problems are warnings. Errors: contacts.ErrNotFound,
// ErrManagedByFile, *FlowFaults.
func (g *Gateway) DraftFlow(ctx context.Context, b *Business, id string, doc []byte, author string) (sqlstore.Flow, []flows.Problem, error) {
	flow, err := sqlstore.New(g.DB.Read(ctx)).Flow(b.ID, id)
	if err != nil {
		return flow, nil, err
	}
	if flow.FromFile {
		return flow, nil, ErrManagedByFile
	}
	parsed, problems, err := g.readDocument(ctx, b, id, doc)
	if err != nil {
		return flow, nil, err
	}
	flow, err = g.saveDraft(ctx, b, parsed, author, func(_ sqlstore.Flow, err error) error { return err })
	return flow, problems, err
}

// saveDraft stores a document and makes it the draft. may judges the flow as it
// is stored.
func (g *Gateway) saveDraft(ctx context.Context, b *Business, parsed *flows.Flow, author string, may func(sqlstore.Flow, error) error) (sqlstore.Flow, error) {
	var flow sqlstore.Flow
	err := g.changeFlow(ctx, func(people *sqlstore.Store, now time.Time) error {
		var err error
		flow, err = people.Flow(b.ID, parsed.ID)
		if flow.FromFile {
			return ErrManagedByFile
		}
		if err := may(flow, err); err != nil {
			return err
		}
		if flow.ID == "" {
			flow = sqlstore.Flow{ID: parsed.ID, CreatedAt: now}
		}
		flow.Name, flow.UpdatedAt = parsed.Name, now
		if flow.Draft, err = people.SaveFlow(b.ID, flow.ID, parsed.Source, author); err != nil {
			return err
		}
		return people.PutFlow(b.ID, flow)
	})
	return flow, err
}

// PublishFlow makes new runs get a version, an older one too; 0: the draft. Runs
// that wait go on in the version that they began with. Errors:
// contacts.ErrNotFound, ErrManagedByFile, *connectors.FieldError for a version
// that is not there, *FlowFaults.
func (g *Gateway) PublishFlow(ctx context.Context, b *Business, id string, version int, by string) (sqlstore.Flow, error) {
	read := sqlstore.New(g.DB.Read(ctx))
	flow, err := read.Flow(b.ID, id)
	switch {
	case err != nil:
		return flow, err
	case flow.FromFile:
		return flow, ErrManagedByFile
	case version == 0:
		version = flow.Draft
	}
	stored, err := read.FlowVersion(b.ID, id, version)
	if errors.Is(err, contacts.ErrNotFound) {
		return flow, &connectors.FieldError{Field: "version", Code: "unknown", Detail: fmt.Sprintf("the flow has no version %d", version)}
	}
	if err != nil {
		return flow, err
	}
	if err := g.fitToRun(ctx, b, id, stored.Document); err != nil {
		return flow, err
	}
	err = g.changeFlow(ctx, func(people *sqlstore.Store, now time.Time) error {
		if flow, err = people.Flow(b.ID, id); err != nil {
			return err
		}
		if flow.FromFile {
			return ErrManagedByFile
		}
		flow.Published, flow.UpdatedAt = version, now
		return people.PublishFlow(b.ID, id, version, by, now)
	})
	if err != nil {
		return flow, err
	}
	g.Bus.Publish(topicFlows)
	return flow, g.readFlows(ctx)
}

// fitToRun refuses a document that has faults by itself or together with what it
// names: flows and destinations that are not there.
func (g *Gateway) fitToRun(ctx context.Context, b *Business, id string, doc []byte) error {
	parsed, _, err := g.readDocument(ctx, b, id, doc)
	if err != nil {
		return err
	}
	all := slices.DeleteFunc(b.Flows.All(), func(f *flows.Flow) bool { return f.ID == id })
	around, err := g.around(ctx, b)
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(flows.CheckAll(append(all, parsed), around), func(p flows.Problem) bool { return p.Warning || p.File != documentName })
	if len(found) > 0 {
		return &FlowFaults{found}
	}
	return nil
}

// around is what the business's flows are surrounded by.
func (g *Gateway) around(ctx context.Context, b *Business) (flows.Around, error) {
	around := flows.Around{Destinations: []string{}, Channels: []string{}}
	for _, d := range b.Destinations {
		around.Destinations = append(around.Destinations, d.ID)
	}
	for id := range b.Channels {
		kind, _, _ := strings.Cut(id, "/")
		around.Channels = append(around.Channels, kind)
	}
	teams, err := sqlstore.New(g.DB.Read(ctx)).Teams(b.ID)
	around.Teams = Staffed(teams)
	return around, err
}

// Staffed are the teams that have agents, by all names that a handover can use.
func Staffed(teams []*contacts.Team) []string {
	names := []string{}
	for _, t := range teams {
		if len(t.Members) > 0 {
			names = append(names, t.ID, t.Name)
		}
	}
	return names
}

// documentName stands where a problem of a file has the file's name.
const documentName = "document"

// readDocument parses a document with the business's fields. id: the one that it
// must have; empty: whichever it has. Error: *FlowFaults.
func (g *Gateway) readDocument(ctx context.Context, b *Business, id string, doc []byte) (*flows.Flow, []flows.Problem, error) {
	if err := g.readFields(ctx, b); err != nil { // another node may just have made one
		return nil, nil, err
	}
	parsed, problems := flows.Parse(documentName, doc, b.Fields)
	switch {
	case parsed == nil:
		return nil, nil, &FlowFaults{slices.DeleteFunc(problems, func(p flows.Problem) bool { return p.Warning })}
	case id != "" && parsed.ID != id:
		return nil, nil, &connectors.FieldError{Field: "id", Code: "invalid", Detail: fmt.Sprintf("the document is that of %q; an id does not change", parsed.ID)}
	}
	around, err := g.around(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	around.Destinations = nil // what it names may still be made before it is published
	for _, p := range flows.CheckAll(append(b.Flows.All(), parsed), around) {
		if p.Warning && p.File == documentName {
			problems = append(problems, p)
		}
	}
	return parsed, problems, nil
}

// changeFlow repeats a change that met another one.
func (g *Gateway) changeFlow(ctx context.Context, change func(*sqlstore.Store, time.Time) error) error {
	for try := 1; ; try++ {
		err := g.DB.Write(ctx, database.Steps, func(tx *database.Tx) error {
			return change(sqlstore.New(tx), time.Now().UTC().Truncate(time.Microsecond))
		})
		if try == maxTries || !database.IsTransient(err) && !database.IsDuplicate(err) && !errors.Is(err, contacts.ErrConflict) {
			return err
		}
	}
}

// watchFlows takes up, until ctx ends, what is published on any node.
func (g *Gateway) watchFlows(ctx context.Context) error {
	published, cancel := g.Bus.Subscribe(topicFlows)
	defer cancel()
	tick := time.NewTicker(flowsEvery)
	defer tick.Stop()
	for {
		select {
		case <-published:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := g.readFlows(ctx); err != nil && ctx.Err() == nil {
			g.outage.log(g.Log, err)
		}
	}
}

// readFlows gives each business the published versions of the flows that this
// node's configuration does not declare. One that cannot be read leaves the
// version before in place.
func (g *Gateway) readFlows(ctx context.Context) error {
	g.flowsMu.Lock()
	defer g.flowsMu.Unlock()
	published, err := sqlstore.New(g.DB.Read(ctx)).PublishedFlows()
	if err != nil {
		return err
	}
	for _, b := range g.Businesses {
		before, now := b.Flows.published(), map[string]*flows.Flow{}
		changed := false
		for id, version := range published[b.ID] {
			if b.Flows.declared(id) {
				continue
			}
			flow := before[id]
			if flow == nil || flow.Version != version {
				if flow, err = g.takeUp(ctx, b, id, version); err != nil {
					return err
				}
				changed = true
			}
			if flow == nil {
				flow = before[id]
			}
			if flow != nil {
				now[id] = flow
			}
		}
		if changed || len(now) != len(before) {
			b.Flows.publish(now)
		}
	}
	return nil
}

// takeUp reads a version that was published; nil: this node cannot run it.
func (g *Gateway) takeUp(ctx context.Context, b *Business, id string, version int) (*flows.Flow, error) {
	if err := g.readFields(ctx, b); err != nil {
		return nil, err
	}
	flow, err := g.versions.find(ctx, g.DB, b, id, version)
	if err == nil && flow == nil {
		g.Log.Error("published flow not taken up", "business", b.ID, "flow", id, "version", version)
	}
	return flow, err
}
