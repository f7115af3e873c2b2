package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for path, kind := range map[string]string{
		"/": "text/html", "/docs": "text/html", "/webchat.js": "text/javascript", "/static/webchat.css": "text/css", "/static/try.js": "text/javascript",
		"/static/favicon.svg": "image/svg+xml", "/static/docs/swagger-ui.css": "text/css", "/openapi.json": "application/json",
	} {
		a := w.call("GET", path, "", nil)
		require.Equal(t, http.StatusOK, a.status, path)
		require.Contains(t, a.header.Get("Content-Type"), kind, path)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"), path)
		if path != "/openapi.json" {
			require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'", path)
		}
		require.Equal(t, http.StatusOK, w.call("HEAD", path, "", nil).status, path)
	}
	require.NotContains(t, w.call("GET", "/", "", nil).header.Get("Content-Security-Policy"), "unsafe")
}

func TestTryPageIsSwitchedOff(t *testing.T) {
	t.Parallel()
	w := setup(t, func(d *Deps) { d.TryPage = false })
	require.Equal(t, http.StatusNotFound, w.call("GET", "/", "", nil).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/try.json", "", nil).status)
	require.Equal(t, http.StatusOK, w.call("GET", "/webchat.js", "", nil).status)
}

// The page shows a visitor what became of them: nobody, a guest, a contact and
// its lead.
func TestTryPage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/try.json", "", nil).status)
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/try.json", adminKey, nil).status)
	v := w.visitor()
	see := func() answer { return w.call("GET", "/try.json", v.token, nil) }
	require.Nil(t, see().at("person"))
	require.Empty(t, see().at("leads"))
	v.say("Hello")
	eventually(t, func() bool { return see().at("person") != nil })
	require.True(t, strings.HasPrefix(see().text("person", "id"), "gst_"))
	require.NotEmpty(t, see().text("person", "pseudonym", "name"))
	v.say("20")
	v.say("ada@example.com")
	eventually(t, func() bool { return len(see().at("leads").([]any)) == 1 })
	require.Equal(t, "ada@example.com", see().text("person", "email"))
	require.Equal(t, "lead.created", see().text("leads", 0, "kind"))
	require.Equal(t, "ada@example.com", see().text("leads", 0, "email"))

	// Whoever types her address sees nothing of hers.
	stranger := w.visitor()
	for _, text := range []string{"Hello", "30", "ada@example.com"} {
		stranger.say(text)
	}
	eventually(t, func() bool { return len(w.call("GET", "/v1/conversations", readKey, nil).at("data").([]any)) == 2 })
	seen := w.call("GET", "/try.json", stranger.token, nil)
	require.EqualValues(t, 30, seen.at("person", "fields", "company_size"))
	require.Empty(t, seen.at("leads"))
	require.NotEqual(t, see().at("person", "id"), seen.at("person", "id"))
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusOK, w.call("GET", "/healthz", "", nil).status)
	require.Equal(t, http.StatusOK, w.call("GET", "/readyz", "", nil).status)
	w.call("GET", "/v1/contacts/con_x", readKey, nil)
	metrics := string(w.call("GET", "/metrics", "", nil).body)
	require.Contains(t, metrics, `usher_http_requests_total{method="GET",route="/healthz",status="200"} 1`)
	require.Contains(t, metrics, `status="404"`)
	require.NotContains(t, metrics, "con_x")
	require.Contains(t, metrics, "usher_webchat_streams 0")
}

func TestHealthElsewhere(t *testing.T) {
	t.Parallel()
	w := setup(t, func(d *Deps) { d.OpsElsewhere = true })
	require.Equal(t, http.StatusNotFound, w.call("GET", "/metrics", "", nil).status)
	res, err := w.server.ops.Test(newRequest(t, "GET", "/metrics"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// visitor is somebody on the web page.
type visitor struct {
	w         *world
	id, token string
}

func (w *world) visitor() *visitor {
	w.t.Helper()
	a := w.call("POST", "/hooks/webchat/site/session", "", nil)
	require.Equal(w.t, http.StatusOK, a.status, string(a.body))
	return &visitor{w, a.text("external_id"), a.text("token")}
}

func (v *visitor) say(text string) {
	v.w.t.Helper()
	body, err := json.Marshal(object("type", "text", "data", object("text", text)))
	require.NoError(v.w.t, err)
	a := v.w.call("POST", "/hooks/webchat/site", v.token, body)
	require.Equal(v.w.t, http.StatusOK, a.status, string(a.body))
}
