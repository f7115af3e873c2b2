package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"usher/connectors"
	"usher/connectors/whatsapp"
)

func TestWebhooksAreSignedAndDistinct(t *testing.T) {
	t.Parallel()
	c, err := whatsapp.New(connectors.Setup{ID: whatsappChannel, Country: "GB", Settings: map[string]any{
		"app_secret": appSecret, "verify_token": "v", "access_token": "t"}})
	require.NoError(t, err)
	m := webhooks{seq: &sequence{}, senders: 3, host: "h", path: hookPath}.maker()
	seen, people := map[string]bool{}, map[string]bool{}
	at := time.UnixMicro(1790000000123456)
	for range 10 {
		head, body, ok := strings.Cut(string(m.next(at)), "\r\n\r\n")
		require.True(t, ok)
		require.Len(t, body, bodySize)
		_, signature, ok := strings.Cut(head, "X-Hub-Signature-256: sha256=")
		require.True(t, ok)
		mac := hmac.New(sha256.New, []byte(appSecret))
		mac.Write([]byte(body))
		require.Equal(t, hex.EncodeToString(mac.Sum(nil)), signature)
		var p payload
		require.NoError(t, json.Unmarshal([]byte(body), &p))
		items, err := c.Parse(&connectors.Request{Body: []byte(body)})
		require.NoError(t, err)
		require.Len(t, items, 1)
		ev := items[0].Event
		require.Equal(t, p.Entry[0].Changes[0].Value.Messages[0].ID, ev.MessageID)
		require.Equal(t, ev.ExternalID, items[0].Event.IDs.WaID)
		seen[ev.MessageID], people[ev.ExternalID] = true, true
		due, ok := dueTime([]byte(body))
		require.True(t, ok)
		require.Equal(t, at, due)
	}
	require.Len(t, seen, 10)
	require.Len(t, people, 3)
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h, other histogram
	all := make([]time.Duration, 0, 20000)
	for i := range cap(all) {
		d := time.Duration(rand.ExpFloat64()*5000) * time.Microsecond
		all = append(all, d)
		if i%2 == 0 {
			h.add(d)
		} else {
			other.add(d)
		}
	}
	h.merge(&other)
	slices.Sort(all)
	for _, p := range []float64{0, 0.5, 0.95, 0.99} {
		want := all[int(p*float64(len(all)))]
		require.InDelta(t, want.Microseconds(), h.at(p).Microseconds(), float64(want.Microseconds())/50+1)
	}
}

func listen(t *testing.T, app *fiber.App) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.Shutdown() })
	return l.Addr().String()
}

func TestLoadAgainstTheLimit(t *testing.T) {
	t.Parallel()
	addr := listen(t, limitServer())
	maker := webhooks{seq: &sequence{}, host: addr, path: limitPath}.maker
	for name, l := range map[string]load{
		"closed": {addr: addr, conns: 4, maker: maker, count: 100},
		"rate":   {addr: addr, conns: 4, maker: maker, count: 100, rate: 1000},
	} {
		r, err := l.run(t.Context())
		require.NoError(t, err, name)
		require.EqualValues(t, 100, r.ok, name)
		require.NoError(t, r.clean(), name)
		if l.rate > 0 {
			require.InDelta(t, 0.1, r.took.Seconds(), 0.09, name)
		}
	}
	l := load{addr: addr, conns: 1, maker: webhooks{seq: &sequence{}, host: addr, path: "/nowhere"}.maker, count: 1}
	_, err := l.run(t.Context())
	require.ErrorContains(t, err, "status 404")
}

func TestStandInTellsLeadsApart(t *testing.T) {
	t.Parallel()
	app := standInServer()
	for _, id := range []string{"a", "b", "a"} {
		r := httptest.NewRequest("POST", "/leads", strings.NewReader(`{"transcript":"due=1790000000123456, x"}`))
		r.Header.Set("webhook-id", id)
		r.Header.Set("webhook-signature", "v1,x")
		res, err := app.Test(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, 200, res.StatusCode)
	}
	res, err := app.Test(httptest.NewRequest("GET", "/stats?latencies=true", nil))
	require.NoError(t, err)
	defer res.Body.Close()
	var got standInStats
	require.NoError(t, json.NewDecoder(res.Body).Decode(&got))
	require.EqualValues(t, 2, got.Leads)
	require.EqualValues(t, 1, got.Repeated)
	require.EqualValues(t, 2, got.LatencyN)
	require.Zero(t, got.Unsigned)
}

func TestTableComparesMedians(t *testing.T) {
	t.Parallel()
	var b table
	for _, v := range []float64{100, 400, 300} {
		b.add("accept", embedded, "accepted in a burst", "/s", v, 1000)
	}
	b.add("leads", serverful, "lead p99 at half of that rate", "ms", 60, 0)
	var out strings.Builder
	b.write(&out)
	require.Contains(t, out.String(), "| accepted in a burst | sqlite | 300 (100–400) /s | 0.300 (0.100–0.400) | ≥ 0.4 | missed |")
	require.Contains(t, out.String(), "| lead p99 at half of that rate | mysql | 60.00 ms |  | < 50 ms | missed |")
}
