package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"usher/config"
	"usher/internal/database"
	"usher/internal/gateway"
)

// watchEvery is how often flow files are looked at: an author who has saved
// wants to try at once.
const watchEvery = 500 * time.Millisecond

// watchFlows takes up changed flow files until ctx ends. Files with a fault
// change nothing: the versions before go on.
func watchFlows(ctx context.Context, cfg *config.Config, g *gateway.Gateway, db *database.DB, log *slog.Logger) error {
	seen := stamps(cfg.Flows)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := stamps(cfg.Flows)
		if now == seen {
			continue
		}
		seen = now
		for _, b := range append([]config.Business{cfg.Business}, cfg.Businesses...) {
			takeUp(ctx, cfg, b, g, db, log)
		}
	}
}

func takeUp(ctx context.Context, cfg *config.Config, b config.Business, g *gateway.Gateway, db *database.DB, log *slog.Logger) {
	business, ok := g.Business(b.ID)
	if !ok {
		return
	}
	parsed, faults, err := readFlows(cfg, b.ID, business.Fields)
	for _, f := range faults {
		log.Error("flow not taken up", "fault", f.String())
	}
	if err == nil && len(faults) == 0 {
		err = storeFlows(ctx, b.ID, parsed, db)
	}
	if err != nil {
		log.Error("flows not taken up", "error", err)
	}
	if err != nil || len(faults) > 0 {
		return
	}
	business.Flows.Set(parsed)
	log.Info("flows taken up", "business", b.ID, "flows", len(parsed))
}

// stamps is a text that changes when one of the files does.
func stamps(files []string) string {
	var all string
	for _, path := range files {
		if info, err := os.Stat(path); err == nil {
			all += path + info.ModTime().String() + "\n"
		}
	}
	return all
}
