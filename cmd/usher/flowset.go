package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"usher/config"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/examples"
	"usher/flows"
	"usher/internal/database"
)

// readFlows parses the configured flow files, or the sample, for one business.
// The problems are those that keep the business from being served.
func readFlows(cfg *config.Config, business string, fields *contacts.Fields) ([]*flows.Flow, []flows.Problem, error) {
	var documents []flows.Document
	if cfg.Sample {
		documents = append(documents, flows.Document{File: "welcome.yaml", Text: examples.Welcome})
	}
	for _, path := range cfg.Flows {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("flows: %w", err)
		}
		documents = append(documents, flows.Document{File: path, Text: text})
	}
	parsed, own, between := judgeFlows(cfg, business, documents, fields, nil)
	problems := append(own, between...)
	return parsed, slices.DeleteFunc(problems, func(p flows.Problem) bool { return p.Warning }), nil
}

// judgeFlows parses documents for one business and says what is wrong: with each
// of them, and with what one says of others, of destinations and, unless they are
// nil, of teams.
//
// Every flow is the main business's. A further business has its own fields and
// destinations and need not be able to run all flows: of those that none of its
// channels can come to, problems do not count.
func judgeFlows(cfg *config.Config, business string, documents []flows.Document, fields *contacts.Fields, teams []string) (parsed []*flows.Flow, own, between []flows.Problem) {
	parsed, own = flows.ParseAll(documents, fields)
	between = flows.CheckAll(parsed, flows.Around{
		Open: cfg.Sample, Destinations: destinationsFor(cfg, business), Channels: shownOn(cfg), Teams: teams, Secrets: secretNames(cfg),
	})
	if business != cfg.Business.ID {
		needed := neededFiles(cfg, business, documents)
		spare := func(p flows.Problem) bool { return !slices.Contains(needed, p.File) }
		own, between = slices.DeleteFunc(own, spare), slices.DeleteFunc(between, spare)
	}
	return parsed, own, between
}

// secretNames are the names of the configured secrets; nil: there is no
// configuration that could say.
func secretNames(cfg *config.Config) []string {
	if cfg.Sample {
		return nil
	}
	return slices.AppendSeq(make([]string, 0, len(cfg.Secrets)), maps.Keys(cfg.Secrets))
}

// destinationsFor are the destinations that flows may push to. As flows of
// further businesses are the main one's too, it knows all. nil: there is no
// configuration that could say.
func destinationsFor(cfg *config.Config, business string) []string {
	if cfg.Sample {
		return nil
	}
	ids := make([]string, 0, len(cfg.Destinations))
	for _, d := range cfg.Destinations {
		if business == cfg.Business.ID || business == d.Business {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// shownOn are the types of the channels that show flows. nil: there is no
// configuration that could say.
func shownOn(cfg *config.Config) []string {
	if cfg.Sample {
		return nil
	}
	types := make([]string, 0, len(cfg.Channels))
	for _, c := range cfg.Channels {
		kind, _, _ := strings.Cut(c.ID, "/")
		types = append(types, kind)
	}
	return types
}

// neededFiles are the files of the flows that a business's channels name, and of
// those that these lead to. Flows that do not parse are among them.
func neededFiles(cfg *config.Config, business string, documents []flows.Document) []string {
	var wanted []string
	for _, c := range cfg.Channels {
		if c.Business == business {
			wanted = append(wanted, c.Flows...)
		}
	}
	files, leads := map[string][]string{}, map[string][]string{}
	for _, d := range documents {
		id, to := outline(d.Text)
		files[id] = append(files[id], d.File)
		leads[id] = append(leads[id], to...)
	}
	var needed []string
	seen := map[string]bool{}
	for len(wanted) > 0 {
		id := wanted[0]
		wanted = wanted[1:]
		if seen[id] {
			continue
		}
		seen[id] = true
		needed = append(needed, files[id]...)
		wanted = append(wanted, leads[id]...)
	}
	return needed
}

// outline is a flow document's id and the flows that it may lead to, read
// without understanding the rest: the document may be faulty. Text that only
// looks like a way to another flow counts as one.
func outline(document []byte) (id string, leads []string) {
	var root yaml.Node
	if yaml.Unmarshal(document, &root) != nil || len(root.Content) == 0 {
		return "", nil // a fault for the main business
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		// What an alias stands for is walked where it is written.
		if to, ok := strings.CutPrefix(n.Value, "flow:"); ok && n.Kind == yaml.ScalarNode {
			leads = append(leads, to)
		}
		for i, part := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "run" {
				leads = append(leads, part.Value)
			}
			walk(part)
		}
	}
	walk(&root)
	top := root.Content[0]
	for i := 0; top.Kind == yaml.MappingNode && i+1 < len(top.Content); i += 2 {
		if top.Content[i].Value == "id" {
			id = top.Content[i+1].Value
		}
	}
	return id, leads
}

// storeFlows stores flows and gives them their versions, to which runs are
// pinned.
func storeFlows(ctx context.Context, business string, all []*flows.Flow, db *database.DB) error {
	stored := make([]sqlstore.Flow, len(all))
	for i, f := range all {
		err := db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
			version, err := sqlstore.New(tx).SaveFlow(business, f.ID, f.Source, sqlstore.ByFile)
			f.Version, stored[i] = version, sqlstore.Flow{ID: f.ID, Name: f.Name, Draft: version}
			return err
		})
		if err != nil {
			return err
		}
	}
	return db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		return sqlstore.New(tx).PutFileFlows(business, stored, time.Now().UTC())
	})
}

// madeFlows are the ids of the flows that were made through the API, published or
// not: channels may name them.
func madeFlows(ctx context.Context, db *database.DB, business string) ([]string, error) {
	all, err := sqlstore.New(db.Read(ctx)).Flows(business)
	var ids []string
	for _, f := range all {
		if !f.FromFile {
			ids = append(ids, f.ID)
		}
	}
	return ids, err
}
