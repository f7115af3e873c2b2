package outbound

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestClassification(t *testing.T) {
	t.Parallel()
	for class, statuses := range map[Class][]int{
		Retry:     {408, 423, 425, 429, 477, 500, 501, 502, 503, 504, 520, 521, 522, 523, 524},
		Auth:      {401, 403},
		Disabled:  {402, 410},
		Permanent: {300, 301, 302, 303, 307, 308, 400, 404, 405, 406, 409, 411, 413, 415, 422, 451},
	} {
		for _, status := range statuses {
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(" because\nof this "))
			})
			resp, err := local(t, Options{}).Do(post(t, t.Context(), url, ""))
			require.NoError(t, err)
			var failed *Error
			require.ErrorAs(t, Check(resp, nil), &failed)
			require.Equal(t, class, failed.Class, status)
			require.Equal(t, status, failed.Status)
			require.Equal(t, "because of this", failed.Text)
			require.Equal(t, status >= 500, failed.Unknown, status)
			want := time.Duration(0)
			if class == Retry {
				want = 7 * time.Second
			}
			require.Equal(t, want, failed.RetryAfter, status)
		}
	}
	for _, status := range []int{200, 201, 202, 204, 207} {
		require.NoError(t, Check(&http.Response{StatusCode: status}, nil))
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                                 0,
		"0":                                0,
		"120":                              2 * time.Minute,
		"-5":                               0,
		"1.5":                              0,
		"soon":                             0,
		"86400":                            24 * time.Hour,
		"99999999999":                      MaxRetryAfter,
		"18446744073709551615":             MaxRetryAfter,
		"Thu, 01 Jan 2026 12:00:30 GMT":    30 * time.Second,
		"Thu, 01 Jan 2026 11:00:00 GMT":    0,
		"Fri, 01 Jan 2100 00:00:00 GMT":    MaxRetryAfter,
		"Thursday, 01-Jan-26 12:01:00 GMT": time.Minute,
	} {
		require.Equal(t, want, RetryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "1", "-1", "18446744073709551615", "Thu, 01 Jan 2026 12:00:30 GMT", "\x00"} {
		f.Add(seed)
	}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		wait := RetryAfter(http.Header{"Retry-After": {value}}, now)
		if wait < 0 || wait > MaxRetryAfter {
			t.Fatalf("%q gives %s", value, wait)
		}
	})
}

// Whoever echoes a credential, or whatever prints a URL, the error has none.
func TestErrorsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const (
		token   = "pat-0123456789abcdef"
		query   = "q-secret-value"
		segment = "B0123456789/XXXXXXXXXXXXXXXXXXXXXXXX"
		given   = `odd "quoted" secret`
	)
	dead := "http://127.0.0.1:1/hooks/" + segment + "?key=" + query
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(r.RequestURI + " " + r.Header.Get("Authorization") + ` {"s":"odd \"quoted\" secret"} ` + given))
	}) + "/hooks/" + segment + "?key=" + query

	for _, target := range []string{dead, echo, "ftp://host/hooks/" + segment + "?key=" + query, "http://user:" + given + "@127.0.0.1:1/"} {
		parsed, err := url.Parse(strings.ReplaceAll(strings.ReplaceAll(target, `"`, "%22"), " ", "%20"))
		require.NoError(t, err)
		req := (&http.Request{Method: http.MethodPost, URL: parsed, Header: http.Header{"Authorization": {"Bearer " + token}}}).WithContext(t.Context())
		_, err = Do(local(t, Options{Retries: -1}), req, given)
		require.Error(t, err)
		for _, secret := range []string{token, query, "XXXXXXXX", "quoted"} {
			require.NotContains(t, err.Error(), secret)
		}
	}

	wrapped := &Error{Err: &url.Error{Op: "Post", URL: "https://host/" + token, Err: errors.New("boom")}}
	require.Equal(t, "boom", wrapped.Error())
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 499) + "0123456789secret"
	got := Excerpt(long, "0123456789secret")
	require.Equal(t, strings.Repeat("é", 499)+"*", got, "cut after redaction, so that no half of a secret stays")
	require.True(t, utf8.ValidString(Excerpt("a\xffb\x00c")))
	require.Equal(t, "plain", Excerpt("plain", "", "a"), "what is too short for a secret is left alone")
	require.Equal(t, "*** and ***", Excerpt("abcdef and abcd", "abcd", "abcdef"))
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"404 no such page":     {Status: 404, Text: "no such page"},
		"status 404":           {Status: 404},
		"not allowed: because": {Class: NotAllowed, Status: 1, Text: "because"},
		"only text":            {Text: "only text", Err: errors.New("x")},
		"cause":                {Err: errors.New("cause")},
		"call failed":          {},
	} {
		require.Equal(t, want, e.Error())
	}
}
