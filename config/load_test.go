package config_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// write puts a configuration into a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "usher.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestNoFileIsTheDefault(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", nil)
	require.NoError(t, err)
	require.Equal(t, config.Default(), c)
	require.Equal(t, config.Database("sqlite"), c.Database)
	require.Equal(t, "127.0.0.1:8080", c.Listen)
	require.Equal(t, "data", c.DataDir)
	require.Equal(t, []string{"lead.created", "contact.updated"}, c.Destinations[0].Send)
}

func TestEnvironmentWithoutAFile(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", []string{
		"USHER_BUSINESS_ID=acme", "USHER_BUSINESS_COUNTRY=de", "USHER_LISTEN=127.0.0.1:0",
		"USHER_DATA_DIR=/var/lib/usher", "USHER_GUESTS_TTL_WITHOUT_CONSENT=1d",
		"USHER_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.1", "USHER_TRY_PAGE=true", "USHER_LOG_LEVEL=debug",
		"USHER_REDIS=", "UNRELATED=x",
	})
	require.NoError(t, err)
	require.Equal(t, "DE", c.Business.Country)
	require.Equal(t, "127.0.0.1:0", c.Listen)
	require.Equal(t, "/var/lib/usher", c.DataDir)
	require.Equal(t, 24*time.Hour, c.Guests.TTLWithoutConsent)
	require.Equal(t, []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"),
	}, c.TrustedProxies)
	require.True(t, *c.TryPage)
	require.Equal(t, slog.LevelDebug, c.Log.Level)
	for _, ch := range c.Channels {
		require.Equal(t, "acme", ch.Business)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"usher.yaml": `
listen: ${HOST:-0.0.0.0}:${PORT}
data_dir: ./state
business: {country: us, timezone: America/New_York}
businesses: [{id: beta, country: FR}]
body_limit: 1MiB
guests: &guests {ttl: 1d12h}
keys:
  - {name: ops, key_file: ops.key, scopes: [admin]}
  - {name: ops, key: other, scopes: [bot, read], business: beta}
fields: [{name: company_size, type: number}]
flows: ["flows/*.yaml", flows/a.yaml]
channels:
  - id: bot/site
    flow: welcome
    settings:
      token_file: ${SECRETS}/token
      deadline: 4s
      limit: 3
      number: ${DIGITS}
      literal: $${X}
      nested: {on: true, since: 2026-01-02, list: ["${DIGITS}", 1.5, null]}
  - {id: webchat/b, business: beta, flows: [vip, welcome]}
destinations: [{id: sink, type: sink}]
secrets: {accounts_file: ops.key}
`,
		"ops.key": "s3cret\n", "token": "tok${NOT_EXPANDED}\r\n",
		"flows/b.yaml": "", "flows/a.yaml": "", "flows/notes.txt": "", "flows/a.test.yaml": "",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	c, err := config.Load(filepath.Join(dir, "usher.yaml"), []string{
		"PORT=99", "HOST=", "SECRETS=" + dir, "DIGITS=007", "USHER_BUSINESS_NAME=Acme",
	})
	require.NoError(t, err)

	require.Equal(t, "0.0.0.0:99", c.Listen)
	require.Equal(t, filepath.Join(dir, "state"), c.DataDir)
	require.Equal(t, config.Business{ID: "default", Name: "Acme", Country: "US", Timezone: "America/New_York"}, c.Business)
	require.Equal(t, config.Business{ID: "beta", Name: "beta", Country: "FR", Timezone: "UTC"}, c.Businesses[0])
	require.Equal(t, config.Bytes(1<<20), c.BodyLimit)
	require.Equal(t, 36*time.Hour, c.Guests.TTL)
	require.Equal(t, 30*time.Minute, c.Guests.TTLWithoutConsent)
	require.Equal(t, []config.Key{
		{Name: "ops", Key: "s3cret", Scopes: []string{"admin"}, Business: "default"},
		{Name: "ops", Key: "other", Scopes: []string{"bot", "read"}, Business: "beta"},
	}, c.Keys)
	require.Equal(t, []config.Field{{Name: "company_size", Title: "Company size", Type: "number", Business: "default"}}, c.Fields)
	require.Equal(t, []string{filepath.Join(dir, "flows/a.yaml"), filepath.Join(dir, "flows/b.yaml")}, c.Flows)
	require.Equal(t, []config.Channel{
		{ID: "bot/site", Business: "default", Flow: "welcome", Flows: []string{"welcome"}, Settings: config.Settings{
			"token": "tok${NOT_EXPANDED}", "deadline": "4s", "limit": 3, "number": "007", "literal": "${X}",
			"nested": map[string]any{"on": true, "since": "2026-01-02", "list": []any{"007", 1.5, nil}},
		}},
		{ID: "webchat/b", Business: "beta", Flows: []string{"vip", "welcome"}, Settings: config.Settings{}},
	}, c.Channels)
	require.Equal(t, []string{"lead.created", "contact.updated", "inquiry.created"}, c.Destinations[0].Send)
	require.Equal(t, map[string]config.Secret{"accounts": "s3cret"}, c.Secrets)
	require.False(t, c.Sample)
	require.Nil(t, c.TryPage)
}

func TestAnythingMayComeFromAFile(t *testing.T) {
	t.Parallel()
	path := write(t, "fields_file: fields\ninbox: {max_backlog_file: backlog}\nbusiness_file: business\nredis_file: empty\n")
	for name, text := range map[string]string{
		"fields":   "- {name: plan, type: text}\n",
		"backlog":  "5\n",
		"business": "{country: NL, timezone: Europe/Amsterdam}",
		"empty":    "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(text), 0o600))
	}
	c, err := config.Load(path, []string{"USHER_SECRET_KEY_FILE=" + filepath.Join(filepath.Dir(path), "backlog")})
	require.NoError(t, err)
	require.Equal(t, "plan", c.Fields[0].Name)
	require.Equal(t, 5, c.Inbox.MaxBacklog)
	require.Equal(t, "NL", c.Business.Country)
	require.Equal(t, config.Secret("5"), c.SecretKey)
}

func TestAliasesAndMerges(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, `
channels:
  - {id: bot/a, flow: welcome, settings: &s {token: t, forms: true}}
  - {id: bot/b, flow: welcome, settings: {<<: *s, forms: false}}
  - {id: bot/c, flow: welcome, settings: *s}
`), nil)
	require.NoError(t, err)
	require.Equal(t, config.Settings{"token": "t", "forms": false}, c.Channels[1].Settings)
	require.Equal(t, c.Channels[0].Settings, c.Channels[2].Settings)
}

// Every file of testdata/bad has its list of problems beside it.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(file, []string{"SET=x", "EMPTY=", "TOKEN=hush-hush"})
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.NotContains(t, err.Error(), "hush-hush")
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600))
			}
			want, err2 := os.ReadFile(golden)
			require.NoError(t, err2)
			require.Equal(t, string(want), err.Error()+"\n")
		})
	}
}

func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	_, err := config.Load("", []string{
		"USHER_LISTEN=8080", "USHER_INBOX_MAX_BACKLOG=many", "USHER_DATABASE=mysql://usher:hush-hush@db/usher",
		"USHER_REDIS_FILE=/nowhere/redis", "USHER_TRUSTED_PROXIES=10.0.0.0/8,here",
		"USHER_SECRET_KEY=a", "USHER_SECRET_KEY_FILE=b",
	})
	require.EqualError(t, err, strings.Join([]string{
		"USHER_REDIS_FILE: redis: stat /nowhere/redis: no such file or directory",
		"USHER_SECRET_KEY: secret_key: both USHER_SECRET_KEY and USHER_SECRET_KEY_FILE are set",
		"USHER_INBOX_MAX_BACKLOG: inbox.max_backlog: want a whole number",
		"USHER_TRUSTED_PROXIES: trusted_proxies[1]: want a network, as 10.0.0.0/8",
		"USHER_LISTEN: listen: want host:port, as 127.0.0.1:8080",
	}, "\n"))
}

func TestEnvironmentWinsOverAFaultyFile(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, "listen: ${UNSET}\nbusiness: {country: ZZ}\n"),
		[]string{"USHER_LISTEN=:80", "USHER_BUSINESS_COUNTRY=IN"})
	require.NoError(t, err)
	require.Equal(t, ":80", c.Listen)
	require.Equal(t, "IN", c.Business.Country)
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = config.Load(write(t, strings.Repeat("#", 1<<20+1)), nil)
	require.ErrorContains(t, err, "larger than")
	_, err = config.Load(write(t, "a: &a ["+strings.Repeat("1, ", 500)+"]\nb: &b ["+strings.Repeat("*a, ", 500)+"]\nchannels: [{settings: {c: *b, d: *b}}]"), nil)
	require.ErrorContains(t, err, "aliases within aliases")
}

func TestEmptyFileHasNoSampleItems(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, ""), nil)
	require.NoError(t, err)
	require.Empty(t, c.Channels)
	require.Empty(t, c.Destinations)
	require.Equal(t, 90*24*time.Hour, c.Guests.TTL)
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	c, err := config.Load(write(t, `
database: mysql://usher:hush-hush@db:3306/usher
redis: redis://default:hush-hush@cache:6379/0
secret_key: hush-hush
mail: {smtp: "smtp://u:hush-hush@mail:587", from: a@example.com}
keys: [{name: ops, key: hush-hush, scopes: [admin]}]
secrets: {accounts: hush-hush}
channels: [{id: bot/site, flow: welcome, settings: {token: hush-hush}}]
`), nil)
	require.NoError(t, err)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "all", c, "database", c.Database, "settings", c.Channels[0].Settings)
	c.Channels = nil // settings are JSON for their owners
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	for _, text := range []string{
		logged.String(), string(raw), fmt.Sprint(c), fmt.Sprintf("%+v %#v %v", c, c, c.Redis),
	} {
		require.NotContains(t, text, "hush")
		require.Contains(t, text, "***")
	}
}

// Flows are checked and tested where the secrets of the configuration are not.
func TestLoadForFlows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	path := write("usher.yaml", "database: ${DSN}\nkeys: [{name: a, key: \"${KEY}\", scopes: [admin]}]\nfields: [{name: size, type: number}]\n"+
		"channels: [{id: bot/site, flow: a, settings: {token: \"${TOKEN}\"}}]\ndestinations: [{id: crm, type: webhook, settings: {url: \"${URL}\"}}]\n")
	_, err := config.Load(path, nil)
	require.ErrorContains(t, err, "KEY")
	c, err := config.LoadForFlows(path, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"size", "bot/site", "a", "crm"}, []string{c.Fields[0].Name, c.Channels[0].ID, c.Channels[0].Flows[0], c.Destinations[0].ID})
	for _, wrong := range []string{"fields: [{name: Size, type: number}]", "business: {id: default, country: Atlantis}", "flows: [none.yaml]", "nonsense: ["} {
		_, err := config.LoadForFlows(write("wrong.yaml", wrong+"\n"), nil)
		require.Error(t, err, wrong)
	}
}
