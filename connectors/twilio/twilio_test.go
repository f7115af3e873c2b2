package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/twilio"
)

func suite() connectortest.Case {
	return connectortest.Case{
		Factory:   twilio.New,
		Dir:       "testdata",
		Settings:  config.Settings{"account_sid": "AC00000000000000000000000000000001", "auth_token": connectortest.Secret},
		Proof:     "X-Twilio-Signature",
		SignsBody: true,
	}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkText(b *testing.B) { connectortest.Benchmark(b, suite(), "sms_text") }

const token = "1234567890-token-of-the-tests"

func newConnector(t testing.TB, change config.Settings) connectors.Connector {
	t.Helper()
	s := config.Settings{"account_sid": "AC1", "auth_token": token}
	for key, value := range change {
		s[key] = value
	}
	c, err := twilio.New(connectors.Setup{ID: "twilio/acme", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		settings config.Settings
		account  string
		names    []string // of the settings at fault; none: taken
	}{
		{config.Settings{}, "", nil},
		{config.Settings{"auth_token": []string{"one", "two"}, "from": "+12025550190"}, "+12025550190", nil},
		{config.Settings{"from": "whatsapp:+12025550190"}, "+12025550190", nil},
		{config.Settings{"from": "MG00000000000000000000000000000001"}, "", nil},
		{config.Settings{"account_sid": "", "auth_token": ""}, "", []string{"account_sid", "auth_token"}},
		{config.Settings{"account_sid": "AC/../1"}, "", []string{"account_sid"}},
		{config.Settings{"auth_token": []string{"one", ""}}, "", []string{"auth_token"}},
		{config.Settings{"from": "+1 202"}, "", []string{"from"}},
		{config.Settings{"base_url": "twilio"}, "", []string{"base_url"}},
	} {
		s := config.Settings{"account_sid": "AC1", "auth_token": "t"}
		for key, value := range c.settings {
			s[key] = value
		}
		built, err := twilio.New(connectors.Setup{Settings: s})
		if c.names == nil {
			require.NoError(t, err)
			require.Equal(t, c.account, built.(connectors.Accounter).Account())
		}
		for _, name := range c.names {
			require.ErrorContains(t, err, name)
		}
	}
}

// The vectors are Twilio's own, and one of a body with a plus in it.
func TestSignatures(t *testing.T) {
	t.Parallel()
	digits := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}, "Caller": {"+14158675309"}}
	for _, c := range []struct {
		secret, url, body, signature string
	}{
		{"12345", "https://mycompany.com/myapp.php?foo=1&bar=2", digits.Encode(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{"12345", "https://mycompany.com/myapp.php?foo=1&bar=2", "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="},
		{"usher-test-secret", "https://usher.example.test/hooks/twilio/acme?x=1", "From=%2B447700900417&Body=hi+%2B1&AA=Ab", "fTsNQpjSNVDMckbaZE+HBkgisOU="},
	} {
		r := &connectors.Request{URL: c.url, Body: []byte(c.body), Header: http.Header{"X-Twilio-Signature": {c.signature}}}
		require.NoError(t, newConnector(t, config.Settings{"auth_token": c.secret}).Verify(r), c.url)
		require.NoError(t, newConnector(t, config.Settings{"auth_token": []string{"new", c.secret}}).Verify(r), "while it is changed")
		require.ErrorIs(t, newConnector(t, nil).Verify(r), connectors.ErrUnverified)
		r.URL += "&y=1"
		require.ErrorIs(t, newConnector(t, config.Settings{"auth_token": c.secret}).Verify(r), connectors.ErrUnverified, "another address")
	}
}

func signed(address, fields string) http.Header {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address + fields))
	return http.Header{"X-Twilio-Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
}

// Whether the port is in the signed address depends on who is called.
func TestPorts(t *testing.T) {
	t.Parallel()
	for called, as := range map[string][]string{
		"https://a.example/h?x=1":      {"https://a.example/h?x=1", "https://a.example:443/h?x=1"},
		"https://a.example:8443/h?x=1": {"https://a.example:8443/h?x=1", "https://a.example/h?x=1"},
		"http://a.example/h":           {"http://a.example:80/h"},
		"https://[::1]:8443/h":         {"https://[::1]/h"},
		"https://a.example":            {"https://a.example:443"},
	} {
		for _, address := range as {
			r := &connectors.Request{URL: called, Body: []byte("A=1"), Header: signed(address, "A1")}
			require.NoError(t, newConnector(t, nil).Verify(r), "%s as %s", called, address)
		}
		r := &connectors.Request{URL: called, Body: []byte("A=1"), Header: signed("https://b.example/h", "A1")}
		require.ErrorIs(t, newConnector(t, nil).Verify(r), connectors.ErrUnverified)
	}
}

// A body that is no form is covered by its hash in the address.
func TestBodyHash(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	sum := sha256.Sum256(body)
	address := "https://a.example/h?bodySHA256=" + hex.EncodeToString(sum[:])
	r := &connectors.Request{URL: address, Body: body, Query: map[string]string{"bodySHA256": hex.EncodeToString(sum[:])}, Header: signed(address, "")}
	r.Header.Set("Content-Type", "application/json")
	c := newConnector(t, nil)
	require.NoError(t, c.Verify(r))
	items, err := c.Parse(r)
	require.NoError(t, err)
	require.NotEmpty(t, items[0].Problem)
	r.Body = []byte(`{"a":2}`)
	require.ErrorIs(t, c.Verify(r), connectors.ErrUnverified)
	r.Body = []byte("%zz")
	r.Query = nil
	require.ErrorIs(t, c.Verify(r), connectors.ErrUnverified, "neither form nor hash")
}

func parse(t *testing.T, path string, fields ...string) connectors.Item {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	items, err := newConnector(t, nil).Parse(&connectors.Request{Path: path, Body: []byte(form.Encode()), Query: map[string]string{"ref": "msg_1"}})
	require.NoError(t, err)
	require.Len(t, items, 1)
	return items[0]
}

func TestContents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fields []string
		want   connectors.Event
	}{
		{[]string{"Body", ""}, connectors.Event{Kind: connectors.KindMessage}},
		{[]string{"Body", "a\x00b", "Body", "second"}, connectors.Event{Kind: connectors.KindMessage, Text: "ab"}},
		{[]string{"OptOutType", "START", "Body", "START"}, connectors.Event{Kind: connectors.KindFollow, Text: "START"}},
		{[]string{"OptOutType", "HELP", "Body", "HELP"}, connectors.Event{Kind: connectors.KindMessage, Text: "HELP"}},
		{[]string{"MessageType", "order", "Body", ""}, connectors.Event{Kind: connectors.KindUnsupported, RawType: "order"}},
		{[]string{"MessageType", "interactive", "InteractiveData", `{"plan":"gold"}`}, connectors.Event{Kind: connectors.KindForm, Reply: &connectors.Choice{Type: "flow", Data: map[string]any{"plan": "gold"}}}},
		{[]string{"NumMedia", "3", "MediaUrl0", "https://a", "MediaContentType0", "text/vcard", "MediaUrl2", "https://c", "MediaContentType2", "image/png", "MediaUrl3", "https://d"},
			connectors.Event{Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "file", URL: "https://a", MimeType: "text/vcard"}, {Type: "image", URL: "https://c", MimeType: "image/png"}}}},
		{[]string{"NumMedia", "1", "MessageType", "sticker", "MediaUrl0", "https://a", "MediaContentType0", "image/webp"},
			connectors.Event{Kind: connectors.KindMedia, Media: []connectors.Media{{Type: "sticker", URL: "https://a", MimeType: "image/webp"}}}},
		{[]string{"NumMedia", "2000000000"}, connectors.Event{Kind: connectors.KindMessage}},
	} {
		it := parse(t, "", append(c.fields, "MessageSid", "SM1", "From", "+12025550161", "To", "+12025550190")...)
		e := it.Event
		require.Empty(t, it.Problem, c.fields)
		require.Equal(t, []any{c.want.Kind, c.want.Text, c.want.RawType, c.want.Media, c.want.Reply}, []any{e.Kind, e.Text, e.RawType, e.Media, e.Reply}, c.fields)
		require.Nil(t, e.IDs)
	}
}

func TestWho(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, externalID, phone string }{
		{"12345", "12345", ""}, // a short code
		{"ACME", "ACME", ""},   // a name
		{"messenger:77", "messenger:77", ""},
		{"whatsapp:+447700900417", "+447700900417", "+447700900417"},
		{"whatsapp:US.1", "US.1", ""},
	} {
		e := parse(t, "", "MessageSid", "SM1", "From", c.from, "To", "+12025550190", "Body", "x").Event
		require.Equal(t, c.externalID, e.ExternalID)
		require.Equal(t, c.phone, e.Phone)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, code, status, failure string }{
		{"sent", "", "sent", ""},
		{"queued", "", "unknown", ""},
		{"sending", "", "unknown", ""},
		{"canceled", "", "failed", ""},
		{"failed", "63018", "failed", "retryable"},
		{"failed", "30008", "failed", ""}, // nobody knows
		{"undelivered", "30003", "failed", "permanent"},
	} {
		it := parse(t, "/status", "MessageSid", "SM1", "MessageStatus", c.word, "ErrorCode", c.code, "To", "+12025550161", "From", "+12025550190")
		e := it.Event
		require.Empty(t, it.Problem)
		require.Equal(t, []string{c.status, c.failure, "SM1#" + c.word, "msg_1", "+12025550190", "+12025550161"},
			[]string{e.Status, e.Failure, e.DedupeKey, e.CallbackData, e.Account, e.ExternalID})
	}
	require.Equal(t, connectors.KindStatus, parse(t, "", "MessageSid", "SM1", "MessageStatus", "sent", "To", "x").Event.Kind, "also at the address of messages")
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for why, it := range map[string]connectors.Item{
		"MessageSid":    parse(t, "", "From", "+12025550161"),
		"From":          parse(t, "", "MessageSid", "SM1"),
		"latitude":      parse(t, "", "MessageSid", "SM1", "From", "+12025550161", "Latitude", "NaN", "Longitude", "1"),
		"MessageStatus": parse(t, "/status", "MessageSid", "SM1"),
		"status":        parse(t, "/status", "MessageStatus", "sent"),
	} {
		require.Contains(t, it.Problem, why)
		require.NotEmpty(t, it.Event.Kind)
	}
	for _, body := range []string{"", "%zz", "&", "a=%f"} {
		_, err := newConnector(t, nil).Parse(&connectors.Request{Body: []byte(body)})
		require.ErrorIs(t, err, connectors.ErrUnreadable, body)
	}
}

func TestAcknowledge(t *testing.T) {
	t.Parallel()
	got := newConnector(t, nil).(connectors.Acknowledger).Acknowledge(nil)
	require.Equal(t, "<Response/>", string(got.Body))
	require.Contains(t, got.ContentType, "text/xml")
}
