package main

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
)

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"auto": `"msg":"hello"`, "json": `"msg":"hello"`, "text": "INF hello"} {
		var out strings.Builder
		log := newLogger(config.Log{Format: format, Level: slog.LevelInfo}, &out)
		log.Debug("quiet")
		log.Info("hello")
		require.Contains(t, out.String(), want)
		require.NotContains(t, out.String(), "quiet")
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	require.False(t, isTerminal(f))
}

// Every type of channel has a page that says what to do at its platform, a row in
// the README's table, and one in the table of what channels show.
func TestEveryChannelIsDocumented(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	for kind := range channelTypes() {
		require.FileExists(t, "../../docs/channels/"+kind+".md")
		require.Contains(t, string(readme), "`"+kind+"/…`")
		require.Contains(t, connectors.ChannelTypes(), kind)
	}
}
