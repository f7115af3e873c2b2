package connectors

// Resume says what became of something outside of the conversation that a run
// of a flow waited for. Its event (KindResumed) goes through the inbox like any
// other, so that it is ordered, kept and shown; its dedupe key is made of
// conversation, run, visit and outcome.
type Resume struct {
	// Run and Visit are those of the flows.Wait that it answers; a run that has
	// gone on since passes it over.
	Run     int64  `json:"run,string"` // beyond what JavaScript counts
	Visit   int    `json:"visit"`
	Cause   string `json:"cause"`   // timer, call, bot, handover
	Outcome string `json:"outcome"` // one of the constants below
	// Values are what a call's save found, by contact field or vars.<name>.
	Values map[string]any `json:"values,omitempty"`
	// Replies are what a bot wants to be said.
	Replies []Message `json:"replies,omitempty"`
	// AgentID is whom a handover was given to without being asked.
	AgentID string `json:"agent_id,omitempty"`
	// Detail is the reason in words, for the trace. It holds no secret.
	Detail string `json:"detail,omitempty"`
}

// Causes and their outcomes.
const (
	CauseTimer    = "timer"    // due
	CauseCall     = "call"     // ok, failed
	CauseBot      = "bot"      // answered, handed_over, ended, failed
	CauseHandover = "handover" // queued, nobody, taken, returned, closed, disabled, timeout

	OutcomeDue = "due"

	OutcomeOK     = "ok"
	OutcomeFailed = "failed" // of a call and of a bot

	OutcomeAnswered   = "answered"
	OutcomeHandedOver = "handed_over" // the bot asked for a person
	OutcomeEnded      = "ended"

	OutcomeQueued   = "queued"   // agents are there, none has taken it yet
	OutcomeNobody   = "nobody"   // no agent is available now; one may still come
	OutcomeTaken    = "taken"    // by an agent: the timer counts no more
	OutcomeReturned = "returned" // an agent gave it back
	OutcomeClosed   = "closed"   // out of business hours
	OutcomeDisabled = "disabled"
	OutcomeTimeout  = "timeout" // nobody took it in time
)
