package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/contacts/sqlstore"
	"usher/internal/database"
)

const newFlow = `id: promo
name: Promo   # as its author wrote it
steps:
  - say: One
  - {id: q, ask: "Well?"}
`

func TestFlowResource(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.call("POST", "/v1/flows", adminKey, newFlow, "Content-Type", "application/yaml")
	require.Equal(t, http.StatusCreated, a.status, string(a.body))
	require.Equal(t, "/v1/flows/promo", a.header.Get("Location"))
	require.Equal(t, newFlow, a.text("document"))
	require.EqualValues(t, 1, a.at("draft"))
	require.Nil(t, a.at("published"))
	require.Equal(t, http.StatusConflict, w.call("POST", "/v1/flows", adminKey, newFlow).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/flows/promo", otherKey, nil).status, "another business")

	a = w.call("PUT", "/v1/flows/promo", adminKey, object("id", "promo", "steps", []any{object("say", "Two"), object("go", "end")}))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.EqualValues(t, 2, a.at("draft"))
	require.Equal(t, "promo", a.text("name"))

	a = w.call("GET", "/v1/flows/promo/diff?from=1&to=2", readKey, nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.text("diff"), "--- promo v1\n+++ promo v2\n")
	require.Contains(t, a.text("diff"), "\n-  - say: One\n")
	require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", "/v1/flows/promo/diff", readKey, nil).status, "nothing is published")

	for _, c := range []struct {
		body any
		want int
	}{{object("version", 1), http.StatusOK}, {nil, http.StatusOK}, {object("version", 1), http.StatusOK},
		{object("version", 3), http.StatusUnprocessableEntity}, {object("version", 0), http.StatusUnprocessableEntity},
		{object("version", "one"), http.StatusUnprocessableEntity}, {object("verson", 1), http.StatusUnprocessableEntity}} {
		a = w.call("POST", "/v1/flows/promo/publish", adminKey, c.body)
		require.Equal(t, c.want, a.status, "%v: %s", c.body, a.body)
	}
	a = w.call("GET", "/v1/flows/promo", readKey, nil)
	require.EqualValues(t, 1, a.at("published"))
	require.EqualValues(t, 2, a.at("draft"))
	require.Contains(t, a.text("document"), `"Two"`)
	a = w.call("GET", "/v1/flows/promo/diff", readKey, nil)
	require.Equal(t, []any{1.0, 2.0}, []any{a.at("from"), a.at("to")})

	a = w.call("GET", "/v1/flows/promo/versions?limit=1&count=true", readKey, nil)
	require.EqualValues(t, 2, a.at("data", 0, "version"))
	require.Equal(t, true, a.at("data", 0, "draft"))
	require.Equal(t, false, a.at("data", 0, "published"))
	require.Equal(t, "key_"+adminKey, a.text("data", 0, "author"))
	require.Equal(t, "key_"+adminKey, a.text("data", 0, "published_by"))
	require.NotNil(t, a.at("data", 0, "published_at"))
	require.EqualValues(t, 2, a.at("total"))
	require.NotNil(t, a.at("next_cursor"))
	a = w.call("GET", "/v1/flows/promo/versions/1", readKey, nil)
	require.Equal(t, newFlow, a.text("document"))
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/flows/promo/versions/9", readKey, nil).status)

	a = w.call("GET", "/v1/flows", readKey, nil)
	require.Equal(t, "promo", a.text("data", 0, "id"))
	require.NotContains(t, a.at("data", 0), "document")

	// It is used by a channel's list.
	b, _ := w.gateway.Business("acme")
	require.Equal(t, 1, b.Flows.Get("promo").Version)
}

func TestFlowFaults(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.call("POST", "/v1/flows", adminKey, "id: promo\nsteps:\n  - sya: One\n  - {ask: Well, savee: email}\n")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Equal(t, []any{"sya", 3.0, 5.0}, []any{a.at("errors", 0, "field"), a.at("errors", 0, "line"), a.at("errors", 0, "column")})
	require.Equal(t, []any{"savee", 4.0}, []any{a.at("errors", 1, "field"), a.at("errors", 1, "line")})
	require.Contains(t, a.text("errors", 1, "detail"), `did you mean "save"?`)
	a = w.call("POST", "/v1/flows", adminKey, `{"id": "promo",
 "steps": [{"say": "One", "wen": "true"}]}`)
	require.Equal(t, []any{"wen", 2.0}, []any{a.at("errors", 0, "field"), a.at("errors", 0, "line")})
	require.Equal(t, http.StatusBadRequest, w.call("POST", "/v1/flows", adminKey, "").status)
	for _, body := range []string{" ", "{", "just text", "\xff\xfe"} {
		a = w.call("POST", "/v1/flows", adminKey, body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, body)
	}
	require.Equal(t, http.StatusNotFound, w.call("PUT", "/v1/flows/promo", adminKey, newFlow).status)
	require.Equal(t, http.StatusCreated, w.call("POST", "/v1/flows", adminKey, newFlow).status)
	a = w.call("PUT", "/v1/flows/promo", adminKey, "id: other\nsteps: [{say: hi}]\n")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Equal(t, "id", a.text("errors", 0, "field"))
	a = w.call("PUT", "/v1/flows/promo", adminKey, "id: promo\nsteps: [{say: hi, go: end}, {say: never}, {run: nowhere}]\n")
	require.Equal(t, http.StatusOK, a.status)
	require.EqualValues(t, 2, a.at("warnings", 0, "line"))
	a = w.call("POST", "/v1/flows/promo/publish", adminKey, nil)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text("detail"), `no flow "nowhere"`)

	err := w.db.Write(t.Context(), database.Steps, func(tx *database.Tx) error {
		return sqlstore.New(tx).PutFileFlows("acme", []sqlstore.Flow{{ID: "hello", Name: "Hello", Draft: 1}}, time.Now())
	})
	require.NoError(t, err)
	a = w.call("GET", "/v1/flows/hello", readKey, nil)
	require.Equal(t, true, a.at("managed_by_file"))
	for _, call := range [][]string{{"POST", "/v1/flows", helloFlow}, {"PUT", "/v1/flows/hello", helloFlow}, {"POST", "/v1/flows/hello/publish", ""}} {
		a = w.call(call[0], call[1], adminKey, call[2])
		require.Equal(t, http.StatusConflict, a.status)
		require.Equal(t, codeFile, a.text("errors", 0, "code"))
	}
}
