package telegram_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/telegram"
	"usher/internal/outbound"
)

func sender(t *testing.T, p *connectortest.Platform) connectors.Sender {
	t.Helper()
	c, err := telegram.New(connectors.Setup{HTTP: p.Client(), Settings: config.Settings{
		"token": token, "secret_token": "s", "base_url": p.URL + "/",
	}})
	require.NoError(t, err)
	return c.(connectors.Sender)
}

func taken(w http.ResponseWriter, n int) {
	fmt.Fprintf(w, `{"ok":true,"result":{"message_id":%d,"date":1}}`, 100+n)
}

var ada = connectors.Address{ExternalID: "5123004471"}

// said sends m to Ada and returns the calls as METHOD BODY.
func said(t *testing.T, to connectors.Address, m connectors.Message) (calls []string) {
	t.Helper()
	p := connectortest.NewPlatform(t, taken)
	id, err := sender(t, p).Send(t.Context(), to, m)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(100+len(p.Calls())), id, "the last call's id")
	for _, call := range p.Calls() {
		method, ok := strings.CutPrefix(call.Path, "/bot"+token+"/")
		require.True(t, ok, call.Path)
		require.Equal(t, http.MethodPost, call.Method)
		call.JSON(t)
		calls = append(calls, method+" "+string(call.Body))
	}
	return calls
}

func TestSendShapes(t *testing.T) {
	t.Parallel()
	yes := []connectors.Button{{Title: "Yes", Value: "y"}, {Title: "No"}}
	is := true
	for _, c := range []struct {
		m    connectors.Message
		want []string
	}{
		{connectors.Message{Text: " Hi é "}, []string{`sendMessage {"chat_id":5123004471,"text":"Hi é"}`}},
		{connectors.Message{Text: "x", NoPreview: true}, []string{`sendMessage {"chat_id":5123004471,"text":"x","link_preview_options":{"is_disabled":true}}`}},
		{connectors.Message{Text: "Well?", Buttons: yes}, []string{`sendMessage {"chat_id":5123004471,"text":"Well?","reply_markup":{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}],[{"text":"No","callback_data":"No"}]]}}`}},
		{connectors.Message{Text: "Well?", Buttons: []connectors.Button{{Title: "A", Value: strings.Repeat("x", 65)}}}, []string{`sendMessage {"chat_id":5123004471,"text":"Well?\n1. A"}`}},
		{connectors.Message{Text: "Look", Media: []connectors.Media{{Type: "image", URL: "https://a.example/p.png"}}}, []string{`sendPhoto {"chat_id":5123004471,"photo":"https://a.example/p.png","caption":"Look"}`}},
		{connectors.Message{Media: []connectors.Media{{Type: "audio", ID: "a"}, {Type: "audio", ID: "v", Voice: &is}, {Type: "video", ID: "m"}, {Type: "sticker", ID: "s"}, {Type: "file", ID: "f"}}},
			[]string{`sendAudio {"chat_id":5123004471,"audio":"a"}`, `sendVoice {"chat_id":5123004471,"voice":"v"}`, `sendVideo {"chat_id":5123004471,"video":"m"}`, `sendSticker {"chat_id":5123004471,"sticker":"s"}`, `sendDocument {"chat_id":5123004471,"document":"f"}`}},
	} {
		require.Equal(t, c.want, said(t, ada, c.m))
	}
	require.Equal(t, []string{`sendMessage {"business_connection_id":"c","chat_id":-1002233445566,"text":"x"}`},
		said(t, connectors.Address{ExternalID: "5", GroupID: "-1002233445566", BusinessConnectionID: "c"}, connectors.Message{Text: "x"}))
	require.Equal(t, []string{`sendMessage {"chat_id":"@acme","text":"x"}`}, said(t, connectors.Address{ExternalID: "@acme"}, connectors.Message{Text: "x"}))
	long := said(t, ada, connectors.Message{Text: strings.Repeat("😀", 2049)})
	require.Len(t, long, 2, "4096 UTF-16 units")
}

// A group that became a supergroup is answered there, at once.
func TestSendMigrated(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, n int) {
		if n > 1 {
			taken(w, n)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100777}}`)
	})
	_, err := sender(t, p).Send(t.Context(), connectors.Address{ExternalID: "5", GroupID: "-777"}, connectors.Message{Text: strings.Repeat("word ", 1000)})
	require.NoError(t, err)
	var chats []any
	for _, call := range p.Calls() {
		chats = append(chats, call.JSON(t)["chat_id"])
	}
	require.Equal(t, []any{-777.0, -100777.0, -100777.0}, chats)
}

func TestSendErrors(t *testing.T) {
	t.Parallel()
	refused := func(code int, description, parameters string) string {
		body, err := json.Marshal(map[string]any{"ok": false, "error_code": code, "description": description + " " + token})
		require.NoError(t, err)
		return strings.TrimSuffix(string(body), "}") + parameters + "}"
	}
	connectortest.Refusals(t, sender, ada, token, []connectortest.Refusal{
		{Name: "too many", Status: 429, Body: refused(429, "Too Many Requests: retry after 17", `,"parameters":{"retry_after":17}`), Class: outbound.Retry, Code: "429", Wait: 17 * time.Second},
		{Name: "too many, by header", Status: 429, RetryAfter: "3", Class: outbound.Retry, Wait: 3 * time.Second},
		{Name: "blocked", Status: 403, Body: refused(403, "Forbidden: bot was blocked by the user", ""), Class: outbound.Permanent, Code: "403"},
		{Name: "deactivated", Status: 403, Body: refused(403, "Forbidden: user is deactivated", ""), Class: outbound.Permanent, Code: "403"},
		{Name: "no such chat", Status: 400, Body: refused(400, "Bad Request: chat not found", ""), Class: outbound.Permanent, Code: "400"},
		{Name: "token revoked", Status: 401, Body: refused(401, "Unauthorized", ""), Class: outbound.Auth, Code: "401"},
		{Name: "token wrong", Status: 404, Body: refused(404, "Not Found", ""), Class: outbound.Auth, Code: "404"},
		{Name: "trouble", Status: 500, Body: refused(500, "Internal Server Error", ""), Class: outbound.Retry, Code: "500", Unknown: true},
		{Name: "gateway", Status: 502, Body: "<html>" + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no JSON", Status: 200, Body: "OK " + token, Class: outbound.Retry, Unknown: true},
		{Name: "taken, no id", Status: 200, Body: `{"ok":true,"result":true}`, Class: outbound.Retry, Unknown: true},
	})
}
