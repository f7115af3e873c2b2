package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"usher/config"
	"usher/connectors"
	"usher/contacts"
	"usher/contacts/redisstore"
	"usher/contacts/sqlstore"
	"usher/internal/database"
	"usher/internal/gateway"
	"usher/internal/nudge"
	"usher/internal/outbound"
)

// redisPrefix begins every key and topic that usher uses on a Redis server.
const redisPrefix = "usher:"

// redisTimeout is many times what a healthy server takes for a batch, fsync
// included; redisDial what it takes to connect.
const (
	redisTimeout = 2 * time.Second
	redisDial    = time.Second
)

// stores is what a configuration names, open. Whatever a command needs of it is
// closed in reverse order of opening.
type stores struct {
	db     *database.DB
	guests contacts.GuestStore // nil: in db
	bus    nudge.Bus
	run    func(context.Context) error // of the bus; nil: nothing to run

	closers []closer
}

type closer struct {
	name string
	do   func() error
}

func (s *stores) close(log *slog.Logger) {
	for _, c := range slices.Backward(s.closers) {
		if err := c.do(); err != nil {
			log.Warn("not closed cleanly", "what", c.name, "error", err)
		}
	}
}

// openDatabase opens the configured database. Its schema may be out of date.
func openDatabase(ctx context.Context, cfg *config.Config) (*database.DB, error) {
	if !cfg.Database.IsMySQL() {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("data_dir: %w", err)
		}
		return database.OpenSQLite(filepath.Join(cfg.DataDir, "usher.db"))
	}
	m, err := cfg.Database.MySQL()
	if err != nil {
		return nil, err
	}
	c := driver.NewConfig()
	c.Net, c.Addr, c.User, c.Passwd, c.DBName, c.TLSConfig = "tcp", m.Addr, m.User, string(m.Password), m.Name, m.TLS
	return database.OpenMySQL(ctx, c)
}

// openStores opens the database and, beside a server, Redis.
func openStores(ctx context.Context, cfg *config.Config, log *slog.Logger) (*stores, error) {
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s := &stores{db: db, bus: &nudge.Local{}, closers: []closer{{"database", db.Close}}}
	if !cfg.Database.IsMySQL() {
		return s, nil
	}
	client, err := openRedis(ctx, cfg.Redis)
	if err != nil {
		s.close(log)
		return nil, err
	}
	s.closers = append(s.closers, closer{"redis", client.Close})
	bus := nudge.NewRedis(client, redisPrefix)
	s.guests, s.bus, s.run = redisstore.New(client, redisPrefix), bus, bus.Run
	return s, nil
}

func openRedis(ctx context.Context, where config.Redis) (redis.UniversalClient, error) {
	server, err := where.Server()
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	redis.SetLogger(silence{}) // it prints addresses to stderr; errors come back anyway
	o := &redis.UniversalOptions{Addrs: server.Addrs, DB: server.DB, Username: server.Username,
		Password: string(server.Password), IsClusterMode: server.Cluster,
		// Contacts go on without Redis; nobody should wait long to learn that it
		// is away.
		DialTimeout: redisDial, ReadTimeout: redisTimeout, WriteTimeout: redisTimeout, MaxRetries: 1, DialerRetries: 1}
	if server.TLS {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	client := redis.NewUniversalClient(o)
	if err := client.Ping(ctx).Err(); err != nil {
		client.Close()
		return nil, fmt.Errorf("redis at %s: %w", strings.Join(server.Addrs, ", "), err)
	}
	return client, nil
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// secretKey is the installation's secret: configured, or made once and kept in
// the data directory.
func secretKey(cfg *config.Config) ([]byte, error) {
	if cfg.SecretKey != "" {
		sum := sha256.Sum256([]byte(cfg.SecretKey))
		return sum[:], nil
	}
	text, err := keptSecret(filepath.Join(cfg.DataDir, "secret.key"))
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:], nil
}

// keptSecret reads a secret from a file that only its owner can read, or makes
// it.
func keptSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", err
	}
	made := hex.EncodeToString(secret)
	return made, os.WriteFile(path, []byte(made+"\n"), 0o600)
}

// derive makes a key for one purpose from the installation's secret.
func derive(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

// businesses builds everything that the configuration declares, and stores what
// of it must outlive the process. All problems are reported at once.
func businesses(ctx context.Context, cfg *config.Config, db *database.DB, secret []byte, hc *http.Client) ([]*gateway.Business, error) {
	var problems config.Problems
	var all []*gateway.Business
	for _, b := range append([]config.Business{cfg.Business}, cfg.Businesses...) {
		built, faults, err := business(ctx, cfg, b, db, secret, hc)
		if err != nil {
			return nil, err
		}
		problems = append(problems, faults...)
		all = append(all, built)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return all, nil
}

func business(ctx context.Context, cfg *config.Config, b config.Business, db *database.DB, secret []byte, hc *http.Client) (*gateway.Business, config.Problems, error) {
	built := &gateway.Business{ID: b.ID, Name: b.Name, Country: b.Country, Timezone: b.Location(), Hours: cfg.HoursOf(b),
		Channels: map[string]*gateway.Channel{}}
	if b.ID == cfg.Business.ID { // owner of all that names no business
		built.Secrets = map[string]string{}
		for name, secret := range cfg.Secrets {
			built.Secrets[name] = string(secret)
		}
	}
	var problems config.Problems
	fault := func(key string, err error) { problems = append(problems, config.Problem{Path: key, Text: err.Error()}) }

	fields, err := storeSettings(ctx, cfg, b, db)
	if err != nil {
		return nil, nil, err
	}
	if built.Fields, err = contacts.NewFields(fields); err != nil {
		fault("fields", err)
		return built, problems, nil
	}
	parsed, faults, err := readFlows(cfg, b.ID, built.Fields)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range faults {
		text := f.String()
		if b.ID != cfg.Business.ID {
			text += " (business " + b.ID + ")"
		}
		problems = append(problems, config.Problem{Text: text})
	}
	built.Flows.Set(parsed)
	made, err := madeFlows(ctx, db, b.ID)
	if err != nil {
		return nil, nil, err
	}
	types := channelTypes()
	for _, c := range cfg.Channels {
		if c.Business != b.ID {
			continue
		}
		for _, id := range c.Flows {
			if built.Flows.Get(id) == nil && !slices.Contains(made, id) {
				fault("channels."+c.ID+".flow", fmt.Errorf("there is no flow %s", id))
			}
		}
		kind, _, _ := strings.Cut(c.ID, "/")
		factory, ok := types[kind]
		if !ok {
			fault("channels."+c.ID, fmt.Errorf("no channel type %s; there are %s", kind, names(types)))
			continue
		}
		connector, err := factory(connectors.Setup{ID: c.ID, URL: hookURL(cfg, c, cfg.PublicURL), Country: b.Country, Settings: c.Settings, HTTP: hc,
			Key: derive(secret, "channel/"+b.ID+"/"+c.ID)})
		if err != nil {
			fault("channels."+c.ID+".settings", err)
			continue
		}
		built.Channels[c.ID] = &gateway.Channel{ID: c.ID, Business: built, FlowIDs: c.Flows, Connector: connector}
	}
	for _, d := range cfg.Destinations {
		if d.Business != b.ID {
			continue
		}
		made, err := destination(d, built, hc)
		if err != nil {
			fault("destinations."+d.ID, err)
			continue
		}
		built.Destinations = append(built.Destinations, made)
	}
	if len(problems) > 0 {
		return built, problems, nil
	}
	if err := storeFlows(ctx, b.ID, parsed, db); err != nil {
		return nil, nil, err
	}
	return built, nil, storeDestinations(ctx, built, db)
}

// storeSettings stores a business, its fields and its keys, and returns all of
// its custom fields, those made through the API too.
func storeSettings(ctx context.Context, cfg *config.Config, b config.Business, db *database.DB) ([]contacts.Field, error) {
	var fields []contacts.Field
	err := db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		people := sqlstore.New(tx)
		now := time.Now().UTC()
		if err := people.PutBusiness(sqlstore.Business{ID: b.ID, Name: b.Name, Country: b.Country, Timezone: b.Timezone, CreatedAt: now}); err != nil {
			return err
		}
		for i, f := range cfg.Fields {
			if f.Business != b.ID {
				continue
			}
			stored := sqlstore.StoredField{Field: contacts.Field{Name: f.Name, Title: f.Title, Type: contacts.FieldType(f.Type), Settable: true},
				FromFile: true, CreatedAt: now.Add(time.Duration(i) * time.Microsecond)}
			if err := people.PutField(b.ID, stored); err != nil {
				return err
			}
		}
		var keys []sqlstore.Key
		for _, k := range cfg.Keys {
			if k.Business == b.ID {
				keys = append(keys, newKey(b.ID, k.Name, string(k.Key), k.Scopes, k.AgentID, now))
			}
		}
		if err := people.PutFileKeys(b.ID, keys, now); err != nil {
			return err
		}
		stored, err := people.Fields(b.ID)
		for _, f := range stored {
			fields = append(fields, f.Field)
		}
		return err
	})
	return fields, err
}

// callTimeout is above what any step of a flow may set for itself.
const callTimeout = 2 * time.Minute

// newGateway builds the gateway over open stores.
func newGateway(ctx context.Context, cfg *config.Config, s *stores, role gateway.Role, log *slog.Logger, metrics *prometheus.Registry) (*gateway.Gateway, error) {
	salt, err := s.db.Salt(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := secretKey(cfg)
	if err != nil {
		return nil, err
	}
	hc, err := outbound.New(outbound.Options{AllowPrivate: cfg.Outbound.AllowPrivateNetworks, UserAgent: "usher/" + cmp.Or(version, "dev")})
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	calls, err := outbound.New(outbound.Options{AllowPrivate: cfg.Outbound.AllowPrivateNetworks, UserAgent: "usher/" + cmp.Or(version, "dev"), Timeout: callTimeout})
	if err != nil {
		return nil, fmt.Errorf("outbound: %w", err)
	}
	all, err := businesses(ctx, cfg, s.db, secret, hc)
	if err != nil {
		return nil, err
	}
	node := make([]byte, 8)
	if _, err := rand.Read(node); err != nil {
		return nil, err
	}
	return gateway.New(gateway.Deps{
		DB: s.db, Guests: s.guests, Bus: s.bus, Businesses: all, Log: log, Metrics: metrics, HTTP: calls,
		Node: "node_" + hex.EncodeToString(node), Role: role, Salt: salt,
		GuestTTL: cfg.Guests.TTL, NoConsent: cfg.Guests.TTLWithoutConsent, Retention: cfg.Inbox.Retention,
		MaxBacklog: cfg.Inbox.MaxBacklog, Spool: cfg.Inbox.Spool, PublicURL: cfg.PublicURL,
	})
}

// newKey is an API key as it is stored: by its hash.
func newKey(business, name, secret string, scopes []string, agentID string, now time.Time) sqlstore.Key {
	hash := sha256.Sum256([]byte(secret))
	return sqlstore.Key{ID: "key_" + hex.EncodeToString(hash[:8]), Business: business, Name: name, Hash: hash[:],
		Scopes: scopes, AgentID: agentID, CreatedAt: now}
}

func names[V any](m map[string]V) string {
	var list []string
	for name := range m {
		list = append(list, name)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
