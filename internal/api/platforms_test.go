package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/generic"
	"usher/connectors/line"
	"usher/connectors/slack"
	"usher/connectors/typebot"
	"usher/internal/gateway"
)

// withPlatform adds a channel whose platform is a stand-in.
func withPlatform(t *testing.T, id string, factory connectors.Factory, settings config.Settings, p *connectortest.Platform) func(*Deps) {
	return func(d *Deps) {
		settings["base_url"] = p.URL
		c, err := factory(connectors.Setup{ID: id, Country: "GB", Settings: settings, HTTP: p.Client()})
		require.NoError(t, err)
		b := d.Gateway.Businesses[0]
		b.Channels[id] = &gateway.Channel{ID: id, Business: b, FlowIDs: []string{"hello"}, Connector: c}
	}
}

func hmacOf(secret, body string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return mac.Sum(nil)
}

// What a person writes on LINE is answered there: the first reply by the reply
// token, the next one as a push.
func TestLineIsAnswered(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, n int) { fmt.Fprintf(w, `{"sentMessages":[{"id":"%d"}]}`, n) })
	w := setup(t, withPlatform(t, "line/acme", line.New, config.Settings{"channel_secret": "s3cret", "access_token": "token-of-line"}, p))
	body := `{"destination":"U0","events":[{"type":"message","message":{"type":"text","id":"7","text":"Hello"},"webhookEventId":"01","timestamp":1788509449377,` +
		`"source":{"type":"group","groupId":"C1","userId":"U1"},"replyToken":"r-1","mode":"active"},` +
		`{"type":"message","message":{"type":"text","id":"8","text":"Hello"},"webhookEventId":"02","timestamp":1788509449378,` +
		`"source":{"type":"user","userId":"U2"},"replyToken":"r-2","mode":"standby"}]}`
	for range 2 {
		a := w.call("POST", "/hooks/line/acme", "", body, "X-Line-Signature", base64.StdEncoding.EncodeToString(hmacOf("s3cret", body)))
		require.Equal(t, http.StatusOK, a.status, string(a.body))
	}
	eventually(t, func() bool { return len(p.Calls()) == 2 })
	calls := p.Calls()
	require.Equal(t, "/v2/bot/message/reply", calls[0].Path)
	require.Equal(t, `{"replyToken":"r-1","messages":[{"type":"text","text":"Hi!"}]}`, string(calls[0].Body))
	require.Equal(t, "/v2/bot/message/push", calls[1].Path)
	require.Equal(t, `{"to":"C1","messages":[{"type":"text","text":"How many people work with you?"}]}`, string(calls[1].Body))
	eventually(t, func() bool {
		return len(w.call("GET", "/v1/events?channel=line/acme&state=done", readKey, nil).at("data").([]any)) == 2
	})
	require.Len(t, p.Calls(), 2, "a repeated webhook and what somebody else answers are not answered")
}

// What a person writes on Slack is answered where it was written.
func TestSlackIsAnswered(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, func(w http.ResponseWriter, n int) { fmt.Fprintf(w, `{"ok":true,"ts":"%d.1"}`, n) })
	w := setup(t, withPlatform(t, "slack/acme", slack.New, config.Settings{"signing_secret": "s3cret", "token": "xoxb-token", "team_id": "T1"}, p))
	post := func(contentType, body string) answer {
		sent := strconv.FormatInt(time.Now().Unix(), 10)
		return w.call("POST", "/hooks/slack/acme", "", body, "Content-Type", contentType, "X-Slack-Request-Timestamp", sent,
			"X-Slack-Signature", "v0="+hex.EncodeToString(hmacOf("s3cret", "v0:"+sent+":"+body)))
	}
	a := post("application/json", `{"type":"url_verification","challenge":"abc"}`)
	require.Equal(t, "abc", string(a.body))
	message := func(team, id string) string {
		return fmt.Sprintf(`{"type":"event_callback","team_id":%q,"event_id":%q,"event":{"type":"app_mention","text":"Hello","user":"U1","channel":"C1","ts":"5.1","thread_ts":"4.1"}}`, team, id)
	}
	require.Equal(t, http.StatusOK, post("application/json", message("T1", "Ev1")).status)
	eventually(t, func() bool { return len(p.Calls()) == 2 })
	for i, text := range []string{"Hi!", "How many people work with you?"} {
		body := p.Calls()[i].Body
		require.Contains(t, string(body), `{"channel":"C1","thread_ts":"4.1","text":"`+text+`"`)
	}
	require.Equal(t, http.StatusOK, post("application/x-www-form-urlencoded", `payload=%7B%22type%22%3A%22block_actions%22%2C%22team%22%3A%7B%22id%22%3A%22T1%22%7D%2C`+
		`%22user%22%3A%7B%22id%22%3A%22U1%22%7D%2C%22channel%22%3A%7B%22id%22%3A%22C1%22%7D%2C%22actions%22%3A%5B%7B%22value%22%3A%2220%22%2C%22action_ts%22%3A%226.1%22%7D%5D%7D`).status)
	eventually(t, func() bool { return len(p.Calls()) == 3 })
	require.Contains(t, string(p.Calls()[2].Body), `"text":"What is your e-mail address?"`)

	// Another workspace of the app is nobody's here.
	require.Equal(t, http.StatusOK, post("application/json", message("T2", "Ev2")).status)
	require.Len(t, w.call("GET", "/v1/events?channel=slack/acme&state=quarantined", readKey, nil).at("data"), 1)
}

// What was typed somewhere else proves nothing: a number in it links to nobody,
// unless the sender vouches for it.
func TestRelayedNumbersAreClaims(t *testing.T) {
	t.Parallel()
	p := connectortest.NewPlatform(t, nil)
	mapping := map[string]any{"external_id": "/id", "phone": "/phone", "verified": "/sure", "company_size": "/size"}
	add := func(d *Deps) {
		b := d.Gateway.Businesses[0]
		for id, factory := range map[string]connectors.Factory{"typebot/acme": typebot.New, "generic/acme": generic.New} {
			name := map[bool]string{true: "token", false: "secret"}[id == "typebot/acme"]
			c, err := factory(connectors.Setup{ID: id, Country: "GB", Settings: config.Settings{name: "s3cret", "mapping": mapping}, HTTP: p.Client()})
			require.NoError(t, err)
			b.Channels[id] = &gateway.Channel{ID: id, Business: b, Connector: c}
		}
	}
	w := setup(t, add)
	ada := w.contact(object("name", "Ada Lovelace", "phone", "+447700900123"))
	post := func(channel, body string) {
		t.Helper()
		a := w.call("POST", "/hooks/"+channel, "", body, "Authorization", "Bearer s3cret", "X-Hub-Signature-256", "sha256="+hex.EncodeToString(hmacOf("s3cret", body)))
		require.Equal(t, http.StatusOK, a.status, string(a.body))
		eventually(t, func() bool {
			return len(w.call("GET", "/v1/events?channel="+channel+"&state=accepted", readKey, nil).at("data").([]any)) == 0
		})
	}
	known := func(channel, id string) any {
		return w.call("GET", "/v1/known?channel="+channel+"&external_id="+id, botKey, nil).at("contact_id")
	}
	post("typebot/acme", `{"id":"x","phone":"07700 900123","size":20}`)
	require.Nil(t, known("typebot/acme", "x"))
	post("generic/acme", `{"id":"x","phone":"07700 900123","size":"20"}`)
	require.Nil(t, known("generic/acme", "x"))
	post("generic/acme", `{"id":"y","phone":"07700 900123","sure":true}`)
	require.Equal(t, ada.text("id"), known("generic/acme", "y"))
	require.EqualValues(t, 20, w.call("GET", "/v1/known?channel=typebot/acme&external_id=x", botKey, nil).at("values", "company_size"))
}
