package connectortest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

func TestDifferences(t *testing.T) {
	t.Parallel()
	voice := false
	got := []connectors.Item{{Event: connectors.Event{
		Kind: "media", Text: "hi", Timestamp: time.Date(2026, 9, 1, 8, 0, 0, 250_900_000, time.UTC),
		IDs:      &connectors.IDs{WaID: "1"},
		Media:    []connectors.Media{{Type: "audio", Voice: &voice}},
		Location: &connectors.Location{Latitude: 30},
	}}}
	for want, same := range map[string]bool{
		`[{"kind":"media"}]`: true,
		`[{"kind":"media","text":"hi","absent":["phone","ids.user_id","nothing.at.all"]}]`: true,
		`[{"timestamp":"2026-09-01T10:00:00.250+02:00"}]`:                                  true,
		`[{"media":[{"type":"audio","voice":false,"url":null}]}]`:                          true,
		`[{"location":{"latitude":30.0}}]`:                                                 true,
		`[{"location":{"latitude":3e1}}]`:                                                  true,
		`[{"parameters":{}}]`:                                                              true,
		`[]`:                                                                               false,
		`[{},{}]`:                                                                          false,
		`[{"kind":"message"}]`:                                                             false,
		`[{"text":"2026-09-01T08:00:00.25Z"}]`:                                             false,
		`[{"timestamp":"2026-09-01T08:00:00.251Z"}]`:                                       false,
		`[{"timestamp":"soon"}]`:                                                           false,
		`[{"absent":["ids.wa_id"]}]`:                                                       false,
		`[{"absent":["media"]}]`:                                                           false,
		`[{"media":[]}]`:                                                                   false,
		`[{"media":[{},{}]}]`:                                                              false,
		`[{"media":[{"voice":true}]}]`:                                                     false,
		`[{"location":{"latitude":"30"}}]`:                                                 false,
		`[{"name":"Ada"}]`:                                                                 false,
		`[{"ids":{"user_id":"1"}}]`:                                                        false,
		`[{"parameters":{"a":1}}]`:                                                         false,
	} {
		dec := json.NewDecoder(strings.NewReader(want))
		dec.UseNumber()
		var events []map[string]any
		require.NoError(t, dec.Decode(&events))
		require.Equal(t, same, len(Differences(events, got)) == 0, want)
	}
	got[0].Problem = "strange"
	require.NotEmpty(t, Differences([]map[string]any{{}}, got), "a problem is no event")
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(text), 0o600))
	}
	write("a_form.http", "POST /hooks/twilio/acme/status?ref=1&x=%2B HTTP/1.1\nHost: usher.example.test\nContent-Length: 7\nX-Slack-Request-Timestamp: 1788249600\n\n")
	write("a_form.txt", "Body=a+")
	write("a_form.expect.json", `{"channel":"twilio","signature":"valid","events":[],"mapping":{"name":"/n"}}`)
	write("b_get.http", "GET /hooks/twilio/acme?hub.mode=subscribe HTTP/1.1\nHost: usher.example.test\n\n")
	write("b_get.expect.json", `{"channel":"twilio","signature":"none","events":[],"respond":{"status":403,"body_not":"1"}}`)

	all := Load(t, dir)
	require.Len(t, all, 2)
	r := all[0].Copy()
	require.Equal(t, "https://usher.example.test/hooks/twilio/acme/status?ref=1&x=%2B", r.URL)
	require.Equal(t, "/status", r.Path)
	require.Equal(t, map[string]string{"ref": "1", "x": "+"}, r.Query)
	require.Equal(t, "Body=a+", string(r.Body))
	require.Equal(t, int64(1788249600), r.At.Unix())
	require.Equal(t, map[string]any{"name": "/n"}, all[0].Expect.Mapping)
	r.Header.Set("X-Slack-Request-Timestamp", "1")
	r.Body[0] = 'X'
	require.Equal(t, "Body=a+", string(all[0].Request.Body), "a copy")
	require.Equal(t, "GET", all[1].Request.Method)
	require.Empty(t, all[1].Request.Body)
	require.Equal(t, 403, all[1].Expect.Respond.Status)
	require.Empty(t, all[1].Request.Path)
}
