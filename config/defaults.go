package config

import "time"

const day = 24 * time.Hour

// Defaults that have a reason.
const (
	// defaultBodyLimit is above the largest webhook of any platform (Meta
	// batches up to 3 MB).
	defaultBodyLimit = 4 << 20
	// defaultRetention is longer than the week for which platforms redeliver.
	defaultRetention = 8 * day
	// defaultMaxBacklog is what one machine works off in about a minute.
	defaultMaxBacklog = 100_000
)

// base is what holds for every setting that nobody gave.
func base() *Config {
	return &Config{
		Listen:    "127.0.0.1:8080",
		DataDir:   "data",
		Database:  "sqlite",
		Business:  Business{ID: "default", Name: "Default", Country: "GB", Timezone: "Europe/London"},
		Guests:    Guests{TTL: 90 * day, TTLWithoutConsent: 30 * time.Minute},
		Inbox:     Inbox{Retention: defaultRetention, MaxBacklog: defaultMaxBacklog},
		BodyLimit: defaultBodyLimit,
		Log:       Log{Format: "auto"},
	}
}

// Default is what usher serves without a configuration: everything embedded, a
// webchat and a bot channel with the sample flow, a destination that only
// records.
func Default() *Config {
	c := base()
	c.Sample = true
	c.Fields = []Field{{Name: "company_size", Title: "Company size", Type: "number", Business: c.Business.ID}}
	for _, id := range []string{"webchat/site", "bot/site"} {
		c.Channels = append(c.Channels, Channel{
			ID: id, Business: c.Business.ID, Flow: "welcome", Flows: []string{"welcome"}, Settings: Settings{},
		})
	}
	c.Destinations = []Destination{{
		ID: "sink", Type: "sink", Business: c.Business.ID,
		Send: []string{"lead.created", "contact.updated"}, Settings: Settings{},
	}}
	return c
}
