package webhook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/crm"
	"usher/crm/crmtest"
)

const (
	secret    = "whsec_dXNoZXItdGVzdC12ZWN0b3Ita2V5LTAxMjM0NTY3ODk="
	oldSecret = "whsec_dXNoZXItb2xkLXZlY3Rvci1rZXktYWJjZGVmZ2hpaiE="
	apiKey    = "api-key-of-the-receiver"
	pathToken = "T0123456789ABCDEFGHIJ"
)

func newTest(t testing.TB, url string, hc *http.Client) crm.Connector {
	t.Helper()
	c, err := New(crm.Setup{ID: "hook", HTTP: hc, Settings: config.Settings{
		"url": url, "secret": []any{secret, oldSecret}, "headers": map[string]any{"X-Api-Key": apiKey},
		"retry": map[string]any{"first": "1s"},
	}})
	require.NoError(t, err)
	return c
}

func TestSuite(t *testing.T) {
	t.Parallel()
	crmtest.Run(t, crmtest.Case{
		New: func(t testing.TB, url string, hc *http.Client) crm.Connector {
			return newTest(t, url+"/hooks/"+pathToken, hc)
		},
		OK:      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		Secrets: []string{secret, oldSecret, strings.TrimPrefix(secret, secretPrefix), apiKey, pathToken},
	})
}

func TestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/standard-webhooks.vectors.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Name, Secret, OldSecret, ID, Timestamp, Body, Signature string
			Valid                                                   bool
		}
	}
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	for _, c := range file.Cases {
		secrets := config.Secrets{config.Secret(c.Secret)}
		if c.OldSecret != "" {
			secrets = append(secrets, config.Secret(c.OldSecret))
		}
		s, err := newSigner(secrets)
		require.NoError(t, err, c.Name)
		seconds, err := strconv.ParseInt(c.Timestamp, 10, 64)
		require.NoError(t, err)
		got, err := s.sign(c.ID, time.Unix(seconds, 0), []byte(c.Body))
		require.NoError(t, err)
		if c.Valid {
			require.True(t, strings.HasSuffix(c.Signature, got), c.Name) // one vector has a foreign scheme before it
		} else {
			require.NotContains(t, c.Signature, got, c.Name)
		}
	}
}

// What arrives passes the contract of a receiver, verifies under either secret,
// and is the document byte for byte; only the time differs between attempts.
func TestAttempts(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromFile("testdata/webhook.openapi.json")
	require.NoError(t, err)
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	require.NoError(t, err)

	type seen struct {
		header http.Header
		body   string
	}
	var got []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, params, err := router.FindRoute(r)
		if err == nil {
			err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route})
		}
		if err != nil {
			t.Error(err)
		}
		body, _ := io.ReadAll(r.Body)
		got = append(got, seen{r.Header, string(body)})
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(server.Close)

	c, ok := newTest(t, server.URL+"/hooks/acme", crmtest.Client(t)).(*connector)
	require.True(t, ok)
	now := time.Now()
	push := crmtest.Push(t, 1)
	for attempt := range 3 {
		c.now = func() time.Time { return now.Add(time.Duration(attempt) * time.Minute) }
		require.Error(t, c.Push(t.Context(), []crm.Push{push})[0].Err)
	}

	require.Len(t, got, 3)
	for attempt, s := range got {
		require.Equal(t, string(push.Document), s.body)
		require.Equal(t, push.ID, s.header.Get("webhook-id"))
		require.Equal(t, strconv.FormatInt(now.Unix()+int64(attempt)*60, 10), s.header.Get("webhook-timestamp"))
		require.Equal(t, apiKey, s.header.Get("X-Api-Key"))
		require.Len(t, strings.Fields(s.header.Get("webhook-signature")), 2)
		for _, key := range []string{secret, oldSecret} {
			receiver, err := standardwebhooks.NewWebhook(key)
			require.NoError(t, err)
			require.NoError(t, receiver.Verify([]byte(s.body), s.header))
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	good := func() config.Settings { return config.Settings{"url": "https://crm.example/hook", "secret": secret} }
	for name, c := range map[string]struct {
		set  string
		to   any
		want string // in the error; empty: accepted
	}{
		"as it is":                      {"url", "https://crm.example/hook", ""},
		"http, checked when connecting": {"url", "http://127.0.0.1:9/x", ""},
		"bare base64":                   {"secret", strings.TrimPrefix(secret, secretPrefix), ""},
		"64 bytes":                      {"secret", "whsec_" + strings.Repeat("QUFB", 21) + "QQ==", ""},
		"65 bytes":                      {"secret", "whsec_" + strings.Repeat("QUFB", 21) + "QUE=", "secret:"},
		"23 bytes":                      {"secret", "whsec_" + strings.Repeat("QUFB", 7) + "QUE=", "secret:"},
		"no base64":                     {"secret", "whsec_not base64 at all, but long enough", "secret:"},
		"no secret":                     {"secret", nil, "secret:"},
		"empty list":                    {"secret", []any{}, "secret:"},
		"three secrets":                 {"secret", []any{secret, secret, secret}, "two"},
		"one of two is bad":             {"secret", []any{secret, "whsec_c2hvcnQ="}, "secret:"},
		"no url":                        {"url", "", "url:"},
		"relative url":                  {"url", "/hook", "url:"},
		"other scheme":                  {"url", "ftp://crm.example/hook", "url:"},
		"unknown":                       {"sekret", secret, "sekret"},
		"our own header":                {"headers", map[string]any{"webhook-id": "x"}, "webhook-id"},
		"header injection":              {"headers", map[string]any{"X-A": "a\r\nX-B: b"}, "X-A"},
		"no header name":                {"headers", map[string]any{"X A": "a"}, "headers"},
		"bad retry":                     {"retry", "often", "retry"},
	} {
		s := good()
		s[c.set] = c.to
		_, err := New(crm.Setup{Settings: s, HTTP: http.DefaultClient})
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "dXNoZXIt", name)
		require.NotContains(t, err.Error(), "QUFB", name)
	}
}

// A dot would make other signed bytes out of the same ones.
func TestDeliveryID(t *testing.T) {
	t.Parallel()
	c := newTest(t, "https://crm.example/hook", http.DefaultClient)
	for _, id := range []string{"", "a.b", "a b", "a\nb"} {
		p := crmtest.Push(t, 1)
		p.ID = id
		require.Error(t, c.Push(t.Context(), []crm.Push{p})[0].Err, id)
	}
}

func BenchmarkRequest(b *testing.B) {
	c, _ := newTest(b, "https://crm.example/hook", http.DefaultClient).(*connector)
	push := crmtest.Push(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.request(b.Context(), push); err != nil {
			b.Fatal(err)
		}
	}
}
