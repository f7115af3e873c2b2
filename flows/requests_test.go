package flows

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

const requestsFlow = `
id: f
steps:
  - id: a
    call: {url: "https://a.example.com/{{ contact.company }}?q={{ event.text }}&{{ contact.email }}", save: {company_size: /size, vars.x: /x}}
  - {id: b, bot: {url: "https://a.example.com/", wire: rasa}}
  - {id: c, bot: {url: "https://a.example.com/"}}
`

// Whatever a value is, it stays where the author has put it (B-000-10): same
// host, same path, one parameter.
func FuzzURL(f *testing.F) {
	for _, v := range []string{"Acme", "../../admin", "..", "a/b?c#d", "@evil.example", "%2e%2e", "\r\nHost: x", "ü &=+"} {
		f.Add(v, v)
	}
	flow := mustParse(f, requestsFlow)
	f.Fuzz(func(t *testing.T, company, email string) {
		turn := testTurn(message(company))
		turn.Person.Values = map[string]any{"company": company, "email": email}
		result := flow.Start(turn)
		request, err := flow.Request(result.Run, result.Waits[0], turn, nil)
		if err != nil {
			require.Contains(t, company, ".", err) // some servers decode %2F before they look for ..
			return
		}
		rest, ok := strings.CutPrefix(request.URL, "https://a.example.com/")
		require.True(t, ok, request.URL)
		path, query, _ := strings.Cut(rest, "?")
		require.NotContains(t, path, "/")
		require.NotContains(t, rest, "#")
		require.LessOrEqual(t, strings.Count(query, "&"), 1)
	})
}

func FuzzResponse(f *testing.F) {
	for _, answer := range []string{
		`{"size":20,"x":{"a":[]}}`, `[{"text":"a","buttons":[{"title":"b","payload":"c"}],"attachment":{"payload":{"src":"https://a.b/c"}}}]`,
		`{"replies":[{"text":1,"media":[{}],"buttons":[null],"form":{"fields":[{}]}}],"handling":"queued"}`, `[[[`, "\xff", `{"custom":{"ended":true}}`,
	} {
		f.Add(200, []byte(answer))
	}
	flow := mustParse(f, requestsFlow)
	f.Fuzz(func(t *testing.T, status int, answer []byte) {
		for step, cause := range []string{connectors.CauseCall, connectors.CauseBot, connectors.CauseBot} {
			run := &Run{Flow: "f", thread: thread{ID: 1, Visit: 1}, step: step, tries: 1}
			w := Wait{Cause: cause, Run: 1, Visit: 1}
			resume := flow.Response(run, w, status, answer)
			require.Equal(t, cause, resume.Cause)
			require.LessOrEqual(t, len(resume.Replies), maxReplies)
			turn := testTurn(connectors.Event{Kind: connectors.KindResumed, Resume: resume})
			result := flow.Resume(run, turn)
			if result.Run != nil {
				state, err := result.Run.MarshalBinary()
				require.NoError(t, err)
				require.NoError(t, new(Run).UnmarshalBinary(state))
			}
		}
	})
}

func TestRequestOfAnotherWait(t *testing.T) {
	t.Parallel()
	flow := mustParse(t, requestsFlow)
	turn := testTurn(message("hi"))
	result := flow.Start(turn)
	w := result.Waits[0]
	_, err := flow.Request(result.Run, w, turn, nil)
	require.NoError(t, err)
	for _, other := range []Wait{{}, {Cause: w.Cause, Run: w.Run + 1, Visit: w.Visit}, {Cause: w.Cause, Run: w.Run, Visit: w.Visit + 1}, {Cause: connectors.CauseTimer, Run: w.Run, Visit: w.Visit}} {
		_, err := flow.Request(result.Run, other, turn, nil)
		require.ErrorIs(t, err, ErrNoRequest)
		require.Equal(t, connectors.OutcomeFailed, flow.Response(result.Run, other, 200, nil).Outcome)
	}
	_, err = flow.Request(nil, w, turn, nil)
	require.ErrorIs(t, err, ErrNoRequest)
	require.Equal(t, connectors.OutcomeFailed, flow.Response(result.Run, w, 200, make([]byte, MaxResponse+1)).Outcome)
}

// What was taken for a person is short and says just that.
func TestAsksForPerson(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"Speak to someone": true, "support": true, "Can I talk to a human?": true, "please talk to an agent": true, "Agent, please!": true,
		"My agent said it is fine": false, "support ticket 7": false, "": false, "Where is my order?": false, strings.Repeat("human", 50): false,
	} {
		require.Equal(t, want, asksForPerson(said), said)
	}
}
