package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	adminKey  = "e2e-admin-key-of-the-business"
	botToken  = "e2e-bot-token"
	appSecret = "e2e-app-secret"
	leadKey   = "whsec_ZTJlLXdlYmhvb2stc2VjcmV0LW9mLTMyLWJ5dGVz"
	account   = "106540352242922"
)

// site is one configured installation: its back end, the stand-ins for the
// platforms and the CRM around it, and the nodes that serve it.
type site struct {
	t        *testing.T
	backend  *backend
	dir      string
	graph    *graph
	receiver *receiver
}

// siteOptions are what tests change of the configuration.
type siteOptions struct {
	flow string // YAML of the flow "main"
	more string // further settings
}

// newSite writes a configuration with the channels whatsapp/acme, webchat/site
// and bot/site, the flow main and the destination crm.
func newSite(t *testing.T, b *backend, o siteOptions) *site {
	t.Helper()
	s := &site{t: t, backend: b, dir: t.TempDir(), graph: newGraph(t), receiver: newReceiver(t)}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "main.yaml"), []byte(o.flow), 0o600))
	var fields strings.Builder
	for i := range 9 {
		fmt.Fprintf(&fields, "  - {name: a%d, title: Answer %d, type: text}\n", i+1, i+1)
	}
	config := b.settings(filepath.Join(s.dir, "data")) + `
business: {id: default, name: Acme, country: GB, timezone: Europe/London}
log: {level: warn, format: json}
keys:
  - {name: ops, key: ` + adminKey + `, scopes: [admin]}
fields:
  - {name: company_size, title: Company size, type: number}
  - {name: secret_plan, title: Plan, type: text}
` + fields.String() + `
flows: [./main.yaml]
channels:
  - {id: webchat/site, flow: main}
  - id: bot/site
    flow: main
    settings: {token: ` + botToken + `}
  - id: whatsapp/acme
    flow: main
    settings: {phone_number_id: "` + account + `", app_secret: ` + appSecret + `, verify_token: v, access_token: e2e-access, base_url: "` + s.graph.url + `"}
destinations:
  - id: crm
    type: webhook
    send: [lead.created, contact.updated]
    settings: {url: "` + s.receiver.url + `/leads", secret: ` + leadKey + `, retry: {first: 100ms, max: 1s}}
outbound: {allow_private_networks: [127.0.0.1/32]}
` + o.more
	require.NoError(t, os.WriteFile(s.config(), []byte(config), 0o600))
	return s
}

func (s *site) config() string { return filepath.Join(s.dir, "usher.yaml") }

// node is one process of usher.
type node struct {
	t    *testing.T
	site *site
	addr string
	cmd  *exec.Cmd
	log  *logged
	done chan struct{} // closed when the process has ended
}

// logged keeps what a process prints.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a node on a free port and waits until it serves.
func (s *site) start(flags ...string) *node {
	s.t.Helper()
	n := &node{t: s.t, site: s, addr: freeAddress(s.t)}
	n.run(flags...)
	return n
}

// run starts the node's process, again after it has ended.
func (n *node) run(flags ...string) {
	n.t.Helper()
	n.launch(flags...)
	until(n.t, 60*time.Second, "usher serves", func() bool {
		select {
		case <-n.done:
			n.t.Fatalf("usher ended at its start:\n%s", n.log)
		default:
		}
		res, err := http.Get("http://" + n.addr + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

func (n *node) launch(flags ...string) {
	n.t.Helper()
	n.cmd = exec.Command(usher, append([]string{"serve", "--config", n.site.config()}, flags...)...)
	n.cmd.Dir = n.site.dir
	n.cmd.Env = append(os.Environ(), "USHER_LISTEN="+n.addr)
	out := &logged{}
	n.log, n.cmd.Stdout, n.cmd.Stderr = out, out, out
	require.NoError(n.t, n.cmd.Start())
	done, cmd := make(chan struct{}), n.cmd
	n.done = done
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	n.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		n.inspect(out)
	})
}

// inspect judges what a process has printed.
func (n *node) inspect(out *logged) {
	text := out.String()
	for _, bad := range []string{"DATA RACE", "panic", adminKey, botToken, appSecret, leadKey, "e2e-access"} {
		if strings.Contains(text, bad) {
			n.t.Errorf("usher printed %q:\n%s", bad, tail(text))
		}
	}
	if n.t.Failed() {
		n.t.Logf("usher at %s printed:\n%s", n.addr, tail(text))
	}
}

func tail(text string) string {
	const most = 12_000
	if len(text) > most {
		return "…" + text[len(text)-most:]
	}
	return text
}

// kill ends the process as a power cut would.
func (n *node) kill() {
	n.t.Helper()
	require.NoError(n.t, n.cmd.Process.Kill())
	<-n.done
}

// stop asks the process to end and returns its exit code and how long it took.
func (n *node) stop() (code int, took time.Duration) {
	n.t.Helper()
	began := time.Now()
	require.NoError(n.t, n.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-n.done:
	case <-time.After(30 * time.Second):
		_ = n.cmd.Process.Signal(syscall.SIGQUIT)
		n.t.Fatalf("usher did not end after SIGTERM:\n%s", n.log)
	}
	return n.cmd.ProcessState.ExitCode(), time.Since(began)
}

// scaled is n, or a tenth with -short.
func scaled(n int) int {
	if testing.Short() {
		return max(n/10, 1)
	}
	return n
}
