// Package config is usher's configuration as one plain value: a YAML file, the
// environment and defaults, checked as a whole so that every problem is told at
// once. It knows nothing of channels and destinations but their names; their
// settings are checked by whoever owns them.
package config

import (
	"log/slog"
	"net/netip"
	"time"

	"usher/internal/hours"
)

// Config is everything that an operator can set. Load and Default return it
// complete: defaults filled in, paths resolved, business ids set on every item.
type Config struct {
	Listen    string   `yaml:"listen"`     // host:port of webhooks, API and pages; port 0 takes a free one
	ListenOps string   `yaml:"listen_ops"` // host:port of health and metrics; empty: on Listen
	PublicURL string   `yaml:"public_url"` // how platforms reach Listen, without a trailing slash; empty: unknown
	DataDir   string   `yaml:"data_dir"`   // embedded database, made keys, spool
	Database  Database `yaml:"database"`
	Redis     Redis    `yaml:"redis"`
	SecretKey Secret   `yaml:"secret_key"` // encrypts stored credentials; empty: made and kept in DataDir

	Business   Business   `yaml:"business"`   // owner of every item that names none
	Businesses []Business `yaml:"businesses"` // further ones
	Hours      hours.Week `yaml:"hours"`      // of a business that has none of its own

	Guests         Guests         `yaml:"guests"`
	Inbox          Inbox          `yaml:"inbox"`
	BodyLimit      Bytes          `yaml:"body_limit"`      // largest request body; beyond it 413
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"` // whose X-Forwarded-For counts
	GeoIP          string         `yaml:"geoip"`           // path of a MaxMind-format file; empty: off
	Mail           Mail           `yaml:"mail"`

	Keys         []Key             `yaml:"keys"`
	Fields       []Field           `yaml:"fields"`
	Flows        []string          `yaml:"flows"` // in the file globs, here the files that they match, sorted
	Channels     []Channel         `yaml:"channels"`
	Destinations []Destination     `yaml:"destinations"`
	Secrets      map[string]Secret `yaml:"secrets"` // {{ secret.name }} of call and bot steps, of Business only

	Outbound Outbound `yaml:"outbound"`
	TryPage  *bool    `yaml:"try_page"` // nil: only while Listen is loopback
	Log      Log      `yaml:"log"`

	// Sample says that there was no file: the flow "welcome" that comes with
	// the program is served, and an admin key is made and shown.
	Sample bool `yaml:"-"`
}

// Business is a tenant.
type Business struct {
	ID       string `yaml:"id"`
	Name     string `yaml:"name"`
	Country  string `yaml:"country"`  // ISO 3166-1 alpha-2: reads phone numbers without +
	Timezone string `yaml:"timezone"` // IANA name
	// Hours when people are there, in Timezone; none: always.
	Hours hours.Week `yaml:"hours"`
}

// Location of the business's time zone; UTC for a name that Load would refuse.
func (b Business) Location() *time.Location {
	loc, err := time.LoadLocation(b.Timezone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// HoursOf are a business's hours: its own, else those of the file.
func (c *Config) HoursOf(b Business) hours.Week {
	if len(b.Hours) > 0 {
		return b.Hours
	}
	return c.Hours
}

// Guests says how long anonymous people are remembered after their last event.
type Guests struct {
	TTL               time.Duration `yaml:"ttl"`
	TTLWithoutConsent time.Duration `yaml:"ttl_without_consent"`
}

// Inbox bounds the log of accepted events.
type Inbox struct {
	Retention  time.Duration `yaml:"retention"`   // final rows, from receipt; also how long duplicates are known
	MaxBacklog int           `yaml:"max_backlog"` // undone events beyond which webhooks get 503
	Spool      string        `yaml:"spool"`       // directory that takes events while the database is down; empty: none
}

// Mail is how usher sends mail.
type Mail struct {
	SMTP Secret `yaml:"smtp"` // smtp://user:pass@host:587 or smtps://…; empty: no mail
	From string `yaml:"from"`
}

// Key is an API key whose secret the operator chose.
type Key struct {
	Name     string   `yaml:"name"`
	Key      Secret   `yaml:"key"`
	Scopes   []string `yaml:"scopes"` // admin, agent, read, bot
	Business string   `yaml:"business"`
	AgentID  string   `yaml:"agent_id"`
}

// Field is a custom contact field.
type Field struct {
	Name     string `yaml:"name"`
	Title    string `yaml:"title"`
	Type     string `yaml:"type"` // text, number, date, yes_no
	Business string `yaml:"business"`
}

// Channel is one configured way in and out.
type Channel struct {
	ID       string   `yaml:"id"` // type/name
	Business string   `yaml:"business"`
	Flow     string   `yaml:"flow"`  // short for a list of one
	Flows    []string `yaml:"flows"` // tried in order; holds Flow too once loaded
	Settings Settings `yaml:"settings"`
}

// Destination is one configured CRM connection.
type Destination struct {
	ID       string   `yaml:"id"`
	Type     string   `yaml:"type"`
	Business string   `yaml:"business"`
	Send     []string `yaml:"send"` // kinds of documents
	When     string   `yaml:"when"` // expression; empty: every reachable contact
	Settings Settings `yaml:"settings"`
}

// Outbound guards the addresses that users give.
type Outbound struct {
	AllowPrivateNetworks []string `yaml:"allow_private_networks"` // CIDRs, addresses or host names
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format string     `yaml:"format"` // auto (text on a terminal, else json), text, json
}
