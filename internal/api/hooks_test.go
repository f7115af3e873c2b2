package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// turn posts to the bot and returns its answer.
func (w *world) turn(body any) answer {
	w.t.Helper()
	a := w.call("POST", "/hooks/bot/site", "bot-token-of-acme", body)
	require.Equal(w.t, http.StatusOK, a.status, string(a.body))
	return a
}

// signed is the header by which Meta signs a body.
func signed(body string) []string {
	mac := hmac.New(sha256.New, []byte("app-secret"))
	mac.Write([]byte(body))
	return []string{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(mac.Sum(nil)), "Content-Type", "application/json"}
}

func whatsappMessage(id, from, text string) string {
	return fmt.Sprintf(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{`+
		`"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550000000","phone_number_id":"1065"},`+
		`"contacts":[{"profile":{"name":"Ada Lovelace"},"wa_id":%q}],`+
		`"messages":[{"from":%q,"id":%q,"timestamp":"1780000000","type":"text","text":{"body":%q}}]}}]}]}`, from, from, id, text)
}

func TestWhatsAppBecomesAContact(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := whatsappMessage("wamid.1", "447700900123", "Hello")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if a := w.call("POST", "/hooks/whatsapp/acme", "", body, signed(body)...); a.status != http.StatusOK {
				t.Errorf("status %d: %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool {
		return w.call("GET", "/v1/events?state=done", readKey, nil).at("next_cursor") == nil &&
			len(w.call("GET", "/v1/events?state=done", readKey, nil).at("data").([]any)) == 1
	})
	c := w.call("GET", "/v1/contacts?phone=07700900123", readKey, nil)
	require.Len(t, c.at("data"), 1)
	require.Equal(t, "Ada", c.text("data", 0, "first_name"))

	row := w.call("GET", "/v1/events", readKey, nil)
	require.Equal(t, "wamid.1", row.text("data", 0, "dedupe_key"))
	require.Equal(t, "whatsapp/acme", row.text("data", 0, "channel"))
	require.Equal(t, c.text("data", 0, "id"), row.text("data", 0, "contact_id"))
	require.Equal(t, "Hello", row.text("data", 0, "event", "text"))
	one := w.call("GET", "/v1/events/"+row.text("data", 0, "id"), readKey, nil)
	require.NotEmpty(t, one.at("trace"))
	raw := w.call("GET", "/v1/events/"+row.text("data", 0, "id")+"/body", adminKey, nil)
	require.Contains(t, string(raw.body), "wamid.1")
	require.Equal(t, "application/json", raw.header.Get("Content-Type"))
	require.Equal(t, http.StatusAccepted, w.call("POST", "/v1/events/"+row.text("data", 0, "id")+"/replay", agentKey, nil).status)
	require.Len(t, w.call("GET", "/v1/events?contact_id="+c.text("data", 0, "id"), readKey, nil).at("data"), 1)
	require.Empty(t, w.call("GET", "/v1/events?state=quarantined", readKey, nil).at("data"))
	require.Empty(t, w.call("GET", "/v1/events?channel=bot/site", readKey, nil).at("data"))
	require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", "/v1/events?cursor=x", readKey, nil).status)

	talks := w.call("GET", "/v1/contacts/"+c.text("data", 0, "id")+"/conversations", readKey, nil)
	require.Equal(t, "whatsapp/acme", talks.text("data", 0, "channel"))
	require.Equal(t, "Ada Lovelace", talks.text("data", 0, "contact", "name"))
	require.Equal(t, false, talks.at("data", 0, "contact", "anonymous"))
	require.Len(t, w.call("GET", "/v1/conversations?channel=whatsapp/acme&handling=flow", readKey, nil).at("data"), 1)
	moved := w.call("GET", "/v1/guests?channel=whatsapp/acme&external_id=447700900123", readKey, nil)
	require.Equal(t, http.StatusPermanentRedirect, moved.status)
	require.Equal(t, "/v1/contacts/"+c.text("data", 0, "id"), moved.header.Get("Location"))
}

func TestWhatsAppSetUp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.call("GET", "/hooks/whatsapp/acme?hub.mode=subscribe&hub.verify_token=verify&hub.challenge=1158201444", "", nil)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "1158201444", string(a.body))
	require.Equal(t, http.StatusUnauthorized, w.call("GET", "/hooks/whatsapp/acme", "", nil).status)
}

// What is not as it should be gets its answer, and nothing of it is kept.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := setup(t, func(d *Deps) { d.BodyLimit = 256 << 10 })
	good := whatsappMessage("wamid.1", "447700900123", "Hello")
	signedAs := func(body string) []string { return signed(body) }
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		want       int
	}{
		"unsigned":          {"/hooks/whatsapp/acme", good, nil, http.StatusUnauthorized},
		"wrongly signed":    {"/hooks/whatsapp/acme", good, signedAs(good + " "), http.StatusUnauthorized},
		"signature altered": {"/hooks/whatsapp/acme", good, []string{"X-Hub-Signature-256", "sha256=00"}, http.StatusUnauthorized},
		"empty":             {"/hooks/whatsapp/acme", "", signedAs(""), http.StatusBadRequest},
		"truncated":         {"/hooks/whatsapp/acme", good[:100], signedAs(good[:100]), http.StatusBadRequest},
		"no JSON":           {"/hooks/whatsapp/acme", "a=b", signedAs("a=b"), http.StatusBadRequest},
		"not UTF-8": {"/hooks/bot/site", "{\"session\":\"s\",\"kind\":\"message\",\"text\":\"\xff\"}",
			[]string{"Authorization", "Bearer bot-token-of-acme"}, http.StatusBadRequest},
		"deeply nested": {"/hooks/whatsapp/acme", strings.Repeat("[", 10000) + strings.Repeat("]", 10000),
			signedAs(strings.Repeat("[", 10000) + strings.Repeat("]", 10000)), http.StatusBadRequest},
		"bot without a token":  {"/hooks/bot/site", `{"session":"s"}`, nil, http.StatusUnauthorized},
		"bot with a wrong one": {"/hooks/bot/site", `{"session":"s"}`, []string{"Authorization", "Bearer nope"}, http.StatusUnauthorized},
		"bot truncated":        {"/hooks/bot/site", `{"session":`, []string{"Authorization", "Bearer bot-token-of-acme"}, http.StatusBadRequest},
		"bot with a bad value": {"/hooks/bot/site", `{"session":"s","kind":"message","text":"x","parameters":{"company_size":"abc"}}`,
			[]string{"Authorization", "Bearer bot-token-of-acme"}, http.StatusUnprocessableEntity},
		"bot key that may only read": {"/hooks/bot/site", `{"session":"s"}`, []string{"Authorization", "Bearer " + readKey}, http.StatusUnauthorized},
		"webchat without a token":    {"/hooks/webchat/site", `{"type":"text","data":{"text":"Hi"}}`, nil, http.StatusUnauthorized},
		"webchat nowhere":            {"/hooks/webchat/site/nowhere", `{}`, nil, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.call("POST", c.path, "", c.body, c.headers...)
			require.Equal(t, c.want, a.status, string(a.body))
			require.EqualValues(t, c.want, a.at("status"))
		})
	}
	require.Empty(t, w.call("GET", "/v1/events", readKey, nil).at("data"))

	for name, body := range map[string]string{
		"truncated": `{"name":`, "not UTF-8": "{\"name\":\"\xff\"}", "no JSON": "a=b", "empty": "",
		"deeply nested": strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200),
	} {
		for _, path := range []string{"/v1/contacts", "/v1/contacts/capture", "/v1/keys", "/v1/fields"} {
			a := w.call("POST", path, adminKey, body)
			require.Equal(t, http.StatusBadRequest, a.status, "%s %s: %s", name, path, a.body)
		}
	}
	for _, body := range []string{"[]", "null", `"x"`, "1"} {
		require.Equal(t, http.StatusUnprocessableEntity, w.call("POST", "/v1/contacts", adminKey, body).status, body)
	}
	require.Equal(t, http.StatusUnsupportedMediaType, w.call("POST", "/v1/contacts", adminKey, "{}", "Content-Encoding", "gzip").status)
}

// What is signed and of no known type is kept for somebody to look at.
func TestUnknownTypeIsQuarantined(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := strings.Replace(whatsappMessage("wamid.1", "447700900123", "x"), `"type":"text"`, `"type":"hologram"`, 1)
	require.Equal(t, http.StatusOK, w.call("POST", "/hooks/whatsapp/acme", "", body, signed(body)...).status)
	a := w.call("GET", "/v1/events", readKey, nil)
	require.Len(t, a.at("data"), 1)
	require.Contains(t, []any{"quarantined", "done", "ignored", "accepted"}, a.at("data", 0, "state"))
}

func TestBotTurns(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello"))
	require.Equal(t, "guest", first.text("type"))
	require.Equal(t, "size", waitingFor(first))
	require.Equal(t, first.body, w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello")).body, "a repeated message gets the stored answer")
	second := w.turn(object("session", "s-1", "message_id", "m-2", "kind", "message", "text", "20"))
	require.EqualValues(t, 20, second.at("values", "company_size"))

	known := w.call("GET", "/v1/known?channel=bot/site&external_id=s-1&fields=email,company_size", botKey, nil)
	require.Equal(t, http.StatusOK, known.status)
	require.Equal(t, map[string]any{"email": false, "company_size": true}, known.at("known"))
	require.Equal(t, map[string]any{"company_size": 20.0}, known.at("values"))
	require.Equal(t, first.at("guest_id"), known.at("guest_id"))

	nobody := w.call("GET", "/v1/known?channel=bot/site&external_id=stranger", botKey, nil)
	require.Equal(t, http.StatusOK, nobody.status)
	require.Empty(t, nobody.at("values"))
	require.Equal(t, false, nobody.at("known", "email"))
	wrong := w.call("GET", "/v1/known?channel=bot/site&external_id=s-1&fields=email,colour", botKey, nil)
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Equal(t, "fields", wrong.text("errors", 0, "field"))
	require.Equal(t, http.StatusUnprocessableEntity, w.call("GET", "/v1/known?channel=bot/site", botKey, nil).status)
	require.Equal(t, http.StatusNotFound, w.call("GET", "/v1/known?channel=bot/none&external_id=x", botKey, nil).status)

	guest := w.call("GET", "/v1/guests/"+first.text("guest_id"), readKey, nil)
	require.Equal(t, http.StatusOK, guest.status)
	require.NotEmpty(t, guest.text("pseudonym", "name"))
	require.Nil(t, guest.at("email"))
	require.Equal(t, guest.text("id"), w.call("GET", "/v1/guests?channel=bot/site&external_id=s-1", readKey, nil).text("id"))
	talk := w.call("GET", "/v1/conversations/"+first.text("conversation_id"), readKey, nil)
	require.Equal(t, true, talk.at("contact", "anonymous"))
	require.Equal(t, guest.text("pseudonym", "email"), talk.text("contact", "email"))
	require.Equal(t, guest.text("id"), talk.text("guest_id"))
	require.Nil(t, talk.at("contact_id"))

	said := w.call("GET", "/v1/conversations/"+first.text("conversation_id")+"/messages?limit=2", readKey, nil)
	require.Equal(t, "Hello", said.text("data", 0, "text"))
	require.Equal(t, "in", said.text("data", 0, "direction"))
	require.Equal(t, "out", said.text("data", 1, "direction"))
	rest := w.call("GET", "/v1/conversations/"+first.text("conversation_id")+"/messages?cursor="+said.text("next_cursor"), readKey, nil)
	require.Len(t, rest.at("data"), 3)
	require.Nil(t, rest.at("next_cursor"))
	require.EqualValues(t, 0, w.call("GET", "/v1/contacts?archived=any&count=true", readKey, nil).at("total"), "a guest is no contact")
}

// waitingFor is what an answer waits for, whichever of field and step it names.
func waitingFor(a answer) string {
	if text, _ := a.at("waiting_for").(string); text == "company_size" || text == "size" {
		return "size"
	}
	return ""
}

func TestCaptureAndIdentify(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.turn(object("session", "s-1", "message_id", "m-1", "kind", "message", "text", "Hello"))
	capture := func(body any) answer { return w.call("POST", "/v1/contacts/capture", botKey, body) }
	a := capture(object("channel", "bot/site", "external_id", "s-1", "fields", object("company_size", 30)))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.EqualValues(t, 30, a.at("values", "company_size"))
	require.Equal(t, first.at("guest_id"), a.at("guest_id"))
	a = capture(object("channel", "bot/site", "external_id", "s-1", "name", "Ada Lovelace", "email", "ada@example.com"))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "lead", a.text("type"))
	require.EqualValues(t, 1, w.call("GET", "/v1/contacts?email=ada@example.com&count=true", readKey, nil).at("total"))

	for field, body := range map[string]any{
		"channel":      object("external_id", "s-1"),
		"external_id":  object("channel", "bot/site"),
		"company_size": object("channel", "bot/site", "external_id", "s-1", "fields", object("company_size", "abc")),
		"email":        object("channel", "bot/site", "external_id", "s-1", "email", "nope"),
		"colour":       object("channel", "bot/site", "external_id", "s-1", "fields", object("colour", "red")),
		"verified":     object("channel", "bot/site", "external_id", "s-1", "verified", "yes"),
		"customer_id":  object("channel", "bot/site", "external_id", "s-1", "customer_id", "C-1"),
		"status":       object("channel", "bot/site", "external_id", "s-1", "status", "qualified"),
	} {
		a := capture(body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", field, a.body)
		require.Equal(t, field, a.text("errors", 0, "field"))
	}
	require.Equal(t, http.StatusNotFound, capture(object("channel", "bot/none", "external_id", "s-1")).status)

	identify := func(body any) answer { return w.call("POST", "/v1/identify", botKey, body) }
	a = identify(object("channel", "bot/site", "external_id", "s-1", "customer_id", "C-77"))
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	require.Equal(t, "customer", a.text("type"))
	require.Equal(t, "customer_id", identify(object("channel", "bot/site", "external_id", "s-1")).text("errors", 0, "field"))
}
