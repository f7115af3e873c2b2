package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What the usher under test is configured with.
const (
	whatsappChannel = "whatsapp/bench"
	botChannel      = "bot/bench"
	apiKey          = "bench-key-bench-key-bench-key"
	hookPath        = "/hooks/" + whatsappChannel
)

// The flows under test. quiet takes a step and says nothing; talk answers every
// message with a question and takes the next as its answer.
var flowDocuments = map[string]string{
	"quiet": "id: quiet\nname: Quiet\nsteps:\n  - set: {vars.said: \"{{ event.text }}\"}\n",
	"talk":  "id: talk\nname: Talk\nsteps:\n  - id: more\n    ask: Thank you. What else would you like to know?\n    go: more\n",
}

// server is an usher with its own back end and stand-ins for what it calls.
type server struct {
	*process
	backend *backend
	standIn *process
	addr    string // webhooks and API
	ops     string // metrics
	calls   string // the stand-in's address
	seq     sequence
}

// setup says how an usher is run.
type setup struct {
	part    string
	kind    string // of back end
	flow    string
	leads   bool   // a destination takes every contact
	profile string // file for a CPU profile; empty: none
}

const configuration = `listen: %[1]s
listen_ops: %[2]s
data_dir: %[3]s
database: %[4]s
redis: "%[5]s"
keys: [{name: bench, key: %[6]s, scopes: [admin]}]
fields: [{name: company_size, title: Company size, type: number}, {name: plan, title: Plan, type: text}]
flows: [./flow.yaml]
channels:
  - id: %[7]s
    flow: %[8]s
    settings: {app_secret: %[9]s, verify_token: v, access_token: t, base_url: "http://%[10]s"}
  - {id: %[11]s, flow: %[8]s}
outbound: {allow_private_networks: [127.0.0.1/32]}
`

const destinationConfiguration = `destinations:
  - {id: receiver, type: webhook, settings: {url: "http://%s/leads", secret: whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMTI=}}
`

// startUsher runs usher on a fresh back end.
func (b *bench) startUsher(ctx context.Context, s setup) (_ *server, err error) {
	dir, err := os.MkdirTemp(b.dir, s.part+"-"+s.kind+"-")
	if err != nil {
		return nil, err
	}
	made := &server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	if made.backend, err = b.openBackend(ctx, s.kind, dir); err != nil {
		return nil, err
	}
	if made.standIn, made.calls, err = b.startOwn(ctx, dir, "stand-in"); err != nil {
		return nil, err
	}
	if made.addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if made.ops, err = freeAddr(); err != nil {
		return nil, err
	}
	config := fmt.Sprintf(configuration, made.addr, made.ops, filepath.Join(dir, "data"), made.backend.database, made.backend.redis,
		apiKey, whatsappChannel, s.flow, appSecret, made.calls, botChannel)
	if s.leads {
		config += fmt.Sprintf(destinationConfiguration, made.calls)
	}
	for name, text := range map[string]string{"usher.yaml": config, "flow.yaml": flowDocuments[s.flow]} {
		if err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	args := []string{"serve"}
	if s.profile != "" {
		args = append(args, "--cpuprofile", s.profile)
	}
	if made.process, err = start(ctx, dir, b.usher, args...); err != nil {
		return nil, err
	}
	if err = made.answers(ctx, made.ops); err != nil {
		return nil, err
	}
	return made, made.answers(ctx, made.addr)
}

func (s *server) close() error {
	var errs []error
	if s.process != nil {
		errs = append(errs, s.stop())
	}
	if s.standIn != nil {
		errs = append(errs, s.standIn.stop())
	}
	if s.backend != nil {
		errs = append(errs, s.backend.close())
	}
	return errors.Join(errs...)
}

// webhooks of so many people; 0: each is a new one's.
func (s *server) webhooks(people int64) func() maker {
	return webhooks{seq: &s.seq, senders: people, host: s.addr, path: hookPath}.maker
}

// metrics are the values of usher's own metrics, summed over their labels.
func (s *server) metrics(ctx context.Context) (map[string]float64, error) {
	res, err := get(ctx, "http://"+s.ops+"/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	sums := map[string]float64{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		name, v, ok := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		if at := strings.LastIndexByte(v, ' '); at >= 0 {
			v = v[at+1:] // labels may hold blanks
		}
		if n, err := strconv.ParseFloat(v, 64); ok && err == nil && strings.HasPrefix(name, "usher_") {
			sums[name] += n
		}
	}
	return sums, lines.Err()
}

// ended is how many events usher has brought to their end.
func (s *server) ended(ctx context.Context) (int64, error) {
	m, err := s.metrics(ctx)
	return int64(m["usher_events_ended_total"]), err
}

// standInStats reads what the stand-in got, and with latencies starts those
// anew.
func (s *server) stats(ctx context.Context, latencies bool) (got standInStats, err error) {
	res, err := get(ctx, fmt.Sprintf("http://%s/stats?latencies=%t", s.calls, latencies))
	if err != nil {
		return got, err
	}
	defer res.Body.Close()
	return got, json.NewDecoder(res.Body).Decode(&got)
}

// arrived is how many distinct leads the receiver has.
func (s *server) arrived(ctx context.Context) (int64, error) {
	got, err := s.stats(ctx, false)
	return got.Leads, err
}

func get(ctx context.Context, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// drained waits until count has reached n.
func drained(ctx context.Context, count func(context.Context) (int64, error), n int64, within time.Duration) error {
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		got, err := count(ctx)
		if err != nil || got >= n {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d were worked off within %s", got, n, within)
		}
	}
}
