package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// 002-20: what a new business starts with asks where to answer if nobody comes,
// after a time that stands in its flow.
func TestANewBusinessAsksIfNobodyComes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.Zero(t, run(t.Context(), []string{"init", dir}, nil, strings.NewReader(""), io.Discard, io.Discard))
	file := filepath.Join(dir, "flows", "welcome.yaml")
	flow, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(flow), "wait: 1m")
	require.NoError(t, os.WriteFile(file, bytes.Replace(flow, []byte("wait: 1m"), []byte("wait: 1s"), 1), 0o600))
	base := serving(t, []string{"serve", "--config", filepath.Join(dir, "usher.yaml")},
		[]string{"USHER_DATA_DIR=" + filepath.Join(dir, "data"), "USHER_LISTEN=127.0.0.1:0", "USHER_LOG_LEVEL=error"})

	var visitor struct{ Token string }
	ask := func(method, path, body string, answer any) {
		req, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		if visitor.Token != "" {
			req.Header.Set("Authorization", "Bearer "+visitor.Token)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, http.StatusOK, res.StatusCode)
		if answer != nil {
			require.NoError(t, json.NewDecoder(res.Body).Decode(answer))
		}
	}
	ask(http.MethodPost, "/hooks/webchat/site/session", "", &visitor)
	for _, said := range []string{"Hello!", "A question", "Do you ship to Malta?"} {
		ask(http.MethodPost, "/hooks/webchat/site", `{"type": "text", "data": {"text": "`+said+`"}}`, nil)
	}
	type message struct {
		From, Text string
		Form       *struct{ Title string }
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var stream struct{ Data []message }
		ask(http.MethodGet, "/hooks/webchat/site/stream?poll=1", "", &stream)
		if assert.GreaterOrEqual(c, len(stream.Data), 8) {
			assert.Equal(c, "Everybody is busy right now.", stream.Data[6].Text)
			assert.Equal(c, "Where can we reach you?", stream.Data[7].Form.Title)
		}
	}, 20*time.Second, 50*time.Millisecond)
}
