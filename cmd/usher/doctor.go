package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
)

// probeTime bounds each look at something that may not answer.
const probeTime = 5 * time.Second

// doctorCommand tries what a configuration names and says what its promises
// rest on.
func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Try every configured connection and setting, and say what is wrong",
		Long: "Tries every configured connection and the settings that usher's promises rest on. One\n" +
			"line each: ok, warn (works, but promises less) or fail. It changes nothing, sends nothing\n" +
			"to anybody and works while serve runs. Exits with 1 if anything fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &doctor{out: cmd.OutOrStdout()}
			cfg, path, err := loadConfig(cmd)
			if err != nil {
				d.configurationFails(err)
				return errReported
			}
			d.cfg = cfg
			d.look(cmd.Context(), path)
			if d.failed {
				return errReported
			}
			return nil
		},
	}
}

// doctor looks at one configuration.
type doctor struct {
	cfg    *config.Config
	out    io.Writer
	failed bool
}

func (d *doctor) ok(what, format string, args ...any)   { d.say("ok", what, format, args...) }
func (d *doctor) warn(what, format string, args ...any) { d.say("warn", what, format, args...) }

func (d *doctor) fail(what, format string, args ...any) {
	d.failed = true
	d.say("fail", what, format, args...)
}

func (d *doctor) say(verdict, what, format string, args ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	fmt.Fprintf(d.out, "%-4s  %-21s  %s\n", verdict, what, text)
}

func (d *doctor) configurationFails(err error) {
	var problems config.Problems
	if !errors.As(err, &problems) {
		d.fail("configuration", "%v", err)
		return
	}
	for _, p := range problems {
		d.fail("configuration", "%s", p)
	}
}

// look goes from what everything rests on to what only some things need.
func (d *doctor) look(ctx context.Context, path string) {
	if path == "" {
		d.ok("configuration", "no file: defaults and the environment, with the sample flow")
	} else {
		d.ok("configuration", "%s", path)
	}
	d.dataDir()
	db := d.database(ctx)
	if db != nil {
		defer db.Close()
	}
	d.redis(ctx)
	d.secretKey()
	fields := d.fields(ctx, db)
	d.flows(fields)
	d.channels(ctx, db, fields)
	d.destinations(ctx, fields)
	d.keys(ctx, db)
	d.backlog(ctx, db)
	d.listening(ctx)
	d.addresses()
	d.unused()
}

// dataDir is where the embedded database, made keys and the spool are.
func (d *doctor) dataDir() {
	info, err := os.Stat(d.cfg.DataDir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.ok("data_dir", "%s does not exist yet: usher serve makes it", d.cfg.DataDir)
		return
	case err != nil:
		d.fail("data_dir", "%v", err)
		return
	case !info.IsDir():
		d.fail("data_dir", "%s is no folder", d.cfg.DataDir)
		return
	}
	probe, err := os.CreateTemp(d.cfg.DataDir, ".doctor-*")
	if err != nil {
		d.fail("data_dir", "nothing can be written: %v", err)
		return
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		d.warn("data_dir", "%v", err)
	}
	if others := info.Mode().Perm() & 0o077; others != 0 {
		d.warn("data_dir", "%s is open to other users (mode %04o) and holds people's data and keys: chmod 700", d.cfg.DataDir, info.Mode().Perm())
		return
	}
	d.ok("data_dir", "%s", d.cfg.DataDir)
}

// listening says whether a node serves this configuration, else whether one
// could.
func (d *doctor) listening(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	for _, at := range []struct{ setting, address string }{{"listen", d.cfg.Listen}, {"listen_ops", d.cfg.ListenOps}} {
		if at.address == "" {
			continue
		}
		var lc net.ListenConfig
		free, err := lc.Listen(ctx, "tcp", at.address)
		if err == nil {
			free.Close()
			d.ok(at.setting, "%s is free: usher is not running here", at.address)
			continue
		}
		if at.setting == "listen" && d.cfg.ListenOps != "" {
			d.ok(at.setting, "%s is in use", at.address)
			continue
		}
		if ready := askReady(ctx, readyURL(d.cfg)); ready != nil {
			d.fail(at.setting, "%v; and no usher that is ready answers there: %v", err, ready)
			continue
		}
		d.ok(at.setting, "usher serves on %s and is ready", at.address)
	}
}

// addresses says who can reach usher, and as what.
func (d *doctor) addresses() {
	open := !isLoopback(d.cfg.Listen)
	if open && d.cfg.TryPage != nil && *d.cfg.TryPage {
		d.warn("try_page", "the chat page at / is on and %s is reachable from outside", d.cfg.Listen)
	}
	public := d.cfg.PublicURL
	switch {
	case public == "" && d.needsPublicURL():
		d.warn("public_url", "not set: platforms cannot be told where to send webhooks")
	case public == "":
		d.ok("public_url", "not set, and no channel needs it")
	case !strings.HasPrefix(public, "https://"):
		d.warn("public_url", "%s is not https: platforms refuse it, and what visitors write can be read on the way", public)
	default:
		d.ok("public_url", "%s", public)
	}
	if public != "" && len(d.cfg.TrustedProxies) == 0 && !open {
		d.warn("trusted_proxies", "empty behind a proxy: addresses of visitors are not known, so none is rate limited")
	}
}

// needsPublicURL says whether a platform posts to one of the channels.
func (d *doctor) needsPublicURL() bool {
	for _, c := range d.cfg.Channels {
		if kind, _, _ := strings.Cut(c.ID, "/"); kind != "webchat" && kind != "bot" {
			return true
		}
	}
	return false
}

// unused names settings that are read but that nothing acts on in this version.
func (d *doctor) unused() {
	for _, s := range []struct {
		name string
		set  bool
	}{
		{"geoip", d.cfg.GeoIP != ""}, {"mail", d.cfg.Mail.SMTP != ""},
	} {
		if s.set {
			d.warn(s.name, "set, but nothing in this version uses it")
		}
	}
}
