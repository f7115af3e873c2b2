package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// delivery is one lead as the receiver got it.
type delivery struct {
	id      string // webhook-id
	kind    string
	leadKey string
	contact map[string]any
	answer  int
}

// receiver stands in for a CRM that takes signed webhooks.
type receiver struct {
	url    string
	failOf atomic.Int64 // every so many-th request is answered 500 or not at all; 0: none

	mu    sync.Mutex
	got   []delivery
	wrong []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	verifier, err := standardwebhooks.NewWebhook(leadKey)
	require.NoError(t, err)
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the sender was killed
		}
		var doc struct {
			Type string `json:"type"`
			Data struct {
				LeadKey string         `json:"lead_key"`
				Contact map[string]any `json:"contact"`
			} `json:"data"`
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err := verifier.Verify(body, req.Header); err != nil {
			r.wrong = append(r.wrong, err.Error())
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			r.wrong = append(r.wrong, err.Error())
		}
		d := delivery{id: req.Header.Get("webhook-id"), kind: doc.Type, leadKey: doc.Data.LeadKey, contact: doc.Data.Contact, answer: 200}
		n := len(r.got) + 1
		if of := int(r.failOf.Load()); of > 0 && n%of == 0 {
			d.answer = http.StatusInternalServerError
			if n%(2*of) == 0 {
				d.answer = 0 // taken, and the answer is lost
			}
		}
		r.got = append(r.got, d)
		switch d.answer {
		case 0:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(d.answer)
		}
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// deliveries returns what came, of a kind; "" is all.
func (r *receiver) deliveries(kind string) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []delivery
	for _, d := range r.got {
		if kind == "" || d.kind == kind {
			all = append(all, d)
		}
	}
	return all
}

// requireLeads checks that each of the contacts came as a lead exactly once:
// further attempts only under the same webhook-id, after one that failed or
// whose outcome the sender cannot know because it was killed.
func (r *receiver) requireLeads(t *testing.T, contactIDs []string, killed bool) {
	t.Helper()
	r.mu.Lock()
	require.Empty(t, r.wrong, "documents that the receiver could not verify")
	r.mu.Unlock()
	ids := map[string]string{}
	answered := map[string]int{}
	for _, d := range r.deliveries("lead.created") {
		if id, ok := ids[d.leadKey]; ok {
			require.Equal(t, id, d.id, "a lead came under two ids")
		}
		ids[d.leadKey] = d.id
		if d.answer == http.StatusOK {
			answered[d.leadKey]++
		}
	}
	require.Len(t, ids, len(contactIDs), "one lead a contact")
	for _, id := range contactIDs {
		require.Contains(t, ids, id, "lead_key is the contact's id")
		require.Positive(t, answered[id])
		if !killed {
			require.Equal(t, 1, answered[id], "a lead was pushed again after a 200")
		}
	}
}

// sent is one message as the Graph API got it.
type sent struct {
	to, text, callback string
}

// graph stands in for the Graph API.
type graph struct {
	url string

	mu  sync.Mutex
	got []sent
}

func newGraph(t *testing.T) *graph {
	t.Helper()
	g := &graph{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var m struct {
			To       string `json:"to"`
			Callback string `json:"biz_opaque_callback_data"`
			Text     struct {
				Body string `json:"body"`
			} `json:"text"`
		}
		if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
			return
		}
		g.mu.Lock()
		g.got = append(g.got, sent{m.To, m.Text.Body, m.Callback})
		n := len(g.got)
		g.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"messaging_product":"whatsapp","messages":[{"id":"wamid.out.%d"}]}`, n)
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *graph) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.got)
}

// texts are what a person was sent, in order, repeated sends of one message
// once.
func (g *graph) texts(to string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := map[string]bool{}
	var texts []string
	for _, s := range g.got {
		if s.to == to && !seen[s.callback] {
			seen[s.callback] = true
			texts = append(texts, s.text)
		}
	}
	return texts
}

// roundRobin spreads requests over nodes, one each in turn; one that does not
// answer is a 502, as of a load balancer.
func roundRobin(t *testing.T, nodes ...*node) string {
	t.Helper()
	var next atomic.Int64
	proxies := make([]*httputil.ReverseProxy, len(nodes))
	for i, n := range nodes {
		target, err := url.Parse("http://" + n.addr)
		require.NoError(t, err)
		proxies[i] = httputil.NewSingleHostReverseProxy(target)
		proxies[i].ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxies[int(next.Add(1))%len(proxies)].ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}
