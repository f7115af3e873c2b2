package e2e

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser is the client of all tests: it keeps connections, and waits longer
// than any answer should take.
var browser = &http.Client{
	Timeout:   40 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second},
}

// request makes a call and returns status and body; 0 if nobody answered.
func request(ctx context.Context, method, target string, body []byte, header ...string) (int, http.Header, []byte) {
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := browser.Do(req)
	if err != nil {
		return 0, nil, nil
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, nil
	}
	return res.StatusCode, res.Header, got
}

// api is a node, or what stands before several, as its clients see it.
type api struct {
	t    *testing.T
	base string
}

func (n *node) api() api { return api{n.t, "http://" + n.addr} }

// get reads from the API into v and expects 200.
func (a api) get(path string, v any) {
	a.t.Helper()
	status, _, body := request(a.t.Context(), http.MethodGet, a.base+path, nil, "Authorization", "Bearer "+adminKey)
	require.Equal(a.t, http.StatusOK, status, "%s: %s", path, body)
	require.NoError(a.t, json.Unmarshal(body, v), path)
}

// post writes JSON to the API and returns what is answered.
func (a api) post(path string, v any) (int, map[string]any) {
	a.t.Helper()
	body, err := json.Marshal(v)
	require.NoError(a.t, err)
	status, _, answer := request(a.t.Context(), http.MethodPost, a.base+path, body, "Authorization", "Bearer "+adminKey, "Content-Type", "application/json")
	var got map[string]any
	if len(answer) > 0 {
		require.NoError(a.t, json.Unmarshal(answer, &got), "%s", answer)
	}
	return status, got
}

// all reads a list to its end.
func (a api) all(path string) []map[string]any {
	a.t.Helper()
	var rows []map[string]any
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	cursor := ""
	for {
		var page struct {
			Data []map[string]any `json:"data"`
			Next *string          `json:"next_cursor"`
		}
		a.get(path+separator+"limit=200"+cursor, &page)
		rows = append(rows, page.Data...)
		if page.Next == nil {
			return rows
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// signed is the signature of a body as Meta writes it.
func signed(body []byte) string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// whatsapp posts a body as Meta does.
func (a api) whatsapp(ctx context.Context, body []byte) int {
	status, _, _ := request(ctx, http.MethodPost, a.base+"/hooks/whatsapp/acme", body,
		"Content-Type", "application/json", "X-Hub-Signature-256", signed(body))
	return status
}

// waMessage is a message of WhatsApp in a webhook.
type waMessage struct {
	from, name, id, text string
}

// waBody is a webhook with messages, one after the other.
func waBody(messages ...waMessage) []byte {
	type object = map[string]any
	var contacts, list []object
	seen := map[string]bool{}
	for _, m := range messages {
		if !seen[m.from] {
			seen[m.from] = true
			contacts = append(contacts, object{"profile": object{"name": m.name}, "wa_id": m.from})
		}
		list = append(list, object{"from": m.from, "id": m.id, "timestamp": fmt.Sprint(time.Now().Unix()), "type": "text", "text": object{"body": m.text}})
	}
	body, _ := json.Marshal(object{"object": "whatsapp_business_account", "entry": []object{{"id": "1", "changes": []object{{"field": "messages", "value": object{
		"messaging_product": "whatsapp", "metadata": object{"display_phone_number": "15550783881", "phone_number_id": account},
		"contacts": contacts, "messages": list}}}}}}) // maps and strings: cannot fail
	return body
}

// insist posts a webhook until it is answered 200, as Meta does; it is false if
// ctx ends before.
func (a api) insist(ctx context.Context, body []byte) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if a.whatsapp(ctx, body) == http.StatusOK {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// bot posts a turn and returns the answer.
func (a api) bot(turn map[string]any) (int, []byte) {
	body, err := json.Marshal(turn)
	if err != nil {
		return 0, nil
	}
	status, _, answer := request(a.t.Context(), http.MethodPost, a.base+"/hooks/bot/site", body,
		"Content-Type", "application/json", "Authorization", "Bearer "+botToken)
	return status, answer
}

// turn is a bot's turn that must work, decoded.
func (a api) turn(turn map[string]any) map[string]any {
	a.t.Helper()
	status, answer := a.bot(turn)
	require.Equal(a.t, http.StatusOK, status, "%s", answer)
	var got map[string]any
	require.NoError(a.t, json.Unmarshal(answer, &got))
	return got
}

// known is what /v1/known says of a person.
func (a api) known(channel, externalID string) []byte {
	a.t.Helper()
	status, _, body := request(a.t.Context(), http.MethodGet, a.base+"/v1/known?channel="+url.QueryEscape(channel)+"&external_id="+url.QueryEscape(externalID), nil,
		"Authorization", "Bearer "+adminKey)
	require.Equal(a.t, http.StatusOK, status, "%s", body)
	return body
}

// visitor is somebody on the webchat.
type visitor struct {
	api
	ID    string `json:"external_id"`
	Token string `json:"token"`
}

func (a api) visit() *visitor {
	a.t.Helper()
	status, _, body := request(a.t.Context(), http.MethodPost, a.base+"/hooks/webchat/site/session", nil)
	require.Equal(a.t, http.StatusOK, status, "%s", body)
	v := &visitor{api: a}
	require.NoError(a.t, json.Unmarshal(body, v))
	return v
}

// write posts a message and returns the status.
func (v *visitor) write(id, text string) int {
	body, err := json.Marshal(map[string]any{"type": "text", "mid": id, "data": map[string]any{"text": text}})
	if err != nil {
		return 0
	}
	status, _, _ := request(v.t.Context(), http.MethodPost, v.base+"/hooks/webchat/site", body,
		"Content-Type", "application/json", "Authorization", "Bearer "+v.Token)
	return status
}

// undone says how many events are not at their end yet.
func (a api) undone() int {
	a.t.Helper()
	return len(a.all("/v1/events?state=accepted"))
}

// settled waits until every accepted event is done and every delivery at its
// end.
func (a api) settled(patience time.Duration) {
	a.t.Helper()
	until(a.t, patience, "no event waits", func() bool { return a.undone() == 0 })
	until(a.t, patience, "no delivery waits", func() bool { return len(a.all("/v1/deliveries?state=pending")) == 0 })
}

// requireAllDone checks that the events of these messages, and no others, are
// there and done.
func (a api) requireAllDone(keys map[string]bool) {
	a.t.Helper()
	got := map[string]int{}
	for _, e := range a.all("/v1/events") {
		require.Equal(a.t, "done", e["state"], "%v", e)
		key, _ := e["dedupe_key"].(string)
		got[key]++
		require.Equal(a.t, 1, got[key], "%s is there twice", key)
	}
	for key := range keys {
		require.Contains(a.t, got, key, "an answered webhook is lost")
	}
	require.Len(a.t, got, len(keys))
}
