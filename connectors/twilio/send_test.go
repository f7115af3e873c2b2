package twilio_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/twilio"
	"usher/internal/outbound"
)

func sender(t *testing.T, p *connectortest.Platform) connectors.Sender {
	t.Helper()
	return senderFrom(t, p, "")
}

func senderFrom(t *testing.T, p *connectortest.Platform, from string) connectors.Sender {
	t.Helper()
	c, err := twilio.New(connectors.Setup{ID: "twilio/acme", URL: "https://chat.example.test/hooks/twilio/acme", HTTP: p.Client(),
		Settings: config.Settings{"account_sid": "AC1", "auth_token": []string{token, "old"}, "base_url": p.URL, "from": from}})
	require.NoError(t, err)
	return c.(connectors.Sender)
}

func taken(w http.ResponseWriter, n int) {
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"sid":"SM%d","status":"queued","error_code":null}`, n)
}

var ada = connectors.Address{Account: "+12025550190", ExternalID: "+447700900417"}

// said sends m and returns the forms without what all have.
func said(t *testing.T, from string, to connectors.Address, m connectors.Message) (all []string) {
	t.Helper()
	p := connectortest.NewPlatform(t, taken)
	m.ID = "msg_1"
	id, err := senderFrom(t, p, from).Send(t.Context(), to, m)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("SM", len(p.Calls())), id)
	for _, call := range p.Calls() {
		require.Equal(t, []string{http.MethodPost, "/2010-04-01/Accounts/AC1/Messages.json"}, []string{call.Method, call.Path})
		user, password, ok := (&http.Request{Header: call.Header}).BasicAuth()
		require.Equal(t, []any{"AC1", token, true}, []any{user, password, ok})
		form := call.Form(t)
		require.Equal(t, "https://chat.example.test/hooks/twilio/acme/status?ref=msg_1", form.Get("StatusCallback"))
		form.Del("StatusCallback")
		plain, err := url.QueryUnescape(form.Encode())
		require.NoError(t, err)
		all = append(all, plain)
	}
	return all
}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	picture := connectors.Media{Type: "image", URL: "https://a.example/p.png"}
	const sms = "From=+12025550190&"
	for _, c := range []struct {
		m    connectors.Message
		want []string
	}{
		{connectors.Message{Text: " Hi + é "}, []string{"Body=Hi + é&" + sms + "To=+447700900417"}},
		{connectors.Message{Text: "Look", Media: []connectors.Media{picture}}, []string{"Body=Look&" + sms + "MediaUrl=https://a.example/p.png&To=+447700900417"}},
		{connectors.Message{Text: "Look", Media: []connectors.Media{picture, picture}}, []string{sms + "MediaUrl=https://a.example/p.png&To=+447700900417", sms + "MediaUrl=https://a.example/p.png&To=+447700900417", "Body=Look&" + sms + "To=+447700900417"}},
		{connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}}, []string{"Body=Well?\n1. Yes\n2. No&" + sms + "To=+447700900417"}},
	} {
		require.Equal(t, c.want, said(t, "", ada, c.m))
	}
	require.Len(t, said(t, "", ada, connectors.Message{Text: strings.Repeat("word ", 400)}), 2, "1600 characters")
}

// Everybody is answered where they wrote: by SMS or WhatsApp, from the number
// they wrote to.
func TestSendTo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from string
		to   connectors.Address
		want string
	}{
		{"+12025550191", ada, "From=+12025550190&To=+447700900417"},
		{"+12025550191", connectors.Address{ExternalID: "12345"}, "From=+12025550191&To=12345"},
		{"MG1", ada, "MessagingServiceSid=MG1&To=+447700900417"},
		{"", connectors.Address{Account: "+12025550190", ExternalID: "+447700900417", IDs: &connectors.IDs{WaID: "447700900417"}}, "From=whatsapp:+12025550190&To=whatsapp:+447700900417"},
		{"", connectors.Address{Account: "+12025550190", ExternalID: "GB.1", IDs: &connectors.IDs{WaID: "447700900417", UserID: "GB.1"}}, "From=whatsapp:+12025550190&To=whatsapp:+447700900417"},
		{"whatsapp:+12025550191", connectors.Address{ExternalID: "GB.1"}, "From=whatsapp:+12025550191&To=whatsapp:GB.1"},
		{"", connectors.Address{Account: "messenger:5", ExternalID: "messenger:7"}, "From=messenger:5&To=messenger:7"},
	} {
		require.Equal(t, []string{"Body=x&" + c.want}, said(t, c.from, c.to, connectors.Message{Text: "x"}))
	}
	p := connectortest.NewPlatform(t, taken)
	_, err := sender(t, p).Send(t.Context(), connectors.Address{ExternalID: "+447700900417"}, connectors.Message{Text: "x"})
	require.ErrorContains(t, err, "from: not configured")
	_, err = sender(t, p).Send(t.Context(), ada, connectors.Message{Media: []connectors.Media{{Type: "image", ID: "7"}}})
	require.ErrorContains(t, err, "url")
	require.Empty(t, p.Calls())
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	refused := func(code int) string {
		return fmt.Sprintf(`{"code":%d,"message":"no for %s","more_info":"https://www.twilio.com/docs/errors/%d","status":400}`, code, token, code)
	}
	all := []connectortest.Refusal{
		{Name: "too many", Status: 429, RetryAfter: "3", Body: refused(20429), Class: outbound.Retry, Code: "20429", Wait: 3 * time.Second},
		{Name: "credentials", Status: 401, Body: refused(20003), Class: outbound.Auth, Code: "20003"},
		{Name: "other, 400", Status: 400, Body: refused(21617), Class: outbound.Permanent, Code: "21617"},
		{Name: "trouble", Status: 500, Body: refused(20500), Class: outbound.Retry, Code: "20500", Unknown: true},
		{Name: "no code, 429", Status: 429, Class: outbound.Retry},
		{Name: "gateway", Status: 502, Body: "<html>" + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no JSON", Status: 201, Body: "OK " + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no sid", Status: 201, Body: `{"status":"queued"}`, Class: outbound.Retry, Unknown: true},
	}
	for code, class := range map[int]outbound.Class{
		21610: outbound.Permanent, 21211: outbound.Permanent, 21614: outbound.Permanent, 21408: outbound.Permanent, 30003: outbound.Permanent,
		63003: outbound.Permanent, 63016: outbound.Permanent, 63024: outbound.Permanent, 63018: outbound.Retry, 30001: outbound.Retry,
	} {
		all = append(all, connectortest.Refusal{Name: fmt.Sprint("code ", code), Status: 400, Body: refused(code), Class: class, Code: fmt.Sprint(code)})
	}
	connectortest.Refusals(t, sender, ada, token, all)
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, _ int) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, refused(63016))
	})
	_, err := sender(t, p).Send(t.Context(), ada, connectors.Message{Text: "x"})
	require.ErrorContains(t, err, "more than 24 hours since the person wrote", "the operator is told what to do")
}
