package typebot_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	"usher/connectors/connectortest"
	"usher/connectors/typebot"
)

func suite() connectortest.Case {
	return connectortest.Case{Factory: typebot.New, Dir: "testdata", Proof: "Authorization",
		Settings: config.Settings{"token": connectortest.Secret, "mapping": map[string]any{}}}
}

func TestSuite(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, suite())
}

func FuzzParse(f *testing.F) { connectortest.Fuzz(f, suite()) }

func BenchmarkDefaultBody(b *testing.B) {
	connectortest.Benchmark(b, suite(), "http_request_default_body")
}

// submission reads one with a mapping.
func submission(t *testing.T, mapping map[string]any, body string) connectors.Event {
	t.Helper()
	c, err := typebot.New(connectors.Setup{Country: "GB", Settings: config.Settings{"token": "s3cret", "mapping": mapping}})
	require.NoError(t, err)
	items, err := c.Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Empty(t, items[0].Problem)
	return items[0].Event
}

func TestParse(t *testing.T) {
	t.Parallel()
	// Answers whose variable is called as a field of ours are parameters.
	e := submission(t, nil, `{"submittedAt":"2026-09-01T10:15:30.250Z","Your name":"Ada","company_size":"20","ok":true,"no":null}`)
	require.Equal(t, map[string]any{"Your name": "Ada", "company_size": "20", "ok": true}, e.Fields)
	require.Equal(t, map[string]any{"company_size": "20", "ok": true}, e.Parameters)
	require.Equal(t, time.Date(2026, 9, 1, 10, 15, 30, 250e6, time.UTC), e.Timestamp)

	// A mapping says what is what; numbers are read as in the business's country.
	e = submission(t, map[string]any{"external_id": "/result", "phone": "/lead/phone", "email": "/lead/mail", "company_size": "/lead/size", "message_id": "/id", "kind": "/lead/size"},
		`{"result":7,"id":"m-1","lead":{"phone":"07700 900123","mail":"nobody","size":20,"more":{"x":"y"}}}`)
	require.Equal(t, connectors.Event{Kind: connectors.KindForm, ExternalID: "7", MessageID: "m-1", DedupeKey: "m-1", Phone: "+447700900123",
		Parameters: map[string]any{"company_size": 20.0},
		Fields:     map[string]any{"result": 7.0, "id": "m-1", "lead.phone": "07700 900123", "lead.mail": "nobody", "lead.size": 20.0, "lead.more.x": "y"}}, e)

	// Who is not named is somebody of their own, the same when it is sent again.
	one, again, other := submission(t, nil, `{"Email":"a@b.example"}`), submission(t, nil, `{"Email":"a@b.example"}`), submission(t, nil, `{"Email":"c@b.example"}`)
	require.NotEmpty(t, one.ExternalID)
	require.Equal(t, one.ExternalID, again.ExternalID)
	require.NotEqual(t, one.ExternalID, other.ExternalID)
	require.Empty(t, one.DedupeKey, "nobody said that it is the same submission")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]config.Settings{
		"token":         {},
		"mapping.email": {"token": "t", "mapping": map[string]any{"email": "lead/email"}},
		"tokens":        {"tokens": "t"},
	} {
		_, err := typebot.New(connectors.Setup{Settings: s})
		require.ErrorContains(t, err, want)
	}
}
