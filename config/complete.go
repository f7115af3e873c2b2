package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// leadKinds is what a destination gets that asks for nothing in particular.
func leadKinds() []string { return []string{"lead.created", "contact.updated", "inquiry.created"} }

// complete fills in what follows from other settings and brings what was given
// into one form.
func (l *loader) complete(c *Config) {
	for path, dir := range map[string]*string{"data_dir": &c.DataDir, "geoip": &c.GeoIP, "inbox.spool": &c.Inbox.Spool} {
		*dir = l.resolve(path, *dir)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	c.Business.Country = strings.ToUpper(c.Business.Country)
	for i := range c.Businesses {
		b := &c.Businesses[i]
		b.Country = strings.ToUpper(b.Country)
		if b.Timezone == "" {
			b.Timezone = "UTC"
		}
		if b.Name == "" {
			b.Name = b.ID
		}
	}
	for i := range c.Keys {
		c.owner(&c.Keys[i].Business)
	}
	for i := range c.Fields {
		f := &c.Fields[i]
		c.owner(&f.Business)
		if f.Title == "" {
			f.Title = titleOf(f.Name)
		}
	}
	for i := range c.Channels {
		ch := &c.Channels[i]
		c.owner(&ch.Business)
		if ch.Flow != "" && len(ch.Flows) == 0 {
			ch.Flows = []string{ch.Flow}
		}
		if ch.Settings == nil {
			ch.Settings = Settings{}
		}
	}
	for i := range c.Destinations {
		d := &c.Destinations[i]
		c.owner(&d.Business)
		if d.Send == nil {
			d.Send = leadKinds()
		}
		if d.Settings == nil {
			d.Settings = Settings{}
		}
	}
}

// owner makes the main business the one of an item that names none. The sample
// items name the default id, which a variable may have replaced.
func (c *Config) owner(id *string) {
	if *id == "" || c.Sample {
		*id = c.Business.ID
	}
}

// titleOf turns company_size into Company size.
func titleOf(name string) string {
	title := strings.ReplaceAll(name, "_", " ")
	if title == "" {
		return ""
	}
	return strings.ToUpper(title[:1]) + title[1:]
}

// resolve makes a relative path start at the file's folder, unless it came from
// a variable.
func (l *loader) resolve(path, name string) string {
	at := l.where[path]
	fromVariable := at.source != "" && at.line == 0
	if name == "" || filepath.IsAbs(name) || fromVariable {
		return name
	}
	return filepath.Join(l.dir, name)
}

// resolveFlows replaces the globs by the files that they match, but for the
// flows' tests, which lie beside them. A glob that matches nothing is no fault,
// a file that is not there is one.
func (l *loader) resolveFlows(c *Config) {
	var files []string
	for i, glob := range c.Flows {
		path := index("flows", i)
		found, err := filepath.Glob(l.resolve("flows", glob))
		switch {
		case err != nil:
			l.add(path, "no valid pattern of file names")
		case len(found) == 0 && !strings.ContainsAny(glob, "*?["):
			l.add(path, "no such file")
		}
		files = append(files, found...)
	}
	files = slices.DeleteFunc(files, IsFlowTest)
	slices.Sort(files)
	c.Flows = slices.Compact(files)
}

// IsFlowTest tells a flow's test by its file's name, welcome.test.yaml, from a
// flow.
func IsFlowTest(file string) bool {
	return strings.HasSuffix(strings.TrimSuffix(file, filepath.Ext(file)), ".test")
}
