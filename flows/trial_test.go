package flows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"usher/connectors"
)

const trialFlow = `
id: try
defaults: {skip_if_known: true}
steps:
  - {id: topic, ask: "What is it about?", choices: [Prices, Support]}
  - {id: email, ask: "Your e-mail?", save: email}
  - {id: later, wait: 20h}
  - say: "Still {{ vars.topic }}?"
  - run: more
  - say: Bye
`

const trialMore = `
id: more
steps:
  - {id: name, ask: "Your name?", save: name}
`

// A trial that is put aside and taken up after every turn goes the same way as
// one that is not.
func TestTrialState(t *testing.T) {
	t.Parallel()
	made := func() *Trial {
		more := mustParse(t, trialMore)
		turn := testTurn(message(""))
		turn.Channel = connectors.CapabilitiesOf("webchat")
		trial, err := NewTrial(mustParse(t, trialFlow), func(id string) *Flow {
			if id == "more" {
				return more
			}
			return nil
		}, nil, turn)
		require.NoError(t, err)
		require.NoError(t, trial.Know("country", "GB"))
		return trial
	}
	straight, again := made(), made()
	for _, doc := range []string{"say: Hi", "choose: Prices", "say: ada@example.com", "after: 19h", "after: 1h", "say: Ada Lovelace", "say: Hi again"} {
		happens, err := ParseHappening([]byte(doc))
		require.NoError(t, err)
		want, err := happens.Play(straight)
		require.NoError(t, err, doc)
		got, err := happens.Play(again)
		require.NoError(t, err, doc)
		require.Equal(t, want.Messages, got.Messages, doc)
		require.Equal(t, want.Captured, got.Captured, doc)
		require.Equal(t, want.Trace, got.Trace, doc)
		require.Equal(t, straight.Turn.Now, again.Turn.Now, doc)
		state, err := again.State()
		require.NoError(t, err)
		again = made()
		require.NoError(t, again.Restore(state), doc)
		require.Equal(t, straight.Person(), again.Person(), doc)
		require.Equal(t, straight.Ended(), again.Ended(), doc)
	}
	require.Equal(t, testNow.Add(20*time.Hour), again.Turn.Now)
	require.Equal(t, "Ada", again.Person().Values["first_name"])
}

func TestTrialKnow(t *testing.T) {
	t.Parallel()
	trial, err := NewTrial(mustParse(t, trialFlow), nil, testFields(t), testTurn(message("")))
	require.NoError(t, err)
	for name, value := range map[string]any{"email": "ada@example.com", "phone": "07700 900123", "company_size": "20", "customer_id": "C-7",
		"status": "qualified", "tags": "vip, new"} {
		require.NoError(t, trial.Know(name, value), name)
	}
	p := trial.Person()
	require.Equal(t, []any{"+447700900123", 20.0, "C-7"}, []any{p.Values["phone"], p.Values["company_size"], p.Values["customer_id"]})
	require.Equal(t, []string{"vip", "new"}, p.Tags)
	require.Equal(t, "qualified", p.Status)
	for name, value := range map[string]any{"emial": "a", "type": "lead", "email": "ada", "status": "vip"} {
		require.Error(t, trial.Know(name, value), name)
	}
}

func TestParseHappeningFaults(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		"":                     "the document is empty",
		"[1]":                  "what happens: want keys with values, not a list",
		"sya: Hi":              "want one of say, choose",
		"{say: Hi, sya: Hi}":   `unknown key "sya"`,
		"after: 0s":            "after: want a duration",
		"call: {status: many}": "call: ",
		"bot: {say: Hi}":       `bot: unknown field "say"`,
	} {
		_, err := ParseHappening([]byte(doc))
		require.ErrorContains(t, err, want, doc)
	}
}

func FuzzTrialState(f *testing.F) {
	flow := mustParse(f, trialFlow)
	fresh := func(t testing.TB) *Trial {
		trial, err := NewTrial(flow, nil, nil, testTurn(message("")))
		require.NoError(t, err)
		return trial
	}
	trial := fresh(f)
	for _, said := range []string{"Hi", "Prices", "ada@example.com"} {
		_, err := trial.Say(said)
		require.NoError(f, err)
		state, err := trial.State()
		require.NoError(f, err)
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		trial := fresh(t)
		if trial.Restore(state) != nil {
			return
		}
		for _, doc := range []string{"say: 1", "after: due", "choose: Prices"} {
			happens, err := ParseHappening([]byte(doc))
			require.NoError(t, err)
			_, _ = happens.Play(trial) // it may not be able to happen
		}
		_, err := trial.State()
		require.NoError(t, err)
	})
}

// A terminal has no pages: a flow that begins on some is tried on one of them.
func TestTrialSupposesAPage(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"/pricing*", "/", "*/pricing", "*", "shop.example.com/p*", "https://shop.example.com/*", "*pricing*"} {
		for _, key := range []string{"pages", "landing_pages"} {
			flow := mustParse(t, "id: p\nstart: {"+key+": [\""+pattern+"\"]}\nsteps:\n  - say: Hi\n")
			trial, err := NewTrial(flow, nil, nil, testTurn(message("")))
			require.NoError(t, err)
			_, err = trial.Say("Hello")
			require.ErrorIs(t, err, ErrNotStarted, "%s %s: a test of a flow says its page", key, pattern)
			trial.SupposePage()
			_, err = trial.Say("Hello")
			require.NoError(t, err, "%s %s", key, pattern)
		}
	}
}
