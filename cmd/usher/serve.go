package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"usher/config"
	"usher/contacts/sqlstore"
	"usher/internal/api"
	"usher/internal/database"
	"usher/internal/gateway"
)

// shutdownTime bounds a clean end: open requests are answered, work under way
// is committed.
const shutdownTime = 20 * time.Second

func serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take webhooks, hold conversations, deliver leads",
		Args:  cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			role, err := cmd.Flags().GetString("role")
			if err != nil {
				return err
			}
			switch gateway.Role(role) {
			case gateway.RoleAll, gateway.RoleIntake, gateway.RoleWorker:
				return nil
			}
			return fmt.Errorf("no role %s; there are all, intake, worker", role)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, path, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			role, err := cmd.Flags().GetString("role")
			if err != nil {
				return err
			}
			watch, err := cmd.Flags().GetBool("watch")
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, path, gateway.Role(role), watch, cmd.OutOrStdout(), newLogger(cfg.Log, cmd.ErrOrStderr()))
		},
	}
	cmd.Flags().String("role", "all", "what this node does: all, intake or worker")
	cmd.Flags().Bool("watch", false, "take up changed flow files while serving")
	return cmd
}

// serve opens what the configuration names, in order, runs until ctx ends, and
// closes it in reverse.
func serve(ctx context.Context, cfg *config.Config, path string, role gateway.Role, watch bool, out io.Writer, log *slog.Logger) error {
	if role != gateway.RoleAll && !cfg.Database.IsMySQL() {
		return errors.New("roles need a database server: the embedded one has a single node")
	}
	unlock, err := lockData(cfg)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := openStores(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.close(log)
	if _, err := s.db.Migrate(ctx); err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	g, err := newGateway(ctx, cfg, s, role, log, metrics)
	if err != nil {
		return err
	}
	key, err := sampleKey(ctx, cfg, s.db)
	if err != nil {
		return err
	}
	tryPage := isLoopback(cfg.Listen)
	if cfg.TryPage != nil {
		tryPage = *cfg.TryPage
	}
	server, err := api.New(api.Deps{
		Gateway: g, DB: s.db, Log: log, Metrics: metrics, Version: cmp.Or(version, "dev"), Business: cfg.Business.ID,
		PublicURL: cfg.PublicURL, BodyLimit: int(cfg.BodyLimit), TrustedProxies: cfg.TrustedProxies, TryPage: tryPage,
		OpsElsewhere: cfg.ListenOps != "",
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	work, ctx := errgroup.WithContext(ctx)
	if cfg.ListenOps != "" {
		ops, err := net.Listen("tcp", cfg.ListenOps)
		if err != nil {
			return fmt.Errorf("listen_ops: %w", err)
		}
		work.Go(func() error { return server.ServeOps(ops) })
	}
	// The gateway goes on until no request is left that waits for it.
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	if s.run != nil {
		work.Go(func() error { return s.run(working) })
	}
	if watch {
		work.Go(func() error { return watchFlows(ctx, cfg, g, s.db, log) })
	}
	work.Go(func() error { return g.Run(working) })
	work.Go(func() error { return server.Serve(listener) })
	work.Go(func() error {
		// Stop accepting first; what has been accepted drains behind it.
		defer stopWorking()
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		return server.Shutdown(end)
	})
	greet(out, cfg, path, listener.Addr().String(), tryPage, key)
	log.Info("serving", "listen", listener.Addr().String(), "role", string(role), "database", cfg.Database)
	err = work.Wait()
	log.Info("stopped", "error", err)
	return err
}

// lockData keeps a second process from the embedded database: it would work on
// the same conversations.
func lockData(cfg *config.Config) (unlock func(), err error) {
	if cfg.Database.IsMySQL() {
		return func() {}, nil
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(cfg.DataDir, "usher.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("data_dir %s is in use by another usher serve", cfg.DataDir)
	}
	return func() { f.Close() }, nil
}

// sampleKey makes, once, the admin key of an installation that nobody has
// configured; it returns it when it is new.
func sampleKey(ctx context.Context, cfg *config.Config, db *database.DB) (string, error) {
	if !cfg.Sample {
		return "", nil
	}
	path := filepath.Join(cfg.DataDir, "admin.key")
	_, err := os.Stat(path)
	isNew := err != nil
	secret, err := keptSecret(path)
	if err != nil {
		return "", fmt.Errorf("admin key: %w", err)
	}
	k := newKey(cfg.Business.ID, "admin", secret, []string{"admin"}, "", time.Now().UTC())
	err = db.Write(ctx, database.Bulk, func(tx *database.Tx) error {
		err := sqlstore.New(tx).CreateKey(k)
		if errors.Is(err, sqlstore.ErrTaken) {
			return nil
		}
		return err
	})
	if err != nil || !isNew {
		return "", err
	}
	return secret, nil
}

// greet says where to look.
func greet(out io.Writer, cfg *config.Config, path, addr string, tryPage bool, key string) {
	base := "http://" + addr
	var b strings.Builder
	fmt.Fprintf(&b, "usher serves on %s (%s)\n", base, cmp.Or(path, "no configuration: everything embedded"))
	if tryPage {
		fmt.Fprintf(&b, "  try the chat     %s/\n", base)
	}
	fmt.Fprintf(&b, "  API and docs     %s/docs\n", base)
	for _, c := range cfg.Channels {
		fmt.Fprintf(&b, "  webhook          %s\n", hookURL(cfg, c, cmp.Or(cfg.PublicURL, base)))
	}
	switch {
	case key != "":
		fmt.Fprintf(&b, "  admin key        %s (shown once; kept in %s)\n", key, filepath.Join(cfg.DataDir, "admin.key"))
	case cfg.Sample:
		fmt.Fprintf(&b, "  admin key        in %s\n", filepath.Join(cfg.DataDir, "admin.key"))
	}
	fmt.Fprint(out, b.String())
}

// hookURL is the address of a channel's webhook below base; empty without one.
func hookURL(cfg *config.Config, c config.Channel, base string) string {
	switch {
	case base == "":
		return ""
	case c.Business != cfg.Business.ID:
		return base + "/b/" + c.Business + "/hooks/" + c.ID
	default:
		return base + "/hooks/" + c.ID
	}
}

func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
