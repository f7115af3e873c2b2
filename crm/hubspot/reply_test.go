package hubspot

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/crm"
)

func TestTaken(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"category":"CONFLICT"}`:                                                                     true,
		`{"message":"Contact already exists. Existing ID: 512"}`:                                      true,
		`{"message":"Property values were not valid","errors":[{"code":"CONFLICTING_UNIQUE_VALUE"}]}`: true,
		`{"message":"Property values were not valid: [{\"error\":\"CONFLICTING_UNIQUE_VALUE\"}]"}`:    true,
		`{"category":"VALIDATION_ERROR","message":"Property values were not valid"}`:                  false,
		`<html>`: false,
		``:       false,
	} {
		require.Equal(t, want, readProblem([]byte(body)).taken(), body)
	}
	require.Equal(t, "512", readProblem([]byte(`{"message":"Contact already exists. Existing ID: 512"}`)).existingID())
	require.Empty(t, readProblem([]byte(`{"message":"Existing ID: x/../y"}`)).existingID())
}

// Only HubSpot's own pages are linked to.
func TestLink(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://app-eu1.hubspot.com/contacts/1/record/0-1/2": "https://app-eu1.hubspot.com/contacts/1/record/0-1/2",
		"https://evilhubspot.com/1":                           "https://app.hubspot.com/contacts/4711/record/0-1/2",
		"javascript:alert(1)":                                 "https://app.hubspot.com/contacts/4711/record/0-1/2",
		"":                                                    "https://app.hubspot.com/contacts/4711/record/0-1/2",
	} {
		require.Equal(t, want, newTest(t, "https://crm.example", http.DefaultClient).link(record{ID: "2", URL: given}))
	}
}

func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"status":"COMPLETE","results":[{"id":"512","properties":{"usher_lead_id":"L-1","email":null}}]}`,
		`{"results":[],"numErrors":1,"errors":[{"category":"VALIDATION_ERROR","context":{"objectWriteTraceId":["L-1"]},"message":"no"}]}`,
		`{"status":"error","message":"Contact already exists. Existing ID: 512","category":"CONFLICT"}`,
		`{"results":[{"id":7}]}`, `null`, `[]`, `{"results":null}`, "\x1f\x8b", `{"results":[{"id":""}]}`,
	} {
		f.Add([]byte(seed))
	}
	c := newTest(f, "https://crm.example", http.DefaultClient)
	f.Fuzz(func(t *testing.T, body []byte) {
		why := readProblem(body)
		if id := why.existingID(); len(id) > 20 {
			t.Fatalf("id of %d digits", len(id))
		}
		_ = why.taken()
		if e := c.failure(why, 207); len([]rune(e.Text)) > 500 || len(e.Code) > 64 {
			t.Fatalf("unbounded error %q %q", e.Code, e.Text)
		}
		reply, err := readBatch(body)
		if err != nil {
			return
		}
		one := []lead{{key: "L-1", receipt: &crm.Receipt{}}}
		if r, ok := c.resultOf(one[0], one, reply); ok && (r.ID == "" || len(r.ID) > maxID) {
			t.Fatalf("result with id %q", r.ID)
		}
		_, _ = problemOf(one[0], one, reply)
	})
}
