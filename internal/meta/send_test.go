package meta

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/internal/outbound"
)

const token = "EAAG-token-of-the-tests"

func build(p *connectortest.Platform, kind, object string) connectors.Sender {
	s := Defaults()
	s.AppSecret, s.AccessToken, s.BaseURL = config.Secrets{"s"}, token, p.URL
	return NewChannel(kind, object, "9", s, p.Client())
}

func taken(w http.ResponseWriter, n int) {
	fmt.Fprintf(w, `{"recipient_id":"5","message_id":"m_%d"}`, n)
}

var ada = connectors.Address{Account: "9", ExternalID: "7104938561200431"}

func said(t *testing.T, kind, object string, to connectors.Address, m connectors.Message) (all []string) {
	t.Helper()
	p := connectortest.NewPlatform(t, taken)
	id, err := build(p, kind, object).Send(t.Context(), to, m)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("m_", len(p.Calls())), id, "the last call's id")
	for _, call := range p.Calls() {
		require.Equal(t, []string{http.MethodPost, "/v25.0/me/messages", "Bearer " + token}, []string{call.Method, call.Path, call.Header.Get("Authorization")})
		require.Equal(t, "RESPONSE", call.JSON(t)["messaging_type"])
		all = append(all, string(call.Body))
	}
	return all
}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	picture := connectors.Media{Type: "image", URL: "https://a.example/p.png"}
	yes := []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}
	const head = `{"recipient":{"id":"7104938561200431"},"messaging_type":"RESPONSE","message":`
	for _, c := range []struct {
		m    connectors.Message
		want []string // without metadata
	}{
		{connectors.Message{Text: " Hi é\n"}, []string{`{"text":"Hi é"}`}},
		{connectors.Message{Text: "Well?", Buttons: yes}, []string{`{"text":"Well?","quick_replies":[{"content_type":"text","title":"Yes","payload":"y"},{"content_type":"text","title":"No","payload":"No"}]}`}},
		{connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: strings.Repeat("x", 21), Value: "y"}}}, []string{`{"text":"Well?\n1. ` + strings.Repeat("x", 21) + `"}`}},
		{connectors.Message{Text: "Look", Media: []connectors.Media{picture}}, []string{`{"attachment":{"type":"image","payload":{"url":"https://a.example/p.png"}}}`, `{"text":"Look"}`}},
		{connectors.Message{Media: []connectors.Media{{Type: "video", ID: "77"}}}, []string{`{"attachment":{"type":"video","payload":{"attachment_id":"77"}}}`}},
	} {
		got := said(t, "instagram", "instagram", ada, c.m)
		require.Len(t, got, len(c.want))
		for i := range got {
			require.JSONEq(t, head+c.want[i]+"}", got[i])
		}
		c.m.ID = "msg_1"
		for i, call := range said(t, "messenger", "page", ada, c.m) {
			marked := strings.TrimSuffix(c.want[i], "}") + `,"metadata":"usher/msg_1"}`
			require.JSONEq(t, head+marked+"}", call, "its echo is told from a person's")
		}
	}
	require.JSONEq(t, `{"recipient":{"user_ref":"r-1"},"messaging_type":"RESPONSE","message":{"text":"x"}}`,
		said(t, "messenger", "page", connectors.Address{ExternalID: "user_ref:r-1"}, connectors.Message{Text: "x"})[0])
	long := connectors.Message{Text: strings.TrimSpace(strings.Repeat("é ", 1000))}
	require.Len(t, said(t, "messenger", "page", ada, long), 1, "2000 characters")
	require.Greater(t, len(said(t, "instagram", "instagram", ada, long)), 2, "1000 bytes")
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	refused := func(code, subcode int, more string) string {
		text, err := json.Marshal(fmt.Sprintf("(#%d) no for %s", code, token))
		require.NoError(t, err)
		body := fmt.Sprintf(`{"error":{"message":%s,"type":"OAuthException","code":%d,"fbtrace_id":"A"%s`, text, code, more)
		if subcode != 0 {
			body += fmt.Sprintf(`,"error_subcode":%d`, subcode)
		}
		return body + "}}"
	}
	connectortest.Refusals(t, func(_ *testing.T, p *connectortest.Platform) connectors.Sender { return build(p, "messenger", "page") }, ada, token, []connectortest.Refusal{
		{Name: "window", Status: 400, Body: refused(10, 2018278, ""), Class: outbound.Permanent, Code: "10/2018278"},
		{Name: "window of Instagram", Status: 400, Body: refused(10, 2534022, ""), Class: outbound.Permanent, Code: "10/2534022"},
		{Name: "not available", Status: 400, Body: refused(551, 1545041, ""), Class: outbound.Permanent, Code: "551/1545041"},
		{Name: "no such person", Status: 400, Body: refused(100, 2018001, ""), Class: outbound.Permanent, Code: "100/2018001"},
		{Name: "permission", Status: 403, Body: refused(200, 0, ""), Class: outbound.Permanent, Code: "200"},
		{Name: "token", Status: 400, Body: refused(190, 460, ""), Class: outbound.Auth, Code: "190/460"},
		{Name: "token as 401", Status: 401, Body: refused(190, 0, ""), Class: outbound.Auth, Code: "190"},
		{Name: "app may not", Status: 403, Body: refused(10, 0, ""), Class: outbound.Auth, Code: "10"},
		{Name: "rate", Status: 400, Body: refused(613, 0, ""), Class: outbound.Retry, Code: "613", Wait: time.Minute},
		{Name: "rate, told", Status: 400, RetryAfter: "17", Body: refused(4, 0, ""), Class: outbound.Retry, Code: "4", Wait: 17 * time.Second},
		{Name: "trouble", Status: 500, Body: refused(1200, 0, ""), Class: outbound.Retry, Code: "1200"},
		{Name: "trouble as 400", Status: 400, Body: refused(2, 0, ""), Class: outbound.Retry, Code: "2"},
		{Name: "new code", Status: 400, Body: refused(99999, 0, ""), Class: outbound.Permanent, Code: "99999"},
		{Name: "new code that passes", Status: 400, Body: refused(99999, 0, `,"is_transient":true`), Class: outbound.Retry, Code: "99999"},
		{Name: "no code, 401", Status: 401, Body: "who are you", Class: outbound.Auth},
		{Name: "no code, 429", Status: 429, RetryAfter: "3", Class: outbound.Retry, Wait: 3 * time.Second},
		{Name: "gateway", Status: 502, Body: strings.Repeat("x", 490) + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no JSON", Status: 200, Body: "OK " + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no id", Status: 200, Body: `{"recipient_id":"5"}`, Class: outbound.Retry, Unknown: true},
	})
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, _ int) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, refused(10, 2018278, ""))
	})
	_, err := build(p, "messenger", "page").Send(t.Context(), ada, connectors.Message{Text: "x"})
	require.ErrorContains(t, err, "more than 24 hours since the person wrote", "the operator is told what happened")
}
