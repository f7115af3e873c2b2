package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/contacts"
)

// A custom field takes no built-in one's name; config and contacts each keep
// the list.
func TestBuiltInFieldsAreNoCustomOnes(t *testing.T) {
	t.Parallel()
	fields, err := contacts.NewFields(nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "usher.yaml")
	for _, f := range fields.All() {
		require.NoError(t, os.WriteFile(path, []byte("fields: [{name: "+f.Name+", type: text}]"), 0o600))
		_, err := config.Load(path, nil)
		require.ErrorContains(t, err, "fields[0].name: "+f.Name+" is built in")
	}
}

// What init writes is what usher serves without a configuration.
func TestTheStarterIsTheDefault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, writeStarter(new(strings.Builder), dir))
	got, err := config.Load(dir+"/usher.yaml", nil)
	require.NoError(t, err)
	require.Equal(t, []string{dir + "/flows/welcome.yaml"}, got.Flows)
	want := config.Default()
	want.Sample, want.Flows, want.DataDir, want.Business.Name = false, got.Flows, dir+"/data", "My business"
	require.Equal(t, want, got)
}

func TestReadyURL(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{
		"127.0.0.1:8080": "http://127.0.0.1:8080/readyz",
		"0.0.0.0:80":     "http://127.0.0.1:80/readyz",
		":80":            "http://127.0.0.1:80/readyz",
		"[::]:80":        "http://127.0.0.1:80/readyz",
		"[::1]:80":       "http://[::1]:80/readyz",
	} {
		require.Equal(t, want, readyURL(&config.Config{Listen: listen}))
	}
	require.Equal(t, "http://ops:9/readyz", readyURL(&config.Config{Listen: ":80", ListenOps: "ops:9"}))
}

func TestAskReady(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	require.NoError(t, askReady(t.Context(), server.URL))
	status = http.StatusServiceUnavailable
	require.ErrorContains(t, askReady(t.Context(), server.URL), "503")
}
