package api

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
)

// public are the routes that ask for no key: who calls them is verified by the
// channel or the visitor's token, or does not matter.
func public() []string {
	return []string{"GET /hooks/", "POST /hooks/", "OPTIONS /hooks/", "GET /b/", "POST /b/", "OPTIONS /b/",
		"GET /healthz", "GET /readyz", "GET /metrics", "GET /docs", "GET /openapi.json", "GET /static/", "GET /try.json", "GET /webchat.js"}
}

func isPublic(r route) bool {
	name := r.method + " " + r.path
	return name == "GET /" || slices.ContainsFunc(public(), func(p string) bool { return strings.HasPrefix(name, p) })
}

// Every route asks for a key unless it is meant to be public, and gives each
// key exactly what its scopes allow.
func TestEveryRouteHasItsScope(t *testing.T) {
	t.Parallel()
	w := setup(t)
	keys := map[scope]string{scopeAdmin: adminKey, scopeAgent: agentKey, scopeRead: readKey, scopeBot: botKey}
	for _, r := range w.server.routes() {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			if isPublic(r) {
				require.Empty(t, r.needs)
				return
			}
			require.NotEmpty(t, r.needs, "is not public and asks for no scope")
			require.NotEmpty(t, r.summary)
			require.True(t, strings.HasPrefix(r.path, "/v1/"))
			path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.path, "none")
			for _, key := range []string{"", "nonsense"} {
				a := w.call(r.method, path, key, nil)
				require.Equal(t, http.StatusUnauthorized, a.status)
				require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
			}
			for has, key := range keys {
				a := w.call(r.method, path, key, nil)
				allowed := slices.Contains(r.needs, has) || has == scopeAdmin ||
					has == scopeAgent && slices.Contains(r.needs, scopeRead)
				require.Equal(t, !allowed, a.status == http.StatusForbidden, "%s: %d %s", has, a.status, a.body)
				require.NotEqual(t, http.StatusUnauthorized, a.status)
				require.Less(t, a.status, http.StatusInternalServerError, string(a.body))
				require.Equal(t, "no-store", a.header.Get("Cache-Control"))
			}
		})
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.call("GET", "/openapi.json", "", nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "3.1.0", a.text("openapi"))
	require.NotContains(t, string(a.body), "$schema")
	require.NotContains(t, string(a.body), "ErrorModel")
	doc, err := openapi3.NewLoader().LoadFromData(a.body)
	require.NoError(t, err)
	for _, r := range w.server.routes() {
		if r.summary == "" {
			continue
		}
		item := doc.Paths.Find(r.path)
		require.NotNil(t, item, r.path)
		op := item.GetOperation(r.method)
		require.NotNil(t, op, r.method+" "+r.path)
		require.NotEmpty(t, op.Security, r.path)
		if r.body != nil {
			require.NotNil(t, op.RequestBody, r.path)
			for media, content := range op.RequestBody.Value.Content {
				require.NotEmpty(t, content.Schema.Ref, r.path+" "+media)
			}
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		method, path, key string
		want              int
	}{
		"no such page":       {"GET", "/nothing", "", http.StatusNotFound},
		"no such resource":   {"GET", "/v1/nothing", adminKey, http.StatusNotFound},
		"no such method":     {"PUT", "/v1/contacts", adminKey, http.StatusMethodNotAllowed},
		"no such channel":    {"POST", "/hooks/whatsapp/other", "", http.StatusNotFound},
		"no such business":   {"POST", "/b/nobody/hooks/bot/site", "", http.StatusNotFound},
		"no such type":       {"POST", "/hooks/fax/acme", "", http.StatusNotFound},
		"no such guest":      {"GET", "/v1/guests/gst_nobody", readKey, http.StatusNotFound},
		"no such visitor":    {"GET", "/v1/guests?channel=webchat/site&external_id=nobody", readKey, http.StatusNotFound},
		"no such talk":       {"GET", "/v1/conversations/cnv_nobody", readKey, http.StatusNotFound},
		"no such messages":   {"GET", "/v1/conversations/cnv_nobody/messages", readKey, http.StatusNotFound},
		"no such event":      {"GET", "/v1/events/evt_0000000000000", readKey, http.StatusNotFound},
		"no event id":        {"GET", "/v1/events/42", readKey, http.StatusNotFound},
		"no such delivery":   {"GET", "/v1/deliveries/dlv_none", readKey, http.StatusNotFound},
		"id beyond ASCII":    {"GET", "/v1/contacts/con_%C3%A9", readKey, http.StatusNotFound},
		"address is broken":  {"GET", "/v1/contacts/%zz", readKey, http.StatusBadRequest},
		"index of the pages": {"GET", "/static/index.html", "", http.StatusNotFound},
		"out of the pages":   {"GET", "/static/../static.go", "", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(c.path, "%zz") {
				require.Equal(t, c.want, w.raw(c.method, c.path, c.key))
				return
			}
			a := w.call(c.method, c.path, c.key, nil)
			require.Equal(t, c.want, a.status, string(a.body))
			require.EqualValues(t, c.want, a.at("status"))
			require.Equal(t, http.StatusText(c.want), a.text("title"))
		})
	}
}
