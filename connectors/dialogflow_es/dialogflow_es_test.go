package dialogflowes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/config"
	"usher/connectors"
	dialogflowes "usher/connectors/dialogflow_es"
)

func newConnector(t testing.TB) connectors.Connector {
	t.Helper()
	c, err := dialogflowes.New(connectors.Setup{Country: "GB", Settings: config.Settings{
		"token": "s3cret", "person": "/originalDetectIntentRequest/payload/userId",
		"fields": map[string]any{"given-name": "first_name", "/queryResult/parameters/person/name": "name"},
	}})
	require.NoError(t, err)
	return c
}

func event(t *testing.T, body string) connectors.Event {
	t.Helper()
	items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(body)})
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Empty(t, items[0].Problem)
	return items[0].Event
}

func TestParse(t *testing.T) {
	t.Parallel()
	e := event(t, `{"session":"a/sessions/s-1","queryResult":{"parameters":{"given-name":"Ada","person":{"name":"Ada Lovelace"},"city":""}},
		"originalDetectIntentRequest":{"payload":{"userId":7.04411923E8,"telephony":{"caller_id":"020 7946 0123"}}}}`)
	require.Equal(t, connectors.Event{Kind: connectors.KindFulfilment, ExternalID: "704411923", Session: "s-1", Phone: "+442079460123",
		Parameters: map[string]any{"first_name": "Ada", "person": map[string]any{"name": "Ada Lovelace"}, "name": "Ada Lovelace", "city": ""}}, e)

	// A default taken from what an earlier answer told is nobody's word.
	told := func(parameters, context string) map[string]any {
		return event(t, `{"session":"s-1","queryResult":{"parameters":{`+parameters+`},"outputContexts":[{"name":"s-1/contexts/usher","parameters":{`+
			context+`,"known":{"company":true,"first_name":true,"plan":false}}}]}}`).Parameters
	}
	require.Nil(t, told(`"company":"Acme"`, `"company":"Acme"`))
	require.Nil(t, told(`"given-name":"Ada"`, `"given-name":"Ada"`), "also under the platform's own name")
	require.Equal(t, map[string]any{"company": "Globex"}, told(`"company":"Globex"`, `"company":"Acme"`), "another value was said")
	require.Equal(t, map[string]any{"company": "Acme"}, told(`"company":"Acme"`, `"company":"Acme","company.original":"Acme"`), "the person said it")
	require.Equal(t, map[string]any{"plan": "gold"}, told(`"plan":"gold"`, `"plan":"gold"`), "it was not known")
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "null", "[]", "7", `"x"`, "{"} {
		_, err := newConnector(t).Parse(&connectors.Request{Body: []byte(body)})
		require.ErrorIs(t, err, connectors.ErrUnreadable, body)
	}
	items, err := newConnector(t).Parse(&connectors.Request{Body: []byte(`{"queryResult":7}`)})
	require.NoError(t, err)
	require.NotEmpty(t, items[0].Problem, "nobody's")
	require.Equal(t, connectors.KindFulfilment, items[0].Event.Kind)
}

// Dialogflow reads 64 KiB: rather than nothing it gets who the person is.
func TestRespondIsBounded(t *testing.T) {
	t.Parallel()
	c := newConnector(t).(connectors.Responder)
	turn := connectors.Turn{Type: "guest", Known: map[string]bool{"note": true}, Values: map[string]any{"note": "a < b"}}
	request := &connectors.Request{Body: []byte(`{"session":"a/sessions/s-1"}`)}
	require.Equal(t, `{"outputContexts":[{"name":"a/sessions/s-1/contexts/usher","lifespanCount":5,"parameters":{"contact_id":null,"known":{"note":true},"note":"a < b","status":null,"type":"guest"}}]}`,
		string(c.Respond(request, turn).Body))
	turn.Values["note"] = strings.Repeat("x", 70_000)
	body := c.Respond(request, turn).Body
	require.Less(t, len(body), 64<<10)
	require.True(t, json.Valid(body))
	require.Contains(t, string(body), `"known":{"note":true}`)
	require.Equal(t, `{}`, string(c.Respond(&connectors.Request{Body: []byte(`{}`)}, connectors.Turn{}).Body), "no session, no context")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]config.Settings{
		"token: is missing": {},
		"token: is empty":   {"token": []any{"a", ""}},
		"person: ":          {"token": "a", "person": "payload/userId"},
		"fields.":           {"token": "a", "fields": map[string]any{"/~": "name"}},
		"fields: ":          {"token": "a", "fields": map[string]any{"mail": ""}},
		"deadline: ":        {"token": "a", "deadline": "31s"},
	} {
		_, err := dialogflowes.New(connectors.Setup{Settings: s})
		require.ErrorContains(t, err, want)
	}
}
