// Command bench measures usher on this machine against a limit that is measured
// in the same run: bare Fiber that checks the signature, parses the body and
// keeps nothing. Everything that it starts runs in a directory and a database of
// its own and ends with it.
//
//	go run ./bench                          everything, three rounds
//	go run ./bench -only accept,leads -backend sqlite -rounds 1
//	go run ./bench soak -for 10m            memory over time
//	go run ./bench load -url http://…/hooks/whatsapp/x -rate 500   post webhooks to any usher
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
)

// longest bounds a whole run, whatever hangs.
const longest = 3 * time.Hour

// bench is a run of measurements.
type bench struct {
	out      io.Writer
	self     string // this program
	usher    string // the program under test
	dir      string
	mysql    string
	profiles string
	burst    int64
	table    table
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, longest)
	err := run(ctx, os.Args[1:], os.Stdout)
	cancel()
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "limit":
		return serve(ctx, limitServer(), args)
	case "stand-in":
		return serve(ctx, standInServer(), args)
	case "load":
		return loadCommand(ctx, args, out)
	case "soak":
		return soakCommand(ctx, args, out)
	case "":
		return measureCommand(ctx, args, out)
	}
	return fmt.Errorf("no command %s; there are load, soak, limit, stand-in, and none for everything", command)
}

// serve runs one of this program's own servers until it is told to end.
func serve(ctx context.Context, app *fiber.App, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })
	return app.Listen(*listen)
}

// startOwn starts one of this program's own servers as a process of its own.
func (b *bench) startOwn(ctx context.Context, dir, command string) (*process, string, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, "", err
	}
	p, err := start(ctx, dir, b.self, command, "-listen", addr)
	if err != nil {
		return nil, "", err
	}
	return p, addr, p.answers(ctx, addr)
}

// flags that all measurements have.
func (b *bench) flags(flags *flag.FlagSet) {
	flags.StringVar(&b.usher, "usher", "", "program under test; built from ./cmd/usher when left out")
	flags.StringVar(&b.dir, "dir", "", "where files go for the time of the run; on the disk to be measured (default: a temporary directory)")
	flags.StringVar(&b.mysql, "mysql", "mysql://root@127.0.0.1:3306", "server on which databases are made and dropped")
	flags.StringVar(&b.profiles, "profiles", "", "existing directory for CPU profiles of usher, one a part")
	flags.Int64Var(&b.burst, "burst", burst, "webhooks of the burst")
}

// prepare makes the run's directory and builds usher; end cleans up.
func (b *bench) prepare(ctx context.Context, out io.Writer) (end func() error, err error) {
	// One for the pacing, which sleeps in the kernel.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	b.out = out
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(b.dir, "usher-bench-"); err != nil {
		return nil, err
	}
	end = func() error { return os.RemoveAll(b.dir) }
	if b.profiles != "" {
		if b.profiles, err = filepath.Abs(b.profiles); err != nil {
			return end, err
		}
	}
	if b.usher != "" {
		b.usher, err = filepath.Abs(b.usher)
		return end, err
	}
	b.usher = filepath.Join(b.dir, "usher")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.usher, "./cmd/usher")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return end, fmt.Errorf("build usher: %w: %s", err, text)
	}
	return end, nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

func measureCommand(ctx context.Context, args []string, out io.Writer) (err error) {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	b.flags(flags)
	names := make([]string, 0, len(parts()))
	for _, p := range parts() {
		names = append(names, p.name)
	}
	only := flags.String("only", strings.Join(names, ","), "parts to run")
	kinds := flags.String("backend", embedded+","+serverful, "back ends to run on")
	rounds := flags.Int("rounds", 3, "how often each part is run, in turn with the others")
	results := flags.String("results", "", "file for the table, besides standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, on := strings.Split(*only, ","), strings.Split(*kinds, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return fmt.Errorf("-only: no part %s; there are %s", name, strings.Join(names, ", "))
		}
	}
	for _, kind := range on {
		if kind != embedded && kind != serverful {
			return fmt.Errorf("-backend: no back end %s; there are %s, %s", kind, embedded, serverful)
		}
	}
	end, err := b.prepare(ctx, out)
	if end != nil {
		defer func() { err = errors.Join(err, end()) }()
	}
	if err != nil {
		return err
	}
	var faults []error
	for round := 1; round <= *rounds; round++ {
		for _, p := range parts() {
			for _, kind := range on {
				if !slices.Contains(wanted, p.name) || p.only != "" && p.only != kind {
					continue
				}
				if err := b.measure(ctx, p, kind, round); err != nil {
					err = fmt.Errorf("%s on %s, round %d: %w", p.name, kind, round, err)
					b.say("  %v", err)
					faults = append(faults, err) // the other parts can still be measured
				}
				if ctx.Err() != nil {
					return errors.Join(faults...)
				}
			}
		}
	}
	b.say("")
	b.table.write(out)
	if *results != "" {
		f, err := os.Create(*results)
		if err != nil {
			return errors.Join(append(faults, err)...)
		}
		b.report(f, *rounds)
		faults = append(faults, f.Close())
	}
	return errors.Join(faults...)
}

// report is the file that goes into the repository.
func (b *bench) report(w io.Writer, rounds int) {
	fmt.Fprintf(w, "# Measured by `make bench`\n\n%d cores, %s, %s, %d rounds, each figure next to the limit taken just before it: "+
		"bare Fiber that checks the HMAC, parses the same %d-byte body with encoding/json and keeps nothing. "+
		"%d connections; load, usher, database and stand-ins share the machine, so compare ratios.\n\n",
		runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format("2006-01-02"), rounds, bodySize, connections)
	b.table.write(w)
	fmt.Fprintf(w, "\nAccepting: webhooks of new people, while the workers work (`--role all`). Working: a fixed rate at which what waits "+
		"stayed flat for %s. Delivering: each webhook ends as a signed POST at a receiver that answers at once. "+
		"MySQL: the server as it is configured, flush at commit; Redis without a log on disk, which nothing accepted depends on.\n", steadyTime)
}

// loadCommand posts webhooks to any usher.
func loadCommand(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench load", flag.ContinueOnError)
	target := flags.String("url", "http://127.0.0.1:8080"+hookPath, "webhook URL; its channel's app_secret must be "+appSecret)
	people := flags.Int64("senders", 0, "people who write in turn; 0: each message is a new person's")
	l := load{}
	flags.IntVar(&l.conns, "connections", connections, "kept open")
	flags.Float64Var(&l.rate, "rate", 0, "webhooks a second; 0: as fast as they are answered")
	flags.Int64Var(&l.count, "count", 0, "webhooks; 0: until time is up")
	flags.DurationVar(&l.time, "for", 10*time.Second, "time; 0: until count is reached")
	if err := flags.Parse(args); err != nil {
		return err
	}
	u, err := url.Parse(*target)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return errors.New("-url: want http://host:port/path")
	}
	l.addr = u.Host
	seq := &sequence{}
	seq.n.Store(time.Now().UnixMilli() % 1e8 * 1e3) // other ids than the last time
	l.maker = webhooks{seq: seq, senders: *people, host: u.Host, path: u.Path}.maker
	r, err := l.run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, r)
	return r.clean()
}
