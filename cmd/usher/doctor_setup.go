package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"usher/config"
	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/crm"
	"usher/flows"
	"usher/internal/database"
	"usher/internal/gateway"
	"usher/internal/outbound"
)

// secretKey says where the secret comes from that tokens are derived from.
func (d *doctor) secretKey() {
	if d.cfg.SecretKey != "" {
		d.ok("secret_key", "configured")
		return
	}
	path := filepath.Join(d.cfg.DataDir, "secret.key")
	info, err := os.Stat(path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		d.fail("secret_key", "%v", err)
	case err == nil && info.Mode().Perm()&0o077 != 0:
		d.warn("secret_key", "%s can be read by other users: chmod 600", path)
	case d.cfg.Database.IsMySQL():
		d.warn("secret_key", "not configured: each node makes its own, and webchat visitors of one node are strangers to the next")
	default:
		d.ok("secret_key", "made and kept in %s: part of every backup", path)
	}
}

// all businesses that are configured.
func (d *doctor) businesses() []config.Business {
	return append([]config.Business{d.cfg.Business}, d.cfg.Businesses...)
}

// fields are each business's contact fields: those of the configuration and
// those made through the API.
func (d *doctor) fields(ctx context.Context, db *database.DB) map[string]*contacts.Fields {
	known := map[string]*contacts.Fields{}
	for _, b := range d.businesses() {
		var custom []contacts.Field
		seen := map[string]bool{}
		for _, f := range d.cfg.Fields {
			if f.Business == b.ID {
				seen[f.Name] = true
				custom = append(custom, contacts.Field{Name: f.Name, Title: f.Title, Type: contacts.FieldType(f.Type), Settable: true})
			}
		}
		if db != nil {
			stored, err := sqlstore.New(db.Read(ctx)).Fields(b.ID)
			if err != nil {
				d.fail("fields", "%v", err)
			}
			for _, f := range stored {
				if !seen[f.Name] {
					custom = append(custom, f.Field)
				}
			}
		}
		fields, err := contacts.NewFields(custom)
		if err != nil {
			d.fail("fields", "%s: %v", b.ID, err)
			continue
		}
		known[b.ID] = fields
	}
	return known
}

// flows reads every flow document as serve would.
func (d *doctor) flows(fields map[string]*contacts.Fields) {
	var told []string
	count := 0
	for _, b := range d.businesses() {
		if fields[b.ID] == nil {
			continue
		}
		parsed, problems, err := readFlows(d.cfg, b.ID, fields[b.ID])
		if err != nil {
			d.fail("flows", "%v", err)
			return
		}
		count = max(count, len(parsed))
		for _, p := range problems {
			if !slices.Contains(told, p.String()) {
				told = append(told, p.String())
				d.fail("flows", "%s", p)
			}
		}
	}
	if len(told) == 0 {
		d.ok("flows", "%d checked, no faults", count)
	}
}

// channels builds every channel as serve would, and reaches the platforms whose
// address is configured.
func (d *doctor) channels(ctx context.Context, db *database.DB, fields map[string]*contacts.Fields) {
	types := channelTypes()
	hc, err := outbound.New(outbound.Options{AllowPrivate: d.cfg.Outbound.AllowPrivateNetworks})
	if err != nil {
		d.fail("outbound", "%v", err)
		return
	}
	for _, c := range d.cfg.Channels {
		what := "channel " + c.ID
		kind, _, _ := strings.Cut(c.ID, "/")
		factory, ok := types[kind]
		if !ok {
			d.fail(what, "no channel type %s; there are %s", kind, names(types))
			continue
		}
		// Any key does: nothing that it signs leaves this process.
		_, err := factory(connectors.Setup{ID: c.ID, Country: d.cfg.Business.Country, Settings: c.Settings, HTTP: hc,
			Key: derive(nil, "doctor")})
		if err != nil {
			d.fail(what, "settings: %v", err)
			continue
		}
		if missing := d.missingFlow(ctx, db, c, fields[c.Business]); missing != "" {
			d.fail(what, "there is no flow %s", missing)
			continue
		}
		if base, _ := c.Settings["base_url"].(string); base != "" && !d.reaches(ctx, what, base) {
			continue
		}
		d.ok(what, "settings are complete")
	}
}

func (d *doctor) missingFlow(ctx context.Context, db *database.DB, c config.Channel, fields *contacts.Fields) string {
	if fields == nil {
		return ""
	}
	parsed, _, err := readFlows(d.cfg, c.Business, fields)
	if err != nil {
		return ""
	}
	var made []string
	if db != nil {
		if made, err = madeFlows(ctx, db, c.Business); err != nil {
			d.fail("flows", "%v", err)
		}
	}
	for _, id := range c.Flows {
		declared := slices.ContainsFunc(parsed, func(f *flows.Flow) bool { return f.ID == id })
		if !declared && !slices.Contains(made, id) {
			return id
		}
	}
	return ""
}

// reaches says whether an address that somebody configured may and can be
// connected to.
func (d *doctor) reaches(ctx context.Context, what, address string) bool {
	err := outbound.Connect(ctx, address, d.cfg.Outbound.AllowPrivateNetworks)
	var failed *outbound.Error
	switch {
	case err == nil:
		return true
	case errors.As(err, &failed) && failed.Class == outbound.Retry:
		d.warn(what, "cannot be reached now, so deliveries wait: %v", err)
	default:
		d.fail(what, "cannot be reached: %v", err)
	}
	return false
}

// destinations builds every destination as serve would and asks each, by calls
// that change nothing, whether it would take a lead.
func (d *doctor) destinations(ctx context.Context, fields map[string]*contacts.Fields) {
	hc, err := outbound.New(outbound.Options{AllowPrivate: d.cfg.Outbound.AllowPrivateNetworks, UserAgent: "usher-doctor"})
	if err != nil {
		return // channels said so
	}
	for _, dest := range d.cfg.Destinations {
		what := "destination " + dest.ID
		if fields[dest.Business] == nil {
			continue
		}
		built, err := destination(dest, &gateway.Business{ID: dest.Business, Fields: fields[dest.Business]}, hc)
		if err != nil {
			d.fail(what, "%v", err)
			continue
		}
		if checker, ok := built.Connector.(crm.Checker); ok {
			trying, cancel := context.WithTimeout(ctx, probeTime)
			err := checker.Check(trying)
			cancel()
			if err != nil {
				d.fail(what, "%v", err)
				continue
			}
			d.ok(what, "%s takes the credentials and has what leads need", dest.Type)
			continue
		}
		if target, _ := dest.Settings["url"].(string); target != "" {
			if d.reaches(ctx, what, target) {
				d.ok(what, "can be connected to; nothing was posted")
			}
			continue
		}
		d.ok(what, "settings are complete")
	}
}
