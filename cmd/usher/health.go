package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
)

// healthTimeout is well below the usual interval of container health checks.
const healthTimeout = 3 * time.Second

// healthCommand is the health check of images that have no shell: it asks the
// node that serves with the same configuration whether it is ready.
func healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "health",
		Short:  "Ask the usher that runs here whether it is ready",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, _, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			return askReady(cmd.Context(), readyURL(cfg))
		},
	}
}

func readyURL(cfg *config.Config) string {
	listen := cfg.ListenOps
	if listen == "" {
		listen = cfg.Listen
	}
	host, port, _ := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/readyz"
}

func askReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
