package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asking is a flow that says all that a flow can know of the person it talks
// to, again and again.
const asking = `
id: main
name: Asking
start: {trigger: first_message}
defaults: {skip_if_known: true}
steps:
  - {id: size, ask: "How many people?", save: company_size}
  - {id: mail, ask: "Your e-mail?", save: email}
  - say: "1 {{ contact.name | default: '-' }} {{ contact.email | default: '-' }} {{ contact.phone | default: '-' }} {{ contact.secret_plan | default: '-' }} {{ contact.company | default: '-' }} {{ contact.country | default: '-' }} {{ contact.timezone | default: '-' }} {{ contact.language | default: '-' }} {{ contact.type }} {{ contact.status | default: '-' }} {{ contact.customer_id | default: '-' }}"
  - {when: contact.status == "qualified", say: Qualified.}
  - {when: '"vip" in contact.tags', say: A VIP.}
  - {when: known(contact.phone), say: "Phone is known."}
  - {id: plan, ask: "Which plan?", save: secret_plan}
  - {set: {status: marketing_qualified, add_tags: [asked]}}
  - {id: call, ask: "Your phone?", save: phone}
  - {id: who, ask: "Your name?", save: name}
  - say: "2 {{ contact.name | default: '-' }} {{ contact.email | default: '-' }} {{ contact.phone | default: '-' }} {{ contact.secret_plan | default: '-' }} {{ contact.company | default: '-' }} {{ contact.country | default: '-' }} {{ contact.timezone | default: '-' }} {{ contact.type }} {{ contact.status | default: '-' }}"
  - {when: '"vip" in contact.tags', say: A VIP.}
  - {when: '"asked" in contact.tags', say: Asked.}
  - {id: more, ask: "Company?", save: company}
  - {say: "3 {{ contact.company }}"}
`

// victim is a contact whose details nobody may learn by naming its addresses;
// what a stranger claims, and what a control person does whose addresses nobody
// has.
const (
	victimMail, freeMail   = "ada@example.com", "eve@example.com"
	victimPhone, freePhone = "+447700900123", "+447700900456"
)

// ids differ from person to person; so do the addresses of the two.
var unlike = regexp.MustCompile(`(gst|con|cnv|msg|evt)_[a-z0-9]+`)

func alike(raw []byte) string {
	text := unlike.ReplaceAllString(string(raw), "$1")
	for _, pair := range [][2]string{{victimMail, freeMail}, {victimPhone, freePhone}, {strings.TrimPrefix(victimPhone, "+"), strings.TrimPrefix(freePhone, "+")},
		{"stranger", "control"}, {"07700 900123", "07700 900456"}} {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

// requireSecret checks that nothing of the victim is in what somebody was told.
func requireSecret(t *testing.T, told string) {
	t.Helper()
	for _, secret := range []string{"Lovelace", "platinum", "Analytical", "cus-1815", "vip", "VIP", "Qualified", "sales_qualified", "Europe/Paris"} {
		require.NotContains(t, told, secret)
	}
}

// strangerSite has the contact in both ways: made by the API or written on
// WhatsApp.
func strangerSite(t *testing.T, b *backend, byWhatsApp bool) (*site, api, map[string]any) {
	t.Helper()
	s := newSite(t, b, siteOptions{flow: asking})
	a := s.start().api()
	details := map[string]any{"name": "Ada Lovelace", "email": victimMail, "phone": victimPhone, "company": "Analytical Engines", "timezone": "Europe/Paris",
		"fields": map[string]any{"secret_plan": "platinum"}, "tags": []string{"vip"}, "status": "qualified"}
	if byWhatsApp {
		require.True(t, a.insist(t.Context(), waBody(waMessage{strings.TrimPrefix(victimPhone, "+"), "Ada Lovelace", "wamid.v1", "hello"})))
		require.True(t, a.insist(t.Context(), waBody(waMessage{strings.TrimPrefix(victimPhone, "+"), "Ada Lovelace", "wamid.v2", "1815"})))
		require.True(t, a.insist(t.Context(), waBody(waMessage{strings.TrimPrefix(victimPhone, "+"), "Ada Lovelace", "wamid.v3", victimMail})))
		require.True(t, a.insist(t.Context(), waBody(waMessage{strings.TrimPrefix(victimPhone, "+"), "Ada Lovelace", "wamid.v4", "platinum"})))
	} else {
		status, got := a.post("/v1/contacts", details)
		require.Equal(t, http.StatusCreated, status, "%v", got)
	}
	a.settled(time.Minute)
	contacts := a.all("/v1/contacts")
	require.Len(t, contacts, 1)
	require.Equal(t, victimMail, contacts[0]["email"])
	require.Equal(t, victimPhone, contacts[0]["phone"])
	return s, a, contacts[0]
}

// TestStrangerOnBot types the e-mail and the phone of somebody else into a bot,
// in every way that a bot has, beside a person who types what nobody has.
func TestStrangerOnBot(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		for _, byWhatsApp := range []bool{false, true} {
			_, a, victim := strangerSite(t, b.again(t), byWhatsApp)
			scripts := map[string][]map[string]any{
				"typed": {{"text": "hi"}, {"text": "20"}, {"text": victimMail}, {"text": "gold"}, {"text": "07700 900123"}, {"text": "Some Body"}, {"text": "Their Company"}, {"text": "again"}, {"text": "bye"}},
				"as parameters": {{"text": "hi", "parameters": map[string]any{"email": victimMail}}, {"text": "20"}, {"text": "gold", "parameters": map[string]any{"phone": victimPhone}},
					{"text": "x"}, {"text": "Some Body"}, {"text": "y"}, {"text": "z"}},
				"as the user": {{"text": "hi", "user": map[string]any{"id": "u-%s", "name": "Some Body", "email": victimMail, "phone": victimPhone, "verified": false}},
					{"text": "20", "user": map[string]any{"id": "u-%s"}}, {"text": "gold", "user": map[string]any{"id": "u-%s"}}, {"text": "z", "user": map[string]any{"id": "u-%s"}}},
				"after an own e-mail": {{"text": "hi", "parameters": map[string]any{"email": "own-%s@example.com"}}, {"text": "20"}, {"text": "gold", "parameters": map[string]any{"email": victimMail}},
					{"text": victimPhone}, {"text": "Some Body"}, {"text": "c", "parameters": map[string]any{"email": "third-%s@example.com"}}, {"text": "d"}},
				"after an own phone": {{"text": "hi", "parameters": map[string]any{"phone": "+44770090077%n"}}, {"text": "20", "parameters": map[string]any{"phone": victimPhone}},
					{"text": victimMail}, {"text": "gold"}, {"text": "Some Body"}, {"text": "c"}, {"text": "d"}},
			}
			for name, script := range scripts {
				play := func(who, n string) (told []string) {
					session := strings.ReplaceAll(name, " ", "-") + "-" + who
					for i, turn := range script {
						raw, err := json.Marshal(turn)
						require.NoError(t, err)
						text := strings.NewReplacer("%s", who, "%n", n).Replace(string(raw))
						if who == "control" {
							text = alike([]byte(text))
						}
						var body map[string]any
						require.NoError(t, json.Unmarshal([]byte(text), &body))
						body["session"], body["message_id"] = session, fmt.Sprintf("%s-%d", session, i)
						status, answer := a.bot(body)
						told = append(told, fmt.Sprintf("turn %d: %d %s", i, status, answer))
						told = append(told, "known: "+string(a.known("bot/site", session)))
					}
					return told
				}
				stranger, control := play("stranger", "1"), play("control", "2")
				for i := range control {
					want := strings.ReplaceAll(alike([]byte(control[i])), "+447700900772", "+447700900771")
					require.Equal(t, want, alike([]byte(stranger[i])), "%s, by WhatsApp: %v", name, byWhatsApp)
					requireSecret(t, stranger[i])
				}
				// Free the control's addresses for the next script.
				for _, c := range a.all("/v1/contacts?email=" + freeMail) {
					a.patch(c, map[string]any{"email": nil, "phone": nil})
				}
				for _, c := range a.all("/v1/contacts?phone=%2B447700900456") {
					a.patch(c, map[string]any{"email": nil, "phone": nil})
				}
			}
			requireUnchanged(t, a, victim)
		}
	})
}

// requireUnchanged checks that the contact has what it had; what was empty may
// have been filled.
func requireUnchanged(t *testing.T, a api, before map[string]any) {
	t.Helper()
	a.settled(time.Minute)
	var after map[string]any
	a.get("/v1/contacts/"+before["id"].(string), &after)
	for name, v := range before {
		switch name {
		case "updated_at", "last_seen_at", "identities":
		case "fields":
			for field, v := range v.(map[string]any) {
				if v != nil {
					require.Equal(t, v, after["fields"].(map[string]any)[field], field)
				}
			}
		default:
			if v != nil {
				require.Equal(t, v, after[name], name)
			}
		}
	}
	require.Len(t, a.all("/v1/contacts?email="+victimMail), 1)
	for _, id := range after["identities"].([]any) {
		if id := id.(map[string]any); id["kind"] == "channel" && !strings.HasPrefix(id["channel"].(string), "whatsapp") {
			require.Equal(t, false, id["proven"], "%v", id)
		}
	}
}

// patch changes a contact.
func (a api) patch(c map[string]any, change map[string]any) {
	a.t.Helper()
	body, err := json.Marshal(change)
	require.NoError(a.t, err)
	status, _, answer := request(a.t.Context(), http.MethodPatch, a.base+"/v1/contacts/"+c["id"].(string), body,
		"Authorization", "Bearer "+adminKey, "Content-Type", "application/merge-patch+json")
	require.Equal(a.t, http.StatusOK, status, "%s", answer)
}

// TestStrangerOnWebchat does the same on the webchat, where the answers come on
// the stream.
func TestStrangerOnWebchat(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		for _, byWhatsApp := range []bool{false, true} {
			_, a, victim := strangerSite(t, b.again(t), byWhatsApp)
			play := func(who string) (told []string) {
				v := a.visit()
				for i, text := range []string{"hi", "20", victimMail, "gold", "07700 900123", "Some Body", "Their Company", "again", "bye"} {
					if who == "control" {
						text = alike([]byte(text))
					}
					require.Equal(t, http.StatusOK, v.write(fmt.Sprintf("%s-%v-%d", who, byWhatsApp, i), text))
					until(t, time.Minute, "the event is done", func() bool { return a.undone() == 0 })
					told = append(told, strings.ReplaceAll(string(a.known("webchat/site", v.ID)), v.ID, "visitor"))
				}
				return append(told, strings.ReplaceAll(strings.Join(v.stream(lastWords), "\n"), v.ID, "visitor"))
			}
			stranger, control := play("stranger"), play("control")
			for i := range control {
				require.Equal(t, timeless(alike([]byte(control[i]))), timeless(alike([]byte(stranger[i]))))
				requireSecret(t, stranger[i])
			}
			require.Contains(t, stranger[len(stranger)-1], lastWords, "the stream shows the whole conversation")
			requireUnchanged(t, a, victim)
		}
	})
}

// lastWords are what the flow says last to somebody who goes through it.
const lastWords = "3 Their Company"

var instants = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)

func timeless(text string) string { return instants.ReplaceAllString(text, "then") }

// stream reads a visitor's stream from the beginning until it has shown a text,
// and returns its data lines.
func (v *visitor) stream(last string) []string {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/hooks/webchat/site/stream", nil)
	require.NoError(v.t, err)
	req.Header.Set("Authorization", "Bearer "+v.Token)
	req.Header.Set("Last-Event-ID", "0")
	res, err := (&http.Client{}).Do(req)
	require.NoError(v.t, err)
	defer res.Body.Close()
	require.Equal(v.t, http.StatusOK, res.StatusCode)
	var text bytes.Buffer
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), last) || !strings.HasSuffix(text.String(), "\n\n") {
		n, err := res.Body.Read(buffer)
		text.Write(buffer[:n])
		if err == io.EOF {
			break
		}
		require.NoError(v.t, err, "stream: %s", text.String())
	}
	var lines []string
	for line := range strings.SplitSeq(text.String(), "\n") {
		if strings.HasPrefix(line, "data:") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestStrangerOnWhatsApp types somebody else's e-mail and phone from a number of
// one's own.
func TestStrangerOnWhatsApp(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		for _, byWhatsApp := range []bool{false, true} {
			s, a, victim := strangerSite(t, b.again(t), byWhatsApp)
			play := func(who, number string) (told []string) {
				for i, text := range []string{"hi", "20", victimMail, "gold", "07700 900123", "Their Company", "again", "bye"} {
					if who == "control" {
						text = alike([]byte(text))
					}
					require.True(t, a.insist(t.Context(), waBody(waMessage{number, "Some Body", fmt.Sprintf("wamid.%s.%d", who, i), text})))
					until(t, time.Minute, "the event is done", func() bool { return a.undone() == 0 })
					told = append(told, string(a.known("whatsapp/acme", number)))
				}
				a.settled(time.Minute)
				var texts []string
				until(t, time.Minute, "replies are sent", func() bool {
					texts = s.graph.texts(number)
					ends := 0 // the flow is gone through four times
					for _, text := range texts {
						if strings.HasPrefix(text, "3 ") {
							ends++
						}
					}
					return ends == 4
				})
				return append(told, texts...)
			}
			stranger, control := play("stranger", "447700900801"), play("control", "447700900802")
			require.Len(t, stranger, len(control))
			for i := range control {
				want := strings.ReplaceAll(alike([]byte(control[i])), "447700900802", "447700900801")
				require.Equal(t, want, alike([]byte(stranger[i])), "told %d, by WhatsApp: %v", i, byWhatsApp)
				requireSecret(t, stranger[i])
			}
			requireUnchanged(t, a, victim)
		}
	})
}

// TestProvenTakesClaimed: whoever writes from a number that somebody else only
// claimed has it from then on.
func TestProvenTakesClaimed(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, b *backend) {
		s := newSite(t, b, siteOptions{flow: asking})
		a := s.start().api()
		for i, text := range []string{"hi", "20", "mallory@example.com", "gold", "07700 900123", "Mallory"} {
			a.turn(map[string]any{"session": "m", "message_id": fmt.Sprint("m", i), "text": text})
		}
		a.settled(time.Minute)
		claimers := a.all("/v1/contacts?phone=%2B447700900123")
		require.Len(t, claimers, 1)
		before := string(a.known("bot/site", "m"))
		require.True(t, a.insist(t.Context(), waBody(waMessage{"447700900123", "Ada Lovelace", "wamid.own", "hello"})))
		a.settled(time.Minute)
		owners := a.all("/v1/contacts?phone=%2B447700900123")
		require.Len(t, owners, 1)
		require.NotEqual(t, claimers[0]["id"], owners[0]["id"])
		require.Equal(t, "Ada Lovelace", owners[0]["name"])
		require.Nil(t, owners[0]["email"])
		var claimer map[string]any
		a.get("/v1/contacts/"+claimers[0]["id"].(string), &claimer)
		require.Nil(t, claimer["phone"])
		require.Equal(t, "mallory@example.com", claimer["email"])
		for _, reply := range s.graph.texts("447700900123") {
			require.NotContains(t, reply, "mallory")
			require.NotContains(t, reply, "gold")
		}
		require.NotContains(t, string(a.known("whatsapp/acme", "447700900123")), "gold")
		require.Equal(t, unlike.ReplaceAllString(before, "$1"), unlike.ReplaceAllString(string(a.known("bot/site", "m")), "$1"), "who claimed it does not learn that it is somebody's")
		answer := a.turn(map[string]any{"session": "m", "message_id": "m-later", "text": "Their Company"})
		require.NotContains(t, fmt.Sprint(answer), "Lovelace")
		s.receiver.requireLeads(t, []string{claimer["id"].(string), owners[0]["id"].(string)}, false)
	})
}
