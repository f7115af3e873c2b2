package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const triedFlow = `id: tried
defaults: {skip_if_known: true}
steps:
  - {id: topic, ask: "What is it about?", choices: [Prices, Support]}
  - {id: email, ask: "Your e-mail?", save: email}
  - call: {url: "https://a.example/{{ contact.email }}", save: {company: /name}}
  - run: hello
  - push: all
  - say: "Thanks, {{ contact.company }}!"
`

// A flow is tried turn by turn: the state goes back and forth, and nothing is
// kept of it.
func TestTryFlow(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusCreated, w.call("POST", "/v1/flows", adminKey, triedFlow, "Content-Type", "application/yaml").status)
	try := func(body map[string]any) answer { return w.call("POST", "/v1/flows/tried/try", adminKey, body) }

	a := try(object("text", "Hi", "channel", "whatsapp", "known", object("country", "GB")))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.JSONEq(t, `[{"text":"What is it about?","media":[],"buttons":[{"title":"Prices","value":"Prices"},{"title":"Support","value":"Support"}],"form":null}]`, jsonOf(t, a.at("replies")))
	require.Equal(t, []any{"flow: started, tried: the first message", "topic: asked"}, a.at("trace"))
	require.Equal(t, "topic", a.text("waiting_for"))
	require.Equal(t, []any{true, false}, []any{a.at("started"), a.at("ended")})

	a = try(object("turns", []any{"1", "ada@example.com"}, "state", a.text("state"), "channel", "twilio"))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "call", a.text("awaits"))
	require.JSONEq(t, `[{"field":"email","value":"ada@example.com","via":"ask","step":"email"}]`, jsonOf(t, a.at("captured")))
	require.JSONEq(t, `{"country":"GB","email":"ada@example.com"}`, jsonOf(t, a.at("known")))
	require.JSONEq(t, `{"topic":"Prices","email":"ada@example.com"}`, jsonOf(t, a.at("vars")))

	before := a.text("state")
	a = try(object("turns", []any{object("call", object("status", 200, "body", object("name", "Analytical")))}, "state", before))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "Analytical", a.at("known").(map[string]any)["company"])
	require.False(t, a.at("ended").(bool), "the other flow asks")
	require.NotEqual(t, http.StatusOK, try(object("text", "x", "state", before+"x")).status)

	require.EqualValues(t, 0, w.call("GET", "/v1/events?count=true", adminKey, nil).at("total"))
	require.EqualValues(t, 0, w.call("GET", "/v1/contacts?count=true", adminKey, nil).at("total"))
	require.EqualValues(t, 0, w.call("GET", "/v1/deliveries?count=true", adminKey, nil).at("total"))
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestTryFlowRefuses(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, http.StatusCreated, w.call("POST", "/v1/flows", adminKey, triedFlow, "Content-Type", "application/yaml").status)
	for field, body := range map[string]map[string]any{
		"text":        object("channel", "bot"),
		"turns":       object("text", "a", "turns", []any{"b"}),
		"turns[1]":    object("turns", []any{"a", object("sya", "b")}),
		"turns[0]":    object("turns", []any{object("after", "1h")}),
		"channel":     object("text", "a", "channel", "pigeon"),
		"known.emial": object("text", "a", "known", object("emial", "x")),
		"known.email": object("text", "a", "known", object("email", "x")),
		"state":       object("text", "a", "state", "e30x"),
		"stat":        object("text", "a", "stat", "e30"),
	} {
		a := w.call("POST", "/v1/flows/tried/try", adminKey, body)
		if field == "turns[0]" { // time may pass before anything is said
			require.Equal(t, http.StatusOK, a.status, string(a.body))
			continue
		}
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", field, a.body)
		require.Equal(t, field, a.at("errors").([]any)[0].(map[string]any)["field"])
	}
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/flows/none/try", adminKey, object("text", "a")).status)
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/flows/tried/try", otherKey, object("text", "a")).status)
	require.Equal(t, http.StatusNotFound, w.call("POST", "/v1/flows/tried/try", adminKey, object("text", "a", "version", 9)).status)
	require.Equal(t, http.StatusForbidden, w.call("POST", "/v1/flows/tried/try", readKey, object("text", "a")).status)
}
