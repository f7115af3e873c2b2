package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// platform posts to a bot platform's channel as the platform does.
func (w *world) platform(channel, body string) answer {
	w.t.Helper()
	a := w.call("POST", "/hooks/"+channel, "", body, "Authorization", "Basic dXNoZXI6YWdlbnQtdG9rZW4=", "Content-Type", "application/json")
	require.Equal(w.t, http.StatusOK, a.status, string(a.body))
	return a
}

// nothingKnown is the known of a person of whom nothing is.
func (w *world) nothingKnown() string {
	w.t.Helper()
	a := w.call("GET", "/v1/known?channel=bot/site&external_id=nobody-at-all", botKey, nil)
	require.NotEmpty(w.t, a.at("known"))
	_, known, _ := strings.Cut(string(a.body), `"known":`)
	known, _, _ = strings.Cut(known, "}")
	return known + "}"
}

// know marks fields in a known.
func know(known string, fields ...string) string {
	for _, f := range fields {
		known = strings.Replace(known, `"`+f+`":false`, `"`+f+`":true`, 1)
	}
	return known
}

func cx(id, tag, text, rest string) string {
	return fmt.Sprintf(`{"detectIntentResponseId":%q,"fulfillmentInfo":{"tag":%q},"text":%q,%s}`, id, tag, text, rest)
}

const cxSession = `"session":"projects/p/locations/l/agents/a/sessions/s-1"`

func TestDialogflowCX(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nothing := w.nothingKnown()
	post := func(body string) string { t.Helper(); return string(w.platform("dialogflow_cx/site", body).body) }

	require.Equal(t, `{"sessionInfo":{"parameters":{"usher":{"contact_id":null,"known":`+nothing+`,"status":null,"type":"guest"}}}}`,
		post(cx("r-1", "usher.known", "hello", `"sessionInfo":{`+cxSession+`,"parameters":{"company_size":5}}`)), "unknown values are left out")
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/guests?channel=dialogflow_cx/site&external_id=s-1", readKey, nil).status, "who is only asked about leaves no trace")

	require.Equal(t, `{"sessionInfo":{"parameters":{"company_size":20,"usher":{"contact_id":null,"known":`+know(nothing, "company_size")+`,"status":null,"type":"guest"}}}}`,
		post(cx("r-1", "collect", "we are 20", `"sessionInfo":{`+cxSession+`,"parameters":{"company_size":20,"order":4111,"email":"not one","cart":{"a":[1]}}}`)),
		"what cannot be used is left out")

	// The form of the platform has the parameter mail for our e-mail.
	answer := post(cx("r-2", "collect", "ada@example.com", `"sessionInfo":{`+cxSession+`,"parameters":{"mail":"ada@example.com"}}`))
	require.Equal(t, `{"sessionInfo":{"parameters":{"company_size":20,"email":"ada@example.com","mail":"ada@example.com",`+
		`"usher":{"contact_id":null,"known":`+know(nothing, "company_size", "email")+`,"status":null,"type":"guest"}}}}`, answer)
	contact := w.call("GET", "/v1/contacts?email=ada@example.com", readKey, nil)
	require.Len(t, contact.at("data"), 1, "an e-mail makes a contact, claimed as it is")
	require.Equal(t, "channel", contact.text("data", 0, "source", "via"))

	require.Equal(t, answer, post(cx("r-2", "collect", "ada@example.com", `"sessionInfo":{`+cxSession+`,"parameters":{"mail":"bob@example.com"}}`)), "a repeated request gets the stored answer")

	// A turn of the flow.
	require.Contains(t, post(cx("r-3", "usher.flow", "Hello", `"sessionInfo":{`+cxSession+`}`)),
		`{"fulfillmentResponse":{"messages":[{"text":{"text":["Hi!"]}},{"text":{"text":["How many people work with you?"]}}]},"sessionInfo":{"parameters":{"company_size":20,`)

	// What an agent's session still has of earlier answers takes no edit back.
	id := contact.text("data", 0, "id")
	identified := w.call("POST", "/v1/identify", botKey, object("channel", "dialogflow_cx/site", "external_id", "s-1", "customer_id", "C-1"))
	require.Equal(t, http.StatusOK, identified.status, string(identified.body))
	require.Contains(t, post(cx("r-3", "usher.known", "", `"sessionInfo":{`+cxSession+`}`)), `"contact_id":"`+id+`"`)
	edit := func(company string) {
		t.Helper()
		require.Equal(t, http.StatusOK, w.call("PATCH", "/v1/contacts/"+id, agentKey, object("company", company)).status)
	}
	company := func() string { t.Helper(); return w.call("GET", "/v1/contacts/"+id, readKey, nil).text("company") }
	edit("Acme")
	require.Contains(t, post(cx("r-4", "usher.known", "", `"sessionInfo":{`+cxSession+`}`)), `"company":"Acme"`)
	edit("Globex")
	session := `"sessionInfo":{` + cxSession + `,"parameters":{"company":"Acme","usher":{"known":{"company":true}}}}`
	post(cx("r-5", "collect", "ok", session))
	require.Equal(t, "Globex", company(), "nobody has said Acme")
	post(cx("r-6", "collect", "Acme", `"pageInfo":{"formInfo":{"parameterInfo":[{"displayName":"company","justCollected":true}]}},`+session))
	require.Equal(t, "Acme", company(), "now somebody has")

	// A person known to the platform is one over sessions.
	post(cx("r-7", "collect", "hi", `"payload":{"userId":1.7882E12},"sessionInfo":{"session":"a/sessions/s-2","parameters":{"company_size":7}}`))
	require.Contains(t, post(cx("r-8", "usher.known", "", `"payload":{"userId":"1788200000000"},"sessionInfo":{"session":"a/sessions/s-3"}`)), `"company_size":7`)
	require.Equal(t, http.StatusOK, w.call("GET", "/v1/guests?channel=dialogflow_cx/site&external_id=1788200000000", readKey, nil).status)

	// Without a session nobody can be told apart: kept to be looked at.
	require.Contains(t, post(cx("r-9", "collect", "hi", `"sessionInfo":{"parameters":{"company_size":9}}`)), `"type":"guest"`)
	require.Len(t, w.call("GET", "/v1/events?state=quarantined", readKey, nil).at("data"), 1)
}

func TestDialogflowES(t *testing.T) {
	t.Parallel()
	w := setup(t)
	nothing := w.nothingKnown()
	es := func(id, action, text, parameters, contexts string) string {
		t.Helper()
		return string(w.platform("dialogflow_es/site", fmt.Sprintf(`{"responseId":%q,"queryResult":{"queryText":%q,"action":%q,"parameters":%s,"outputContexts":[%s]},`+
			`"session":"projects/p/agent/environments/e/users/u/sessions/s-1"}`, id, text, action, parameters, contexts)).body)
	}
	context := func(parameters string) string {
		return `"outputContexts":[{"name":"projects/p/agent/environments/e/users/u/sessions/s-1/contexts/usher","lifespanCount":5,"parameters":{` + parameters + `}}]}`
	}
	require.Equal(t, `{`+context(`"contact_id":null,"known":`+nothing+`,"status":null,"type":"guest"`), es("r-1", "usher.known", "hi", `{}`, ""))
	require.Equal(t, `{`+context(`"company_size":20,"contact_id":null,"known":`+know(nothing, "company_size")+`,"status":null,"type":"guest"`),
		es("r-2", "book.demo", "for 20", `{"company_size":20,"email":"","people":2}`, ""), "an empty parameter is none")
	require.Equal(t, `{"fulfillmentMessages":[{"text":{"text":["Hi!"]}},{"text":{"text":["How many people work with you?"]}}],`+
		context(`"company_size":20,"contact_id":null,"known":`+know(nothing, "company_size")+`,"status":null,"type":"guest"`),
		es("r-3", "usher.flow", "Hello", `{}`, ""))
	guest := w.call("GET", "/v1/guests?channel=dialogflow_es/site&external_id=s-1", readKey, nil)
	require.EqualValues(t, 20, guest.at("fields", "company_size"))
}

func TestRasa(t *testing.T) {
	t.Parallel()
	w := setup(t)
	post := func(path, body string) string { t.Helper(); return string(w.platform("rasa/site"+path, body).body) }
	require.Equal(t, `[{"recipient_id":"u-1","text":"Hi!"},{"recipient_id":"u-1","text":"How many people work with you?"}]`,
		post("/rest", `{"sender":"u-1","message":"Hello"}`))
	require.Equal(t, `[{"recipient_id":"u-1","text":"What is your e-mail address?"}]`, post("/rest", `{"sender":"u-1","message":"20"}`))
	require.Equal(t, `{"events":[{"event":"slot","timestamp":null,"name":"company_size","value":20},`+
		`{"event":"slot","timestamp":null,"name":"email","value":"ada@example.com"}],"responses":[]}`,
		post("/actions", `{"next_action":"action_save","sender_id":"u-1","tracker":{"slots":{"email":"ada@example.com","company_size":null,"city":null}}}`))
	require.Contains(t, post("/actions", `{"next_action":"action_usher_known","sender_id":"u-1","tracker":{"slots":{"usher":null,"email":null}}}`),
		`{"events":[{"event":"slot","timestamp":null,"name":"email","value":"ada@example.com"},{"event":"slot","timestamp":null,"name":"usher","value":{"contact_id":null,"known":{`)
	require.Empty(t, post("", `{"recipient_id":"u-1","text":"Which?","buttons":[{"title":"A","payload":"/a"}]}`), "nobody reads an answer to what the assistant says")
	require.Empty(t, post("", `[{"recipient_id":"u-1","text":"one"},{"recipient_id":"u-1","text":"two"}]`))
	eventually(t, func() bool {
		return len(w.call("GET", "/v1/events?channel=rasa/site&state=done", readKey, nil).at("data").([]any)) == 7
	})
	require.Equal(t, http.StatusUnauthorized, w.call("POST", "/hooks/rasa/site?token=agent-toke", "", `{"recipient_id":"u-1","text":"x"}`).status)
	require.Equal(t, http.StatusOK, w.call("POST", "/hooks/rasa/site?token=agent-token", "", `{"recipient_id":"u-1","text":"x"}`).status)
	require.Equal(t, http.StatusOK, w.call("POST", "/hooks/rasa/site", botKey, `{"recipient_id":"u-1","text":"x"}`).status, "an API key")
}
