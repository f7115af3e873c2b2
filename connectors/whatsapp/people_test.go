package whatsapp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

func TestWhoItIs(t *testing.T) {
	t.Parallel()
	const rest = `,"id":"w","timestamp":"1788249637","type":"text","text":{"body":"hi"}}`
	for name, c := range map[string]struct {
		contacts, sender     string
		external, phone, who string
		ids                  connectors.IDs
	}{
		"number": {
			``, `"from":"447700900417"`,
			"447700900417", "+447700900417", "", connectors.IDs{WaID: "447700900417"},
		},
		"number with plus": {
			`{"wa_id":"447700900417","profile":{"name":"T"}}`, `"from":"+447700900417"`,
			"447700900417", "+447700900417", "T", connectors.IDs{WaID: "447700900417"},
		},
		"number as number": {
			``, `"from":447700900417`,
			"447700900417", "+447700900417", "", connectors.IDs{WaID: "447700900417"},
		},
		"user id in from": {
			``, `"from":"GB.123"`,
			"GB.123", "", "", connectors.IDs{UserID: "GB.123"},
		},
		"user id in from and wa_id": {
			`{"wa_id":"GB.123","profile":{"name":"T","username":"t.o"}}`, `"from":"GB.123"`,
			"GB.123", "", "T", connectors.IDs{UserID: "GB.123", Username: "t.o"},
		},
		"user id only in contacts": {
			`{"wa_id":"447700900417","user_id":"GB.123","parent_user_id":"GB.ENT.9","profile":{"name":"T"}}`, `"from":"447700900417"`,
			"GB.123", "+447700900417", "T", connectors.IDs{WaID: "447700900417", UserID: "GB.123", ParentUserID: "GB.ENT.9"},
		},
		"number only in contacts": {
			`{"wa_id":"447700900417","user_id":"GB.123"}`, `"from_user_id":"GB.123"`,
			"GB.123", "+447700900417", "", connectors.IDs{WaID: "447700900417", UserID: "GB.123"},
		},
		"another's contact": {
			`{"wa_id":"33639980112","user_id":"FR.1","profile":{"name":"L"}}`, `"from":"447700900417"`,
			"447700900417", "+447700900417", "", connectors.IDs{WaID: "447700900417"},
		},
		"contacts of no shape": {
			`7,{"profile":"x"},null`, `"from":"447700900417"`,
			"447700900417", "+447700900417", "", connectors.IDs{WaID: "447700900417"},
		},
		"no number": {
			``, `"from":"somebody"`,
			"somebody", "", "", connectors.IDs{WaID: "somebody"},
		},
	} {
		it := parseOne(t, in(`"contacts":[`+c.contacts+`],"messages":[{`+c.sender+rest+`]`))
		require.Empty(t, it.Problem, name)
		require.Equal(t, c.external, it.Event.ExternalID, name)
		require.Equal(t, c.phone, it.Event.Phone, name)
		require.Equal(t, c.who, it.Event.Name, name)
		require.Equal(t, &c.ids, it.Event.IDs, name)
	}
}

func TestChangedIdentity(t *testing.T) {
	t.Parallel()
	system := func(content, sender string) connectors.Item {
		return parseOne(t, messages(`{`+sender+`"id":"w","timestamp":"1","type":"system","system":`+content+`}`))
	}
	it := system(`{"type":"user_changed_number","wa_id":"12025550178"}`, `"from":"12025550143",`)
	require.Empty(t, it.Problem)
	require.Equal(t, "12025550178", it.Event.ExternalID)
	require.Equal(t, "+12025550178", it.Event.Phone)
	require.Equal(t, &connectors.IDs{WaID: "12025550143"}, it.Event.PreviousIDs)

	it = system(`{"type":"customer_changed_number","new_wa_id":"12025550178","customer":"12025550143"}`, ``)
	require.Equal(t, connectors.KindIdentity, it.Event.Kind)
	require.Equal(t, &connectors.IDs{WaID: "12025550143"}, it.Event.PreviousIDs)

	it = system(`{"type":"customer_identity_changed","body":"new key","customer":"12025550143"}`, `"from":"12025550143",`)
	require.Empty(t, it.Problem)
	require.Equal(t, connectors.KindSystem, it.Event.Kind)
	require.Equal(t, "customer_identity_changed", it.Event.RawType)
	require.Equal(t, "12025550143", it.Event.ExternalID)
	require.Nil(t, it.Event.PreviousIDs)
}

// Only an answer to a request for the number proves a card to be the sender's.
func TestCards(t *testing.T) {
	t.Parallel()
	const user = `{"from_user_id":"US.1","id":"w","timestamp":"1","type":"contacts",`
	for name, c := range map[string]struct {
		message, phone string
		own            bool
	}{
		"asked, message":    {user + `"origin":"contact_request","contacts":[{"phones":[{"phone":"+1 (202) 555-0161"}]}]}`, "+12025550161", true},
		"asked, card":       {user + `"contacts":[{"origin":"contact_request","phones":[{"phone":"202 555 0161","wa_id":"12025550161"}]}]}`, "+12025550161", true},
		"asked, vcard":      {user + `"contacts":[{"vcard":"TEL;waid=12025550161:202-555-0161","origin":"contact_request","phones":[{"phone":"202-555-0161"}]}]}`, "+12025550161", true},
		"asked, no country": {user + `"contacts":[{"origin":"contact_request","phones":[{"phone":"202 555 0161"}]}]}`, "", true},
		"passed on":         {user + `"contacts":[{"phones":[{"phone":"+12025550161","wa_id":"12025550161"}]}]}`, "", false},
		"other origin":      {user + `"origin":"address_book","contacts":[{"origin":"x","phones":[{"phone":"+12025550161"}]}]}`, "", false},
	} {
		it := parseOne(t, messages(c.message))
		require.Empty(t, it.Problem, name)
		require.Equal(t, c.phone, it.Event.Phone, name)
		require.Equal(t, c.own, it.Event.Contacts[0].Own, name)
	}
	it := parseOne(t, messages(of("contacts", `[{"origin":"contact_request","name":{"first_name":"Bo","last_name":"Li"},"phones":[{"phone":"+33 6 39 98 01 12"},{"phone":"020 7946 0123"},{}],"emails":[{"email":"b@example.test"},{}]}]`)))
	require.Equal(t, "+447700900417", it.Event.Phone, "the number that wrote is proven better")
	require.Equal(t, []connectors.Card{{
		Name: "Bo Li", Phones: []string{"+33639980112", "020 7946 0123"}, Emails: []string{"b@example.test"}, Own: true,
	}}, it.Event.Contacts)
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	one := func(members string) connectors.Item {
		return parseOne(t, in(`"statuses":[{"timestamp":"1788249637",`+members+`}]`))
	}
	it := one(`"id":"s","status":"held_for_quality","recipient_id":"447700900417"`)
	require.Empty(t, it.Problem)
	require.Equal(t, []string{"unknown", "held_for_quality", "s#held_for_quality"}, []string{it.Event.Status, it.Event.RawType, it.Event.DedupeKey})

	it = one(`"id":"s","status":"delivered"`)
	require.Empty(t, it.Problem, "it is told apart by the message's id")
	require.Nil(t, it.Event.IDs)

	it = one(`"id":"s","status":"read","recipient_id":"US.1"`)
	require.Equal(t, "US.1", it.Event.ExternalID)
	require.Empty(t, it.Event.Phone)

	it = one(`"id":"s","status":"read","recipient_type":"group","recipient_id":"Y2Fw","recipient_participant_id":"447700900417"`)
	require.Equal(t, []string{"Y2Fw", "447700900417"}, []string{it.Event.GroupID, it.Event.ExternalID})

	for members, problem := range map[string]string{
		`"status":"read"`: "status without id",
		`"id":"s"`:        "status without status",
		`"id":"s","status":"read","timestamp":"x"`:  "status with an unreadable timestamp",
		`"id":"s","status":"failed","errors":"bad"`: `status: "errors" is of the wrong type`,
	} {
		require.Equal(t, problem, one(members).Problem)
	}
	for code, want := range map[string]string{
		"131026": "permanent", "131047": "permanent", "132001": "permanent", "190": "permanent", "210": "permanent",
		"131056": "retryable", "130429": "retryable", "131049": "retryable", "999999": "", "0": "",
	} {
		require.Equal(t, want, one(`"id":"s","status":"failed","errors":[{"code":`+code+`}]`).Event.Failure, code)
	}
	require.Empty(t, one(`"id":"s","status":"failed"`).Event.Failure)
}

func TestFormAnswers(t *testing.T) {
	t.Parallel()
	for answers, want := range map[string]map[string]any{
		`{\"a\":1,\"b\":[\"x\\u0000y\",{\"c\":\"\\u0000\"}]}`: {"a": 1.0, "b": []any{"xy", map[string]any{"c": ""}}},
		`{}`:                {},
		`{\"a\":1,\"a\":2}`: {"a": 2.0},
		`[1]`:               nil, `\"text\"`: nil, `null`: nil, ``: nil, `{`: nil, `not JSON`: nil,
	} {
		it := parseOne(t, messages(of("interactive", `{"type":"nfm_reply","nfm_reply":{"name":"flow","body":"Sent","response_json":"`+answers+`"}}`)))
		require.Empty(t, it.Problem, answers)
		require.Equal(t, connectors.KindForm, it.Event.Kind)
		require.Equal(t, want, it.Event.Reply.Data, answers)
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	it := parseOne(t, messages(of("edit", `{"original_message_id":"o","message":{"type":"image","image":{"id":"7","caption":"new"},"context":{"id":"M0"}}}`)))
	require.Empty(t, it.Problem)
	require.Equal(t, connectors.KindEdit, it.Event.Kind)
	require.Equal(t, []string{"o", "new", ""}, []string{it.Event.TargetID, it.Event.Text, it.Event.ReplyTo})
	require.Equal(t, "7", it.Event.Media[0].ID)

	it = parseOne(t, messages(of("edit", `{"original_message_id":"o","message":{"type":"edit","edit":{"original_message_id":"p"}}}`)))
	require.Equal(t, []string{"o", "edit/edit"}, []string{it.Event.TargetID, it.Event.RawType})
	require.Equal(t, connectors.KindEdit, it.Event.Kind)
}
