package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os/exec"
	"strings"

	driver "github.com/go-sql-driver/mysql"
)

// The two ways to keep things.
const (
	embedded  = "sqlite"
	serverful = "mysql"
)

// backend is a fresh place for one usher: a directory, or a new database and a
// Redis of its own.
type backend struct {
	kind      string
	database  string // as usher's configuration has it
	redis     string
	redisAddr string
	redisProc *process
	drop      func() error
}

// openBackend makes a fresh one. dir takes what is kept in files.
func (b *bench) openBackend(ctx context.Context, kind, dir string) (*backend, error) {
	if kind == embedded {
		return &backend{kind: kind, database: "sqlite", drop: func() error { return nil }}, nil
	}
	made := &backend{kind: kind}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, fmt.Errorf("the mysql back end needs redis-server: %w", err)
	}
	// Redis is not in the accept path and guests are rebuilt from the database,
	// so it need not write to disk.
	made.redisProc, err = start(ctx, dir, redis, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	if err != nil {
		return nil, err
	}
	if err := made.redisProc.answers(ctx, addr); err != nil {
		return nil, err
	}
	made.redisAddr, made.redis = addr, "redis://"+addr+"/0"
	name := make([]byte, 6)
	_, _ = rand.Read(name) // never fails
	if made.database, made.drop, err = newDatabase(ctx, b.mysql, "usher_bench_"+hex.EncodeToString(name)); err != nil {
		_ = made.redisProc.stop()
		return nil, err
	}
	return made, nil
}

// newDatabase makes a database on the server at address, mysql://user:pass@host.
func newDatabase(ctx context.Context, address, name string) (dsn string, drop func() error, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, fmt.Errorf("mysql: %w", err)
	}
	cfg := driver.NewConfig()
	cfg.Net, cfg.Addr, cfg.User = "tcp", u.Host, u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		return "", nil, err
	}
	db := sql.OpenDB(connector)
	if _, err := db.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		db.Close()
		return "", nil, fmt.Errorf("mysql at %s: %w", cfg.Addr, err)
	}
	u.Path = "/" + name
	return u.String(), func() error {
		defer db.Close()
		_, err := db.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE "+name)
		return err
	}, nil
}

func (b *backend) close() error {
	err := b.drop()
	if b.redisProc != nil {
		if serr := b.redisProc.stop(); err == nil {
			err = serr
		}
	}
	return err
}
