package bot

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

const (
	token = "usher-test-secret"
	whsec = "whsec_dXNoZXItdGVzdC1zZWNyZXQ="

	headerID        = connectors.HeaderWebhookID
	headerTimestamp = connectors.HeaderWebhookTimestamp
	headerSignature = connectors.HeaderWebhookSignature
)

// signature is the headers by which key signs msg_1.
func signature(key string, at time.Time, body string) []string {
	h := http.Header{}
	connectors.Webhooks{Keys: [][]byte{[]byte(key)}}.Sign(h, "msg_1", at, []byte(body))
	return []string{headerID, "msg_1", headerTimestamp, h.Get(headerTimestamp), headerSignature, h.Get(headerSignature)}
}

var now = time.Unix(1788256800, 0).UTC()

func setup(t testing.TB, s config.Settings) connectors.Connector {
	t.Helper()
	c, err := New(connectors.Setup{ID: "bot/site", Country: "GB", Settings: s, HTTP: http.DefaultClient})
	require.NoError(t, err)
	return c
}

func post(body string, header ...string) *connectors.Request {
	r := &connectors.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), At: now}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings config.Settings
		wrong    string
	}{
		"nothing set":        {nil, ""},
		"all set":            {config.Settings{"token": []any{"a", "b"}, "secret": whsec, "tolerance": "10m", "callback_url": "https://bot.example.com/in", "deadline": "8s", "forms": false}, ""},
		"tolerance off":      {config.Settings{"tolerance": 0}, ""},
		"unknown key":        {config.Settings{"tokens": "x"}, "tokens"},
		"empty token":        {config.Settings{"token": []any{"a", ""}}, "token:"},
		"secret no base64":   {config.Settings{"secret": "whsec_?"}, "secret:"},
		"secret of nothing":  {config.Settings{"secret": "whsec_"}, "secret:"},
		"negative tolerance": {config.Settings{"tolerance": "-5m"}, "tolerance:"},
		"no duration":        {config.Settings{"tolerance": "soon"}, "duration"},
		"no deadline":        {config.Settings{"deadline": 0}, "deadline:"},
		"endless deadline":   {config.Settings{"deadline": "1h"}, "deadline:"},
		"callback no URL":    {config.Settings{"callback_url": "bot.example.com"}, "callback_url:"},
		"callback file":      {config.Settings{"callback_url": "file:///etc/passwd"}, "callback_url:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(connectors.Setup{ID: "bot/site", Settings: c.settings, HTTP: http.DefaultClient})
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
			require.NotContains(t, err.Error(), "whsec_?")
		})
	}
	_, err := New(connectors.Setup{Settings: config.Settings{"callback_url": "https://bot.example.com"}})
	require.ErrorContains(t, err, "HTTP client")
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const body = `{"session":"s-1"}`
	good := signature(token, now, body)
	with := func(name, value string) []string {
		h := append([]string(nil), good...)
		for i := 0; i < len(h); i += 2 {
			if h[i] == name {
				h[i+1] = value
			}
		}
		return h
	}
	byToken := config.Settings{"token": []any{"older", token}}
	bySecret := config.Settings{"secret": []any{"whsec_b2xkZXI=", whsec}}
	for name, c := range map[string]struct {
		settings config.Settings
		header   []string
		ok       bool
	}{
		"nothing configured":       {nil, []string{"Authorization", "Bearer "}, false},
		"token":                    {byToken, []string{"Authorization", "Bearer " + token}, true},
		"token while rotated":      {byToken, []string{"Authorization", "bearer older"}, true},
		"wrong token":              {byToken, []string{"Authorization", "Bearer " + token + "x"}, false},
		"start of the token":       {byToken, []string{"Authorization", "Bearer usher"}, false},
		"empty token":              {byToken, []string{"Authorization", "Bearer "}, false},
		"token as basic":           {byToken, []string{"Authorization", "Basic " + token}, false},
		"no header":                {byToken, nil, false},
		"signed, no secret":        {byToken, good, false},
		"signed":                   {bySecret, good, true},
		"signed while rotated":     {bySecret, signature("older", now, body), true},
		"several signatures":       {bySecret, with(headerSignature, "v1a,AQEB v1,AgIC "+good[5]), true},
		"no signature":             {bySecret, good[:4], false},
		"other version":            {bySecret, with(headerSignature, strings.Replace(good[5], "v1,", "v2,", 1)), false},
		"too many signatures":      {bySecret, with(headerSignature, strings.Repeat("v1,x ", 16)+good[5]), false},
		"other id":                 {bySecret, with(headerID, "msg_2"), false},
		"no id":                    {bySecret, with(headerID, ""), false},
		"other time":               {bySecret, with(headerTimestamp, "1788256801"), false},
		"no time":                  {bySecret, with(headerTimestamp, "now"), false},
		"other key":                {bySecret, signature("guess", now, body), false},
		"four minutes old":         {bySecret, signature(token, now.Add(-4*time.Minute), body), true},
		"five minutes old":         {bySecret, signature(token, now.Add(-5*time.Minute), body), false},
		"from the future":          {bySecret, signature(token, now.Add(6*time.Minute), body), false},
		"the secret as bearer":     {bySecret, []string{"Authorization", "Bearer " + whsec}, false},
		"old, tolerance off":       {config.Settings{"secret": whsec, "tolerance": 0}, signature(token, now.AddDate(-1, 0, 0), body), true},
		"published vector":         {config.Settings{"secret": whsec, "tolerance": 0}, []string{headerID, "msg_1", headerTimestamp, "1788249600", headerSignature, "v1,CU0ziKLgYnd2m7QV1x3uXnK3lRNj6kcjfqDwFK5bfPw="}, false},
		"either, token is there":   {config.Settings{"token": token, "secret": whsec}, []string{"Authorization", "Bearer " + token}, true},
		"either, signed":           {config.Settings{"token": token, "secret": whsec}, good, true},
		"either, neither is there": {config.Settings{"token": token, "secret": whsec}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := setup(t, c.settings)
			r := post(body, c.header...)
			if c.ok {
				require.NoError(t, ch.Verify(r))
				if c.header[0] == headerID {
					r.Body = append(r.Body, ' ')
					require.ErrorIs(t, ch.Verify(r), connectors.ErrUnverified, "altered body")
				}
				return
			}
			require.Equal(t, connectors.ErrUnverified, ch.Verify(r))
			r.Authorized = true
			require.NoError(t, ch.Verify(r), "an API key opens every bot channel")
		})
	}
	// The same vector over its own body.
	r := post(`{"object":"page","entry":[]}`, headerID, "msg_1", headerTimestamp, "1788249600", headerSignature, "v1,CU0ziKLgYnd2m7QV1x3uXnK3lRNj6kcjfqDwFK5bfPw=")
	require.NoError(t, setup(t, config.Settings{"secret": whsec, "tolerance": 0}).Verify(r))
}

func TestRespond(t *testing.T) {
	t.Parallel()
	c := setup(t, nil).(connectors.Responder)
	require.Equal(t, 5*time.Second, c.Deadline())

	answer := c.Respond(nil, connectors.Turn{Type: "guest", Handling: "flow", Replies: []connectors.TurnReply{{Text: "a < b"}}})
	require.Equal(t, "application/json", answer.ContentType)
	require.Equal(t, `{"guest_id":null,"contact_id":null,"type":"guest","status":null,"known":{},"values":{},"conversation_id":"","handling":"flow","waiting_for":null,`+
		`"replies":[{"text":"a < b","media":[],"buttons":[],"form":null}]}`, string(answer.Body))

	guest, waiting := "gst_1", "email"
	answer = c.Respond(nil, connectors.Turn{
		GuestID: &guest, Type: "guest", Known: map[string]bool{"email": false, "company_size": true}, Values: map[string]any{"company_size": 20.0},
		ConversationID: "cnv_1", Handling: "flow", WaitingFor: &waiting,
		Replies: []connectors.TurnReply{{Text: "Sure?", Buttons: []connectors.Button{{Title: "Yes", Value: "yes"}}}, {Form: &connectors.Form{}}},
	})
	require.JSONEq(t, `{"guest_id":"gst_1","contact_id":null,"type":"guest","status":null,"known":{"email":false,"company_size":true},"values":{"company_size":20},
		"conversation_id":"cnv_1","handling":"flow","waiting_for":"email","replies":[
		{"text":"Sure?","media":[],"buttons":[{"title":"Yes","value":"yes"}],"form":null},
		{"text":"","media":[],"buttons":[],"form":{"fields":[]}}]}`, string(answer.Body))

	require.Equal(t, "[]", member(t, c.Respond(nil, connectors.Turn{}).Body, "replies"))
}

func member(t *testing.T, body []byte, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &all))
	return string(all[name])
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	require.Equal(t, connectors.CapabilitiesOf("bot"), setup(t, nil).(connectors.Describer).Capabilities())
	require.False(t, setup(t, config.Settings{"forms": false}).(connectors.Describer).Capabilities().Forms)
}
