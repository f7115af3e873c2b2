package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serving runs usher until the test ends and returns its address.
func serving(t *testing.T, args, environ []string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	greeting, says := io.Pipe()
	served := make(chan int, 1)
	go func() {
		var trouble strings.Builder
		served <- run(ctx, args, environ, strings.NewReader(""), says, &trouble)
		says.Close()
	}()
	t.Cleanup(func() {
		stop()
		assert.Zero(t, <-served)
	})
	first := make([]byte, 4096)
	n, err := greeting.Read(first)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, greeting) }()
	return regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(string(first[:n]))
}

// The bot's conversation in the README ends as the README says: as one lead,
// delivered, however often its turns are posted.
func TestTheReadmesConversation(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	turns := regexp.MustCompile(`(?m)^say '(\{.*\})'$`).FindAllSubmatch(readme, -1)
	require.Len(t, turns, 4)

	dir := t.TempDir()
	environ := []string{"USHER_DATA_DIR=" + dir, "USHER_LISTEN=127.0.0.1:0", "USHER_LOG_LEVEL=error"}
	base := serving(t, []string{"serve"}, environ)
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	require.NoError(t, err)

	var last struct {
		Type    string
		Replies []struct{ Text string }
	}
	for range 2 {
		for _, turn := range turns {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/hooks/bot/site", bytes.NewReader(turn[1]))
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.NoError(t, json.NewDecoder(res.Body).Decode(&last))
			require.NoError(t, res.Body.Close())
		}
		require.Equal(t, "lead", last.Type)
		require.Contains(t, last.Replies[0].Text, "Thank you, Ada!")
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var out strings.Builder
		code := run(t.Context(), []string{"deliveries", "list"}, environ, strings.NewReader(""), &out, io.Discard)
		require.Zero(c, code)
		require.Equal(c, 1, strings.Count(out.String(), "lead.created"), out.String())
		require.Regexp(c, `sink +lead\.created +con_\w+ +delivered`, out.String())
	}, 10*time.Second, 50*time.Millisecond)
}
