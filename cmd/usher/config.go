package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"usher/config"
)

// configFile is the configuration that commands use when --config names none
// and it is there.
const configFile = "usher.yaml"

// environKey is where a command's context keeps the environment ([]string).
type environKey struct{}

func environOf(ctx context.Context) []string {
	environ, _ := ctx.Value(environKey{}).([]string)
	return environ
}

// configPath is the file that --config names, else USHER_CONFIG, else
// usher.yaml in the working directory if there is one; "" means none.
func configPath(cmd *cobra.Command) string {
	if path, err := cmd.Flags().GetString("config"); err == nil && path != "" {
		return path
	}
	for _, pair := range environOf(cmd.Context()) {
		if path, ok := strings.CutPrefix(pair, "USHER_CONFIG="); ok && path != "" {
			return path
		}
	}
	if _, err := os.Stat(configFile); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return configFile
}

// loadConfig reads the configuration that the command was called with, and
// which file it was ("" for none).
func loadConfig(cmd *cobra.Command) (cfg *config.Config, path string, err error) {
	path = configPath(cmd)
	cfg, err = config.Load(path, environOf(cmd.Context()))
	return cfg, path, err
}

// newLogger writes text to a terminal and JSON to everything else, unless the
// configuration says which.
func newLogger(cfg config.Log, to io.Writer) *slog.Logger {
	if cfg.Format == "text" || cfg.Format == "auto" && isTerminal(to) {
		return slog.New(tint.NewTextHandler(to, &tint.Options{
			Level: cfg.Level, TimeFormat: "15:04:05", NoColor: !isTerminal(to),
		}))
	}
	return slog.New(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: cfg.Level}))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
