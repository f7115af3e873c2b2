package api

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"usher/contacts"
)

type fiberCtx = *fiber.Ctx

// newCtx is a request without a network.
func newCtx(method, path, body string, headers []string) *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(path)
	ctx.Request.SetBodyString(body)
	for i := 0; i+1 < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	return ctx
}

// Whatever is sent as a merge patch is either understood or a problem of the
// sender's.
func FuzzReadPerson(f *testing.F) {
	for _, seed := range []string{`{"name":"Ada","email":null,"fields":{"company_size":20},"tags":["vip"],"status":null}`, `{"fields":[]}`,
		`{"phone":447700900123}`, `[]`, `null`, `{"tags":1}`, "{\"\xff\":1}", `{"a":{"a":{"a":1}}}`, ``} {
		f.Add([]byte(seed))
	}
	fields, err := contacts.NewFields([]contacts.Field{{Name: "company_size", Type: contacts.Number}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, body []byte) {
		w, err := readPerson(body, fields, "status", "tags", "assignee_id")
		if err != nil {
			status := problemOf(err).Status
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, status)
			return
		}
		for name := range w.values {
			field, ok := fields.Lookup(name)
			require.True(t, ok && field.IsValue(), name)
		}
		w.patch()
		_, _ = w.draft()
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"x","scopes":["read"],"agent_id":null}`))
	f.Add([]byte(`{"name":1,"x":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var into keyBody
		if err := decode(body, &into); err != nil {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnprocessableEntity}, problemOf(err).Status)
		}
	})
}

// Cursors, versions, bounds of time and lists of names come from anybody.
func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"", "12", `"3"`, `W/"4"`, "*", "2024-05-02", "2024-05-02T00:00:00 01:00", "email,company_size", "-1", "9223372036854775808"} {
		f.Add(seed)
	}
	fields, err := contacts.NewFields(nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		if version, err := versionOf(text); err != nil {
			require.Equal(t, http.StatusPreconditionFailed, problemOf(err).Status)
		} else {
			require.GreaterOrEqual(t, version, int64(anyVersion))
		}
		from, err := bound(text, false, contacts.Locale{})
		if err == nil {
			to, err := bound(text, true, contacts.Locale{})
			require.NoError(t, err)
			require.True(t, to.After(from))
		}
		_, _ = wantedFields(text, fields)
	})
}
