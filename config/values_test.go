package config_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d12h30m": 36*time.Hour + 30*time.Minute, "0": 0, "0d": 0, "1.5d": 36 * time.Hour,
		"5m": 5 * time.Minute, "-1d": -day, "-1d1h": -25 * time.Hour,
	} {
		got, err := config.ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "d", "90", "1h1d", "1d1d", "1d-1h", "1d+1h", "1e3d", "0x1d", "NaNd", "Infd", "100000d", "1 d", "1d 1h"} {
		_, err := config.ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Bytes{"0": 0, "1024": 1024, "512KiB": 512 << 10, "4 MB": 4 << 20, "1GiB": 1 << 30} {
		var got config.Bytes
		require.NoError(t, got.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "4 mib", "9223372036854775807GiB", "1TB"} {
		require.Error(t, new(config.Bytes).UnmarshalText([]byte(text)), text)
	}
}

func TestMySQL(t *testing.T) {
	t.Parallel()
	for text, want := range map[config.Database]config.MySQL{
		"mysql://root@127.0.0.1:3306/test":        {Addr: "127.0.0.1:3306", User: "root", Name: "test"},
		"mysql://root:@db/test":                   {Addr: "db:3306", User: "root", Name: "test"},
		"mysql://u:p%40%2F%3A@[::1]/usher":        {Addr: "[::1]:3306", User: "u", Password: "p@/:", Name: "usher"},
		"mysql://u:p@h:1/a?tls=preferred":         {Addr: "h:1", User: "u", Password: "p", Name: "a", TLS: "preferred"},
		"mysql://u%3A:p@h/a-b?tls=false":          {Addr: "h:3306", User: "u:", Password: "p", Name: "a-b"},
		"mysql://u:p@db.example.com/a?tls=true":   {Addr: "db.example.com:3306", User: "u", Password: "p", Name: "a", TLS: "true"},
		"mysql://u:p@db/a?tls=skip-verify":        {Addr: "db:3306", User: "u", Password: "p", Name: "a", TLS: "skip-verify"},
		"mysql://first.last:p@10.0.0.1:3307/user": {Addr: "10.0.0.1:3307", User: "first.last", Password: "p", Name: "user"},
	} {
		got, err := text.MySQL()
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.True(t, text.IsMySQL())
	}
	for _, text := range []config.Database{
		"", "sqlite", "mysql://", "mysql://u:hush@h", "mysql://u:hush@h/", "mysql://u:hush@h/a/b", "mysql://u:hush@/a",
		"mysql://h/a", "mysql://u:hush@h:0/a", "mysql://u:hush@h:99999/a", "mysql://u:hush@h/a?charset=x",
		"mysql://u:hush@h/a?tls=maybe", "mysql://u:hu#sh@h/a", "mysql://u:hu/sh@h/a", "mysql://u:%zz@h/a", "postgres://u:hush@h/a",
	} {
		_, err := text.MySQL()
		require.Error(t, err, string(text))
		require.NotContains(t, err.Error(), "hu")
	}
	require.Equal(t, "mysql://***@h:1/a", fmt.Sprint(config.Database("mysql://u:p@h:1/a")))
	require.False(t, config.Database("sqlite").IsMySQL())
}

func TestRedis(t *testing.T) {
	t.Parallel()
	for text, want := range map[config.Redis]config.RedisServer{
		"redis://127.0.0.1:6379/9":         {Addrs: []string{"127.0.0.1:6379"}, DB: 9},
		"redis://h":                        {Addrs: []string{"h:6379"}},
		"redis://h/":                       {Addrs: []string{"h:6379"}},
		"rediss://u:p%40@[::1]:1/2":        {Addrs: []string{"[::1]:1"}, Username: "u", Password: "p@", DB: 2, TLS: true},
		"redis://:p@h":                     {Addrs: []string{"h:6379"}, Password: "p"},
		"redis+cluster://h1:6379,h2:6380":  {Addrs: []string{"h1:6379", "h2:6380"}, Cluster: true},
		"rediss+cluster://u:p@h1, h2:6380": {Addrs: []string{"h1:6379", "h2:6380"}, Username: "u", Password: "p", TLS: true, Cluster: true},
		"redis+cluster://[::1],[::2]:7/":   {Addrs: []string{"[::1]:6379", "[::2]:7"}, Cluster: true},
	} {
		got, err := text.Server()
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []config.Redis{
		"", "h:6379", "http://h", "redis://", "redis://u:hush@", "redis://h1,h2", "redis+cluster://h1,", "redis+cluster://h/1",
		"redis://h/x", "redis://h/-1", "redis://h:port/1", "redis://h/0?x=y", "redis://u:%zz@h", "redis://:hu#sh@h", "redis://a:b:c",
	} {
		_, err := text.Server()
		require.Error(t, err, string(text))
		require.NotContains(t, err.Error(), "hush")
	}
	require.Equal(t, "redis+cluster://***@a,b", fmt.Sprint(config.Redis("redis+cluster://u:p@a,b")))
}

func TestLocation(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Asia/Tokyo", config.Business{Timezone: "Asia/Tokyo"}.Location().String())
	require.Equal(t, time.UTC, config.Business{Timezone: "nowhere"}.Location())
}
