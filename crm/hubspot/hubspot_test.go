package hubspot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/crm"
	"usher/crm/crmtest"
	"usher/crm/hubspot/hubspottest"
	"usher/internal/outbound"
)

func newTest(t testing.TB, url string, hc *http.Client, more ...config.Settings) *connector {
	t.Helper()
	s := config.Settings{
		"token": hubspottest.Token, "base_url": url, "transcript_property": "usher_transcript",
		"mapping": map[string]any{"company_size": "usher_company_size"}, "portal_id": "4711",
	}
	for _, m := range more {
		for k, v := range m {
			s[k] = v
		}
	}
	c, err := New(crm.Setup{ID: "hubspot", Settings: s, HTTP: hc})
	require.NoError(t, err)
	return c.(*connector)
}

func push(t testing.TB, c crm.Connector, pushes ...crm.Push) []crm.Receipt {
	t.Helper()
	receipts := c.Push(t.Context(), pushes)
	require.Len(t, receipts, len(pushes))
	return receipts
}

func failed(t testing.TB, err error) *outbound.Error {
	t.Helper()
	var e *outbound.Error
	require.ErrorAs(t, err, &e)
	return e
}

func TestSuite(t *testing.T) {
	t.Parallel()
	crmtest.Run(t, crmtest.Case{
		New: func(t testing.TB, url string, hc *http.Client) crm.Connector { return newTest(t, url, hc) },
		OK: func(w http.ResponseWriter, r *http.Request) {
			var body batchInputs
			_ = json.NewDecoder(r.Body).Decode(&body)
			var results []map[string]any
			for _, in := range body.Inputs {
				results = append(results, map[string]any{"id": "5" + strings.TrimPrefix(in.ID, "lead_"), "objectWriteTraceId": in.TraceID})
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"status": "COMPLETE", "results": results})
		},
		Secrets:     []string{hubspottest.Token},
		ReadsAnswer: true,
	})
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	for family, path := range map[string]string{
		"":        "/crm/objects/2026-09/contacts/batch/upsert",
		"2026-09": "/crm/objects/2026-09/contacts/batch/upsert",
		"v3":      "/crm/v3/objects/contacts/batch/upsert",
	} {
		hub := hubspottest.New(t)
		c := newTest(t, hub.URL, crmtest.Client(t), config.Settings{"family": family})
		r := push(t, c, crmtest.Push(t, 1))[0]
		require.NoError(t, r.Err)
		require.Equal(t, []string{"POST " + path}, hub.Requests())
		require.NoError(t, c.Check(t.Context()))

		contacts := hub.Contacts()
		require.Len(t, contacts, 1)
		require.Equal(t, contacts[0].ID, r.RemoteID)
		require.Equal(t, "https://app.hubspot.com/contacts/4711/record/0-1/"+r.RemoteID, r.RemoteURL)
		require.Equal(t, map[string]string{
			"usher_lead_id": "lead_1", "firstname": "Ada", "lastname": "Lovelace", "email": "ada1@example.org",
			"phone": "+447700900001", "usher_company_size": "20", "lifecyclestage": "lead",
			"usher_transcript": "Visitor: hello\nusher: hello Ada",
		}, contacts[0].Properties)
	}
}

// Whatever gets lost, the same key is the same contact.
func TestOneContactPerKey(t *testing.T) {
	t.Parallel()
	hub := hubspottest.New(t)
	hub.Meet = 2
	c := newTest(t, hub.URL, crmtest.Client(t))
	p := crmtest.Push(t, 1)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := c.Push(t.Context(), []crm.Push{p})[0].Err; err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()

	lost := hubspottest.Fault{Commit: true}
	hub.Fail(lost, lost, hubspottest.Fault{Commit: true, Status: 504}, hubspottest.Fault{Commit: true, Status: 200, Body: "<html>"}, lost)
	for range 5 {
		require.True(t, failed(t, push(t, c, p)[0].Err).Unknown)
	}
	r := push(t, c, p)[0]
	require.NoError(t, r.Err)
	contacts := hub.Contacts()
	require.Len(t, contacts, 1)
	require.Equal(t, contacts[0].ID, r.RemoteID)
}

// A lead with nothing but an id of its platform is written by our key alone.
func TestNamelessLeadInParallel(t *testing.T) {
	t.Parallel()
	hub := hubspottest.New(t)
	hub.Meet = 2
	c := newTest(t, hub.URL, crmtest.Client(t))
	p := crmtest.Push(t, 1)
	p.Contact = map[string]any{"phone": "+447700900001"}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := c.Push(t.Context(), []crm.Push{p})[0].Err; err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	require.Len(t, hub.Contacts(), 1)
	require.Equal(t, "+447700900001", hub.Contacts()[0].Properties["lastname"])
}

func TestBatchWithBadInputs(t *testing.T) {
	t.Parallel()
	for _, mode := range []struct{ partial, bare bool }{{}, {partial: true}, {bare: true}, {partial: true, bare: true}} {
		t.Run(fmt.Sprintf("%+v", mode), func(t *testing.T) {
			t.Parallel()
			hub := hubspottest.New(t)
			hub.Partial, hub.Bare = mode.partial, mode.bare
			known := hub.Add(map[string]string{"email": "ada3@example.org", "firstname": "Augusta"})
			var pushes []crm.Push
			for n := range 10 {
				pushes = append(pushes, crmtest.Push(t, n))
			}
			pushes[6].Contact["email"] = "nonsense"
			pushes[8].LeadKey = ""

			receipts := push(t, newTest(t, hub.URL, crmtest.Client(t)), pushes...)
			ids := map[string]string{}
			for _, contact := range hub.Contacts() {
				ids[contact.Properties["usher_lead_id"]] = contact.ID
			}
			require.Len(t, ids, 8)
			for n, r := range receipts {
				switch n {
				case 6:
					require.Equal(t, outbound.Permanent, failed(t, r.Err).Class)
					require.Contains(t, r.Err.Error(), "email is invalid")
				case 8:
					require.Equal(t, outbound.Permanent, failed(t, r.Err).Class)
				case 3:
					require.NoError(t, r.Err)
					require.Equal(t, known, r.RemoteID)
				default:
					require.NoError(t, r.Err, n)
					require.Equal(t, ids[pushes[n].LeadKey], r.RemoteID)
				}
			}
		})
	}
}

func TestAdoption(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		existing  map[string]string
		secondary []string
		want      map[string]string
	}{
		{"by its e-mail; what is there stays",
			map[string]string{"email": "ada1@example.org", "firstname": "Augusta", "lifecyclestage": "customer", "jobtitle": "Countess"}, nil,
			map[string]string{"email": "ada1@example.org", "firstname": "Augusta", "lifecyclestage": "customer", "jobtitle": "Countess",
				"lastname": "Lovelace", "phone": "+447700900001"}},
		{"by a secondary e-mail",
			map[string]string{"email": "countess@example.org"}, []string{"ada1@example.org"},
			map[string]string{"email": "countess@example.org", "firstname": "Ada", "lastname": "Lovelace", "phone": "+447700900001"}},
		{"with the key of an earlier installation",
			map[string]string{"email": "ada1@example.org", "usher_lead_id": "old"}, nil,
			map[string]string{"email": "ada1@example.org", "firstname": "Ada", "lastname": "Lovelace", "phone": "+447700900001"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hub := hubspottest.New(t)
			id := hub.Add(c.existing, c.secondary...)
			connector := newTest(t, hub.URL, crmtest.Client(t))
			r := push(t, connector, crmtest.Push(t, 1))[0]
			require.NoError(t, r.Err)
			require.Equal(t, id, r.RemoteID)
			require.Len(t, hub.Contacts(), 1)
			got := hub.Contacts()[0].Properties
			require.Equal(t, "lead_1", got["usher_lead_id"])
			for name, value := range c.want {
				require.Equal(t, value, got[name], name)
			}
			require.NotEmpty(t, got["usher_transcript"])
		})
	}
}

// The lead is a contact already when it tells an e-mail that is another's.
func TestEmailOfAnotherContact(t *testing.T) {
	t.Parallel()
	hub := hubspottest.New(t)
	c := newTest(t, hub.URL, crmtest.Client(t))
	first := crmtest.Push(t, 1)
	first.Contact = map[string]any{"phone": "+447700900001"}
	id := push(t, c, first)[0].RemoteID
	other := hub.Add(map[string]string{"email": "ada1@example.org"})

	r := push(t, c, crmtest.Push(t, 1))[0]
	require.Equal(t, outbound.Permanent, failed(t, r.Err).Class)
	require.Contains(t, r.Err.Error(), other)
	require.Contains(t, r.Err.Error(), "merge")
	require.Equal(t, id, r.RemoteID)
	contacts := hub.Contacts()
	require.Len(t, contacts, 2)
	require.Equal(t, "Ada", contacts[0].Properties["firstname"], "the rest was written")
	require.Empty(t, contacts[0].Properties["email"])
	require.Equal(t, map[string]string{"email": "ada1@example.org"}, contacts[1].Properties)
}

func TestWaits(t *testing.T) {
	t.Parallel()
	berlin := config.Settings{"timezone": "Europe/Berlin"}
	for _, c := range []struct {
		name     string
		status   int
		header   string
		policy   string
		settings config.Settings
		want     time.Duration
		paused   bool
	}{
		{"rolling", 429, "", "TEN_SECONDLY_ROLLING", nil, 10 * time.Second, true},
		{"secondly", 429, "", "SECONDLY", nil, time.Second, true},
		{"daily, zone unknown", 429, "", "DAILY", nil, time.Hour, true},
		{"daily", 429, "", "DAILY", berlin, 90 * time.Minute, true},
		{"no policy", 429, "", "", nil, 10 * time.Second, true},
		{"header wins", 429, "3", "DAILY", nil, 3 * time.Second, true},
		{"locked", 423, "", "", nil, 2 * time.Second, false},
		{"locked for long", 423, "9", "", nil, 9 * time.Second, false},
		{"account moves", 477, "86400", "", nil, 24 * time.Hour, true},
		{"down", 503, "4", "", nil, 4 * time.Second, false},
	} {
		hub := hubspottest.New(t)
		fault := hubspottest.Fault{Status: c.status, Body: fmt.Sprintf(`{"message":"wait","policyName":%q}`, c.policy), Header: map[string]string{}}
		if c.header != "" {
			fault.Header["Retry-After"] = c.header
		}
		hub.Fail(fault)
		connector := newTest(t, hub.URL, crmtest.Client(t), c.settings)
		now := time.Date(2026, 1, 1, 21, 30, 0, 0, time.UTC) // 22:30 in Berlin
		connector.now = func() time.Time { return now }
		e := failed(t, push(t, connector, crmtest.Push(t, 1))[0].Err)
		require.Equal(t, outbound.Retry, e.Class, c.name)
		require.Equal(t, c.want, e.RetryAfter, c.name)

		second := push(t, connector, crmtest.Push(t, 2))[0]
		if !c.paused {
			require.NoError(t, second.Err, c.name)
			continue
		}
		require.Len(t, hub.Requests(), 1, "the account is left alone: %s", c.name)
		require.Equal(t, min(c.want, maxPause), failed(t, second.Err).RetryAfter, c.name)
		require.False(t, failed(t, second.Err).Unknown)
		now = now.Add(min(c.want, maxPause))
		require.NoError(t, push(t, connector, crmtest.Push(t, 2))[0].Err, c.name)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	hub := hubspottest.New(t)
	c := newTest(t, hub.URL, crmtest.Client(t), config.Settings{"calls_per_10s": 10})
	require.NoError(t, push(t, c, crmtest.Push(t, 1))[0].Err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	e := failed(t, c.Push(ctx, []crm.Push{crmtest.Push(t, 2)})[0].Err)
	require.Equal(t, outbound.Retry, e.Class)
	require.False(t, e.Unknown, "nothing was sent")

	vendor, err := New(crm.Setup{Settings: config.Settings{"token": "x"}, HTTP: http.DefaultClient})
	require.NoError(t, err)
	require.NotNil(t, vendor.(*connector).limiter)
	require.Nil(t, newTest(t, hub.URL, http.DefaultClient).limiter)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	hub := hubspottest.New(t)
	for property, want := range map[string]string{"usher_lead_id": "", "usher_other": "create it", "jobtitle": "unique"} {
		err := newTest(t, hub.URL, crmtest.Client(t), config.Settings{"key_property": property}).Check(t.Context())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	err := newTest(t, hub.URL, crmtest.Client(t), config.Settings{"token": "pat-wrong"}).Check(t.Context())
	require.Equal(t, outbound.Auth, failed(t, err).Class)
	require.NotContains(t, err.Error(), "pat-wrong")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]config.Settings{
		"token: ":               {},
		"family: ":              {"token": "x", "family": "v4"},
		"base_url: ":            {"token": "x", "base_url": "api.hubapi.com"},
		"timezone: ":            {"token": "x", "timezone": "Mars/Olympus"},
		"calls_per_10s: ":       {"token": "x", "calls_per_10s": -1},
		"mapping.phone: ":       {"token": "x", "mapping": map[string]any{"phone": "email"}},
		"mapping.plan: ":        {"token": "x", "mapping": map[string]any{"plan": "Not A Property"}},
		"key_property: ":        {"token": "x", "key_property": "a,b"},
		"transcript_property: ": {"token": "x", "transcript_property": "usher_lead_id"},
		"colour":                {"token": "x", "colour": "red"},
		"retry.attempts":        {"token": "x", "retry": map[string]any{"attempts": 0}},
	} {
		_, err := New(crm.Setup{Settings: s, HTTP: http.DefaultClient})
		require.ErrorContains(t, err, want)
	}
}
