package gateway

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"usher/connectors"
	"usher/contacts"
	"usher/contacts/sqlstore"
	"usher/crm"
)

const (
	victimEmail = "victim@example.com"
	victimPhone = "+33612345678"
)

func typed(text string) connectors.Event { return message("s-1", text) }

func parameters(values map[string]any) connectors.Event {
	ev := typed("")
	ev.Parameters = values
	return ev
}

func verified(email, number string) connectors.Event {
	ev := typed("")
	ev.Verified, ev.Email, ev.Phone = true, email, number
	return ev
}

func claimed(email, number string) connectors.Event {
	ev := verified(email, number)
	ev.Verified = false
	return ev
}

// TestClaimsTellNothing: a conversation that claims what belongs to somebody
// else gets, byte for byte, what it would get had nobody held it.
func TestClaimsTellNothing(t *testing.T) {
	t.Parallel()
	scripts := map[string][]connectors.Event{
		"answers":                     {typed("Hi"), typed("20"), typed(victimEmail), typed("Eve Stranger"), typed("07700 900999"), typed("Hi again"), typed("more")},
		"answers, both":               {typed("Hi"), typed("20"), typed(victimEmail), typed("Eve Stranger"), typed(victimPhone), typed("Hi again")},
		"only the phone":              {typed("Hi"), typed("20"), typed("eve@example.com"), typed("Eve"), typed(victimPhone), typed("Hi again")},
		"claims beside the text":      {claimed(victimEmail, ""), typed("Hi"), claimed("", victimPhone), typed("what now")},
		"parameters":                  {parameters(map[string]any{"email": victimEmail, "plan": "gold"}), typed("Hi"), parameters(map[string]any{"name": "Eve S", "plan": "lead"}), typed("x")},
		"own first, then the claim":   {claimed("eve@example.com", "+447700900999"), claimed(victimEmail, ""), claimed("", victimPhone), typed("Hi")},
		"the claim, then own":         {claimed(victimEmail, victimPhone), claimed("eve@example.com", "+447700900999"), typed("Hi"), parameters(map[string]any{"plan": "x"})},
		"proven, then the claim":      {verified("eve@example.com", ""), claimed(victimEmail, ""), claimed("", "+447700900999"), claimed("", victimPhone), typed("Hi")},
		"proven phone, then a claim":  {verified("", "+447700900999"), claimed("one@example.com", ""), claimed(victimEmail, ""), claimed("", victimPhone), typed("Hi")},
		"the claim, then a proof":     {claimed(victimEmail, ""), claimed("", "+447700900999"), verified("", "+447700900999"), typed("Hi"), typed("20")},
		"the claim, then other proof": {claimed(victimEmail, ""), verified("eve@example.com", ""), typed("Hi"), verified("", "+447700900999")},
		"countries":                   {claimed("", "+447700900999"), claimed("", victimPhone), claimed("", "+4915123456789"), typed("Hi")},
		"country said":                {parameters(map[string]any{"country": "JP", "email": victimEmail}), claimed("", "+447700900999"), claimed("", victimPhone)},
	}
	for holder, give := range map[string]func(*testing.T, *world){
		"contact of the API": func(t *testing.T, w *world) {
			_, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Status: "sales_qualified", Tags: []string{"vip"}, Values: map[string]any{
				"email": victimEmail, "phone": victimPhone, "name": "Vic Tim", "plan": "platinum", "company_size": 500, "customer_id": "c-1", "timezone": "Asia/Tokyo"}})
			require.NoError(t, err)
		},
		"contact by claim": func(_ *testing.T, w *world) {
			ev := message("victim", "Hi")
			ev.Email, ev.Phone, ev.Name = victimEmail, victimPhone, "Vic Tim"
			w.turn(ev)
		},
		"contact by proof": func(_ *testing.T, w *world) {
			ev := message("victim", "Hi")
			ev.Email, ev.Phone, ev.Name, ev.Verified = victimEmail, victimPhone, "Vic Tim", true
			w.turn(ev)
		},
		"agent": func(t *testing.T, w *world) {
			addAgent(t, w, sqlstore.Address{Kind: "email", Value: contacts.AddressKey("email", victimEmail)})
			addAgent(t, w, sqlstore.Address{Kind: "phone", Value: victimPhone})
		},
	} {
		for name, script := range scripts {
			t.Run(holder+", "+name, func(t *testing.T) {
				t.Parallel()
				alone, beside := setup(t, embedded(t)), setup(t, embedded(t))
				give(t, beside)
				for i, ev := range script {
					for _, look := range []struct {
						what string
						at   func(*world) connectors.Turn
					}{
						{"answer", func(w *world) connectors.Turn { return w.turn(ev) }},
						{"known", func(w *world) connectors.Turn { return w.known("bot/site", "s-1") }},
					} {
						want, err := json.Marshal(look.at(alone))
						require.NoError(t, err)
						got, err := json.Marshal(look.at(beside))
						require.NoError(t, err)
						require.JSONEq(t, string(want), string(got), "%s to event %d", look.what, i)
						require.Equal(t, string(want), string(got))
					}
				}
			})
		}
	}
}

// TestStrangerThenTheirPhone is the example of a stranger who types the e-mail
// of a contact and then writes from a phone of their own.
func TestStrangerThenTheirPhone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be)
		victim, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{"email": victimEmail, "name": "Vic Tim", "company_size": 500}})
		require.NoError(t, err)
		w.say("web/site", "eve", "Hi", "7", victimEmail, "Eve Stranger", "+447700900999")
		conv, c := w.conv("web/site", "eve")
		require.Equal(t, victim.ID, c.ID, "attached for the operator")
		require.False(t, conv.Linked)
		require.Equal(t, "+447700900999", c.Values.Text("phone"), "an empty field is filled")
		require.Equal(t, 500.0, c.Values["company_size"], "and no other touched")
		require.Equal(t, "Vic Tim", c.Values.Text("name"))
		require.Equal(t, "Thank you!", w.transcriptEnd("web/site", "eve"))

		// An agent who edits the contact does not vouch for what was typed.
		tags := []string{"vip"}
		_, err = w.g.PatchContact(t.Context(), w.b, victim.ID, Patch{Tags: &tags, Via: "manual"})
		require.NoError(t, err)

		require.NoError(t, w.post("phone/acme", fromPhone("+447700900999", "", "Hi")))
		w.idle()
		conv, eve := w.conv("phone/acme", "447700900999")
		require.True(t, conv.Linked)
		require.NotEqual(t, victim.ID, eve.ID, "a typed number links nobody")
		require.Nil(t, eve.Values["company_size"])
		require.Nil(t, w.contact(victim.ID).Values["phone"], "it was never theirs")
		require.Eventually(t, func() bool { return len(w.phone.texts("447700900999")) == 2 }, soon, look)
		require.Equal(t, []string{"Hello stranger!", "How many people?"}, w.phone.texts("447700900999"))
		// The CRM hears that the number is gone.
		require.Eventually(t, func() bool {
			got := w.crm.got()
			for i := len(got) - 1; i >= 0; i-- {
				if got[i].LeadKey == victim.ID {
					return got[i].Kind == crm.ContactUpdated && got[i].Contact["phone"] == nil
				}
			}
			return false
		}, soon, look)
	})
}

func (w *world) transcriptEnd(channel, person string) string {
	lines := w.transcript(channel, person)
	return lines[len(lines)-1][2:]
}

// TestTwoPeopleInOneMessage: the e-mail of one contact, the phone of another.
func TestTwoPeopleInOneMessage(t *testing.T) {
	t.Parallel()
	w := setup(t, embedded(t), silent)
	a, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{"email": "a@example.com", "name": "A A"}})
	require.NoError(t, err)
	b, err := w.g.CreateContact(t.Context(), w.b, Draft{Via: "api", Values: map[string]any{"phone": "+447700900001", "name": "B B"}})
	require.NoError(t, err)
	ev := message("s-1", "Hi")
	ev.Email, ev.Phone = "a@example.com", "+447700900001"
	w.turn(ev)
	_, c := w.conv("bot/site", "s-1")
	require.Equal(t, a.ID, c.ID, "the e-mail decides")
	require.Equal(t, b.ID, c.PossibleDuplicateOf)
	require.Equal(t, "+447700900001", w.contact(b.ID).Values.Text("phone"))
	require.Nil(t, w.contact(a.ID).Values["phone"], "one phone, one contact")
	require.Len(t, w.people(), 2)
}

// TestManyBecomeOneContact: twenty conversations give one e-mail at once.
func TestManyBecomeOneContact(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		const many = 20
		var all errgroup.Group
		for i := range many {
			all.Go(func() error {
				ev := message(person(i), "Hi")
				ev.Email = "ada@example.com"
				return w.post("bot/site", ev)
			})
		}
		require.NoError(t, all.Wait())
		w.idle()
		c := w.onlyContact()
		for i := range many {
			conv, own := w.conv("bot/site", person(i))
			require.Equal(t, c.ID, own.ID)
			require.False(t, conv.Linked)
		}
		require.Empty(t, w.events(quarantined))
		require.Equal(t, []crm.Kind{crm.LeadCreated}, kindsOf(w.pushed(1)))
	})
}

func kindsOf(pushes []crm.Push) []crm.Kind {
	var kinds []crm.Kind
	for _, p := range pushes {
		kinds = append(kinds, p.Kind)
	}
	return kinds
}

// TestOneProvenPersonOnManyChannels: the same phone, proven everywhere.
func TestOneProvenPersonOnManyChannels(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, be backend) {
		w := setup(t, be, silent)
		var all errgroup.Group
		var mu sync.Mutex
		var failed []error
		for i := range 20 {
			all.Go(func() error {
				ev := message(person(i), "Hi")
				ev.Phone, ev.Verified = "+447700900123", true
				ev.Parameters = map[string]any{"plan": fmt.Sprint(i)}
				if err := w.post("bot/site", ev); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, err)
				}
				return nil
			})
		}
		require.NoError(t, all.Wait())
		require.Empty(t, failed)
		w.idle()
		c := w.onlyContact()
		for i := range 20 {
			conv, own := w.conv("bot/site", person(i))
			require.Equal(t, c.ID, own.ID)
			require.True(t, conv.Linked)
			require.Equal(t, c.Values.Text("plan"), w.known("bot/site", person(i)).Values["plan"], "each sees the whole contact")
		}
	})
}
