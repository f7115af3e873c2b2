package generic_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/generic"
)

func suite(secret, proof string) connectortest.Case {
	return connectortest.Case{Factory: generic.New, Dir: "testdata", Proof: proof, SignsBody: true,
		Settings: config.Settings{"secret": secret, "tolerance": "5m", "mapping": map[string]any{"external_id": "/contact/id"}}}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{connectortest.Secret, "whsec_dXNoZXItdGVzdC1zZWNyZXQ="} {
		for _, proof := range []string{connectors.HeaderWebhookSignature, "X-Hub-Signature-256"} {
			t.Run(secret[:5]+" "+proof, func(t *testing.T) {
				t.Parallel()
				connectortest.Run(t, suite(secret, proof))
			})
		}
	}
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite(connectortest.Secret, "")) }

func BenchmarkStandardWebhooks(b *testing.B) {
	connectortest.Benchmark(b, suite(connectortest.Secret, ""), "standard_webhooks")
}

var now = time.Unix(1788256800, 0)

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"secret": "s3cret", "mapping": map[string]any{"external_id": "/who", "text": "/said", "kind": "/kind", "phone": "/phone", "email": "/mail",
		"verified": "/sure", "customer_id": "/customer", "plan": "/plan", "session": "/session"}}
	for key, value := range change {
		s[key] = value
	}
	c, err := generic.New(connectors.Setup{Country: "GB", Settings: s})
	require.NoError(t, err)
	return c
}

func TestVerify(t *testing.T) {
	t.Parallel()
	signed := func(key string, at time.Time) *connectors.Request {
		r := &connectors.Request{Header: http.Header{}, Body: []byte(`{"who":"1"}`), At: now}
		connectors.Webhooks{Keys: [][]byte{[]byte(key)}}.Sign(r.Header, "msg_1", at, r.Body)
		return r
	}
	hub := func(key string) *connectors.Request {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(`{"who":"1"}`))
		return &connectors.Request{Header: http.Header{"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}}, Body: []byte(`{"who":"1"}`), At: now}
	}
	rotated := newConnector(t, config.Settings{"secret": []any{"older", "whsec_czNjcmV0"}})
	for _, key := range []string{"older", "s3cret"} {
		require.NoError(t, rotated.Verify(signed(key, now)))
		require.NoError(t, rotated.Verify(hub(key)))
		require.Error(t, rotated.Verify(signed(key, now.Add(-5*time.Minute))), "replayed")
	}
	require.Error(t, rotated.Verify(signed("guess", now)))
	require.Error(t, rotated.Verify(hub("guess")))
	require.Error(t, rotated.Verify(&connectors.Request{Header: http.Header{}, At: now, Authorized: true}), "a signed channel takes no key")
	require.NoError(t, newConnector(t, config.Settings{"tolerance": 0}).Verify(signed("s3cret", now.AddDate(-1, 0, 0))))
}

func TestSettings(t *testing.T) {
	t.Parallel()
	mapping := map[string]any{"external_id": "/id"}
	for want, s := range map[string]config.Settings{
		"secret: is missing":  {"mapping": mapping},
		"secret: one":         {"mapping": mapping, "secret": []any{"a", ""}},
		"secret: want whsec_": {"mapping": mapping, "secret": "whsec_?"},
		"mapping: ":           {"secret": "s"},
		"mapping.name: ":      {"secret": "s", "mapping": map[string]any{"external_id": "/id", "name": "name"}},
		"tolerance: ":         {"secret": "s", "mapping": mapping, "tolerance": "-1s"},
	} {
		_, err := generic.New(connectors.Setup{Settings: s})
		require.ErrorContains(t, err, want)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]connectors.Event{
		`{"who":"1","said":"Hi"}`:                                {Kind: connectors.KindMessage, Text: "Hi"},
		`{"who":1,"plan":"gold"}`:                                {Kind: connectors.KindForm, Parameters: map[string]any{"plan": "gold"}},
		`{"who":"1","phone":"07700 900123","mail":"nobody"}`:     {Kind: connectors.KindForm, Phone: "+447700900123"},
		`{"who":"1","phone":"12","said":["x"],"plan":null}`:      {Kind: connectors.KindForm},
		`{"who":"1","sure":true,"customer":77}`:                  {Kind: connectors.KindForm, Verified: true, CustomerID: "77"},
		`{"who":"1","kind":"conversation_started"}`:              {Kind: connectors.KindStarted},
		`{"who":"1","kind":"postback","said":"yes"}`:             {Kind: connectors.KindPostback, Text: "yes", Reply: &connectors.Choice{Type: "postback", ID: "yes", Title: "yes"}},
		`{"who":"1","kind":"bot_message","said":"yes"}`:          {Kind: connectors.KindBotMessage, Text: "yes", Direction: connectors.DirectionOut},
		`{"who":"1","kind":"telepathy"}`:                         {Kind: connectors.KindUnsupported, RawType: "telepathy"},
		`{"who":"1","kind":"capture","said":"x","session":"s"}`:  {Kind: connectors.KindUnsupported, RawType: "capture", Text: "x", Session: "s"},
		`{"who":"1","said":"\u0000a\ud800","kind":{"is":"odd"}}`: {Kind: connectors.KindMessage, Text: "a\uFFFD"},
	} {
		items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(body), Header: http.Header{"Webhook-Id": {"msg_1"}}})
		require.NoError(t, err)
		require.Empty(t, items[0].Problem, body)
		want.ExternalID, want.DedupeKey = "1", "msg_1"
		require.Equal(t, want, items[0].Event, body)
	}
	for _, bad := range []string{`{}`, `{"who":{}}`, `[]`, `7`, `{"who":""}`} {
		items, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(bad)})
		require.NoError(t, err)
		require.NotEmpty(t, items[0].Problem, bad)
		require.NotEmpty(t, items[0].Event.Kind)
	}
}
